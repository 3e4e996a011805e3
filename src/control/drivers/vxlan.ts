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
import type { NetworkRecord } from '../model/records.ts'
import { vxlanDriver as vxlanRules } from '../rules/built-in-drivers.ts'
import { badOption } from '../rules/option-values.ts'
import { tunnelMtuDefault } from '../rules/tunnel-mtu.ts'
import { VXLAN_OPTION, vxlanOptions } from '../rules/vxlan-options.ts'
import type { DriverEndpoint, EndpointPlace, JoinedPlace, NetworkDriver, TunnelStatus } from './driver.ts'
import type { TunnelPlan } from './tunnel-domains.ts'
import { TunnelledDriver } from './tunnelled-driver.ts'

/** A peer that was learned is forgotten after this silence, which is looked for as often. */
export const LEARNED_PEER_AGEING_S = 600
const LEARNED_PEER_LOOK_MS = 30_000

/** How long to wait for a route to the first remote address, where that decides which address is ours. */
const ROUTE_LOOK_MS = 1000

export class VxlanDriver extends TunnelledDriver implements NetworkDriver {
  readonly rules = vxlanRules
  /** By network: what is done to its tunnel, one after the other. */
  readonly #lock = new KeyedLock()
  /** Networks that wait for a route, or have learned peers: each ends its timer. */
  readonly #timers = new Map<string, () => void>()

  join(endpoint: DriverEndpoint, place: EndpointPlace): Promise<JoinedPlace> {
    return this.endpoints.join(endpoint, place, this.mtuOf(endpoint.network))
  }

  tunnelOf(network: NetworkRecord): TunnelStatus {
    const status = this.tunnels.statusOf(network.id)
    if (status !== undefined) return status
    const { vni, udpPort, remotes } = vxlanOptions(network.options)
    const problem = `there is no route to ${remotes[0]}`
    return { vni, local: '', udpPort, mtu: this.mtuBefore(network), problem, peers: [] }
  }

  protected override async connect(network: NetworkRecord, patient: boolean): Promise<void> {
    const local = await this.#localAddress(network)
    if (local === undefined) {
      if (patient) return this.#awaitRoute(network)
      const { remotes } = vxlanOptions(network.options)
      throw new TapwireError(ErrorCode.tunnelUnusable, `there is no route to ${remotes[0]}`, {
        hint: "Name the address of this host's own that is to be sent from: -o local=ADDRESS",
      })
    }
    if (!patient) checkIsAnother(network, local)
    await this.tunnels.add(network, planOf(network, local), { patient })
    try {
      for (const remote of vxlanOptions(network.options).remotes) {
        await this.tunnels.addPeer(network.id, remote)
      }
      await this.domains.setMtu(network, this.tunnels.mtuOf(network.id)!)
    } catch (error) {
      await this.tunnels.remove(network.id)
      throw error
    }
  }

  protected override disconnect(network: NetworkRecord): Promise<void> {
    return this.#lock.run(network.id, async () => {
      this.#stopTimer(network)
      await this.tunnels.remove(network.id)
    })
  }

  protected override mtuBefore({ options }: NetworkRecord): number {
    const { mtu, local, remotes } = vxlanOptions(options)
    return mtu ?? tunnelMtuDefault(local ?? remotes[0] ?? '')
  }

  protected override mtuChanged(network: NetworkRecord): void {
    this.#told(network, () => this.followMtu(network))
  }

  async #localAddress(network: NetworkRecord): Promise<string | undefined> {
    const { local, remotes } = vxlanOptions(network.options)
    return local ?? (await this.parts.fabric.localAddressTo(remotes[0]!))
  }

  #awaitRoute(network: NetworkRecord): void {
    this.#setTimer(network, ROUTE_LOOK_MS, async () => {
      await this.connect(network, true)
      if (this.tunnels.mtuOf(network.id) !== undefined) this.tellMtu(network)
    })
  }

  /** Becomes a peer where the network learns them, and has room for one more. */
  protected override strangerSeen(network: NetworkRecord, address: string): void {
    if (!vxlanOptions(network.options).learnsPeers) return
    this.#told(network, async () => {
      if (this.tunnels.mtuOf(network.id) === undefined) return
      if (this.tunnels.peersOf(network.id).length >= VXLAN_PEERS_MAX) return
      await this.tunnels.addPeer(network.id, address)
      if (!this.#timers.has(network.id)) this.#lookForSilence(network)
    })
  }

  #learnedPeers({ id, options }: NetworkRecord): readonly string[] {
    const { remotes } = vxlanOptions(options)
    return this.tunnels.peersOf(id).flatMap(({ address }) => (remotes.includes(address) ? [] : [address]))
  }

  #lookForSilence(network: NetworkRecord): void {
    this.#setTimer(network, LEARNED_PEER_LOOK_MS, async () => {
      const learned = new Set(this.#learnedPeers(network))
      const domain = this.parts.registry.domainOf(network.id)
      for (const { address, domain: of, idleS } of await this.parts.fabric.peers()) {
        const isSilent = (idleS ?? Number.POSITIVE_INFINITY) > LEARNED_PEER_AGEING_S
        if (of !== domain || !isSilent || !learned.delete(address)) continue
        await this.tunnels.removePeer(network.id, address)
      }
      if (learned.size > 0) this.#lookForSilence(network)
    })
  }

  #setTimer(network: NetworkRecord, ms: number, task: () => Promise<void>): void {
    const cancel = this.parts.surroundings.after(ms, () => {
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
      if (this.parts.registry.domainOf(network.id) === undefined) return
      try {
        await task()
      } catch (error) {
        this.parts.warn(error, `the tunnel of network ${network.name} could not follow a change`)
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
