import { setTimeout as delay } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import type { Command } from 'commander'
import type { Version } from '../../control/api/system.ts'
import { ErrorCode, TapwireError } from '../../control/errors.ts'
import { DAEMON_END_TIMEOUT_MS } from '../../limits.ts'
import { apiClientOfRunning } from '../api-client.ts'
import type { Cli } from '../cli.ts'
import { daemonAddress } from '../daemon-address.ts'
import { examples } from '../options.ts'

export function defineDaemon(command: Command, cli: Cli): void {
  command
    .description(
      'Runs the daemon in the foreground until SIGTERM or Ctrl-C, which stops all sandboxes; SIGHUP reads its configuration ' +
        'ROOT/daemon.json again. Commands start a daemon in the background by themselves where none runs. Options are ' +
        "the daemon's own.",
    )
    .argument('[option...]', 'as --root DIR, --socket PATH, --uplink nic:eth0, --live-restore')
    .allowUnknownOption()
    .passThroughOptions()
    .addHelpText(
      'after',
      examples('tapwire daemon', 'tapwire daemon --root /tmp/tw --live-restore', 'tapwire daemon stop'),
    )
    .action((args: string[]) => runDaemon(cli, args))
}

export function defineDaemonStop(command: Command, cli: Cli): void {
  command
    .description('Stops all sandboxes and the daemon, and waits until it has ended.')
    .addHelpText('after', examples('tapwire daemon stop', 'tapwire --root /tmp/tw daemon stop'))
    .action(() => stopDaemon(cli))
}

/** In this same process, so that who started it has the daemon itself. */
async function runDaemon(cli: Cli, args: readonly string[]): Promise<void> {
  process.argv = [process.execPath, cli.daemonProgram, ...globalArgs(cli), ...args]
  await import(pathToFileURL(cli.daemonProgram).href)
  cli.exitCode = Number(process.exitCode ?? 0)
}

/** `tapwire --root DIR daemon` is `tapwire daemon --root DIR`. */
function globalArgs(cli: Cli): string[] {
  if (Object.keys(cli.globals).length === 0) return []
  const { root, socket } = daemonAddress(cli.globals, cli.env)
  return [...(root === undefined ? [] : ['--root', root]), '--socket', socket]
}

async function stopDaemon(cli: Cli): Promise<void> {
  const api = apiClientOfRunning(cli)
  const { Pid } = await api.get<Version>('/version')
  await api.post('/shutdown', { patient: true })
  const started = performance.now()
  while (runs(Pid)) {
    if (performance.now() - started > DAEMON_END_TIMEOUT_MS) {
      throw new TapwireError(
        ErrorCode.daemonStays,
        `The daemon (process ${Pid}) has not ended within ${DAEMON_END_TIMEOUT_MS / 1000} s.`,
      )
    }
    await delay(POLL_MS)
  }
}

const POLL_MS = 10

function runs(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (cause) {
    return (cause as NodeJS.ErrnoException).code === 'EPERM'
  }
}
