/** Which labs there are, and which of them a command means. */
import { type LabStatus, labStatusSchema } from '../control/api.ts'
import { ErrorCode, TapwireError } from '../control/errors.ts'
import { type LabPaths, labPaths, labsIn, livingDaemon, runDirectory } from '../control/run-directory.ts'
import { didYouMean } from '../control/suggest.ts'
import type { Cli } from './cli.ts'
import { get } from './lab-client.ts'

interface LabEntry {
  readonly name: string
  readonly paths: LabPaths
}

export interface LabUp extends LabEntry {
  readonly state: 'up'
  readonly status: LabStatus
}

/** What a daemon left that has died. */
export interface LabDead extends LabEntry {
  readonly state: 'dead'
}

/** The daemon runs, or its socket is not ours to use, and the API gives no answer that could be read. */
export interface LabSilent extends LabEntry {
  readonly state: 'silent'
  readonly reason: TapwireError
}

export type KnownLab = LabUp | LabDead | LabSilent

export async function knownLabs(cli: Cli): Promise<KnownLab[]> {
  const run = runDirectory(cli.env)
  return await Promise.all(labsIn(run).map((name) => inspectLab(run, name)))
}

/** The lab of that name; undefined where nothing is left of it. */
export async function findLab(cli: Cli, name: string): Promise<KnownLab | undefined> {
  const run = runDirectory(cli.env)
  return labsIn(run).includes(name) ? await inspectLab(run, name) : undefined
}

/**
 * The lab of that name, or the only one that is up. Throws LAB_UNKNOWN, LAB_NOT_UP, LAB_AMBIGUOUS (`option` being what
 * chooses one), or why the daemon gives no answer.
 */
export async function theLab(cli: Cli, name: string | undefined, option = '--lab NAME'): Promise<LabUp> {
  if (name !== undefined) {
    const lab = await findLab(cli, name)
    if (lab === undefined) throw unknownLab(cli, name)
    if (lab.state === 'up') return lab
    throw lab.state === 'silent' ? lab.reason : deadLab(lab)
  }
  const labs = await knownLabs(cli)
  const [first, ...others] = labs.filter((lab) => lab.state === 'up')
  if (first !== undefined && others.length === 0) return first
  if (first !== undefined) throw severalLabs([first, ...others], option)
  const silent = labs.find((lab) => lab.state === 'silent')
  if (silent !== undefined) throw silent.reason
  const dead = labs.find((lab) => lab.state === 'dead')
  throw dead === undefined ? noLab() : deadLab(dead)
}

export function unknownLab(cli: Cli, name: string): TapwireError {
  const known = labsIn(runDirectory(cli.env))
  return new TapwireError(ErrorCode.labUnknown, `There is no lab '${name}'.`, {
    hint: known.length === 0 ? 'No lab is up.' : capitalized(didYouMean(name, known)),
  })
}

export function severalLabs(labs: readonly LabEntry[], option: string): TapwireError {
  const names = labs.map((lab) => lab.name).join(', ')
  return new TapwireError(ErrorCode.labAmbiguous, `Several labs are up: ${names}.`, {
    hint: `Choose one with ${option}.`,
  })
}

export function noLab(): TapwireError {
  return new TapwireError(ErrorCode.labNotUp, 'No lab is up.', {
    hint: 'Bring one up with `tapwire up LAB.yaml`, for example examples/demo.yaml.',
  })
}

async function inspectLab(run: string, name: string): Promise<KnownLab> {
  const paths = labPaths(run, name)
  try {
    return { name, paths, state: 'up', status: await get(paths, '/lab', labStatusSchema) }
  } catch (error) {
    if (!(error instanceof TapwireError)) throw error
    const isUnreachable = error.code === ErrorCode.daemonUnreachable
    const isForbidden = (error.cause as NodeJS.ErrnoException | undefined)?.code === 'EACCES'
    if (!isUnreachable || isForbidden) return { name, paths, state: 'silent', reason: error }
    const pid = livingDaemon(paths)
    if (pid === undefined) return { name, paths, state: 'dead' }
    return { name, paths, state: 'silent', reason: silentDaemon(name, paths, pid, error) }
  }
}

function silentDaemon(name: string, paths: LabPaths, pid: number, cause: TapwireError): TapwireError {
  const message = `The daemon of lab '${name}' (process ${pid}) runs, but: ${cause.message}`
  return new TapwireError(ErrorCode.daemonUnreachable, message, {
    hint: `It may be coming up or going down at this moment. Its log is ${paths.log}.`,
    cause,
  })
}

function deadLab(lab: LabEntry): TapwireError {
  return new TapwireError(ErrorCode.labNotUp, `Lab '${lab.name}' is not up: its daemon has died.`, {
    hint: `\`tapwire down ${lab.name}\` removes what it left; its log is ${lab.paths.log}.`,
  })
}

function capitalized(text: string): string {
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}`
}
