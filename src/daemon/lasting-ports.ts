/**
 * Ports of the switch on interfaces that others may take away: a macvlan network's parent, the machine's own end of a network. One that
 * vanishes, or goes down, is opened anew as soon as that can be done.
 */

import { INTERFACE_LOOK_MS } from '../limits.ts'
import type { Log } from './log.ts'

export interface LastingPort {
  readonly port: number
  /** Of its interface. */
  readonly name: string
  /** Opens it as a port of the switch; throws what says why not. */
  open(): Promise<void>
  /** Where it cannot be opened at first, that is tried again like later on. */
  readonly patient: boolean
}

interface Entry {
  readonly wish: LastingPort
  isOpen: boolean
  /** The switch lost it while it was still being opened. */
  wentMeanwhile: boolean
  /** Why it could not be opened when that was last tried. */
  failure: string
  removed: boolean
  timer: NodeJS.Timeout | undefined
  trying: Promise<void>
}

export class LastingPorts {
  readonly #log: Pick<Log, 'info' | 'warn'>
  readonly #removePort: (port: number) => Promise<void>
  readonly #entries = new Map<number, Entry>()

  /** `removePort` takes an open port from the switch. */
  constructor(log: Pick<Log, 'info' | 'warn'>, removePort: (port: number) => Promise<void>) {
    this.#log = log
    this.#removePort = removePort
  }

  has(port: number): boolean {
    return this.#entries.has(port)
  }

  /** Rejects with what `open` throws, unless the port is patient. */
  async add(wish: LastingPort): Promise<void> {
    const entry: Entry = {
      wish,
      isOpen: false,
      wentMeanwhile: false,
      failure: '',
      removed: false,
      timer: undefined,
      trying: Promise.resolve(),
    }
    this.#entries.set(wish.port, entry)
    try {
      await this.#open(entry)
    } catch (error) {
      if (!wish.patient) {
        this.#entries.delete(wish.port)
        throw error
      }
      this.#failed(entry, error)
    }
  }

  /** The port is opened no more. Where the switch does not give it up, all is as before. */
  async remove(port: number): Promise<void> {
    const entry = this.#entries.get(port)
    if (entry === undefined) return
    entry.removed = true
    clearTimeout(entry.timer)
    await entry.trying
    try {
      if (entry.isOpen) await this.#removePort(port)
      this.#entries.delete(port)
    } catch (error) {
      entry.removed = false
      if (!entry.isOpen) this.#tryLater(entry)
      throw error
    }
  }

  /** The switch says that it has the port no more. */
  gone(port: number): void {
    const entry = this.#entries.get(port)
    if (entry === undefined) return
    entry.wentMeanwhile = true
    if (!entry.isOpen) return
    entry.isOpen = false
    this.#log.warn({ interface: entry.wish.name }, 'an interface has gone down or away')
    if (!entry.removed) this.#tryLater(entry)
  }

  /** Tries no more. */
  close(): void {
    for (const entry of this.#entries.values()) {
      entry.removed = true
      clearTimeout(entry.timer)
    }
  }

  #tryLater(entry: Entry): void {
    clearTimeout(entry.timer)
    entry.timer = setTimeout(() => {
      entry.trying = this.#try(entry)
    }, INTERFACE_LOOK_MS)
  }

  async #open(entry: Entry): Promise<void> {
    entry.wentMeanwhile = false
    await entry.wish.open()
    // It is configured after the switch has it.
    if (entry.wentMeanwhile) throw new Error(`${entry.wish.name} has gone down or away while it was opened`)
    entry.isOpen = true
  }

  async #try(entry: Entry): Promise<void> {
    try {
      await this.#open(entry)
      entry.failure = ''
      this.#log.info({ interface: entry.wish.name }, 'an interface is back')
    } catch (error) {
      this.#failed(entry, error)
    }
  }

  #failed(entry: Entry, error: unknown): void {
    const failure = error instanceof Error ? error.message : String(error)
    if (failure !== entry.failure) {
      this.#log.warn({ interface: entry.wish.name, reason: failure }, 'an interface cannot be used')
    }
    entry.failure = failure
    if (!entry.removed) this.#tryLater(entry)
  }
}
