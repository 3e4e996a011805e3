/** Told while a lab comes up or goes down. */
export interface Steps {
  /** Tells that `name` starts, does it, and tells how it ended; what it resolves to is the detail. */
  step(name: string, action: () => Promise<string | void>): Promise<void>
}

/** The same steps on another daemon: each is told with the host's name in front. */
export function stepsOf(host: string, steps: Steps): Steps {
  return { step: (name, action) => steps.step(`${host}: ${name}`, action) }
}
