/**
 * What the control plane asks of the machine. The daemon implements it with namespaces, processes and the data path's
 * worker; a test may implement it in memory, and fail any one step.
 *
 * Every call either has its full effect, or throws and has none.
 */

import type { Duplex } from 'node:stream'
import type { ImpairmentCounts, ImpairmentSettings } from '../../datapath/impairment/impairment-settings.ts'
import type { LogEntry } from '../api/sandbox.ts'
import type { Stats } from '../api/switch.ts'
import type { LogOptions } from '../control-plane.ts'
import type { LinkDirections } from '../rules/impairment.ts'
import type {
  FabricDnsLog,
  FabricDnsStats,
  FabricNamedHost,
  FabricQuestion,
  FabricResolution,
  FabricResolver,
  FabricZone,
} from './names.ts'
import type { FabricServices } from './services.ts'
import type { FabricTunnels } from './tunnels.ts'

/** The switch: bridge domains and the TAPs that are its ports. */
export interface Fabric extends FabricTunnels, FabricServices {
  addDomain(domain: number, settings: DomainSettings): Promise<void>
  /** The domain has no ports left. */
  removeDomain(domain: number): Promise<void>
  /** Opens the TAP in its namespace, or takes it up again where it is there already, and forwards for it from here on. */
  addPort(port: FabricPort): Promise<void>
  /**
   * No frame of the port is forwarded from here on. Its TAP stays, without a carrier, until it is deleted by name in its
   * namespace: that takes the kernel its time, which the switch must not wait for. One that is gone already is no error.
   */
  removePort(port: number): Promise<void>
  /**
   * What the port's link does to frames from here on; undefined: nothing. That of the uplink is kept while there is none, and holds
   * again when there is. `directions`: those that change; the other one may begin its random numbers anew, and need not. Throws where
   * there is no such port.
   */
  setImpairment(
    port: number | 'uplink',
    impairment: FabricImpairment | undefined,
    directions?: LinkDirections,
  ): Promise<void>
  /** Bytes of IP packet that are sent to the port from here on. What its interface is set to is its namespace's matter. */
  setPortMtu(port: number, mtu: number): Promise<void>
  /** What impaired links have done since they became so; others are left out. */
  impairmentCounts(): Promise<readonly FabricImpairmentCounts[]>
  /** A frame as though the port's station had sent it: an announcement of its address. */
  inject(port: number, frame: Uint8Array): Promise<void>
  /**
   * The same for several, one after the other. Resolves to how many of them were dropped for which reason, by its name in DROP_REASONS; what becomes
   * of their copies on the way out is not in it.
   */
  injectAll(frames: readonly FabricFrame[]): Promise<Readonly<Record<string, number>>>
  /** Called when a TAP has vanished without our doing; the port is no more. */
  onPortGone(listener: (port: number) => void): void
  /** All stations that the switch knows. */
  stations(): Promise<readonly FabricStation[]>
  /** Forgets the stations that were learned of a port, or of all ports of a domain; resolves to how many they were. */
  flushPort(port: number): Promise<number>
  flushDomain(domain: number): Promise<number>
  /** The counters as they are now. */
  stats(): FabricStats

