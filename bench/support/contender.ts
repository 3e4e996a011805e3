import type { TestBed } from './test-bed.ts'

/** Something that carries frames between the namespaces a and b of a test bed. */
export interface Contender {
  readonly id: string
  readonly title: string
  /** One line for the report: what exactly is measured. */
  readonly description: string
  /** Programs it takes, by the Debian package that has them. */
  readonly needs: Readonly<Record<string, readonly string[]>>
  /** Makes eth0 in a and b, joined. Configuring the interfaces is the bed's. */
  start(bed: TestBed, folder: string): Promise<Forwarder>
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
