import { underlayText } from '../../../src/control/fabric/underlay-address.ts'
import type { FabricTunnelNews } from '../../../src/control/model/tunnels.ts'
import type { PeerWay } from '../../../src/daemon/datapath-messages.ts'
import type { TunnelMachine } from '../../../src/daemon/tunnel/tunnel-machine.ts'
import { type TunnelSwitch, Tunnels } from '../../../src/daemon/tunnel/tunnels.ts'
import type {
  OverlaySettings,
  PeerSettings,
  TunnelSettings,
} from '../../../src/datapath/tunnel/tunnel-settings.ts'

/** A machine with addresses and routes, and a switch that remembers what it was told. */
export class MemoryUnderlay implements TunnelMachine, TunnelSwitch {
  readonly addresses = new Set(['192.0.2.1'])
  /** Inner MTUs, by remote address. */
  readonly ways = new Map<string, number>([['192.0.2.2', 1450]])
  /** Descriptors of sockets that are open. */
  readonly sockets = new Set<number>()
  /** Of the switch: its tunnels, and those of them that have sockets. */
  readonly tunnelPorts = new Map<number, TunnelSettings>()
  readonly attached = new Map<number, number>()
  readonly overlays = new Map<number, OverlaySettings>()
  readonly peerPorts = new Map<number, PeerSettings & PeerWay>()
  readonly remotes: unknown[][] = []
  readonly news: FabricTunnelNews[] = []
  readonly lines: string[] = []
  failing = ''
  /** Callbacks of looks. */
  looks = 0
  #look: (() => void) | undefined
  #descriptors = 10
  readonly tunnels: Tunnels

  constructor() {
    const line = (details: object, message: string): void => {
      const { reason } = details as { readonly reason?: string }
      this.lines.push(reason === undefined ? message : `${message}: ${reason}`)
    }
    this.tunnels = new Tunnels(this, { info: line, warn: line } as never, this)
    this.tunnels.onTunnel((news) => void this.news.push(news))
  }

  /** A second passes. */
  async pass(): Promise<void> {
    this.#look?.()
    await this.tunnels.settled()
  }

  open(local: string): { descriptor: number; sources: readonly number[] } {
    if (!this.addresses.has(local))
      throw Object.assign(new Error(`${local} is no address`), { hint: 'Add it.' })
    const descriptor = ++this.#descriptors
    this.sockets.add(descriptor)
    return { descriptor, sources: [] }
  }

  close({ descriptor }: { readonly descriptor: number }): void {
    this.sockets.delete(descriptor)
  }

  has(address: string): boolean {
    return this.addresses.has(address)
  }

  wayTo(_local: string, address: string): number | undefined {
    return this.ways.get(address)
  }

  async interfaceOf(local: string): Promise<number | undefined> {
    return this.addresses.has(local) ? 1450 : undefined
  }

  async localAddressTo(): Promise<string | undefined> {
    return '192.0.2.1'
  }

  everyLook(callback: () => void): () => void {
    this.looks++
    this.#look = callback
    return () => {
      this.looks--
      this.#look = undefined
    }
  }

  async addTunnel(port: number, settings: TunnelSettings): Promise<undefined> {
    this.#step('addTunnel')
    this.tunnelPorts.set(port, settings)
  }

  async attachTunnel(port: number, sockets: { readonly descriptor: number }): Promise<void> {
    try {
      this.#step('attachTunnel')
    } catch (error) {
      this.close(sockets)
      throw error
    }
    this.attached.set(port, sockets.descriptor)
  }

  async removeTunnel(port: number): Promise<void> {
    this.#step('removeTunnel')
    if (this.overlays.size > 0) throw new Error('domains go on behind it')
    this.tunnelPorts.delete(port)
    const descriptor = this.attached.get(port)
    this.attached.delete(port)
    if (descriptor !== undefined) this.sockets.delete(descriptor)
  }

  async setOverlay(domain: number, settings: OverlaySettings | undefined): Promise<undefined> {
    this.#step('setOverlay')
    if (settings !== undefined) this.overlays.set(domain, settings)
    else if (this.peerPorts.size > 0) throw new Error('it has peers')
    else this.overlays.delete(domain)
  }

  async addPeer(port: number, settings: PeerSettings, way: PeerWay): Promise<undefined> {
    this.#step('addPeer')
    this.peerPorts.set(port, { ...settings, ...way })
  }

  async removePeer(port: number): Promise<undefined> {
    this.#step('removePeer')
    this.peerPorts.delete(port)
  }

  async setPeerMtu(port: number, mtu: number): Promise<undefined> {
    this.peerPorts.set(port, { ...this.peerPorts.get(port)!, mtu })
  }

  async setRemote(...remote: unknown[]): Promise<undefined> {
    this.remotes.push(remote)
  }

  async peers() {
    return [...this.peerPorts].map(([port, { domain, address, mtu }]) => ({
      port,
      domain,
      address,
      mtu,
      idleS: undefined,
      stations: 0,
    }))
  }

  /** The MTUs that the switch has, by address. */
  mtus(): Readonly<Record<string, number>> {
    return Object.fromEntries(
      [...this.peerPorts.values()].map(({ address, mtu }) => [underlayText(address), mtu]),
    )
  }

  #step(name: string): void {
    if (name === this.failing) throw new Error(`${name} fails`)
  }
}