  /** Gives a domain its gateway, changes it, or takes it away. */
  setGateway(domain: number, gateway: FabricGateway | undefined): Promise<void>
  /** Frames for the published ports go to the sandbox from here on. Throws LIMIT_REACHED. */
  publish(range: PublishedRange): Promise<void>
  /** And no more: connections by these ports end. Resolves to how many they were. */
  unpublish(id: number): Promise<number>
  /** On a domain without icc: lets a sandbox reach a port of another one. */
  permit(permit: LinkPermit): Promise<void>
  withdraw(permit: number): Promise<void>
  /**
   * Connects the machine's interface that a macvlan network has for its parent; its addresses stay the machine's. Where it vanishes
   * or goes down it is connected anew when it is back. Throws PARENT_UNUSABLE.
   */
  addParentPort(port: ParentPort): Promise<ParentFacts>
  /**
   * Sets the way out of all networks, or takes it away. Throws UPLINK_UNUSABLE and leaves the one that was. A `patient` one is set where
   * it cannot be had now as well: it is down, for that reason, until it can.
   */
  setUplink(uplink: UplinkSpec | undefined, options?: { readonly patient?: boolean }): Promise<void>
  uplink(): UplinkState
  /** Connections that the router follows, at most `limit`. */
  flows(filter: FlowFilter, limit: number): Promise<FabricFlows>
  /** Ends those that match; resolves to how many they were. */
  flushFlows(filter: FlowFilter): Promise<number>
  natStats(): Promise<FabricNatStats>
  /** Neighbours of the router. */
  neighbours(): Promise<readonly FabricNeighbour[]>
  /** What would become of a frame that arrived at `port` now. Nothing is sent and nothing learned. */
  explain(port: number, frame: Uint8Array): Promise<readonly ExplainStep[]>

  /** Gives a domain names, changes how they are told, or takes them away. */
  setZone(domain: number, zone: FabricZone | undefined): Promise<void>
  /** What an endpoint is called from here on, in place of what it was called; undefined: nothing. Throws LIMIT_REACHED. */
  setNamedHost(id: number, host: FabricNamedHost | undefined): Promise<void>
  /** From where a sandbox's questions are answered from here on; undefined: they are refused. Throws SANDBOX_START where it cannot listen. */
  setResolver(id: number, resolver: FabricResolver | undefined): Promise<void>
  /** Asks as the sandbox would. */
  resolve(question: FabricQuestion): Promise<FabricResolution>
  dnsStats(): Promise<FabricDnsStats>
  /** What was asked behind entry `after`, oldest first. */
  dnsLog(after: number, limit: number): Promise<FabricDnsLog>
  /** Forgets answers from outside; resolves to how many they were. */
  flushDnsCache(): Promise<number>
}

export interface FabricFrame {
  readonly port: number
  readonly frame: Uint8Array
}

/** Undefined: as good as the switch. */
export interface FabricImpairment {
  /** Of frames that arrive from the port. */
  readonly from?: ImpairmentSettings | undefined
  /** Of frames that leave by it. */
  readonly to?: ImpairmentSettings | undefined
}

export interface FabricImpairmentCounts {
  readonly port: number | 'uplink'
  readonly from?: ImpairmentCounts | undefined
  readonly to?: ImpairmentCounts | undefined
}

/** The router's place on a network. */
export interface FabricGateway {
  /** `172.17.0.1`. */
  readonly address: string
  readonly prefixLength: number
  readonly mac: string
  readonly mtu: number
  readonly mode: 'nat' | 'nat-unprotected' | 'routed'
  readonly internal: boolean
  readonly masquerade: boolean
  /** The address that what goes out has for its source; empty for the uplink's own. */
  readonly hostIpv4: string
  readonly proxyArp: boolean
  /** Port of the host's own TAP on the network. */
  readonly hostPort?: number | undefined
  /** The network plays the world: its gateway's address is the one that ports are published on. */
  readonly uplink: boolean
}

export interface PublishedRange {
  /** Chosen by the caller, above 0, of no other range that is published. */
  readonly id: number
  readonly protocol: 'tcp' | 'udp'
  /** Empty for all addresses of the router. In a routed network the sandbox's own. */
  readonly address: string
  readonly first: number
  readonly last: number
  readonly target: {
    readonly address: string
    readonly first: number
    readonly domain: number
    /** -1 where the address is a service's: its backends have ports. */
    readonly port: number
  }
}

export interface LinkPermit {
  readonly id: number
  readonly domain: number
  readonly client: string
  readonly server: string
  readonly protocol: 'tcp' | 'udp'
  readonly port: number
}

