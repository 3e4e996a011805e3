import type { Forwarder } from './contender.ts'
import type { Figures } from './metrics.ts'
import type { TestBed } from './test-bed.ts'

/** How long and how much one measurement runs. */
export interface Effort {
  readonly seconds: number
  readonly pings: number
  readonly transferBytes: number
}

/** One question put to a forwarder that is up. It throws when what came out at the other end is not what went in. */
export interface Measure<Bed = TestBed, Carrier extends Forwarder = Forwarder> {
  readonly id: string
  readonly title: string
  run(bed: Bed, forwarder: Carrier, effort: Effort): Promise<Figures>
}

/** A measurement whose result cannot be right, so that its time says nothing. */
export class CheckError extends Error {
  override readonly name = 'CheckError'
}

export function check(holds: boolean, message: string): void {
  if (!holds) throw new CheckError(message)
}
