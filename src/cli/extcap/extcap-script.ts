/** The program that Wireshark finds in its folder: a script that runs this very Tapwire, whatever the PATH is then. */

import type { Cli } from '../cli.ts'
import { daemonAddress } from '../daemon-address.ts'
import { commonConfig, LINK_TYPES } from './extcap-config.ts'

export const SCRIPT_NAME = 'tapwire-extcap'

/** By which the script is known again. */
const MARK = '# Shows the networks of Tapwire among the interfaces of Wireshark (tapwire extcap install).'

export interface ExtcapScript {
  /** Node's program, and the command line's. */
  readonly node: string
  readonly program: string
  /** Options that say which daemon is meant. */
  readonly options: readonly string[]
  readonly socket: string
}

/** Of the daemon that the command line and the environment mean now: those of Wireshark may be others. */
export function ownScript(cli: Cli, node: string, program: string): ExtcapScript {
  const { globals, env } = cli
  const { socket, root } = daemonAddress(globals, env)
  const isUsual = Object.keys(globals).length === 0 && !env['TAPWIRE_ROOT'] && !env['TAPWIRE_HOST']
  const named = [...(root === undefined ? [] : ['--root', root]), '--socket', socket]
  return { node, program, options: isUsual ? [] : named, socket }
}

/** Wireshark asks each interface for its settings when it starts. What is the same for all is answered without starting Node each time. */
export function scriptText({ node, program, options, socket }: ExtcapScript): string {
  return `#!/bin/sh
${MARK}
node=${quoted(node)}
program=${quoted(program)}
if ! [ -x "$node" ] || ! [ -f "$program" ]; then
  echo "Tapwire is no longer at $program with $node: run 'tapwire extcap install' again, or remove $0." >&2
  exit 1
fi
case " $* " in
*' --capture '* | *' tapwire-any '* | *' --extcap-reload-option '*) ;;
*' --extcap-dlts '*)
  printf %s ${quoted(LINK_TYPES)}
  exit
  ;;
*' --extcap-config '*)
  printf %s ${quoted(commonConfig(socket))}
  exit
  ;;
esac
exec "$node" "$program"${options.map((option) => ` ${quoted(option)}`).join('')} extcap run -- "$@"
`
}

/** What a script of ours runs; undefined for one that is not ours. */
export function readScript(text: string): Pick<ExtcapScript, 'node' | 'program'> | undefined {
  const [, mark, node, program] = text.split('\n')
  if (mark !== MARK) return undefined
  return { node: unquoted(node, 'node='), program: unquoted(program, 'program=') }
}

/** For sh, which takes everything between single quotes as it is. */
const quoted = (text: string): string => `'${text.replaceAll("'", String.raw`'\''`)}'`

const unquoted = (line: string | undefined, name: string): string =>
  (line ?? '').slice(name.length).replaceAll(String.raw`'\''`, '\0').replaceAll("'", '').replaceAll('\0', "'")
