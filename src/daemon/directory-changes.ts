import { type FSWatcher, watch } from 'node:fs'

/** A look now and then as well: not every file system tells of changes, and the kernel's watches are limited. */
const LOOK_MS = 250

/** Says when something may have changed in a folder. */
export class DirectoryChanges {
  readonly #watcher: FSWatcher | undefined
  #changed = false
  #wake: (() => void) | undefined

  constructor(path: string) {
    try {
      this.#watcher = watch(path, { persistent: false }, () => {
        this.#changed = true
        this.#wake?.()
      })
      // The folder has gone, most likely. Looking now and then is all that is left.
      this.#watcher.on('error', () => this.#watcher?.close())
    } catch {
      this.#watcher = undefined
    }
  }

  /** Resolves when there was a change since the last call, when it is time to look, or when `signal` aborts. */
  async next(signal: AbortSignal): Promise<void> {
    if (!this.#changed && !signal.aborted) {
      await new Promise<void>((resolve) => {
        const done = (): void => {
          clearTimeout(timer)
          signal.removeEventListener('abort', done)
          this.#wake = undefined
          resolve()
        }
        const timer = setTimeout(done, LOOK_MS)
        signal.addEventListener('abort', done)
        this.#wake = done
      })
    }
    this.#changed = false
  }

  close(): void {
    this.#watcher?.close()
  }
}
