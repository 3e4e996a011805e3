/**
 * Tunnels of the machine's own network namespace, and the networks that go on behind them. Sockets are opened here and belong to the data
 * path's worker from then on. The machine is looked at once a second, without sending anything:
 *
 *     tunnel    is its address there? are its sockets open? ──► opened again, told to the log
 *     peer      what does the route to it take?             ──► told to the data path and to the control plane
 */

import { ErrorCode, TapwireError } from '../../control/errors.ts'
import {
  fabricPeer,
  overlaySettings,
  remoteSettings,
  tunnelSettings,
} from '../../control/fabric/tunnel-translation.ts'
import { underlayBytes, underlayText } from '../../control/fabric/underlay-address.ts'
import { normalAddress } from '../../control/ip-address.ts'
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
  FabricTunnels,
} from '../../control/model/tunnels.ts'
import { tunnelMtuDefault } from '../../control/rules/tunnel-mtu.ts'
import { MTU_MAX, PEER_MTU_MIN } from '../../limits.ts'
import type { Datapath } from '../datapath.ts'
import type { Log } from '../log.ts'
import { type TunnelMachine, tunnelMachine } from './tunnel-machine.ts'

/** Of the data path, what tunnels need. */
export type TunnelSwitch = Pick<
  Datapath,
  | 'addTunnel'
  | 'attachTunnel'
  | 'removeTunnel'
  | 'setOverlay'
  | 'addPeer'
  | 'removePeer'
  | 'setPeerMtu'
  | 'setRemote'
  | 'peers'
>

interface Tunnel {
  readonly settings: FabricTunnel
  isOpen: boolean
  /** Why nothing passes; empty where it does. */
  problem: string
}

interface Peer {
  readonly settings: FabricPeer
  readonly tunnel: Tunnel
  /** Undefined while there is no way. */
  mtu: number | undefined
}

export class Tunnels implements FabricTunnels {
  readonly #switch: TunnelSwitch
  readonly #log: Pick<Log, 'info' | 'warn'>
  readonly #machine: TunnelMachine
  readonly #tunnels = new Map<number, Tunnel>()
  /** By domain. */
  readonly #overlays = new Map<number, Tunnel>()
  readonly #peers = new Map<number, Peer>()
  readonly #listeners = new Set<(news: FabricTunnelNews) => void>()
  #stopLooking: (() => void) | undefined
  #looking: Promise<void> = Promise.resolve()
  /** One that is to come has not begun: it will see all that has happened until then. */
  #isLookWanted = false

  constructor(
    datapath: TunnelSwitch,
    log: Pick<Log, 'info' | 'warn'>,
    machine: TunnelMachine = tunnelMachine,
  ) {
    this.#switch = datapath
    this.#log = log
    this.#machine = machine
  }

