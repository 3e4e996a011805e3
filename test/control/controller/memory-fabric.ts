import { ErrorCode, TapwireError } from '../../../src/control/errors.ts'
import type {
  DomainSettings,
  ExplainStep,
  Fabric,
  FabricFlows,
  FabricFrame,
  FabricGateway,
  FabricImpairment,
  FabricImpairmentCounts,
  FabricNatStats,
  FabricNeighbour,
  FabricPort,
  FabricStation,
  FabricStats,
  FlowFilter,
  LinkPermit,
  ParentFacts,
  ParentPort,
  PublishedRange,
  UplinkSpec,
  UplinkState,
} from '../../../src/control/model/machine.ts'
import type {
  FabricDnsLog,
  FabricDnsStats,
  FabricNamedHost,
  FabricQuestion,
  FabricResolution,
  FabricResolver,
  FabricZone,
} from '../../../src/control/model/names.ts'
import type { FabricService } from '../../../src/control/model/services.ts'
import type {
  FabricOverlay,
  FabricPeer,
  FabricPeerFacts,
  FabricPeerState,
  FabricRemote,
  FabricTunnel,
  FabricTunnelFacts,
  FabricTunnelNews,
  FabricTunnelState,
} from '../../../src/control/model/tunnels.ts'
import type { LinkDirections } from '../../../src/control/rules/impairment.ts'
import { parentMissing } from '../../../src/control/rules/macvlan-options.ts'
import { MTU_DEFAULT, MTU_MAX } from '../../../src/limits.ts'
import type { MemoryNamespace } from './memory-namespace.ts'
import { MemoryRouter } from './memory-router.ts'
import { MemoryTunnels } from './memory-tunnels.ts'

const TEN_PASSED: NonNullable<FabricImpairmentCounts['from']> = {
  passed: 10,
  lost: 0,
  duplicated: 0,
  reordered: 0,
  corrupted: 0,
  queueFull: 0,
  down: 0,
  waiting: 0,
}

/** Runs one step that changes something outside the daemon, or makes it fail. */
export type Step = <T>(name: string, apply: () => T) => Promise<T>

/** The switch of one daemon. */
export class MemoryFabric implements Fabric {
  readonly domains = new Map<number, DomainSettings>()
  readonly ports = new Map<number, FabricPort>()
  readonly injected: { port: number; frame: Uint8Array }[] = []
  readonly tunnelling: MemoryTunnels
  readonly #step: Step
  readonly #namespaceAt: (path: string) => MemoryNamespace
  #gone: (port: number) => void = () => undefined

  constructor(step: Step, namespaceAt: (path: string) => MemoryNamespace) {
    this.#step = step
    this.#namespaceAt = namespaceAt
    this.tunnelling = new MemoryTunnels(step, this)
  }