export interface ParentPort {
  readonly port: number
  readonly domain: number
  /** Name of an interface in the daemon's own namespace. One of a VLAN (`eth0.10`) is made where it is not there, and goes with the port. */
  readonly interface: string
  /** Bytes of IP packet; undefined for as much as the interface takes. */
  readonly mtu: number | undefined
  /** Where the interface is not there it is waited for. */
  readonly patient: boolean
  /** Frames to the interface's own address are the network's too, and not the machine's alone. */
  readonly passthru: boolean
}

export interface ParentFacts {
  /** Bytes of IP packet that pass: of the interface, or of Ethernet where it is not there. */
  readonly mtu: number
}

export type UplinkSpec =
  /** An interface of the daemon's own namespace, whose address is shared; empty is the one of the default route. */
  | { readonly kind: 'nic'; readonly interface: string }
  /** A TAP of our own in any namespace, with an address that is ours alone. */
  | {
      readonly kind: 'tap'
      readonly name: string
      /** Path; empty is the daemon's own. */
      readonly namespace: string
      readonly address: string
      readonly prefixLength: number
      /** Next hop of all that is not on the link; empty where there is none. */
      readonly gateway: string
      readonly mtu: number
    }

export interface UplinkState {
  /** Undefined: there is none. */
  readonly spec: UplinkSpec | undefined
  /** Whether frames pass now; `reason` says why not, empty where they do. */
  readonly up: boolean
  readonly reason: string
  readonly interface: string
  readonly mac: string
  readonly address: string
  readonly prefixLength: number
  readonly gateway: string
  readonly mtu: number
  /** Ports that sources are translated to. */
  readonly ports: readonly [number, number]
  /** The bridge domain, and the port of the switch, that what comes from outside arrives in; undefined where there is none. */
  readonly domain?: number | undefined
  readonly port?: number | undefined
}

export interface FlowFilter {
  readonly protocol?: 'tcp' | 'udp' | 'icmp' | undefined
  /** Of either end, before or after translation. */
  readonly address?: string | undefined
  readonly port?: number | undefined
  /** Connections of sandboxes that are these ports of the switch, or that concern these domains. */
  readonly ports?: readonly number[] | undefined
  readonly domains?: readonly number[] | undefined
}

export interface FlowTuple {
  readonly source: string
  readonly destination: string
  /** 0 where the protocol has none; ICMP's identifier in both. */
  readonly sourcePort: number
  readonly destinationPort: number
  /** The domain that such packets come from. */
  readonly domain: number
  readonly packets: number
}

export interface FabricFlow {
  /** Of the connection, while it is there; another one may have it afterwards. */
  readonly number: number
  readonly protocol: 'tcp' | 'udp' | 'icmp'
  readonly state: string
  /** As the first packet arrived, and as its answers arrive. */
  readonly original: FlowTuple
  readonly reply: FlowTuple
  readonly expiresS: number
  /** Port of the switch that the connection is charged to. */
  readonly owner: number
  /** Of the published range, 0 where none. */
  readonly mapping: number
  /** Of the service that has chosen the backend, 0 where none. */
  readonly service: number
}

export interface FabricFlows {
  readonly flows: readonly FabricFlow[]
  /** How many match in all. */
  readonly total: number
}

export interface FabricNatStats {
  readonly flows: number
  readonly capacity: number
  readonly perOwner: number
  readonly created: number
  readonly expired: number
  readonly evicted: number
  /** Connections that were not begun because the sandbox, or the whole table, had no room. */
  readonly refusedQuota: number
  readonly refusedFull: number
  readonly byProtocol: Readonly<Record<'tcp' | 'udp' | 'icmp', number>>
  readonly publishedRanges: number
  readonly icmpErrorsSent: number
}

export interface FabricNeighbour {
  readonly domain: number
  readonly address: string
  /** Empty while it is not known. */
  readonly mac: string
  readonly state: string
}

