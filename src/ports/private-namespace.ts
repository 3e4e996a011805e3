import { closeSync } from 'node:fs'
import { native } from './native.ts'

/** A network namespace without a name, which only this process can get at. It is empty but for its loopback. */
export class PrivateNamespace {
  readonly #descriptor: number

  /** Throws with the errno's name as `code`; needs CAP_SYS_ADMIN. */
  constructor() {
    this.#descriptor = native().makeNamespace()
  }

  /** Path for this process, its threads and its children. */
  get path(): string {
    return `/proc/${process.pid}/fd/${this.#descriptor}`
  }

  /** The namespace goes with the last socket or device of it. */
  close(): void {
    closeSync(this.#descriptor)
  }
}