  addDomain(domain: number, settings: DomainSettings): Promise<void> {
    return this.#step('addDomain', () => {
      if (this.domains.has(domain)) throw new Error(`domain ${domain} is there already`)
      this.domains.set(domain, settings)
    })
  }

  removeDomain(domain: number): Promise<void> {
    return this.#step('removeDomain', () => {
      const ports = [...this.ports.values(), ...this.parents.values()]
      if (ports.some((port) => port.domain === domain)) throw new Error('it has ports')
      if (this.gateways.has(domain)) throw new Error('it has a gateway')
      if (this.zones.has(domain)) throw new Error('it has names')
      if (this.tunnelling.overlays.has(domain)) throw new Error('it goes on behind a tunnel')
      if (!this.domains.delete(domain)) throw new Error(`there is no domain ${domain}`)
    })
  }

  addPort(port: FabricPort): Promise<void> {
    return this.#step('addPort', () => {
      if (this.ports.has(port.port) || this.tunnelling.peers.has(port.port))
        throw new Error(`port ${port.port} is there already`)
      if (!this.domains.has(port.domain)) throw new Error(`there is no domain ${port.domain}`)
      if (port.host === true) this.#openHostInterface(port)
      else this.#namespaceAt(port.namespace).openTap(port.name, port.mac, port.mtu)
      this.ports.set(port.port, port)
    })
  }

  /** It is the daemon's own, and goes with it. */
  #openHostInterface({ name, mtu, patient }: FabricPort): void {
    if (this.interfaces.has(name) && patient !== true) throw new Error(`${name}: Device or resource busy`)
    this.interfaces.set(name, mtu)
  }

  setPortMtu(number: number, mtu: number): Promise<void> {
    return this.#step('setPortMtu', () => {
      const port = this.ports.get(number)
      if (port === undefined) throw new Error(`there is no port ${number}`)
      this.ports.set(number, { ...port, mtu })
    })
  }

  openTunnel(tunnel: FabricTunnel): Promise<FabricTunnelFacts> {
    return this.tunnelling.openTunnel(tunnel)
  }

  closeTunnel(port: number): Promise<void> {
    return this.tunnelling.closeTunnel(port)
  }

  setOverlay(domain: number, overlay: FabricOverlay | undefined): Promise<void> {
    return this.tunnelling.setOverlay(domain, overlay)
  }

  addPeer(peer: FabricPeer): Promise<FabricPeerFacts> {
    return this.tunnelling.addPeer(peer)
  }

  removePeer(port: number): Promise<void> {
    return this.tunnelling.removePeer(port)
  }

  setRemote(domain: number, mac: string, remote: FabricRemote | undefined): Promise<void> {
    return this.tunnelling.setRemote(domain, mac, remote)
  }

  peers(): Promise<readonly FabricPeerState[]> {
    return this.tunnelling.list()
  }

  tunnels(): readonly FabricTunnelState[] {
    return this.tunnelling.tunnels()
  }

  async localAddressTo(): Promise<string | undefined> {
    return this.tunnelling.local
  }

  onTunnel(listener: (news: FabricTunnelNews) => void): () => void {
    return this.tunnelling.onTunnel(listener)
  }

  setImpairment(
    port: number | 'uplink',
    impairment: FabricImpairment | undefined,
    directions: LinkDirections = 'both',
  ): Promise<void> {
    const changed = (before: FabricImpairment | undefined): FabricImpairment | undefined => {
      const from = directions === 'to' ? before?.from : impairment?.from
      const to = directions === 'from' ? before?.to : impairment?.to
      return from === undefined && to === undefined ? undefined : { ...(from && { from }), ...(to && { to }) }
    }
    return this.#step('setImpairment', () => {
      this.impaired.push(directions)
      if (port === 'uplink') {
        this.uplinkImpairment = changed(this.uplinkImpairment)
        return
      }
      const there = this.ports.get(port)
      if (there === undefined) throw new Error(`there is no port ${port}`)
      this.ports.set(port, { ...there, impairment: changed(there.impairment) })
    })
  }

  /** Ten frames have passed each way. */
  async impairmentCounts(): Promise<readonly FabricImpairmentCounts[]> {
    const places = [...this.ports.values()].map(({ port, impairment }) => [port, impairment] as const)
    const all = [...places, ['uplink', this.uplinkImpairment] as const]
    return all.flatMap(([port, impairment]) =>
      impairment === undefined
        ? []
        : [
            {
              port,
              ...(impairment.from && { from: TEN_PASSED }),
              ...(impairment.to && { to: TEN_PASSED }),
            },
          ],
    )
  }

  removePort(number: number): Promise<void> {
    return this.#step('removePort', () => {
      if (this.parents.delete(number)) return
      const port = this.ports.get(number)
      this.ports.delete(number)
      if (port?.host === true) this.interfaces.delete(port.name)
      else if (port !== undefined) this.#namespaceAt(port.namespace).closeTap(port.name)
    })
  }

  async inject(port: number, frame: Uint8Array): Promise<void> {
    if (!this.ports.has(port)) throw new Error(`there is no port ${port}`)
    this.injected.push({ port, frame })
  }

  async injectAll(frames: readonly FabricFrame[]): Promise<Readonly<Record<string, number>>> {
    for (const { port, frame } of frames) await this.inject(port, frame)
    return {}
  }

  onPortGone(listener: (port: number) => void): void {
    this.#gone = listener
  }

  /** Somebody deletes the interface of a port in its namespace. */
  lose(number: number): void {
    const port = this.ports.get(number)!
    this.ports.delete(number)
    this.#namespaceAt(port.namespace).configure([`link delete dev ${port.name}`])
    this.#gone(number)
  }

  /** Stations that are no ports', which a test puts in. */
  readonly learned: FabricStation[] = []

  async stations(): Promise<readonly FabricStation[]> {
    const own = [...this.ports.values()].map(({ port, domain, mac }) => ({
      port,
      domain,
      mac,
      ageS: 1,
      static: false,
    }))
    return [...own, ...this.learned]
  }

  /** Every port has one station. */
  async flushPort(port: number): Promise<number> {
    return this.ports.has(port) ? 1 : 0
  }

  async flushDomain(domain: number): Promise<number> {
    return [...this.ports.values()].filter((port) => port.domain === domain).length
  }

  readonly gateways = new Map<number, FabricGateway>()
  readonly published = new Map<number, PublishedRange>()
  readonly permits = new Map<number, LinkPermit>()
  readonly services = new Map<number, FabricService>()
  readonly parents = new Map<number, ParentPort>()
  /** Those of the machine, and their MTUs. */
  readonly interfaces = new Map<string, number>()
  uplinkSpec: UplinkSpec | undefined
  uplinkImpairment: FabricImpairment | undefined
  /** The directions of links that were changed while they were up. */
  readonly impaired: LinkDirections[] = []
  readonly router = new MemoryRouter(this)

  setGateway(domain: number, gateway: FabricGateway | undefined): Promise<void> {
    return this.#step('setGateway', () => {
      if (!this.domains.has(domain)) throw new Error(`there is no domain ${domain}`)
      if (gateway === undefined) this.gateways.delete(domain)
      else this.gateways.set(domain, gateway)
    })
  }

  publish(range: PublishedRange): Promise<void> {
    return this.#step('publish', () => {
      if (this.published.has(range.id)) throw new Error(`range ${range.id} is published already`)
      const isService = [...this.services.values()].some(({ address }) => address === range.target.address)
      if (!this.ports.has(range.target.port) && !(isService && range.target.port === -1))
        throw new Error(`there is no port ${range.target.port}`)
      for (const other of this.published.values()) {
        if (overlap(other, range)) throw new Error(`ranges ${other.id} and ${range.id} overlap`)
      }
      this.published.set(range.id, range)
    })
  }

  unpublish(id: number): Promise<number> {
    return this.#step('unpublish', () => {
      if (!this.published.delete(id)) throw new Error(`there is no range ${id}`)
      return 0
    })
  }

  setService(service: FabricService): Promise<void> {
    return this.#step('setService', () => {
      if (!this.domains.has(service.domain)) throw new Error(`there is no domain ${service.domain}`)
      for (const { id, address } of this.services.values()) {
        if (address === service.address && id !== service.id) throw new Error(`service ${id} has ${address}`)
      }
      this.services.set(service.id, service)
    })
  }

  removeService(id: number): Promise<void> {
    return this.#step('removeService', () => {
      if (!this.services.delete(id)) throw new Error(`there is no service ${id}`)
    })
  }

  permit(permit: LinkPermit): Promise<void> {
    return this.#step('permit', () => {
      if (!this.domains.has(permit.domain)) throw new Error(`there is no domain ${permit.domain}`)
      if (this.permits.has(permit.id)) throw new Error(`permit ${permit.id} is there already`)
      this.permits.set(permit.id, permit)
    })
  }

  withdraw(id: number): Promise<void> {
    return this.#step('withdraw', () => {
      if (!this.permits.delete(id)) throw new Error(`there is no permit ${id}`)
    })
  }

  addParentPort(port: ParentPort): Promise<ParentFacts> {
    return this.#step('addParentPort', () => {
      if (!this.domains.has(port.domain)) throw new Error(`there is no domain ${port.domain}`)
      if (this.parents.has(port.port)) throw new Error(`port ${port.port} is there already`)
      const mtu = this.interfaces.get(port.interface)
      if (mtu === undefined && !port.patient) {
        throw new TapwireError(ErrorCode.parentUnusable, parentMissing(port.interface))
      }
      this.parents.set(port.port, port)
      return { mtu: Math.min(port.mtu ?? MTU_MAX, mtu ?? MTU_DEFAULT) }
    })
  }

  setUplink(uplink: UplinkSpec | undefined): Promise<void> {
    return this.#step('setUplink', () => {
      this.uplinkSpec = uplink
    })
  }

  uplink(): UplinkState {
    return this.router.uplink()
  }

  async flows(filter: FlowFilter, limit: number): Promise<FabricFlows> {
    return this.router.list(filter, limit)
  }

  flushFlows(filter: FlowFilter): Promise<number> {
    return this.#step('flushFlows', () => this.router.flush(filter))
  }

  async natStats(): Promise<FabricNatStats> {
    return this.router.stats(this.published.size)
  }

  async neighbours(): Promise<readonly FabricNeighbour[]> {
    return this.router.neighbours
  }

  readonly zones = new Map<number, FabricZone>()
  readonly namedHosts = new Map<number, FabricNamedHost>()
  readonly resolvers = new Map<number, FabricResolver>()

  setZone(domain: number, zone: FabricZone | undefined): Promise<void> {
    return this.#step('setZone', () => {
      if (!this.domains.has(domain)) throw new Error(`there is no domain ${domain}`)
      const hosts = [...this.namedHosts.values()].filter((host) => host.domain === domain)
      if (zone === undefined && hosts.length > 0) throw new Error('it has named hosts')
      put(this.zones, domain, zone)
    })
  }

  setNamedHost(id: number, host: FabricNamedHost | undefined): Promise<void> {
    return this.#step('setNamedHost', () => {
      if (host !== undefined && !this.zones.has(host.domain)) throw new Error('its domain has no names')
      put(this.namedHosts, id, host)
    })
  }

  setResolver(id: number, resolver: FabricResolver | undefined): Promise<void> {
    return this.#step('setResolver', () => {
      for (const { domain } of resolver?.scopes ?? []) {
        if (!this.zones.has(domain)) throw new Error(`domain ${domain} has no names`)
      }
      for (const port of resolver?.ports ?? []) {
        if (!this.ports.has(port)) throw new Error(`there is no port ${port}`)
        const others = [...this.resolvers].filter(
          ([other, { ports }]) => other !== id && ports.includes(port),
        )
        if (others.length > 0) throw new Error(`port ${port} has a resolver`)
      }
      put(this.resolvers, id, resolver)
    })
  }

  /** What was asked; answered with nothing. */
  readonly questions: FabricQuestion[] = []
  resolution: FabricResolution = {
    rcode: 'NXDOMAIN',
    verdict: 'nxdomain',
    answers: [],
    additionals: [],
    steps: [],
    server: '',
    durationMs: 0,
  }
  dnsCounts: FabricDnsStats = {
    udp: 0,
    other: 0,
    verdicts: {},
    truncated: 0,
    pending: 0,
    names: 0,
    hosts: 0,
    cache: { entries: 0, capacity: 0, hits: 0, misses: 0, evicted: 0 },
    servers: [],
  }
  readonly dnsEntries: FabricDnsLog['entries'][number][] = []

  async resolve(question: FabricQuestion): Promise<FabricResolution> {
    if (!this.resolvers.has(question.resolver)) throw new Error(`there is no resolver ${question.resolver}`)
    this.questions.push(question)
    return this.resolution
  }

  async dnsStats(): Promise<FabricDnsStats> {
    return { ...this.dnsCounts, hosts: this.namedHosts.size }
  }

  async dnsLog(after: number, limit: number): Promise<FabricDnsLog> {
    const entries = this.dnsEntries.filter(({ sequence }) => sequence > after).slice(0, limit)
    return { entries, last: this.dnsEntries.at(-1)?.sequence ?? 0, lost: 0 }
  }

  async flushDnsCache(): Promise<number> {
    return this.dnsCounts.cache.entries
  }

  async explain(port: number, frame: Uint8Array): Promise<readonly ExplainStep[]> {
    return this.router.explain(port, frame)
  }

  stats(): FabricStats {
    const traffic = { frames: 0, bytes: 0 }
    const counts = {
      received: 0,
      forwarded: 0,
      flooded: 0,
      copies: 0,
      segments: 0,
      originated: 0,
      transmitted: 0,
      dropped: 0,
      consumed: 0,
      held: 0,
    }
    const ports = [...this.ports.keys(), ...this.tunnelling.peers.keys()].map((port) => ({
      port,
      received: traffic,
      transmitted: traffic,
      dropped: 0,
    }))
    return { at: 0, uptimeS: 0, totals: counts, ports, drops: [] }
  }
}

function overlap(a: PublishedRange, b: PublishedRange): boolean {
  const sameAddress = a.address === b.address || a.address === '' || b.address === ''
  return sameAddress && a.protocol === b.protocol && a.first <= b.last && b.first <= a.last
}

function put<T>(map: Map<number, T>, key: number, value: T | undefined): void {
  if (value === undefined) map.delete(key)
  else map.set(key, value)
}