/** One decision on a frame's way, in the order of the way. */
export interface ExplainStep {
  /** `ingress`, `guard`, `bridge`, `router`, `flow`, `published-port`, `policy`, `source-nat`, `route`, `neighbour`, `egress` … */
  readonly stage: string
  /** A stable word: `accept`, `drop`, `forward`, `flood`, `new-flow`, `translate` … */
  readonly verdict: string
  /** The drop reason's name, where the verdict is `drop`. */
  readonly reason?: string | undefined
  /** What was looked at and found: addresses, ports, domains, by name. */
  readonly values: Readonly<Record<string, string | number | boolean>>
}

export interface FabricStation {
  readonly domain: number
  readonly port: number
  readonly mac: string
  /** Seconds since its last frame. */
  readonly ageS: number
  readonly static: boolean
}

/** Stats, before anybody knows whose the ports are. */
export type FabricStats = Omit<Stats, 'ports'> & {
  readonly ports: readonly Pick<Stats['ports'][number], 'port' | 'received' | 'transmitted' | 'dropped'>[]
}

export interface DomainSettings {
  readonly transparent: boolean
  /** Whether its sandboxes may talk to one another. */
  readonly icc: boolean
}

export interface FabricPort {
  readonly port: number
  readonly domain: number
  /** Path of the network namespace; empty is the daemon's own. */
  readonly namespace: string
  readonly name: string
  readonly mac: string
  /** Bytes of IP packet. */
  readonly mtu: number
  readonly offload: boolean
  /** Of its link, before its first frame. */
  readonly impairment?: FabricImpairment | undefined
  /** Frames from any other MAC address than the port's own, or IP address than these, are dropped; undefined lets all pass. */
  readonly guard?: { readonly ipv4: readonly string[]; readonly ipv6: readonly string[] } | undefined
  /** The switch knows the MAC address from the start and never forgets it: who is silent for long is found nevertheless. */
  readonly fixed?: boolean | undefined
  /**
   * The daemon's own end of a network, and no sandbox's: it goes with the daemon, is made anew where somebody deletes it, and icc does
   * not concern it.
   */
  readonly host?: boolean | undefined
  /** Of a host's port: what the interface has for its addresses, `172.17.0.1/16`. */
  readonly addresses?: readonly string[] | undefined
  /** Of a host's port: where it cannot be made now, that is tried again until it can. */
  readonly patient?: boolean | undefined
}

/** The machine's own ports, which published ones take. */
export interface HostPorts {
  /**
   * Reserves host ports and relays what local programs send there. All ports of the range, or throws TapwireError
   * PORT_IN_USE (or NOT_PERMITTED, PORT_INVALID, LIMIT_REACHED) in Docker's words, which name address and port, and has none.
   * Only where a port is in use another one may do.
   */
  open(request: HostPortRequest): Promise<HostPortReservation>
  /** Linux's ephemeral range and what is reserved of it. */
  ephemeralPorts(): {
    readonly first: number
    readonly last: number
    readonly reserved: readonly (readonly [number, number])[]
  }
}

export interface HostPortRequest {
  /** Empty for all, of IPv4 and IPv6; `0.0.0.0` and `::` for all of one family. */
  readonly address: string
  readonly protocol: 'tcp' | 'udp'
  readonly first: number
  readonly last: number
  /** The first port leads to `first`, the next to the next. */
  readonly target: { readonly address: string; readonly first: number }
}

export interface HostPortReservation {
  /** Gives the ports back, and ends the connections that were relayed. */
  close(): Promise<void>
}

