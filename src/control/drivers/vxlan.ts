/**
 * Networks that go on behind a VXLAN tunnel (RFC 7348) to other hosts, which the user names: Tapwire there, or anybody else who speaks it.
 *
 *     sandbox ─ TAP ─┐                                     ┌─ peer 192.0.2.2
 *                    ├─ bridge domain ─ tunnel 192.0.2.1 ──┤
 *     sandbox ─ TAP ─┘       └ router                      └─ peer 192.0.2.3
 *
 * The gateway's address is that of this host's router, on every host: nothing of it goes through the tunnel.
 */

import { VXLAN_PEERS_MAX } from '../../limits.ts'
import { KeyedLock } from '../controller/keyed-lock.ts'
import { ErrorCode, TapwireError } from '../errors.ts'
import type { Fabric, Surroundings } from '../model/machine.ts'
import type { NetworkRecord } from '../model/records.ts'
import { bridgeOptions } from '../rules/bridge-options.ts'
import { vxlanDriver as vxlanRules } from '../rules/built-in-drivers.ts'
import { badOption } from '../rules/option-values.ts'
import { tunnelMtuDefault } from '../rules/tunnel-mtu.ts'
import { VXLAN_OPTION, vxlanOptions } from '../rules/vxlan-options.ts'
import { BridgeDomains } from './bridge-domains.ts'
import { BridgeEndpoints } from './bridge-endpoints.ts'
import type {
  CreatedEndpoint,
  DriverEndpoint,
  EndpointPlace,
  JoinedPlace,
  NetworkDriver,
  TunnelStatus,
} from './driver.ts'
import type { SwitchRegistry } from './switch-registry.ts'
import { TunnelDomains, type TunnelPlan } from './tunnel-domains.ts'
import type { TunnelPool } from './tunnel-pool.ts'

/** A peer that was learned is forgotten after this silence, which is looked for as often. */
export const LEARNED_PEER_AGEING_S = 600
const LEARNED_PEER_LOOK_MS = 30_000

/** How long to wait for a route to the first remote address, where that decides which address is ours. */
const ROUTE_LOOK_MS = 1000

export interface VxlanParts {
  readonly fabric: Fabric
  readonly surroundings: Surroundings
  readonly registry: SwitchRegistry
  readonly pool: TunnelPool
  readonly warn: (error: unknown, message: string) => void
}

export class VxlanDriver implements NetworkDriver {
  readonly rules = vxlanRules
  readonly connects = true
  readonly #parts: VxlanParts
  readonly #domains: BridgeDomains
  readonly #endpoints: BridgeEndpoints
  readonly #tunnels: TunnelDomains
  /** By network: what is done to its tunnel, one after the other. */
  readonly #lock = new KeyedLock()
  /** Networks that wait for a route, or have learned peers: each ends its timer. */
  readonly #timers = new Map<string, () => void>()
  #mtuListener: (network: NetworkRecord) => void = () => undefined

