/** A capture of the daemon, as its client has it. */

import type { IncomingMessage } from 'node:http'
import type { CaptureOptions } from '../../control/api/capture.ts'
import { CAPTURE_ID_HEADER } from '../../control/capture-points.ts'
import { ErrorCode, TapwireError } from '../../control/errors.ts'
import type { ApiClient, QueryValue } from '../api-client.ts'

export class CaptureStream {
  readonly id: string
  readonly #api: ApiClient
  readonly #answer: IncomingMessage

  /** Throws what the daemon refuses, and what ApiClient throws. */
  static async open(api: ApiClient, request: CaptureOptions, signal: AbortSignal): Promise<CaptureStream> {
    const answer = await api.bytes('/capture', { query: queryOf(request), signal })
    return new CaptureStream(api, answer)
  }

  private constructor(api: ApiClient, answer: IncomingMessage) {
    this.#api = api
    this.#answer = answer
    this.id = String(answer.headers[CAPTURE_ID_HEADER.toLowerCase()] ?? '')
  }

  /** The file, as it comes. Throws DAEMON_UNREACHABLE where the daemon ends before the file does. */
  async *chunks(): AsyncGenerator<Uint8Array> {
    const { socket } = this.#api.address
    const chunks = this.#answer as AsyncIterable<Uint8Array>
    try {
      for await (const chunk of chunks) yield chunk
    } catch (cause) {
      throw new TapwireError(
        ErrorCode.daemonUnreachable,
        `The daemon at unix://${socket} has gone in the middle of the capture.`,
        { hint: 'What has come until then is whole and can be read.', cause },
      )
    }
  }

  /** Nothing is captured any more; the file goes on to its end. */
  async stop(): Promise<void> {
    // Where that fails the capture has ended by itself, or the daemon has, which the file tells.
    await this.#api.post(`/capture/${encodeURIComponent(this.id)}/stop`).catch(() => undefined)
  }
}

function queryOf({
  places,
  point,
  filter,
  snapLength,
  drops,
  raw,
  count,
}: CaptureOptions): Record<string, QueryValue> {
  return {
    place: places,
    point: point === 'both' ? undefined : point,
    filter,
    snaplen: snapLength === 0 ? undefined : snapLength,
    drops,
    raw,
    count,
  }
}
