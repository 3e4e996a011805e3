/** Where Wireshark looks for external capture programs. */

import { spawnSync } from 'node:child_process'
import { join } from 'node:path'

export interface ExtcapFolders {
  /** The user's own. */
  readonly personal: string
  /** That of all users; undefined where it is not known. */
  readonly system: string | undefined
  /** The program that says so; undefined where none is installed. */
  readonly told: string | undefined
}

const TIMEOUT_MS = 10_000

/** Asks tshark or wireshark. Without both it is what Wireshark 4.2 and later does for itself (XDG's ~/.local). */
export function extcapFolders(env: NodeJS.ProcessEnv): ExtcapFolders {
  for (const program of ['tshark', 'wireshark']) {
    const { stdout, status } = spawnSync(program, ['-G', 'folders'], {
      env,
      encoding: 'utf8',
      timeout: TIMEOUT_MS,
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    const folders = status === 0 ? foldersOf(stdout) : undefined
    if (folders !== undefined) return { ...folders, told: program }
  }
  const personal = join(env['HOME'] || '/', '.local/lib/wireshark/extcap')
  return { personal, system: undefined, told: undefined }
}

/** Before version 4.2 the user's own is in the folder of their configuration, and not told of. */
export function foldersOf(text: string): Pick<ExtcapFolders, 'personal' | 'system'> | undefined {
  const rows = new Map(
    text.split('\n').flatMap((line) => {
      const [, name = '', path = ''] = /^([^:]+):\s+(\S.*?)\s*$/.exec(line) ?? []
      return path === '' ? [] : [[name.toLowerCase(), path] as const]
    }),
  )
  const configuration = rows.get('personal configuration')
  const personal =
    rows.get('personal extcap path') ??
    (configuration === undefined ? undefined : join(configuration, 'extcap'))
  if (personal === undefined) return undefined
  return { personal, system: rows.get('global extcap path') ?? rows.get('extcap path') }
}
