/**
 * The data plane as the control plane sees it: what its worker thread (datapath-thread.ts) can be asked for, and counters in
 * shared memory that are read without asking.
 */

import { randomInt } from 'node:crypto'
import { EventEmitter } from 'node:events'
import { close } from 'node:fs'
import { promisify } from 'node:util'
import type { FabricImpairment } from '../control/model/machine.ts'
import type { LinkDirections } from '../control/rules/impairment.ts'
import type { RecordedFrame } from '../datapath/capture/recorded-frame.ts'
import { COUNTERS_SIZE, Counters } from '../datapath/counters.ts'
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
import { discardTap, openTap, type Tap, type TapOptions } from '../ports/tap.ts'
import { closeUdpTunnel, type TunnelSockets } from '../ports/udp-tunnel.ts'
import type { Station } from '../tables/mac-table.ts'
import { type MacAddress, parseMac, putMac } from '../wire/address.ts'
import type { CaptureClock, DatapathRequest, PeerWay } from './datapath-messages.ts'
import { DatapathThread } from './datapath-thread.ts'
import { DatapathDns } from './dns/datapath-dns.ts'

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

export class Datapath extends EventEmitter<DatapathEvents> {
  readonly backend: 'io_uring' | 'epoll'
  /** Why `auto` did not take io_uring. */
  readonly fallbackReason: string | undefined
  readonly counters: Counters
  /** Its name server. */
  readonly dns: DatapathDns
  readonly #thread: DatapathThread

  /** Starts the worker; resolves when it polls. Rejects where no backend can be had. */
  static async start(options: DatapathOptions = {}): Promise<Datapath> {
    const counters = new SharedArrayBuffer(COUNTERS_SIZE)
    const thread = await DatapathThread.start({
      io: options.io ?? 'auto',
      slots: options.slots,
      seed: randomInt(-(2 ** 31), 2 ** 31),
      ageingS: options.ageingS,
      stations: options.stations,
      stationsPerPort: options.stationsPerPort,
      counters,
    })
    return new Datapath(thread, new Counters(counters))
  }

  private constructor(thread: DatapathThread, counters: Counters) {
    super()
    this.backend = thread.backend
    this.fallbackReason = thread.fallbackReason
    this.counters = counters
    this.dns = new DatapathDns(thread)
    this.#thread = thread
    thread.on('portGone', ({ port, errno }) => this.emit('portGone', port, errno))
    thread.on('narrow', () => this.emit('narrow'))
    thread.on('strangers', ({ strangers }) => this.emit('strangers', strangers))
    thread.on('captured', ({ capture }) => this.emit('captured', capture))
    thread.on('followed', ({ follow, frames, missed }) => this.emit('followed', follow, frames, missed))
    thread.on('ended', (error) => this.emit('failed', error))
  }

