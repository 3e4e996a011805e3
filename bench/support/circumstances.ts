import { busyShare } from './cpu.ts'
import { describeMachine, type Machine, machineLine } from './machine.ts'
import type { Progress } from './progress.ts'

/** Under what figures were measured. */
export interface Circumstances {
  /** ISO 8601, UTC, when the run began. */
  readonly date: string
  readonly machine: Machine
  /** Share of all cores that others kept busy just before the run, 0 to 1. */
  readonly busyBefore: number
}

const LOOK_MS = 2000
/** What is worth a note. */
const BUSY = 0.1

/** Looks at what the machine does by itself, and notes where that is too much. */
export async function lookAround(progress: Progress): Promise<Circumstances> {
  const date = new Date().toISOString()
  const machine = describeMachine()
  const busyBefore = await busyShare(machine.cores, LOOK_MS)
  if (busyBefore > BUSY)
    progress.line(`note: ${percent(busyBefore)} of the machine is busy; numbers will be off`)
  return { date, machine, busyBefore }
}

/** A report's first paragraph. `what` was measured, as a sentence without its full stop: `Medians of 5 rounds`. */
export const measuredLine = ({ date, machine, busyBefore }: Circumstances, what: string): string =>
  `Measured ${date.slice(0, 10)} on ${machineLine(machine)}. ${what}; ` +
  `${percent(busyBefore)} of the machine was busy with other things just before.`

const percent = (share: number): string => `${Math.round(share * 100)} %`