/** Makes and finds the sandboxes' namespaces and processes. */
export interface SandboxHost {
  /** Makes the namespaces and their holder; no command runs yet. Throws SANDBOX_START and leaves nothing. */
  create(plan: SandboxPlan): Promise<RunningSandbox>
  /** Takes up again what an earlier daemon made; undefined where it has ended or was never there. */
  adopt(id: string): Promise<RunningSandbox | undefined>
  /** The last exit that the holder noted of a sandbox that has ended; undefined where it could not. */
  lastExit(id: string): SandboxExit | undefined
  /** Ends and removes all that is left of a sandbox, its log too if `log`. There may be nothing. */
  remove(id: string, what: { readonly log: boolean }): Promise<void>
  /** Ids of the sandboxes of which there is anything: processes, namespaces, files. */
  present(): readonly string[]
  /** The sandbox's log file, whether or not it is there. */
  logPath(id: string): string
  /** What the sandbox has printed. With `follow` it goes on until the sandbox has ended, or `signal` aborts. */
  logs(id: string, options: LogOptions, signal: AbortSignal): AsyncIterable<LogEntry>
}

export interface SandboxPlan {
  readonly id: string
  readonly hostname: string
  /** `own`, `host` is the daemon's own, or the id of the sandbox whose network it shares. */
  readonly network: 'own' | 'host' | { readonly sandbox: string }
  readonly files: SandboxFiles
}

/** What the sandbox sees in /etc; undefined leaves the machine's own. */
export interface SandboxFiles {
  readonly hosts?: string | undefined
  readonly resolvConf?: string | undefined
  readonly hostname?: string | undefined
}

export interface SandboxExit {
  /** 128 and the signal's number where a signal ended it. */
  readonly exitCode: number
  /** RFC 3339. */
  readonly finishedAt: string
}

export interface CommandPlan {
  /** Empty: the sandbox is idle. */
  readonly command: readonly string[]
  readonly environment: readonly string[]
  readonly workingDirectory: string
  readonly tty: boolean
  readonly openStdin: boolean
}

export interface RunningSandbox {
  readonly id: string
  /** Path of its network namespace, `/run/netns/tw-…`; the daemon's own in host mode. */
  readonly networkNamespace: string
  /** Of the command, or of the holder where there is none. */
  readonly pid: number
  /** Resolves when the command, or the holder of an idle sandbox, has ended. */
  readonly exited: Promise<SandboxExit>
  /** Starts the command; resolves to its process id. Throws COMMAND_NOT_FOUND (exit code 127) or COMMAND_NOT_EXECUTABLE (126). */
  start(plan: CommandPlan): Promise<number>
  /** To the command; to the holder where there is none. */
  signal(signal: NodeJS.Signals): void
  /** Addresses, MTU, routes: what `ip -batch` takes, applied in the namespace in one go. */
  configure(commands: readonly string[]): Promise<void>
  /**
   * Names of the persistent TAPs of ours in its namespace that no process has open: what a daemon that was killed has left there,
   * or what a switch has just left. With `mac` only those that have this address.
   */
  idleTaps(mac?: string): Promise<readonly string[]>
  /** Sets sysctls of the network namespace, `net.ipv4.conf.eth0.forwarding` to `1`. */
  setSysctls(values: Readonly<Record<string, string>>): Promise<void>
  /** Writes them anew, in place: who has them open sees the change. A file that the user has changed meanwhile is left alone. */
  writeFiles(files: SandboxFiles): void
  /** The command's standard streams, framed as native/shim/README.md says. Several may be open. */
  attach(): Promise<Duplex>
  /** Runs another command in the sandbox; the stream is framed like attach's and ends with the exit frame. */
  exec(plan: CommandPlan): Promise<Duplex>
}

/** What the control plane needs and must not find for itself, so that a test can decide it. */
export interface Surroundings {
  /** Milliseconds since 1970. */
  now(): number
  /** Cryptographically random. */
  randomBytes(count: number): Uint8Array
  /** Calls back once after `ms`; the function returned cancels. */
  after(ms: number, callback: () => void): () => void
  /** The text of the machine's own /etc/resolv.conf and /etc/hosts; empty where there is none. */
  hostResolvConf(): string
  hostHosts(): string
  hostHostname(): string
  /** Prefixes that the machine itself has a route to, and its nameservers: default pools stay clear of them. */
  reservedPrefixes(): Promise<readonly string[]>
}