  addDomain(domain: DatapathDomain): Promise<undefined> {
    return this.#thread.call({
      kind: 'addDomain',
      domain: domain.id,
      transparent: domain.transparent ?? false,
      icc: domain.icc ?? true,
    })
  }

  /** The domain's ports must have been removed before. */
  removeDomain(id: number): Promise<undefined> {
    return this.#thread.call({ kind: 'removeDomain', domain: id })
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
      await this.#thread.call({
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
      if (!this.#thread.ended) discard()
      throw error
    }
  }

  /** Forgets the port, and closes its TAP; one that is persistent stays, without a carrier. */
  async removePort(port: number): Promise<void> {
    const descriptor = await this.#thread.call({ kind: 'removePort', port })
    // The kernel may take its time over that, and the worker has none.
    if (descriptor >= 0) await closeDescriptor(descriptor)
  }

  setPortMtu(port: number, mtu: number): Promise<undefined> {
    return this.#thread.call({ kind: 'setPortMtu', port, mtu })
  }

  /** Its sockets come with `attachTunnel`. */
  addTunnel(port: number, settings: TunnelSettings): Promise<undefined> {
    return this.#thread.call({ kind: 'addTunnel', port, settings })
  }

  /** The sockets belong to the worker from here on, or are closed where this rejects. */
  async attachTunnel(port: number, sockets: TunnelSockets): Promise<void> {
    try {
      await this.#thread.call({ kind: 'attachTunnel', port, sockets })
    } catch (error) {
      // As with attachPort.
      if (!this.#thread.ended) closeUdpTunnel(sockets)
      throw error
    }
  }

  async removeTunnel(port: number): Promise<void> {
    const descriptor = await this.#thread.call({ kind: 'removeTunnel', port })
    if (descriptor >= 0) await closeDescriptor(descriptor)
  }

  setOverlay(domain: number, settings: OverlaySettings | undefined): Promise<undefined> {
    return this.#thread.call({ kind: 'setOverlay', domain, settings })
  }

  addPeer(port: number, settings: PeerSettings, way: PeerWay): Promise<undefined> {
    return this.#thread.call({ kind: 'addPeer', port, settings, way })
  }

  removePeer(port: number): Promise<undefined> {
    return this.#thread.call({ kind: 'removePeer', port })
  }

  setPeerMtu(port: number, mtu: number): Promise<undefined> {
    return this.#thread.call({ kind: 'setPeerMtu', port, mtu })
  }

  /** `mac` is lower case with colons. */
  setRemote(domain: number, mac: string, settings: RemoteSettings | undefined): Promise<undefined> {
    return this.#thread.call({ kind: 'setRemote', domain, mac: parseMac(mac)!, settings })
  }

  peers(): Promise<readonly PeerState[]> {
    return this.#thread.call({ kind: 'peers' })
  }

  /** Forwards a frame as though the port had received it. */
  inject(port: number, frame: Uint8Array): Promise<undefined> {
    return this.#thread.call({ kind: 'inject', port, frame })
  }

  /** The same for several, one after the other. Resolves to 0, or the DropReason, of each. */
  injectAll(
    frames: readonly { readonly port: number; readonly frame: Uint8Array }[],
  ): Promise<readonly number[]> {
    return this.#thread.call({ kind: 'injectAll', frames })
  }

  /** All stations that the switch knows. */
  stations(): Promise<readonly Station[]> {
    return this.#thread.call({ kind: 'stations' })
  }

  /** Forgets the port's learned stations; resolves to how many they were. */
  flushPort(port: number): Promise<number> {
    return this.#thread.call({ kind: 'flushPort', port })
  }

  flushDomain(domain: number): Promise<number> {
    return this.#thread.call({ kind: 'flushDomain', domain })
  }

  /** The router's place in a domain; undefined takes it away. */
  setInterface(domain: number, settings: RouterInterfaceSettings | undefined): Promise<undefined> {
    return this.#thread.call({ kind: 'setInterface', domain, settings })
  }

  /** All routes but those of the interfaces' own subnets. */
  setRoutes(routes: readonly RouteSettings[]): Promise<undefined> {
    return this.#thread.call({ kind: 'setRoutes', routes })
  }

  publish(mapping: PortMappingSettings): Promise<undefined> {
    return this.#thread.call({ kind: 'publish', mapping })
  }

  /** Resolves to how many connections ended with it. */
  unpublish(id: number): Promise<number> {
    return this.#thread.call({ kind: 'unpublish', id })
  }

  setService(service: ServiceSettings): Promise<undefined> {
    return this.#thread.call({ kind: 'setService', service })
  }

  removeService(id: number): Promise<undefined> {
    return this.#thread.call({ kind: 'removeService', id })
  }

  permit(permit: LinkPermitSettings): Promise<undefined> {
    return this.#thread.call({ kind: 'permit', permit })
  }

  withdraw(id: number): Promise<undefined> {
    return this.#thread.call({ kind: 'withdraw', id })
  }

  flows(selection: FlowSelection, limit: number): Promise<FlowListing> {
    return this.#thread.call({ kind: 'flows', selection, limit })
  }

  flushFlows(selection: FlowSelection): Promise<number> {
    return this.#thread.call({ kind: 'flushFlows', selection })
  }

  natCounts(): Promise<NatCounts> {
    return this.#thread.call({ kind: 'natCounts' })
  }

  neighbours(): Promise<readonly NeighbourValue[]> {
    return this.#thread.call({ kind: 'neighbours' })
  }

  /** What would become of a frame that arrived at `port` now. */
  explain(port: number, frame: Uint8Array): Promise<readonly ExplainedStep[]> {
    return this.#thread.call({ kind: 'explain', port, frame })
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
    return this.#thread.call({ kind: 'setImpairment', port, direction, settings })
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
    return this.#thread.call({ kind: 'impairmentCounts', port, direction })
  }

  /** All directions that are impaired. */
  impairments(): Promise<readonly ImpairmentValue[]> {
    return this.#thread.call({ kind: 'impairments' })
  }

  /** Copies of what passes go into its ring from here on, of the ports that `setCapturePort` names. */
  openCapture(settings: Settings<'openCapture'>): Promise<CaptureClock> {
    return this.#thread.call({ kind: 'openCapture', ...settings })
  }

  setCapturePort(settings: Settings<'setCapturePort'>): Promise<undefined> {
    return this.#thread.call({ kind: 'setCapturePort', ...settings })
  }

  /** Nothing comes into the ring any more. */
  closeCapture(capture: number): Promise<undefined> {
    return this.#thread.call({ kind: 'closeCapture', capture })
  }

  /** Tells by 'followed' what becomes of frames, of the ports that `setFollowPorts` names. */
  openFollow(settings: Settings<'openFollow'>): Promise<CaptureClock> {
    return this.#thread.call({ kind: 'openFollow', ...settings })
  }

  setFollowPorts(follow: number, ports: readonly number[]): Promise<undefined> {
    return this.#thread.call({ kind: 'setFollowPorts', follow, ports })
  }

  closeFollow(follow: number): Promise<undefined> {
    return this.#thread.call({ kind: 'closeFollow', follow })
  }

  /** Ends the worker, which closes all its descriptors. Resolves when it is gone; more than once does no harm. */
  async stop(): Promise<void> {
    this.removeAllListeners('failed')
    await this.#thread.stop()
  }
}
