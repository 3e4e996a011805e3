/** Sends the frames of a capture into a network of the daemon, at the pace at which they were captured, faster, or as fast as it goes. */

import { setTimeout as wait } from 'node:timers/promises'
import type { NetworkInspect } from '../control/api/network.ts'
import type { SandboxSummary } from '../control/api/sandbox.ts'
import type { Frames, FramesSent } from '../control/api/switch.ts'
import { parseIpAddress } from '../control/ip-address.ts'
import { macOfAddress } from '../control/mac-address.ts'
import type { CaptureInput } from '../inspect/pcap/capture-input.ts'
import { FRAMES_PER_REQUEST_MAX, LIVE_REPLAY_REQUEST_SIZE_MAX } from '../limits.ts'
import { CapturedFrames } from '../simulation/replay/captured-frames.ts'
import { PlaceFinder } from '../simulation/replay/place-finder.ts'
import { type FileSummary, fileSummary } from '../simulation/replay/replay-summary.ts'
import type { SourceRule } from '../simulation/replay/source-rules.ts'
import type { SimulatedPlace } from '../simulation/simulated-place.ts'
import { type ApiClient, segment } from './api-client.ts'
import { captureError } from './capture/capture-input.ts'

export interface LiveReplayOptions {
  readonly network: string
  readonly rules: readonly SourceRule[]
  /** Times as fast as it was captured; Infinity: as fast as it goes. */
  readonly speed: number
  readonly signal: AbortSignal
  /** Called now and then with how many frames have been sent. */
  readonly progress: (frames: number) => void
}

export interface LiveReplaySummary extends FileSummary {
  /** The daemon has sent them. */
  readonly sent: number
  readonly drops: FramesSent['drops']
}

interface Queued {
  readonly from: string
  readonly data: string
  readonly dueMs: number
}

/** Longest frame: 64 KiB of IP with Ethernet and tags. What is longer is refused by the daemon as a whole request. */
const FRAME_MAX = 65_654

/** Frames that are due within this time are sent together: a timer is no better. */
const TOGETHER_MS = 1

export class LiveReplay {
  readonly #api: ApiClient
  readonly #options: LiveReplayOptions
  readonly #places: readonly SimulatedPlace[]
  readonly #frames: CapturedFrames
  readonly #startedMs = performance.now()
  #queue: Queued[] = []
  #sent = 0
  readonly #drops = new Map<string, FramesSent['drops'][number]>()

  /** Throws what the daemon says of the network, and USAGE where a rule names none of its sandboxes. */
  static async start(api: ApiClient, options: LiveReplayOptions): Promise<LiveReplay> {
    const network = await api.get<NetworkInspect>(`/networks/${segment(options.network)}`)
    const sandboxes = await api.get<SandboxSummary[]>('/sandboxes')
    return new LiveReplay(api, options, network, sandboxes)
  }

  private constructor(
    api: ApiClient,
    options: LiveReplayOptions,
    network: NetworkInspect,
    sandboxes: readonly SandboxSummary[],
  ) {
    this.#api = api
    this.#options = options
    this.#places = sandboxes.flatMap((sandbox, port) => placeOf(sandbox, network.Name, port) ?? [])
    const places = new Map(this.#places.map((place) => [place.port, place]))
    const finder = new PlaceFinder({ places, routers: gatewaysOf(network), rules: options.rules })
    const names = new Map(this.#places.map(({ port, name }) => [port, name]))
    this.#frames = new CapturedFrames(finder, FRAME_MAX, (port, reader, present, length) => {
      const { bytes, offset } = reader.packet
      const frame = Buffer.alloc(length)
      frame.set(bytes.subarray(offset, offset + present))
      const dueMs = this.#frames.timeMs / options.speed
      this.#queue.push({ from: names.get(port)!, data: frame.toString('base64'), dueMs })
    })
  }

  /** Resolves when all are sent, or the signal aborts. */
  async run(path: string, input: CaptureInput): Promise<LiveReplaySummary> {
    const { signal } = this.#options
    while (!signal.aborted) {
      const isOver = this.#read(path, input)
      await this.#sendQueue()
      if (isOver) break
      await input.fillAsync().catch((error: unknown) => {
        throw captureError(path, error)
      })
    }
    return {
      ...fileSummary(this.#frames),
      sent: this.#sent,
      drops: [...this.#drops.values()].toSorted((a, b) => (a.reason < b.reason ? -1 : 1)),
    }
  }

  #read(path: string, input: CaptureInput): boolean {
    try {
      return this.#frames.read(input.reader)
    } catch (error) {
      throw captureError(path, error)
    }
  }

  async #sendQueue(): Promise<void> {
    const { signal } = this.#options
    const queue = this.#queue
    this.#queue = []
    for (let at = 0; at < queue.length && !signal.aborted; ) {
      const behindMs = queue[at]!.dueMs - (performance.now() - this.#startedMs)
      if (behindMs > TOGETHER_MS) {
        await wait(behindMs, undefined, { signal }).catch(() => undefined)
        continue
      }
      const end = this.#batchEnd(queue, at)
      await this.#send(queue.slice(at, end))
      at = end
    }
  }

  #batchEnd(queue: readonly Queued[], from: number): number {
    const nowMs = performance.now() - this.#startedMs
    let size = 0
    let end = from
    while (end < queue.length && end - from < FRAMES_PER_REQUEST_MAX) {
      const { dueMs, data } = queue[end]!
      size += data.length
      if (end > from && (dueMs > nowMs + TOGETHER_MS || size > LIVE_REPLAY_REQUEST_SIZE_MAX)) break
      end++
    }
    return end
  }

  async #send(batch: readonly Queued[]): Promise<void> {
    const { network, progress } = this.#options
    const body: Frames = { frames: batch.map(({ from, data }) => ({ from, data })) }
    const answer = await this.#api.post<FramesSent>(`/networks/${segment(network)}/frames`, { body })
    this.#sent += answer.frames
    for (const drop of answer.drops) {
      const frames = (this.#drops.get(drop.reason)?.frames ?? 0) + drop.frames
      this.#drops.set(drop.reason, { ...drop, frames })
    }
    progress(this.#sent)
  }
}

function placeOf(sandbox: SandboxSummary, network: string, port: number): SimulatedPlace | undefined {
  const endpoint = sandbox.NetworkSettings.Networks[network]
  if (endpoint === undefined || endpoint.MacAddress === '' || sandbox.State !== 'running') return undefined
  const { MacAddress: mac, IPAddress, GlobalIPv6Address, InterfaceName } = endpoint
  const addresses = [IPAddress, GlobalIPv6Address].filter((address) => address !== '')
  const name = sandbox.Names[0]!.replace(/^\//, '')
  return { port, kind: 'sandbox', name, interface: InterfaceName, network, mac, addresses }
}

/** As the daemon makes them of the gateways' addresses. */
const gatewaysOf = ({ IPAM }: NetworkInspect): string[] =>
  (IPAM.Config ?? []).flatMap(({ Gateway = '' }) => {
    const address = parseIpAddress(Gateway)
    return address === undefined ? [] : [macOfAddress(address)]
  })
