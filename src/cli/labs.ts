/** What the commands for labs have in common. */
import type { LabAction, LabSummary } from '../control/api/lab.ts'
import type { Progress as ProgressLine } from '../control/api/progress.ts'
import { ErrorCode, TapwireError } from '../control/errors.ts'
import { type ApiClient, segment } from './api-client.ts'
import { type Cli, EXIT_INTERRUPTED } from './cli.ts'
import { Progress } from './progress.ts'

/** The daemon does something with a lab, and its steps are shown; resolves to what was done. Ctrl-C ends it between two steps. */
export async function followLab(
  cli: Cli,
  api: ApiClient,
  lab: string,
  request: { readonly method: 'PUT' | 'DELETE'; readonly body?: unknown },
): Promise<readonly LabAction[]> {
  const progress = new Progress(cli)
  const interrupt = new AbortController()
  const stopListening = cli.onInterrupt(() => interrupt.abort())
  try {
    const lines = api.lines<ProgressLine>(`/labs/${segment(lab)}`, { ...request, signal: interrupt.signal })
    for await (const line of lines) {
      if ('ready' in line) return line.actions ?? []
      if ('failed' in line) {
        const { code, message, hint } = line.failed
        throw new TapwireError(code, message, { hint })
      }
      const { step, state, message, detail } = line
      if (state === 'start') progress.start(step, message)
      else if (state === 'done') progress.done(step, message, detail)
      else progress.failed(step, message, detail)
    }
  } catch (error) {
    throw interrupt.signal.aborted ? interrupted(lab) : error
  } finally {
    stopListening()
    progress.close()
  }
  throw new TapwireError(ErrorCode.daemonAnswer, 'The daemon has ended before all was done.', {
    hint: 'Its log says why; the same command again goes on from there.',
  })
}

function interrupted(lab: string): TapwireError {
  return new TapwireError(ErrorCode.interrupted, 'Interrupted.', {
    hint: `What was done of lab '${lab}' stays; the same command again goes on from there.`,
    exitCode: EXIT_INTERRUPTED,
  })
}

/** The only lab there is. Throws LAB_NOT_UP, or LAB_AMBIGUOUS with `choose` as the hint. */
export async function onlyLab(api: ApiClient, choose: string): Promise<string> {
  const labs = await api.get<LabSummary[]>('/labs')
  const [first, ...others] = labs
  if (first === undefined) throw noLab()
  if (others.length === 0) return first.name
  const names = labs.map(({ name }) => name).join(', ')
  throw new TapwireError(ErrorCode.labAmbiguous, `Several labs are up: ${names}.`, { hint: choose })
}

export function noLab(): TapwireError {
  return new TapwireError(ErrorCode.labNotUp, 'No lab is up.', {
    hint: 'Bring one up with `tapwire up LAB.yaml`, for example examples/demo.yaml.',
  })
}

/** Whether the argument is a lab file and not the name of a lab. */
export function isLabFile(name: string): boolean {
  return name === '-' || /\.ya?ml$/i.test(name)
}
