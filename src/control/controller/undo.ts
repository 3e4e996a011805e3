/** What takes back one step of an operation. It may find that there is nothing left to take back. */
export type UndoStep = () => void | Promise<void>

/** The steps of one operation that are done, each with what takes it back. */
export class Undo {
  readonly #steps: UndoStep[] = []
  readonly #last: (() => void)[] = []

  add(step: UndoStep): void {
    this.#steps.push(step)
  }

  /** What is to be done when the operation is over, whether it failed or not. */
  always(step: () => void): void {
    this.#last.push(step)
  }

  /** Lets another operation take back what has been done, should that fail. */
  handTo(other: Undo): void {
    other.#steps.push(...this.#steps.splice(0))
    other.#last.push(...this.#last.splice(0))
  }

  end(): void {
    for (const step of this.#last.splice(0)) step()
  }

  /** Takes all back, the last step first. One that cannot be taken back is told and does not keep the others. */
  async rollBack(told: (error: unknown) => void): Promise<void> {
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) {
      try {
        await step()
      } catch (error) {
        told(error)
      }
    }
  }
}

/**
 * Runs an operation that adds to `undo` as it goes; where it fails, all that it had done is taken back before the failure is
 * thrown on. The operation starts at once: what it reserves before it first waits is reserved when this returns.
 */
export async function attempt<T>(
  told: (error: unknown) => void,
  operation: (undo: Undo) => Promise<T>,
): Promise<T> {
  const undo = new Undo()
  try {
    return await operation(undo)
  } catch (error) {
    await undo.rollBack(told)
    throw error
  } finally {
    undo.end()
  }
}
