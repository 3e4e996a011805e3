import {
  accessSync,
  chmodSync,
  constants,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Command } from 'commander'
import { ErrorCode, TapwireError } from '../../control/errors.ts'
import type { Cli } from '../cli.ts'
import { EXIT_FAILED } from '../cli.ts'
import { type ExtcapFolders, extcapFolders } from '../extcap/extcap-folders.ts'
import { ownScript, readScript, SCRIPT_NAME, scriptText } from '../extcap/extcap-script.ts'
import { examples, openError, usage } from '../options.ts'
import { formatTable, printJson } from '../output.ts'

interface PlaceOptions {
  readonly dir?: string
  readonly system?: boolean
}

const DIR = ['--dir <folder>', 'the folder, where Wireshark looks in another one'] as const
const SYSTEM = ['--system', 'for all users of the machine'] as const

export function defineExtcapInstall(command: Command, cli: Cli): void {
  command
    .description(
      'Shows the networks and sandboxes of this daemon among the interfaces of Wireshark and tshark: a small script is put where ' +
        'those look for external capture programs. It runs this very Tapwire, so run it again after an update that moves it.',
    )
    .option(...DIR)
    .option(...SYSTEM)
    .addHelpText(
      'after',
      examples(
        'tapwire extcap install',
        'tapwire extcap install && tshark -D',
        'sudo tapwire extcap install --system',
      ),
    )
    .action((options: PlaceOptions) => install(cli, options))
}

export function defineExtcapUninstall(command: Command, cli: Cli): void {
  command
    .description('Removes the script that `tapwire extcap install` has made.')
    .option(...DIR)
    .option(...SYSTEM)
    .addHelpText('after', examples('tapwire extcap uninstall'))
    .action((options: PlaceOptions) => uninstall(cli, options))
}

export function defineExtcapStatus(command: Command, cli: Cli): void {
  command
    .description(
      'Shows where Wireshark looks for external capture programs, and whether it finds Tapwire there, and which.',
    )
    .option(...DIR)
    .option('--json', 'print it as JSON')
    .addHelpText('after', examples('tapwire extcap status'))
    .action((options: PlaceOptions & { readonly json?: true }) => showStatus(cli, options))
}

function install(cli: Cli, options: PlaceOptions): void {
  const folders = foldersFor(cli, options)
  const path = pathIn(folders, options)
  if (stateOf(path).state === 'foreign') throw foreign(path)
  const program = fileURLToPath(new URL('../main.js', import.meta.url))
  write(path, scriptText(ownScript(cli, process.execPath, program)))
  cli.stdout.write(`${path}\n`)
  if (folders?.told === undefined && options.dir === undefined) {
    cli.stderr.write(
      'Neither tshark nor wireshark is installed here; this is where Wireshark 4.2 and later look.\n',
    )
  }
}

/** Under another name at first: Wireshark may start at this moment, and would run a half of it. */
function write(path: string, text: string): void {
  const fresh = `${path}.${process.pid}.new`
  try {
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(fresh, text)
    chmodSync(fresh, 0o755)
    renameSync(fresh, path)
  } catch (cause) {
    rmSync(fresh, { force: true })
    throw unwritable(path, cause)
  }
}

function uninstall(cli: Cli, options: PlaceOptions): void {
  const path = pathIn(foldersFor(cli, options), options)
  const { state } = stateOf(path)
  if (state === 'foreign') throw foreign(path)
  if (state === 'absent') {
    cli.stderr.write(`${path} is not there.\n`)
    return
  }
  try {
    rmSync(path)
  } catch (cause) {
    throw unwritable(path, cause)
  }
  cli.stdout.write(`${path}\n`)
}

function showStatus(cli: Cli, options: PlaceOptions & { readonly json?: true }): void {
  const folders = foldersFor(cli, options)
  const places = folders === undefined ? [options.dir!] : [folders.personal, folders.system ?? '']
  const rows = places
    .filter((folder) => folder !== '')
    .map((folder) => {
      const path = join(resolve(folder), SCRIPT_NAME)
      return { path, ...stateOf(path) }
    })
  if (options.json === true) printJson(cli, rows)
  else {
    const cells = rows.map(({ path, state, program }) => [path, STATES[state], program ?? '-'])
    cli.stdout.write(formatTable(['SCRIPT', 'STATE', 'RUNS'], cells))
  }
  if (rows.every(({ state }) => state !== 'installed')) cli.exitCode = EXIT_FAILED
}

type State = 'installed' | 'broken' | 'foreign' | 'absent'

const STATES: Readonly<Record<State, string>> = {
  installed: 'installed',
  broken: 'what it runs is gone; install it again',
  foreign: 'not of Tapwire',
  absent: 'not installed',
}

function stateOf(path: string): { readonly state: State; readonly program?: string } {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return { state: 'absent' }
    throw usage(openError(path, cause))
  }
  const script = readScript(text)
  if (script === undefined) return { state: 'foreign' }
  const works =
    isThere(path, constants.X_OK) && isThere(script.node, constants.X_OK) && isThere(script.program)
  return { state: works ? 'installed' : 'broken', program: script.program }
}

function isThere(path: string, mode: number = constants.F_OK): boolean {
  try {
    accessSync(path, mode)
    return true
  } catch {
    return false
  }
}

/** Undefined where the folder is told. */
const foldersFor = (cli: Cli, { dir }: PlaceOptions): ExtcapFolders | undefined =>
  dir === undefined ? extcapFolders(cli.env) : undefined

function pathIn(folders: ExtcapFolders | undefined, { dir, system }: PlaceOptions): string {
  if (dir !== undefined && system === true) throw usage('--dir and --system both name a folder')
  const folder = dir ?? (system === true ? folders?.system : folders?.personal)
  if (folder !== undefined && folder !== '') return join(resolve(folder), SCRIPT_NAME)
  throw usage(
    'Wireshark does not tell where it looks for programs of all users',
    'Name the folder with --dir.',
  )
}

const foreign = (path: string): TapwireError =>
  new TapwireError(ErrorCode.usage, `${path} is there, and is not of Tapwire.`, {
    hint: 'Look at it, and remove it where nothing needs it.',
  })

const unwritable = (path: string, cause: unknown): TapwireError =>
  new TapwireError(ErrorCode.outputUnwritable, openError(path, cause), { cause })
