import type { FabricImpairment } from '../control/model/machine.ts'
import type { FilterProgram } from '../datapath/capture/frame-filter.ts'
import type { RecordedFrame } from '../datapath/capture/recorded-frame.ts'
import type {
  DnsAnswer,
  DnsAsker,
  DnsCounts,
  DnsLogListing,
  DnsNote,
  DnsQuestion,
  DnsResolution,
  DnsServiceSettings,
  NamedHostSettings,
  ResolverSettings,
  ZoneSettings,
} from '../datapath/dns/dns-settings.ts'
import type {
  ImpairmentCounts,
  ImpairmentSettings,
  ImpairmentValue,
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
import type { TunnelSockets } from '../ports/udp-tunnel.ts'
import type { Station } from '../tables/mac-table.ts'
import type { MacAddress } from '../wire/address.ts'

/** By which tunnel, and to which UDP port, frames for a peer are sent. */
export interface PeerWay {
  readonly tunnel: number
  readonly udpPort: number
}

/** What the control plane asks of the data plane's worker. Applied between two bursts, in the order of asking. */
export type DatapathRequest =
  | {
      readonly kind: 'addDomain'
      readonly domain: number
      readonly transparent: boolean
      readonly icc: boolean
    }
  | { readonly kind: 'removeDomain'; readonly domain: number }
  | {
      readonly kind: 'addPort'
      readonly port: number
      readonly domain: number
      readonly mtu: number
      /** An open TAP, which belongs to the worker from here on. */
      readonly descriptor: number
      readonly virtio: boolean
      readonly guard: GuardSettings | undefined
      /** No sandbox's: icc does not concern it. */
      readonly host: boolean
      /** Leads to a LAN. */
      readonly lan: boolean
      readonly station: MacAddress | undefined
      /** Of its link, before its first frame. */
      readonly impairment: FabricImpairment | undefined
    }
  | { readonly kind: 'removePort'; readonly port: number }
  | { readonly kind: 'setPortMtu'; readonly port: number; readonly mtu: number }
  | { readonly kind: 'addTunnel'; readonly port: number; readonly settings: TunnelSettings }
  /** Open sockets, which belong to the worker from here on. */
  | { readonly kind: 'attachTunnel'; readonly port: number; readonly sockets: TunnelSockets }
  | { readonly kind: 'removeTunnel'; readonly port: number }
  | {
      readonly kind: 'setOverlay'
      readonly domain: number
      readonly settings: OverlaySettings | undefined
    }
  | {
      readonly kind: 'addPeer'
      readonly port: number
      readonly settings: PeerSettings
      readonly way: PeerWay
    }
  | { readonly kind: 'removePeer'; readonly port: number }
  | { readonly kind: 'setPeerMtu'; readonly port: number; readonly mtu: number }
  | {
      readonly kind: 'setRemote'
      readonly domain: number
      readonly mac: MacAddress
      readonly settings: RemoteSettings | undefined
    }
  | { readonly kind: 'peers' }
  | { readonly kind: 'inject'; readonly port: number; readonly frame: Uint8Array }
  | {
      readonly kind: 'injectAll'
      readonly frames: readonly { readonly port: number; readonly frame: Uint8Array }[]
    }
  | { readonly kind: 'stations' }
  | { readonly kind: 'flushPort'; readonly port: number }
  | { readonly kind: 'flushDomain'; readonly domain: number }
  | {
      readonly kind: 'setInterface'
      readonly domain: number
      readonly settings: RouterInterfaceSettings | undefined
    }
  | { readonly kind: 'setRoutes'; readonly routes: readonly RouteSettings[] }
  | { readonly kind: 'publish'; readonly mapping: PortMappingSettings }
  | { readonly kind: 'unpublish'; readonly id: number }
  | { readonly kind: 'setService'; readonly service: ServiceSettings }
  | { readonly kind: 'removeService'; readonly id: number }
  | { readonly kind: 'permit'; readonly permit: LinkPermitSettings }
  | { readonly kind: 'withdraw'; readonly id: number }
  | { readonly kind: 'flows'; readonly selection: FlowSelection; readonly limit: number }
  | { readonly kind: 'flushFlows'; readonly selection: FlowSelection }
  | { readonly kind: 'natCounts' }
  | { readonly kind: 'neighbours' }
  | { readonly kind: 'explain'; readonly port: number; readonly frame: Uint8Array }
  | {
      readonly kind: 'setImpairment'
      readonly port: number
      readonly direction: LinkDirection
      readonly settings: ImpairmentSettings | undefined
    }
  | { readonly kind: 'impairmentCounts'; readonly port: number; readonly direction: LinkDirection }
  | { readonly kind: 'impairments' }
  | { readonly kind: 'setZone'; readonly domain: number; readonly zone: ZoneSettings | undefined }
  | { readonly kind: 'setNamedHost'; readonly id: number; readonly host: NamedHostSettings | undefined }
  | { readonly kind: 'setResolver'; readonly id: number; readonly resolver: ResolverSettings | undefined }
  | { readonly kind: 'setDnsService'; readonly service: DnsServiceSettings | undefined }
  | {
      readonly kind: 'resolve'
      readonly asker: DnsAsker
      readonly query: Uint8Array
      readonly limit: number
      readonly explained: boolean
    }
  | { readonly kind: 'answerQuestions'; readonly answers: readonly DnsAnswer[] }
  | { readonly kind: 'noteQuestions'; readonly notes: readonly DnsNote[] }
  | { readonly kind: 'dnsCounts' }
  | { readonly kind: 'dnsLog'; readonly after: number; readonly limit: number }
  | {
      readonly kind: 'openCapture'
      readonly capture: number
      /** ringSize(CAPTURE_RING_SIZE) bytes: the worker writes, the main thread reads. */
      readonly ring: SharedArrayBuffer
      readonly filter: FilterProgram
      readonly snapLength: number
      readonly raw: boolean
      readonly drops: boolean
    }
  | {
      readonly kind: 'setCapturePort'
      readonly capture: number
      readonly port: number
      /** What its records say in place of the port's number, which may become another's. */
      readonly interface: number
      /** Bits of Point. */
      readonly points: number
    }
  | { readonly kind: 'closeCapture'; readonly capture: number }
  | {
      readonly kind: 'openFollow'
      readonly follow: number
      readonly filter: FilterProgram
      /** Frames a second, and those a second that are looked at for them. */
      readonly limit: number
      readonly looks: number
    }
  | { readonly kind: 'setFollowPorts'; readonly follow: number; readonly ports: readonly number[] }
  | { readonly kind: 'closeFollow'; readonly follow: number }
  | { readonly kind: 'stop' }

/** By request: what the worker answers. */
export interface DatapathResults {
  addDomain: undefined
  removeDomain: undefined
  addPort: undefined
  /** The descriptor, which belongs to whoever asked; -1 where there was no such port. */
  removePort: number
  setPortMtu: undefined
  addTunnel: undefined
  attachTunnel: undefined
  /** The descriptor that received, as with `removePort`. */
  removeTunnel: number
  setOverlay: undefined
  addPeer: undefined
  removePeer: undefined
  setPeerMtu: undefined
  setRemote: undefined
  peers: readonly PeerState[]
  inject: undefined
  /** Of each frame: 0, or the DropReason. */
  injectAll: readonly number[]
  stations: readonly Station[]
  flushPort: number
  flushDomain: number
  setInterface: undefined
  setRoutes: undefined
  publish: undefined
  unpublish: number
  setService: undefined
  removeService: undefined
  permit: undefined
  withdraw: undefined
  flows: FlowListing
  flushFlows: number
  natCounts: NatCounts
  neighbours: readonly NeighbourValue[]
  explain: readonly ExplainedStep[]
  setImpairment: undefined
  /** Undefined where the direction is not impaired. */
  impairmentCounts: ImpairmentCounts | undefined
  impairments: readonly ImpairmentValue[]
  setZone: undefined
  setNamedHost: undefined
  setResolver: undefined
  setDnsService: undefined
  resolve: DnsResolution
  answerQuestions: undefined
  noteQuestions: undefined
  dnsCounts: DnsCounts
  /** `nowMs` is of the clock that the entries' times are of. */
  dnsLog: DnsLogListing & { readonly nowMs: number }
  openCapture: CaptureClock
  setCapturePort: undefined
  closeCapture: undefined
  openFollow: CaptureClock
  setFollowPorts: undefined
  closeFollow: undefined
  stop: undefined
}

/** Milliseconds from the data path's clock to those since 1970; they stay so. */
export interface CaptureClock {
  readonly offsetMs: number
}

/** Nobody waits for what comes of it. */
export const NO_CALL = 0

export interface DatapathCall {
  /** Names the result; or NO_CALL. */
  readonly call: number
  readonly request: DatapathRequest
}

export type DatapathMessage =
  | {
      readonly kind: 'ready'
      readonly backend: 'io_uring' | 'epoll'
      readonly fallbackReason: string | undefined
    }
  | { readonly kind: 'result'; readonly call: number; readonly result: unknown }
  | { readonly kind: 'refused'; readonly call: number; readonly message: string }
  | { readonly kind: 'portGone'; readonly port: number; readonly errno: number }
  /** Of one burst, or more. */
  | { readonly kind: 'questions'; readonly questions: readonly DnsQuestion[] }

  /** A frame was too long for the way to a peer. */
  | { readonly kind: 'narrow' }
  /** Since they were told of last. */
  | { readonly kind: 'strangers'; readonly strangers: readonly Stranger[] }

  /** The ring of a capture is not empty any more. Once, until its reader waits again. */
  | { readonly kind: 'captured'; readonly capture: number }
  /** `missed`: frames that were not recorded for want of time, since the start. */
  | {
      readonly kind: 'followed'
      readonly follow: number
      readonly frames: readonly RecordedFrame[]
      readonly missed: number
    }

export interface DatapathWorkerData {
  readonly io: 'auto' | 'io_uring' | 'epoll'
  readonly slots: number | undefined
  /** Belongs to the main thread. */
  readonly wakeDescriptor: number
  readonly seed: number
  readonly ageingS: number | undefined
  readonly stations: number | undefined
  readonly stationsPerPort: number | undefined
  /** COUNTERS_SIZE bytes. The worker writes, everybody reads. */
  readonly counters: SharedArrayBuffer
}
