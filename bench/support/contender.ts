import type { TestBed } from './test-bed.ts'

/** Who a figure belongs to. */
export interface Subject {
  readonly id: string
  readonly title: string
  /** One line for the report: what exactly is measured. */
  readonly description: string
  /** Measures that it has no value for, by their id, and why. */
  readonly without?: Readonly<Record<string, string>>
}

/** Something that carries traffic from one place of a test bed to another. */
export interface Contender<Bed = TestBed, Carrier extends Forwarder = Forwarder> extends Subject {
  /** Programs it takes, by the Debian package that has them. */
  readonly needs: Readonly<Record<string, readonly string[]>>
  /** Joins the places. Of a TestBed it makes eth0 in a and b; configuring the interfaces is the bed's. */
  start(bed: Bed, folder: string): Promise<Carrier>
}

/** A contender at work. */
export interface Forwarder {
  /** Its processes; none when the kernel does the work. */
  readonly pids: readonly number[]
  /** Binds all its work to one core, or with undefined lets it go again. */
  pin(core: number | undefined): Promise<void>
  /** Ends its processes; interfaces go with the test bed. */
  stop(): Promise<void>
}
