/** Clients that wait for a sandbox to end, or to be removed. */

interface Watcher {
  readonly removal: boolean
  tell(exitCode: number): void
}

export class Watchers {
  readonly #watchers = new Map<string, Set<Watcher>>()

  /**
   * Resolves to the exit code of the sandbox's next end, or to its last one when it is removed: whichever comes first, or
   * removal alone where `removal` is wanted. Rejects with the signal's reason.
   */
  next(id: string, removal: boolean, signal: AbortSignal): Promise<number> {
    signal.throwIfAborted()
    return new Promise((resolve, reject) => {
      const abort = (): void => {
        forget()
        reject(signal.reason as Error)
      }
      const watcher: Watcher = {
        removal,
        tell: (exitCode) => {
          forget()
          resolve(exitCode)
        },
      }
      const watchers = this.#watchers.get(id) ?? new Set()
      const forget = (): void => {
        signal.removeEventListener('abort', abort)
        watchers.delete(watcher)
        if (watchers.size === 0) this.#watchers.delete(id)
      }
      this.#watchers.set(id, watchers.add(watcher))
      signal.addEventListener('abort', abort)
    })
  }

  exited(id: string, exitCode: number): void {
    for (const watcher of this.#of(id)) if (!watcher.removal) watcher.tell(exitCode)
  }

  removed(id: string, exitCode: number): void {
    for (const watcher of this.#of(id)) watcher.tell(exitCode)
  }

  #of(id: string): readonly Watcher[] {
    return [...(this.#watchers.get(id) ?? [])]
  }
}