  constructor(parts: VxlanParts) {
    const { fabric, surroundings, registry, pool } = parts
    this.#parts = parts
    this.#domains = new BridgeDomains(fabric, registry)
    this.#endpoints = new BridgeEndpoints(fabric, surroundings, registry)
    this.#tunnels = new TunnelDomains(fabric, registry, pool, {
      mtuChanged: (network) => this.#mtuChanged(network),
      strangerSeen: (network, address) => this.#strangerSeen(network, address),
    })
  }

  interfacePrefix(network: NetworkRecord): string {
    return bridgeOptions(network.options).interfacePrefix
  }

  async createNetwork(network: NetworkRecord, { again = false } = {}): Promise<void> {
    await this.#domains.add(network, again, mtuBefore(network))
    try {
      await this.#connect(network, again)
    } catch (error) {
      await this.#domains.remove(network)
      throw error
    }
    this.#endpoints.addNetwork(network)
  }

  async deleteNetwork(network: NetworkRecord): Promise<void> {
    await this.#lock.run(network.id, async () => {
      this.#stopTimer(network)
      await this.#tunnels.remove(network.id)
    })
    try {
      await this.#domains.remove(network)
    } catch (error) {
      await this.#connect(network, true)
      throw error
    }
    this.#endpoints.removeNetwork(network)
  }

  async createEndpoint(endpoint: DriverEndpoint): Promise<CreatedEndpoint> {
    return this.#endpoints.create(endpoint)
  }

  async deleteEndpoint(endpoint: DriverEndpoint): Promise<void> {
    this.#endpoints.delete(endpoint)
  }

  join(endpoint: DriverEndpoint, place: EndpointPlace): Promise<JoinedPlace> {
    return this.#endpoints.join(endpoint, place, this.tunnelOf(endpoint.network).mtu)
  }

  leave(endpoint: DriverEndpoint): Promise<void> {
    return this.#endpoints.leave(endpoint)
  }

  announce(endpoint: DriverEndpoint, frame: Uint8Array): Promise<void> {
    return this.#endpoints.announce(endpoint, frame)
  }

  operationalInfo(endpoint: DriverEndpoint): Readonly<Record<string, string>> {
    return this.#endpoints.operationalInfo(endpoint)
  }

  tunnelOf(network: NetworkRecord): TunnelStatus {
    const status = this.#tunnels.statusOf(network.id)
    if (status !== undefined) return status
    const { vni, udpPort, remotes } = vxlanOptions(network.options)
    const problem = `there is no route to ${remotes[0]}`
    return { vni, local: '', udpPort, mtu: mtuBefore(network), problem, peers: [] }
  }

  onMtu(listener: (network: NetworkRecord) => void): void {
    this.#mtuListener = listener
  }

  /** With `patient`, what is not there now is waited for. */
  async #connect(network: NetworkRecord, patient: boolean): Promise<void> {
    const local = await this.#localAddress(network)
    if (local === undefined) {
      if (patient) return this.#awaitRoute(network)
      const { remotes } = vxlanOptions(network.options)
      throw new TapwireError(ErrorCode.tunnelUnusable, `there is no route to ${remotes[0]}`, {
        hint: "Name the address of this host's own that is to be sent from: -o local=ADDRESS",
      })
    }
    if (!patient) checkIsAnother(network, local)
    await this.#tunnels.add(network, planOf(network, local), { patient })
    try {
      for (const remote of vxlanOptions(network.options).remotes) {
        await this.#tunnels.addPeer(network.id, remote)
      }
      await this.#domains.setMtu(network, this.#tunnels.mtuOf(network.id)!)
    } catch (error) {
      await this.#tunnels.remove(network.id)
      throw error
    }
  }

  async #localAddress(network: NetworkRecord): Promise<string | undefined> {
    const { local, remotes } = vxlanOptions(network.options)
    return local ?? (await this.#parts.fabric.localAddressTo(remotes[0]!))
  }

  #awaitRoute(network: NetworkRecord): void {
    this.#setTimer(network, ROUTE_LOOK_MS, async () => {
      await this.#connect(network, true)
      if (this.#tunnels.mtuOf(network.id) !== undefined) this.#mtuListener(network)
    })
  }

  #mtuChanged(network: NetworkRecord): void {
    this.#told(network, async () => {
      const mtu = this.#tunnels.mtuOf(network.id)
      if (mtu === undefined) return
      await this.#domains.setMtu(network, mtu)
      this.#mtuListener(network)
    })
  }

  /** Becomes a peer where the network learns them, and has room for one more. */
  #strangerSeen(network: NetworkRecord, address: string): void {
    if (!vxlanOptions(network.options).learnsPeers) return
    this.#told(network, async () => {
      if (this.#tunnels.mtuOf(network.id) === undefined) return
      if (this.#tunnels.peersOf(network.id).length >= VXLAN_PEERS_MAX) return
      await this.#tunnels.addPeer(network.id, address)
      if (!this.#timers.has(network.id)) this.#lookForSilence(network)
    })
  }

  #learnedPeers({ id, options }: NetworkRecord): readonly string[] {
    const { remotes } = vxlanOptions(options)
    return this.#tunnels.peersOf(id).flatMap(({ address }) => (remotes.includes(address) ? [] : [address]))
  }

  #lookForSilence(network: NetworkRecord): void {
    this.#setTimer(network, LEARNED_PEER_LOOK_MS, async () => {
      const learned = new Set(this.#learnedPeers(network))
      const domain = this.#parts.registry.domainOf(network.id)
      for (const { address, domain: of, idleS } of await this.#parts.fabric.peers()) {
        const isSilent = (idleS ?? Number.POSITIVE_INFINITY) > LEARNED_PEER_AGEING_S
        if (of !== domain || !isSilent || !learned.delete(address)) continue
        await this.#tunnels.removePeer(network.id, address)
      }
      if (learned.size > 0) this.#lookForSilence(network)
    })
  }

  #setTimer(network: NetworkRecord, ms: number, task: () => Promise<void>): void {
    const cancel = this.#parts.surroundings.after(ms, () => {
      this.#timers.delete(network.id)
      this.#told(network, task)
    })
    this.#timers.set(network.id, cancel)
  }

  #stopTimer({ id }: NetworkRecord): void {
    this.#timers.get(id)?.()
    this.#timers.delete(id)
  }

  /** What follows from something that the machine said, and that nobody waits for. Nothing where the network is gone by then. */
  #told(network: NetworkRecord, task: () => Promise<void>): void {
    void this.#lock.run(network.id, async () => {
      if (this.#parts.registry.domainOf(network.id) === undefined) return
      try {
        await task()
      } catch (error) {
        this.#parts.warn(error, `the tunnel of network ${network.name} could not follow a change`)
      }
    })
  }
}

function planOf(network: NetworkRecord, local: string): TunnelPlan {
  const { vni, udpPort, ttl, dscp, learns, floods, mtu } = vxlanOptions(network.options)
  return {
    tunnel: { local, udpPort, ttl, dscp },
    // Nobody says which addresses remote stations have.
    overlay: { vni, learns, floods, suppressesArp: false },
    mtu,
  }
}

/** What the options cannot say where the route decides on the address here: a host would send to itself. Throws TUNNEL_UNUSABLE. */
function checkIsAnother({ options }: NetworkRecord, local: string): void {
  if (!vxlanOptions(options).remotes.includes(local)) return
  throw new TapwireError(
    ErrorCode.tunnelUnusable,
    badOption(VXLAN_OPTION.remote, local, "this host's own address"),
  )
}

/** Before anything is known of the ways. */
function mtuBefore(network: NetworkRecord): number {
  const { mtu, local, remotes } = vxlanOptions(network.options)
  return mtu ?? tunnelMtuDefault(local ?? remotes[0] ?? '')
}
