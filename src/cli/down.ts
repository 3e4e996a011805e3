import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Command } from 'commander'
import { ErrorCode, TapwireError } from '../control/errors.ts'
import { loadLab } from '../control/lab-file.ts'
import { livingDaemon, processRuns, runDirectory } from '../control/run-directory.ts'
import { DAEMON_END_TIMEOUT_MS } from '../limits.ts'
import type { Cli } from './cli.ts'
import { runDaemon } from './daemon-process.ts'
import { post } from './lab-client.ts'
import {
  findLab,
  type KnownLab,
  knownLabs,
  type LabDead,
  type LabUp,
  noLab,
  severalLabs,
  unknownLab,
} from './labs.ts'
import { Progress } from './progress.ts'

interface DownOptions {
  readonly all?: true
}

export function defineDown(command: Command, cli: Cli): void {
  command
    .description(
      "Ends the commands of a lab's sandboxes and removes all that belongs to the lab. Clears up as well after a daemon " +
        'that has died.',
    )
    .argument('[lab]', "the lab's name or its file; the only lab unless given")
    .option('--all', 'take all labs down')
    .addHelpText('after', '\nExamples:\n  tapwire down\n  tapwire down demo\n  tapwire down --all')
    .action((name: string | undefined, options: DownOptions) => down(cli, name, options))
}

export async function down(cli: Cli, name: string | undefined, options: DownOptions = {}): Promise<void> {
  for (const lab of await labsMeant(cli, name, options)) {
    if (lab.state === 'silent') throw lab.reason
    if (lab.state === 'up') await stop(cli, lab)
    // What a daemon could not remove is still on record; a second attempt says why it cannot be.
    if (lab.state === 'dead' || existsSync(lab.paths.pid)) await cleanUp(cli, lab)
  }
}

async function labsMeant(cli: Cli, name: string | undefined, options: DownOptions): Promise<KnownLab[]> {
  if (name !== undefined) {
    const labName = /\.ya?ml$/i.test(name) ? loadLab(name).name : name
    const lab = await findLab(cli, labName)
    if (lab === undefined) throw unknownLab(cli, labName)
    return [lab]
  }
  const labs = await knownLabs(cli)
  if (options.all === true || labs.length === 1) return labs
  throw labs.length === 0 ? noLab() : severalLabs(labs, '`tapwire down NAME`, or take all down with --all')
}

/** Asks the daemon to end, and waits until its process has. */
async function stop(cli: Cli, lab: LabUp): Promise<void> {
  const progress = new Progress(cli)
  const step = `Take lab ${lab.name} down`
  try {
    progress.start(step)
    await post(lab.paths, '/down')
    const started = performance.now()
    while (livingDaemon(lab.paths) !== undefined || processRuns(lab.status.pid)) {
      if (performance.now() - started > DAEMON_END_TIMEOUT_MS) throw daemonStays(lab)
      await delay(POLL_MS)
    }
    progress.done(step)
  } finally {
    progress.close()
  }
}

const POLL_MS = 20

function daemonStays(lab: LabUp): TapwireError {
  const seconds = DAEMON_END_TIMEOUT_MS / 1000
  return new TapwireError(
    ErrorCode.daemonStays,
    `The daemon of lab '${lab.name}' (process ${lab.status.pid}) has not ended within ${seconds} s.`,
    {
      hint: `Its log is ${lab.paths.log}. After \`kill -9 ${lab.status.pid}\`, \`tapwire down ${lab.name}\` clears up.`,
    },
  )
}

async function cleanUp(cli: Cli, lab: LabUp | LabDead): Promise<void> {
  await runDaemon(cli, {
    until: 'exit',
    step: `Remove what the daemon of lab ${lab.name} left`,
    args: () => ['--cleanup', '--run', resolve(runDirectory(cli.env)), '--lab', lab.name],
  })
}
