/**
 * The data plane's worker thread as the main thread has it: started, asked by messages, listened to, heard of when it ends.
 *
 *     call ── request, wake ──► worker: its poll ends, the request is applied between two bursts
 *     its promise ◄── result ──── worker
 *     an event ◄───── notice ──── worker, by itself
 */

import { EventEmitter, once } from 'node:events'
import { closeSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import { openWake, wake } from '../ports/native-frame-io.ts'
import { makeRoomForInlining } from '../simulation/inlining.ts'
import {
  type DatapathCall,
  type DatapathMessage,
  type DatapathRequest,
  type DatapathResults,
  type DatapathWorkerData,
  NO_CALL,
} from './datapath-messages.ts'

/** What the worker tells without having been asked. */
type Notice = Exclude<DatapathMessage, { kind: 'ready' | 'result' | 'refused' }>

type NoticeEvents = { [Kind in Notice['kind']]: [notice: Extract<Notice, { kind: Kind }>] }

interface DatapathThreadEvents extends NoticeEvents {
  /** No frame is forwarded any more. Once, whether or not it was asked to stop. */
  ended: [error: Error]
}

type Ready = Extract<DatapathMessage, { kind: 'ready' }>

interface PendingCall {
  resolve(result: unknown): void
  reject(error: Error): void
}

export class DatapathThread extends EventEmitter<DatapathThreadEvents> {
  readonly backend: 'io_uring' | 'epoll'
  readonly fallbackReason: string | undefined
  readonly #worker: Worker
  readonly #wakeDescriptor: number
  readonly #pending = new Map<number, PendingCall>()
  #lastCall = 0
  #ended = false

  /** Resolves when the worker polls; whoever wants to hear of events listens at once. Rejects where no backend can be had. */
  static async start(settings: Omit<DatapathWorkerData, 'wakeDescriptor'>): Promise<DatapathThread> {
    const wakeDescriptor = openWake()
    const workerData: DatapathWorkerData = { ...settings, wakeDescriptor }
    makeRoomForInlining()
    const worker = new Worker(new URL('./datapath-worker.js', import.meta.url), {
      workerData,
      name: 'datapath',
    })
    try {
      // `once` rejects with the worker's error, should it end before it is ready.
      const [ready] = (await once(worker, 'message')) as [Ready]
      return new DatapathThread(worker, wakeDescriptor, ready)
    } catch (error) {
      closeSync(wakeDescriptor)
      throw error
    }
  }

  private constructor(worker: Worker, wakeDescriptor: number, ready: Ready) {
    super()
    this.backend = ready.backend
    this.fallbackReason = ready.fallbackReason
    this.#worker = worker
    this.#wakeDescriptor = wakeDescriptor
    worker.on('message', (message: DatapathMessage) => this.#take(message))
    worker.on('error', (error) => this.#end(error))
    worker.on('exit', (code) => this.#end(new Error(`the data plane's worker ended with code ${code}`)))
  }

  get ended(): boolean {
    return this.#ended
  }

  /** Rejects where the worker refuses, and where it has ended or ends before it answers. */
  call<Kind extends DatapathRequest['kind']>(
    request: Extract<DatapathRequest, { kind: Kind }>,
  ): Promise<DatapathResults[Kind]> {
    if (this.#ended) return Promise.reject(new Error('the data plane has ended'))
    return new Promise((resolve, reject) => {
      const call = ++this.#lastCall
      this.#pending.set(call, { resolve: resolve as (result: unknown) => void, reject })
      this.#post({ call, request })
    })
  }

  /** Asks for what has no result: to be told that it is done would wake this thread once more for each. */
  tell(request: Extract<DatapathRequest, { kind: 'answerQuestions' | 'noteQuestions' }>): void {
    if (!this.#ended) this.#post({ call: NO_CALL, request })
  }

  /** Resolves when the worker is gone, and its descriptors with it; more than once does no harm. */
  async stop(): Promise<void> {
    if (this.#ended) return
    await Promise.all([once(this.#worker, 'exit'), this.call({ kind: 'stop' })])
  }

  #post(call: DatapathCall): void {
    this.#worker.postMessage(call)
    wake(this.#wakeDescriptor)
  }

  #take(message: DatapathMessage): void {
    if (message.kind === 'ready') return
    if (message.kind !== 'result' && message.kind !== 'refused') {
      this.emit(message.kind, ...([message] as NoticeEvents[Notice['kind']]))
      return
    }
    const pending = this.#pending.get(message.call)
    this.#pending.delete(message.call)
    if (message.kind === 'result') pending?.resolve(message.result)
    else pending?.reject(new Error(message.message))
  }

  #end(error: Error): void {
    if (this.#ended) return
    this.#ended = true
    closeSync(this.#wakeDescriptor)
    for (const pending of this.#pending.values()) pending.reject(error)
    this.#pending.clear()
    this.emit('ended', error)
  }
}
