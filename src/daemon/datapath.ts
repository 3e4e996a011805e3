/**
 * The data plane as the control plane sees it: a worker thread that is asked for changes, and counters in shared memory
 * that are read without asking.
 */

import { randomInt } from 'node:crypto'
import { EventEmitter, once } from 'node:events'
import { close, closeSync } from 'node:fs'
import { promisify } from 'node:util'
import { Worker } from 'node:worker_threads'
import type { FabricImpairment } from '../control/model/machine.ts'
import type { LinkDirections } from '../control/rules/impairment.ts'
import type { RecordedFrame } from '../datapath/capture/recorded-frame.ts'
import { COUNTERS_SIZE, Counters } from '../datapath/counters.ts'
import type {
  DnsAnswer,
  DnsAsker,
  DnsCounts,
  DnsNote,
  DnsQuestion,
  DnsResolution,
  DnsServiceSettings,
  NamedHostSettings,
  ResolverSettings,
  ZoneSettings,
} from '../datapath/dns/dns-settings.ts'
import {
  type ImpairmentCounts,
  type ImpairmentSettings,
  type ImpairmentValue,
  LinkDirection,
} from '../datapath/impairment/impairment-settings.ts'
import type {
  ExplainedStep,
  FlowListing,
  FlowSelection,
  GuardSettings,
  LinkPermitSettings,
  NatCounts,
  NeighbourValue,
  PortMappingSettings,
  RouterInterfaceSettings,
  RouteSettings,
} from '../datapath/router-settings.ts'
import type { ServiceSettings } from '../datapath/services/service-settings.ts'
import type {
  OverlaySettings,
  PeerSettings,
  PeerState,
  RemoteSettings,
  Stranger,
  TunnelSettings,
} from '../datapath/tunnel/tunnel-settings.ts'
import { openWake, wake } from '../ports/native-frame-io.ts'
import { discardTap, openTap, type Tap, type TapOptions } from '../ports/tap.ts'
import { closeUdpTunnel, type TunnelSockets } from '../ports/udp-tunnel.ts'
import { makeRoomForInlining } from '../simulation/inlining.ts'
import type { Station } from '../tables/mac-table.ts'
import { type MacAddress, parseMac, putMac } from '../wire/address.ts'
import {
  type CaptureClock,
  type DatapathCall,
  type DatapathMessage,
  type DatapathRequest,
  type DatapathResults,
  type DatapathWorkerData,
  NO_CALL,
  type PeerWay,
} from './datapath-messages.ts'

export interface DatapathOptions {
  /** `auto` takes io_uring where it can be had, else epoll. */
  readonly io?: 'auto' | 'io_uring' | 'epoll'
  /** Frames that can be on their way in at once. */
  readonly slots?: number
  /** Seconds after which a silent station is forgotten. */
  readonly ageingS?: number
  readonly stations?: number
  readonly stationsPerPort?: number
}

export interface DatapathDomain {
  readonly id: number
  readonly transparent?: boolean
  /** Whether its sandboxes may talk to one another; true where undefined. */
  readonly icc?: boolean
}

export interface DatapathPort extends Omit<TapOptions, 'multiQueue' | 'mac'> {
  readonly port: number
  readonly domain: number
  /** `02:42:0a:00:00:02`; the kernel chooses where undefined. */
  readonly mac?: string | undefined
  /** The only addresses that its frames may come from; any where undefined. */
  readonly guard?: GuardSettings | undefined
  /** No sandbox's: icc does not concern it. */
  readonly host?: boolean | undefined
  /** Leads to a LAN: a station that nobody knows is there, and in none of the other ports. */
  readonly lan?: boolean | undefined
  /** Lives on the port from the start, and is never forgotten. */
  readonly station?: MacAddress | undefined
  /** What its link does to frames, from the first one on. */
  readonly impairment?: FabricImpairment | undefined
}

/** An open device whose frames are to be forwarded. */
export interface OpenPort {
  readonly descriptor: number
  /** Whether its frames carry a virtio-net header. */
  readonly virtio: boolean
  /** Closes it, where nobody has use for it. */
  readonly discard: () => void
}

