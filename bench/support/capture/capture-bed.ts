import { fileURLToPath } from 'node:url'
import { runByRequests } from '../control/commands.ts'
import { readCpuTime } from '../cpu.ts'
import { type Background, run, startUntil } from '../process.ts'
import { TapwireDaemon } from '../tapwire-daemon.ts'
import { INTERFACE, TRANSMIT_QUEUE } from '../test-bed.ts'
import type { CaptureMode } from './modes.ts'

const CLIENT = fileURLToPath(new URL('./capture-client.js', import.meta.url))
const NETWORK = 'bench'
/** What is captured is gone at once: a disk is another benchmark's. */
const FILE = '/dev/null'

/** What a capture has come to. Frames count once as they arrive, and once as they leave. */
export interface Captured {
  readonly seen: number
  readonly accepted: number
  /** Copies lost for want of room. */
  readonly dropped: number
  /** Of the file. */
  readonly bytes: number
}

export interface During<T> {
  readonly result: T
  /** Processors that the daemon and the client of the capture kept busy. */
  readonly cores: number
  readonly captured?: Captured
}

interface Summary {
  readonly id: string
  readonly seen: number
  readonly accepted: number
  readonly dropped: number
}

interface Inspected {
  readonly NetworkSettings: { readonly Networks: Readonly<Record<string, { readonly IPAddress: string }>> }
}

/** Two sandboxes of a daemon on one network. */
export class CaptureBed {
  readonly daemon: TapwireDaemon
  /** Namespaces of the sandboxes. */
  readonly namespaces: readonly string[]
  /** Of the second. */
  readonly address: string

  static async create(io: 'io_uring' | 'epoll'): Promise<CaptureBed> {
    const daemon = await TapwireDaemon.start({ io })
    try {
      await daemon.request('POST', '/networks', { Name: NETWORK })
      const ids = [
        await runByRequests(daemon, 'sender', NETWORK),
        await runByRequests(daemon, 'receiver', NETWORK),
      ]
      const namespaces = ids.map((id) => TapwireDaemon.namespaceOf(id))
      for (const namespace of namespaces) {
        const queue = ['link', 'set', INTERFACE, 'txqueuelen', String(TRANSMIT_QUEUE)]
        await run('ip', queue, { namespace })
      }
      const { NetworkSettings } = await daemon.request<Inspected>('GET', '/sandboxes/receiver')
      const address = NetworkSettings.Networks[NETWORK]!.IPAddress
      // Both stations are learnt.
      await run('ping', ['-q', '-i', '0.05', '-c', '3', '-w', '5', address], { namespace: namespaces[0] })
      return new CaptureBed(daemon, namespaces, address)
    } catch (error) {
      await daemon.stop()
      throw error
    }
  }

  private constructor(daemon: TapwireDaemon, namespaces: readonly string[], address: string) {
    this.daemon = daemon
    this.namespaces = namespaces
    this.address = address
  }

  /** Captures while `work` runs. */
  async during<T>(mode: CaptureMode, work: () => Promise<T>): Promise<During<T>> {
    const { query } = mode
    if (query === undefined) return this.#timed([this.daemon.pid], work)
    const client = await this.#startClient(new URLSearchParams(query).toString())
    try {
      const timed = await this.#timed([this.daemon.pid, client.pid], work)
      return { ...timed, captured: await this.#end(client) }
    } finally {
      await client.stop()
    }
  }

  stop(): Promise<void> {
    return this.daemon.stop()
  }

  async #timed<T>(pids: readonly number[], work: () => Promise<T>): Promise<During<T>> {
    const since = performance.now()
    const before = readCpuTime(pids).processes
    const result = await work()
    const busy = readCpuTime(pids).processes - before
    return { result, cores: (1000 * busy) / (performance.now() - since) }
  }

  #startClient(query: string): Promise<Background> {
    return startUntil('capturing', process.execPath, [CLIENT, this.daemon.socket, query, FILE])
  }

  async #end(client: Background): Promise<Captured> {
    const [{ id, seen, accepted, dropped }] = await this.daemon.request<[Summary]>('GET', '/captures')
    await this.daemon.request('POST', `/capture/${id}/stop`)
    const [, bytes] = /^bytes (\d+)$/m.exec(await client.ended) ?? []
    return { seen, accepted, dropped, bytes: Number(bytes) }
  }
}
