/**
 * The far end of `Remote`: messages `{ id, method, args }`, each answered by `{ id, result }` or `{ id, error }`; the first one, of id 0,
 * says that it listens.
 */

interface Call {
  readonly id: number
  readonly method: string
  readonly args: readonly unknown[]
}

/** Calls them as it is told, from now on. */
export function serveMethods(methods: object): void {
  process.on('message', ({ id, method, args }: Call) => {
    const call = methods[method as keyof object] as (...args: readonly unknown[]) => unknown
    Promise.resolve()
      .then(() => call(...args))
      .then(
        (result) => process.send!({ id, result }),
        (error: unknown) => process.send!({ id, error: toldError(error) }),
      )
  })
  process.send!({ id: 0 })
}

function toldError(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException
  return code ?? message
}