const closeDescriptor = promisify(close)

function macBytes(mac: string): Uint8Array {
  const bytes = new Uint8Array(6)
  putMac(new DataView(bytes.buffer), 0, mac)
  return bytes
}

interface DatapathEvents {
  /** The port's interface has vanished; the port is removed. `errno` is what its descriptor answered. */
  portGone: [port: number, errno: number]
  /** That are to be asked outside; `answerQuestions` answers them. */
  questions: [questions: readonly DnsQuestion[]]
  /** A frame was too long for the way to a peer. */
  narrow: []
  /** Who sends for a network that goes on behind a tunnel, and is no peer of it. */
  strangers: [strangers: readonly Stranger[]]
  /** The ring of a capture is not empty any more. */
  captured: [capture: number]
  followed: [follow: number, frames: readonly RecordedFrame[], missed: number]
  /** The worker ended by itself: no frame is forwarded any more. */
  failed: [error: Error]
}

type Settings<Kind extends DatapathRequest['kind']> = Omit<
  Extract<DatapathRequest, { readonly kind: Kind }>,
  'kind'
>

type Ready = Extract<DatapathMessage, { kind: 'ready' }>

interface PendingCall {
  resolve(result: unknown): void
  reject(error: Error): void
}

export class Datapath extends EventEmitter<DatapathEvents> {
  readonly backend: 'io_uring' | 'epoll'
  /** Why `auto` did not take io_uring. */
  readonly fallbackReason: string | undefined
  readonly counters: Counters
  readonly #worker: Worker
  readonly #wakeDescriptor: number
  readonly #pending = new Map<number, PendingCall>()
  #lastCall = 0
  #ended = false

  /** Starts the worker; resolves when it polls. Rejects where no backend can be had. */
  static async start(options: DatapathOptions = {}): Promise<Datapath> {
    const counters = new SharedArrayBuffer(COUNTERS_SIZE)
    const wakeDescriptor = openWake()
    const workerData: DatapathWorkerData = {
      io: options.io ?? 'auto',
      wakeDescriptor,
      slots: options.slots,
      seed: randomInt(-(2 ** 31), 2 ** 31),
      ageingS: options.ageingS,
      stations: options.stations,
      stationsPerPort: options.stationsPerPort,
      counters,
    }
    makeRoomForInlining()
    const worker = new Worker(new URL('./datapath-worker.js', import.meta.url), {
      workerData,
      name: 'datapath',
    })
    try {
      // `once` rejects with the worker's error, should it end before it is ready.
      const [ready] = (await once(worker, 'message')) as [Ready]
      return new Datapath(worker, wakeDescriptor, ready, new Counters(counters))
    } catch (error) {
      closeSync(wakeDescriptor)
      throw error
    }
  }

  private constructor(worker: Worker, wakeDescriptor: number, ready: Ready, counters: Counters) {
    super()
    this.backend = ready.backend
    this.fallbackReason = ready.fallbackReason
    this.counters = counters
    this.#worker = worker
    this.#wakeDescriptor = wakeDescriptor
    worker.on('message', (message: DatapathMessage) => this.#take(message))
    worker.on('error', (error) => this.#end(error))
    worker.on('exit', (code) => this.#end(new Error(`the data plane's worker ended with code ${code}`)))
  }

  addDomain(domain: DatapathDomain): Promise<undefined> {
    return this.#call({
      kind: 'addDomain',
      domain: domain.id,
      transparent: domain.transparent ?? false,
      icc: domain.icc ?? true,
    })
  }

  /** The domain's ports must have been removed before. */
  removeDomain(id: number): Promise<undefined> {
    return this.#call({ kind: 'removeDomain', domain: id })
  }

  /** Opens a TAP and forwards for it from here on. Throws TapError where it cannot be opened. */
  async addPort(port: DatapathPort): Promise<Tap> {
    const tap = openTap({
      namespace: port.namespace,
      name: port.name,
      mac: port.mac === undefined ? undefined : macBytes(port.mac),
      mtu: port.mtu,
      offload: port.offload ?? true,
      persistent: port.persistent ?? false,
    })
    const { descriptor, virtio } = tap
    await this.attachPort(port, { descriptor, virtio, discard: () => discardTap(tap) })
    return tap
  }

  /** Forwards for a port that is open already. It belongs to the worker from here on, or is discarded where this rejects. */
  async attachPort(
    {
      port,
      domain,
      mtu,
      guard,
      host,
      lan,
      station,
      impairment,
    }: Omit<DatapathPort, keyof TapOptions> & { readonly mtu: number },
    { descriptor, virtio, discard }: OpenPort,
  ): Promise<void> {
    try {
      await this.#call({
        kind: 'addPort',
        port,
        domain,
        mtu,
        descriptor,
        virtio,
        guard,
        host: host ?? false,
        lan: lan ?? false,
        station,
        impairment,
      })
    } catch (error) {
      // A worker that has ended may have closed it, and its number may be another's by now.
      if (!this.#ended) discard()
      throw error
    }
  }