  async openTunnel(settings: FabricTunnel): Promise<FabricTunnelFacts> {
    const { port, local, patient } = settings
    const tunnel: Tunnel = { settings, isOpen: false, problem: '' }
    await this.#switch.addTunnel(port, tunnelSettings(settings))
    try {
      await this.#open(tunnel)
    } catch (error) {
      if (patient !== true) {
        await this.#switch.removeTunnel(port)
        throw asUnusable(error)
      }
      this.#note(tunnel, messageOf(error))
    }
    this.#tunnels.set(port, tunnel)
    this.#stopLooking ??= this.#machine.everyLook(() => this.#lookSoon())
    return { mtu: await this.#machine.interfaceOf(local) }
  }

  async closeTunnel(port: number): Promise<void> {
    await this.#switch.removeTunnel(port)
    this.#tunnels.delete(port)
    if (this.#tunnels.size === 0) this.#stop()
  }

  async setOverlay(domain: number, overlay: FabricOverlay | undefined): Promise<void> {
    if (overlay === undefined) {
      for (const { settings } of this.#peersOf(domain)) await this.removePeer(settings.port)
    }
    await this.#switch.setOverlay(domain, overlay && overlaySettings(overlay))
    if (overlay === undefined) this.#overlays.delete(domain)
    else this.#overlays.set(domain, this.#tunnels.get(overlay.tunnel)!)
  }

  async addPeer(settings: FabricPeer): Promise<FabricPeerFacts> {
    const { port, domain, address } = settings
    const tunnel = this.#overlays.get(domain)!
    const mtu = this.#wayTo(tunnel, address)
    await this.#switch.addPeer(
      port,
      { domain, address: underlayBytes(address), mtu: mtu ?? tunnelMtuDefault(address) },
      { tunnel: tunnel.settings.port, udpPort: tunnel.settings.udpPort },
    )
    this.#peers.set(port, { settings, tunnel, mtu })
    return { mtu }
  }

  async removePeer(port: number): Promise<void> {
    await this.#switch.removePeer(port)
    this.#peers.delete(port)
  }

  async setRemote(domain: number, mac: string, remote: FabricRemote | undefined): Promise<void> {
    await this.#switch.setRemote(domain, mac, remote && remoteSettings(remote))
  }

  async peers(): Promise<readonly FabricPeerState[]> {
    return (await this.#switch.peers()).map(fabricPeer)
  }

  tunnels(): readonly FabricTunnelState[] {
    return [...this.#tunnels.values()].map(({ settings: { port, local, udpPort }, problem }) => ({
      port,
      local,
      udpPort,
      problem,
    }))
  }

  async localAddressTo(remote: string): Promise<string | undefined> {
    const address = await this.#machine.localAddressTo(remote)
    return address && normalAddress(address)
  }

  onTunnel(listener: (news: FabricTunnelNews) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  has(port: number): boolean {
    return this.#tunnels.has(port) || this.#peers.has(port)
  }

  /** Ports of peers, which have counters. */
  peerPorts(): Iterable<number> {
    return this.#peers.keys()
  }

  /** The switch says that a port's sockets are no more. */
  portGone(port: number): void {
    const tunnel = this.#tunnels.get(port)
    if (tunnel === undefined) return
    tunnel.isOpen = false
    this.#note(tunnel, 'its socket has failed')
  }

  /** The switch says that a frame was too long for some way: it is looked for at once. */
  wayNarrowed(): void {
    if (!this.#isLookWanted) this.#lookSoon()
  }

  /** The switch says who sends that is no peer. */
  strangersSeen(strangers: readonly { readonly domain: number; readonly address: Uint8Array }[]): void {
    for (const { domain, address } of strangers) {
      this.#tell({ kind: 'stranger', domain, address: underlayText(address) })
    }
  }

  /** Looks no more, and waits for the look that is under way; what the switch has goes with it. */
  async close(): Promise<void> {
    this.#stop()
    await this.settled()
  }

  #stop(): void {
    this.#stopLooking?.()
    this.#stopLooking = undefined
  }

  /** Resolves when no look is under way. */
  settled(): Promise<void> {
    return this.#looking
  }

  #lookSoon(): void {
    this.#isLookWanted = true
    this.#looking = this.#looking.then(() => this.#look())
  }

  async #look(): Promise<void> {
    this.#isLookWanted = false
    for (const tunnel of this.#tunnels.values()) await this.#lookAtTunnel(tunnel)
    for (const peer of this.#peers.values()) await this.#lookAtPeer(peer)
  }

  async #lookAtTunnel(tunnel: Tunnel): Promise<void> {
    const { port, local } = tunnel.settings
    const before = tunnel.problem
    try {
      if (!tunnel.isOpen) await this.#open(tunnel)
      // A socket that is bound to it goes on as soon as it is back.
      this.#note(tunnel, this.#machine.has(local) ? '' : `no interface that is up has the address ${local}`)
    } catch (error) {
      this.#note(tunnel, messageOf(error))
    }
    if (before === '' || tunnel.problem !== '') return
    this.#tell({ kind: 'mtu', tunnel: port, address: '', mtu: await this.#machine.interfaceOf(local) })
  }

  async #lookAtPeer(peer: Peer): Promise<void> {
    const { port, address } = peer.settings
    const mtu = this.#wayTo(peer.tunnel, address)
    // It may have been removed meanwhile.
    if (mtu === peer.mtu || this.#peers.get(port) !== peer) return
    peer.mtu = mtu
    try {
      if (mtu !== undefined) await this.#switch.setPeerMtu(port, mtu)
    } catch (error) {
      if (this.#peers.get(port) === peer)
        this.#log.warn({ err: error, peer: address }, 'a peer is not followed')
    }
    this.#tell({ kind: 'mtu', tunnel: peer.tunnel.settings.port, address, mtu })
  }

  async #open(tunnel: Tunnel): Promise<void> {
    const { port, local, udpPort, ttl } = tunnel.settings
    const sockets = this.#machine.open(local, udpPort, ttl)
    await this.#switch.attachTunnel(port, sockets)
    tunnel.isOpen = true
  }

  #wayTo({ settings: { local } }: Tunnel, address: string): number | undefined {
    try {
      const mtu = this.#machine.wayTo(local, address)
      // Not as narrow as that: what is too long all the same is lost, and not everything.
      return mtu === undefined ? undefined : Math.max(PEER_MTU_MIN, Math.min(MTU_MAX, mtu))
    } catch (error) {
      this.#log.warn({ err: error, peer: address }, 'the way to a peer could not be looked at')
      return undefined
    }
  }

  #peersOf(domain: number): readonly Peer[] {
    return [...this.#peers.values()].filter(({ settings }) => settings.domain === domain)
  }

  #tell(news: FabricTunnelNews): void {
    for (const listener of this.#listeners) listener(news)
  }

  /** Tells the log when it changes. */
  #note(tunnel: Tunnel, problem: string): void {
    if (problem === tunnel.problem) return
    tunnel.problem = problem
    const { local, udpPort } = tunnel.settings
    if (problem === '') this.#log.info({ local, udpPort }, 'a tunnel is up')
    else this.#log.warn({ local, udpPort, reason: problem }, 'a tunnel is down')
  }
}

function asUnusable(error: unknown): TapwireError {
  const { hint } = error as { readonly hint?: string }
  return new TapwireError(ErrorCode.tunnelUnusable, messageOf(error), { hint, cause: error })
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
