import { ErrorCode, TapwireError } from '../../control/errors.ts'
import { API_STREAMS_MAX } from '../../limits.ts'

/** One answer that goes on until something happens. */
export interface OpenStream {
  /** Aborts when the client has gone, or the daemon ends. */
  readonly signal: AbortSignal
  /** The stream is over; more than once does no harm. */
  close(): void
}

/** The answers that go on, so that they are bounded in number, and end with the daemon. */
export class Streams {
  readonly #open = new Set<AbortController>()
  readonly #max: number
  #closing = false

  constructor(max: number = API_STREAMS_MAX) {
    this.#max = max
  }

  get count(): number {
    return this.#open.size
  }

  /** `client` aborts when the client hangs up. Throws TOO_MANY_STREAMS. */
  open(client?: AbortSignal): OpenStream {
    if (this.#open.size >= this.#max || this.#closing) {
      const message = this.#closing
        ? 'The daemon is ending.'
        : `The daemon serves ${this.#max} streams already, and no more at a time.`
      throw new TapwireError(ErrorCode.tooManyStreams, message)
    }
    const controller = new AbortController()
    this.#open.add(controller)
    const close = (): void => {
      this.#open.delete(controller)
      client?.removeEventListener('abort', close)
      controller.abort()
    }
    if (client?.aborted === true) close()
    else client?.addEventListener('abort', close)
    return { signal: controller.signal, close }
  }

  /** Ends all; none is opened any more. */
  end(): void {
    this.#closing = true
    for (const controller of this.#open) controller.abort()
    this.#open.clear()
  }
}

/**
 * The body of an answer that `pieces` gives bit by bit, as fast as the client reads. Waits until the first piece, or a failure in
 * its stead, had its chance to come without waiting for anything: such a failure is thrown, and so becomes an answer of its own.
 */
export async function streamBody(
  stream: OpenStream,
  pieces: AsyncIterable<string | Uint8Array>,
): Promise<ReadableStream<Uint8Array>> {
  const iterator = pieces[Symbol.asyncIterator]()
  let first: Promise<IteratorResult<string | Uint8Array>> | undefined = iterator.next()
  try {
    await Promise.race([first, new Promise((resolve) => setImmediate(resolve))])
  } catch (error) {
    stream.close()
    throw error
  }
  const encoder = new TextEncoder()
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const result = await (first ?? iterator.next())
        first = undefined
        if (result.done !== true) {
          const { value } = result
          controller.enqueue(typeof value === 'string' ? encoder.encode(value) : value)
          return
        }
        controller.close()
      } catch (error) {
        // The answer has begun: all that is left to say is that it is not whole.
        controller.error(error)
      }
      stream.close()
    },
    async cancel() {
      stream.close()
      await iterator.return?.()
    },
  })
}