  /** Forgets the port, and closes its TAP; one that is persistent stays, without a carrier. */
  async removePort(port: number): Promise<void> {
    const descriptor = await this.#call({ kind: 'removePort', port })
    // The kernel may take its time over that, and the worker has none.
    if (descriptor >= 0) await closeDescriptor(descriptor)
  }

  setPortMtu(port: number, mtu: number): Promise<undefined> {
    return this.#call({ kind: 'setPortMtu', port, mtu })
  }

  /** Its sockets come with `attachTunnel`. */
  addTunnel(port: number, settings: TunnelSettings): Promise<undefined> {
    return this.#call({ kind: 'addTunnel', port, settings })
  }

  /** The sockets belong to the worker from here on, or are closed where this rejects. */
  async attachTunnel(port: number, sockets: TunnelSockets): Promise<void> {
    try {
      await this.#call({ kind: 'attachTunnel', port, sockets })
    } catch (error) {
      // As with attachPort.
      if (!this.#ended) closeUdpTunnel(sockets)
      throw error
    }
  }

  async removeTunnel(port: number): Promise<void> {
    const descriptor = await this.#call({ kind: 'removeTunnel', port })
    if (descriptor >= 0) await closeDescriptor(descriptor)
  }

  setOverlay(domain: number, settings: OverlaySettings | undefined): Promise<undefined> {
    return this.#call({ kind: 'setOverlay', domain, settings })
  }

  addPeer(port: number, settings: PeerSettings, way: PeerWay): Promise<undefined> {
    return this.#call({ kind: 'addPeer', port, settings, way })
  }

  removePeer(port: number): Promise<undefined> {
    return this.#call({ kind: 'removePeer', port })
  }

  setPeerMtu(port: number, mtu: number): Promise<undefined> {
    return this.#call({ kind: 'setPeerMtu', port, mtu })
  }

  /** `mac` is lower case with colons. */
  setRemote(domain: number, mac: string, settings: RemoteSettings | undefined): Promise<undefined> {
    return this.#call({ kind: 'setRemote', domain, mac: parseMac(mac)!, settings })
  }

  peers(): Promise<readonly PeerState[]> {
    return this.#call({ kind: 'peers' })
  }

  /** Forwards a frame as though the port had received it. */
  inject(port: number, frame: Uint8Array): Promise<undefined> {
    return this.#call({ kind: 'inject', port, frame })
  }

  /** The same for several, one after the other. Resolves to 0, or the DropReason, of each. */
  injectAll(
    frames: readonly { readonly port: number; readonly frame: Uint8Array }[],
  ): Promise<readonly number[]> {
    return this.#call({ kind: 'injectAll', frames })
  }

  /** All stations that the switch knows. */
  stations(): Promise<readonly Station[]> {
    return this.#call({ kind: 'stations' })
  }

  /** Forgets the port's learned stations; resolves to how many they were. */
  flushPort(port: number): Promise<number> {
    return this.#call({ kind: 'flushPort', port })
  }

  flushDomain(domain: number): Promise<number> {
    return this.#call({ kind: 'flushDomain', domain })
  }

  /** The router's place in a domain; undefined takes it away. */
  setInterface(domain: number, settings: RouterInterfaceSettings | undefined): Promise<undefined> {
    return this.#call({ kind: 'setInterface', domain, settings })
  }

  /** All routes but those of the interfaces' own subnets. */
  setRoutes(routes: readonly RouteSettings[]): Promise<undefined> {
    return this.#call({ kind: 'setRoutes', routes })
  }

  publish(mapping: PortMappingSettings): Promise<undefined> {
    return this.#call({ kind: 'publish', mapping })
  }

  /** Resolves to how many connections ended with it. */
  unpublish(id: number): Promise<number> {
    return this.#call({ kind: 'unpublish', id })
  }

  setService(service: ServiceSettings): Promise<undefined> {
    return this.#call({ kind: 'setService', service })
  }

  removeService(id: number): Promise<undefined> {
    return this.#call({ kind: 'removeService', id })
  }

  permit(permit: LinkPermitSettings): Promise<undefined> {
    return this.#call({ kind: 'permit', permit })
  }

  withdraw(id: number): Promise<undefined> {
    return this.#call({ kind: 'withdraw', id })
  }

  flows(selection: FlowSelection, limit: number): Promise<FlowListing> {
    return this.#call({ kind: 'flows', selection, limit })
  }

  flushFlows(selection: FlowSelection): Promise<number> {
    return this.#call({ kind: 'flushFlows', selection })
  }

  natCounts(): Promise<NatCounts> {
    return this.#call({ kind: 'natCounts' })
  }

  neighbours(): Promise<readonly NeighbourValue[]> {
    return this.#call({ kind: 'neighbours' })
  }

  /** What would become of a frame that arrived at `port` now. */
  explain(port: number, frame: Uint8Array): Promise<readonly ExplainedStep[]> {
    return this.#call({ kind: 'explain', port, frame })
  }

  /**
   * Impairs one direction of a port's link from here on, or (undefined) no more; the port's removal ends it, too. A change starts
   * the random numbers anew. Rejects where there is no such port, or a value is out of its range.
   */
  setImpairment(
    port: number,
    direction: LinkDirection,
    settings: ImpairmentSettings | undefined,
  ): Promise<undefined> {
    return this.#call({ kind: 'setImpairment', port, direction, settings })
  }

  /** Both directions of a port's link at once, or one of them: the other one draws on. */
  async setLink(
    port: number,
    impairment: FabricImpairment | undefined,
    directions: LinkDirections = 'both',
  ): Promise<void> {
    const { from, to } = LinkDirection
    await Promise.all([
      ...(directions === 'to' ? [] : [this.setImpairment(port, from, impairment?.from)]),
      ...(directions === 'from' ? [] : [this.setImpairment(port, to, impairment?.to)]),
    ])
  }

  /** Undefined where the direction is not impaired. */
  impairmentCounts(port: number, direction: LinkDirection): Promise<ImpairmentCounts | undefined> {
    return this.#call({ kind: 'impairmentCounts', port, direction })
  }

  /** All directions that are impaired. */
  impairments(): Promise<readonly ImpairmentValue[]> {
    return this.#call({ kind: 'impairments' })
  }

  setZone(domain: number, zone: ZoneSettings | undefined): Promise<undefined> {
    return this.#call({ kind: 'setZone', domain, zone })
  }

  setNamedHost(id: number, host: NamedHostSettings | undefined): Promise<undefined> {
    return this.#call({ kind: 'setNamedHost', id, host })
  }

  setResolver(id: number, resolver: ResolverSettings | undefined): Promise<undefined> {
    return this.#call({ kind: 'setResolver', id, resolver })
  }

  /** Where questions by TCP are led. */
  setDnsService(service: DnsServiceSettings | undefined): Promise<undefined> {
    return this.#call({ kind: 'setDnsService', service })
  }

  /** What the name server says to a question that did not come as a frame. */
  resolve(
    asker: DnsAsker,
    query: Uint8Array,
    limit: number,
    { explained = false } = {},
  ): Promise<DnsResolution> {
    return this.#call({ kind: 'resolve', asker, query, limit, explained })
  }

  /** Answers to what 'questions' told of. */
  answerQuestions(answers: readonly DnsAnswer[]): void {
    this.#tell({ kind: 'answerQuestions', answers })
  }

  /** What came of questions that `resolve` wanted asked outside. */
  noteQuestions(notes: readonly DnsNote[]): void {
    this.#tell({ kind: 'noteQuestions', notes })
  }

  dnsCounts(): Promise<DnsCounts> {
    return this.#call({ kind: 'dnsCounts' })
  }

  dnsLog(after: number, limit: number): Promise<DatapathResults['dnsLog']> {
    return this.#call({ kind: 'dnsLog', after, limit })
  }

  /** Copies of what passes go into its ring from here on, of the ports that `setCapturePort` names. */
  openCapture(settings: Settings<'openCapture'>): Promise<CaptureClock> {
    return this.#call({ kind: 'openCapture', ...settings })
  }

  setCapturePort(settings: Settings<'setCapturePort'>): Promise<undefined> {
    return this.#call({ kind: 'setCapturePort', ...settings })
  }

  /** Nothing comes into the ring any more. */
  closeCapture(capture: number): Promise<undefined> {
    return this.#call({ kind: 'closeCapture', capture })
  }

  /** Tells by 'followed' what becomes of frames, of the ports that `setFollowPorts` names. */
  openFollow(settings: Settings<'openFollow'>): Promise<CaptureClock> {
    return this.#call({ kind: 'openFollow', ...settings })
  }

  setFollowPorts(follow: number, ports: readonly number[]): Promise<undefined> {
    return this.#call({ kind: 'setFollowPorts', follow, ports })
  }

  closeFollow(follow: number): Promise<undefined> {
    return this.#call({ kind: 'closeFollow', follow })
  }

  /** Ends the worker, which closes all its descriptors. Resolves when it is gone; more than once does no harm. */
  async stop(): Promise<void> {
    if (this.#ended) return
    this.removeAllListeners('failed')
    await Promise.all([once(this.#worker, 'exit'), this.#call({ kind: 'stop' })])
  }

  #call<Kind extends DatapathRequest['kind']>(
    request: Extract<DatapathRequest, { kind: Kind }>,
  ): Promise<DatapathResults[Kind]> {
    if (this.#ended) return Promise.reject(new Error('the data plane has ended'))
    return new Promise((resolve, reject) => {
      const call = ++this.#lastCall
      this.#pending.set(call, { resolve: resolve as (result: unknown) => void, reject })
      this.#worker.postMessage({ call, request } satisfies DatapathCall)
      wake(this.#wakeDescriptor)
    })
  }

  /** Asks for what has no result: to be told that it is done would wake this thread once more for each. */
  #tell(request: Extract<DatapathRequest, { kind: 'answerQuestions' | 'noteQuestions' }>): void {
    if (this.#ended) return
    this.#worker.postMessage({ call: NO_CALL, request } satisfies DatapathCall)
    wake(this.#wakeDescriptor)
  }

  #take(message: DatapathMessage): void {
    if (message.kind === 'portGone') this.emit('portGone', message.port, message.errno)
    if (message.kind === 'questions') this.emit('questions', message.questions)
    if (message.kind === 'narrow') this.emit('narrow')
    if (message.kind === 'strangers') this.emit('strangers', message.strangers)
    if (message.kind === 'captured') this.emit('captured', message.capture)
    if (message.kind === 'followed') this.emit('followed', message.follow, message.frames, message.missed)
    if (message.kind !== 'result' && message.kind !== 'refused') return
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
    if (this.listenerCount('failed') > 0) this.emit('failed', error)
  }
}
