import { writeFileSync } from 'node:fs'
import type { Command } from 'commander'
import type { SandboxCreated } from '../../control/api/sandbox.ts'
import { type ApiClient, apiClient, segment } from '../api-client.ts'
import type { Cli } from '../cli.ts'
import { examples, openError, usage } from '../options.ts'
import { Beginning } from '../sandbox/beginning.ts'
import { addCreateOptions, type CreateOptions, createRequest } from '../sandbox/create-options.ts'
import {
  attachAndStay,
  checkTerminal,
  type Streams,
  sessionOptions,
  startSandbox,
  withStartExitCodes,
} from '../sandbox/foreground.ts'
import { noteReach } from '../sandbox/reach-note.ts'
import type { SessionOptions } from '../stream/session.ts'

interface RunOptions extends CreateOptions {
  readonly detach?: boolean
  readonly detachKeys?: string
  readonly sigProxy: boolean
}

export function defineRun(command: Command, cli: Cli): void {
  command
    .description(
      "Makes a sandbox, a network namespace with its own /etc/hosts and host name, and runs one of this machine's programs " +
        "in it. It shares this machine's files and processes: `kill -9 -1` and `killall` in it hit all of the machine's. " +
        'Without a command the sandbox is idle: it stays, and `tapwire exec` runs commands in it. The exit code is ' +
        "the command's; 125 if the sandbox could not be made, 126 and 127 as in a shell.",
    )
    .argument('[command...]', 'the program and its arguments')
    .option('-d, --detach', 'run in the background and print the id')
  addCreateOptions(command)
    .option('--detach-keys <keys>', 'keys that leave the command alone; ctrl-p,ctrl-q unless given')
    .option('--sig-proxy', 'hand signals on to the command', true)
    .passThroughOptions()
    .addHelpText(
      'after',
      examples(
        'tapwire run -d --name web --network blue python3 -m http.server 80',
        'tapwire run --rm --network blue curl http://web/',
        'tapwire run -it --rm bash',
        'tapwire run --name router --network blue --network name=green,ip=10.9.0.2',
      ),
    )
    .action(async (words: string[], options: RunOptions) => {
      cli.exitCode = await withStartExitCodes(() => run(cli, words, options))
    })
}

async function run(cli: Cli, words: readonly string[], options: RunOptions): Promise<number> {
  const isIdle = words.length === 0
  const { detach = isIdle, tty = false } = options
  checkIdle(isIdle, options)
  const streams = streamsOf(options)
  if (detach && options.attach !== undefined) {
    throw usage('conflicting options: cannot specify both --attach and --detach')
  }
  if (!detach) checkTerminal(cli, tty, streams.stdin)
  const session = await sessionOptions(options, tty, streams)
  const beginning = new Beginning(cli)
  try {
    const api = apiClient(cli)
    const id = await createSandbox(cli, api, words, options)
    return await removedWhereInterrupted(api, id, options, beginning, () =>
      detach
        ? startDetached(cli, api, id, beginning)
        : startAttached(cli, api, id, options, session, beginning),
    )
  } finally {
    beginning.end()
  }
}

async function startDetached(cli: Cli, api: ApiClient, id: string, beginning: Beginning): Promise<number> {
  beginning.check()
  // As docker's, it is told also where the start fails: the sandbox is there.
  cli.stdout.write(`${id}\n`)
  beginning.end()
  await startSandbox(api, id)
  return 0
}

async function startAttached(
  cli: Cli,
  api: ApiClient,
  id: string,
  { rm }: RunOptions,
  session: SessionOptions,
  beginning: Beginning,
): Promise<number> {
  const start = async (signal: AbortSignal): Promise<void> => {
    beginning.check()
    // The session has the signals by now.
    beginning.end()
    await startSandbox(api, id, signal)
  }
  return await attachAndStay(cli, api, id, session, start, rm === true ? 'removed' : 'not-running')
}

/** With --rm, one that is never started would never end, and stay. */
async function removedWhereInterrupted<T>(
  api: ApiClient,
  id: string,
  { rm }: RunOptions,
  beginning: Beginning,
  action: () => Promise<T>,
): Promise<T> {
  try {
    return await action()
  } catch (error) {
    if (rm === true && beginning.isInterrupted) {
      await api.delete(`/sandboxes/${segment(id)}`, { query: { force: true }, patient: true })
    }
    throw error
  }
}

function checkIdle(isIdle: boolean, { interactive, tty, attach }: RunOptions): void {
  if (!isIdle || (interactive !== true && tty !== true && attach === undefined)) return
  throw usage('-i, -t and -a are for a command, and there is none.', 'For a shell: tapwire run -it bash')
}

/** Makes the sandbox, tells warnings, and returns its id. */
export async function createSandbox(
  cli: Cli,
  api: ApiClient,
  words: readonly string[],
  options: CreateOptions,
): Promise<string> {
  const body = createRequest(cli, options, words)
  const { Id, Warnings } = await api.post<SandboxCreated>('/sandboxes', {
    query: { name: options.name },
    body,
    patient: true,
  })
  for (const warning of Warnings) cli.stderr.write(`WARNING: ${warning}\n`)
  await noteReach(cli, api, body.HostConfig ?? {})
  if (options.cidfile !== undefined) writeIdFile(options.cidfile, Id)
  return Id
}

function writeIdFile(path: string, id: string): void {
  try {
    writeFileSync(path, id, { flag: 'wx' })
  } catch (cause) {
    throw usage(`failed to create the container ID file: ${openError(path, cause)}`)
  }
}

/** Without -a: output always, input with -i. */
function streamsOf({ attach, interactive = false }: RunOptions): Streams {
  if (attach === undefined) return { stdin: interactive, stdout: true, stderr: true }
  const names = attach.map((name) => name.toLowerCase())
  const bad = names.find((name) => !['stdin', 'stdout', 'stderr'].includes(name))
  if (bad !== undefined) throw usage(`valid streams are STDIN, STDOUT and STDERR`)
  return {
    stdin: names.includes('stdin'),
    stdout: names.includes('stdout'),
    stderr: names.includes('stderr'),
  }
}
