/**
 * What the tunnel needs to know of a frame that is to go into it: the hash of its flow, for the outer source port; its type of service, for the outer
 * header; whether it is a SYN, and whether it is VXLAN itself.
 *
 * One object is filled anew for each frame. Headers that are cut short are not looked into: the frame goes on as what it is, an Ethernet frame.
 */

import { KeyedHash } from '../../tables/keyed-hash.ts'
import * as ethernet from '../../wire/ethernet.ts'
import * as ipProtocol from '../../wire/ip-protocol.ts'
import * as ipv4 from '../../wire/ipv4.ts'
import * as ipv6 from '../../wire/ipv6.ts'
import * as tcp from '../../wire/tcp.ts'
import * as vlan from '../../wire/vlan.ts'
import type { TunnelTables } from './tunnel-tables.ts'
import * as tunnelTables from './tunnel-tables.ts'

// Constants of this module, whose values V8 compiles in; an imported one it would load and check at each use.
const { etherType, sourceHigh, sourceLow, targetHigh, targetLow, TYPE_IPV4, TYPE_IPV6 } = ethernet
const { TCP, UDP } = ipProtocol
const ETHERNET_HEADER_SIZE = ethernet.HEADER_SIZE
const IPV4_HEADER_SIZE = ipv4.MIN_HEADER_SIZE
const IPV6_HEADER_SIZE = ipv6.HEADER_SIZE
const TCP_HEADER_SIZE = tcp.MIN_HEADER_SIZE
const TCP_CONTROL_BITS = 13
const SYN = tcp.SYN
/** More fragments, or an offset. */
const FRAGMENT_MASK = 0x3fff
const OFFSET_MASK = 0x1fff
/** Source and destination port, which TCP and UDP both begin with. */
const PORTS_SIZE = 4
const { MAPPED } = tunnelTables

/** `network` where the frame has no IP packet that could be looked into. */
export const NO_NETWORK = 0

export class InnerFlow {
  /** int32. */
  hash = 0
  /** DSCP and ECN of the IP packet; 0 of what is none. */
  typeOfService = 0
  /** Where its IP header is, which is 4 or 6; or NO_NETWORK. */
  network = NO_NETWORK
  version = 0
  /** Where its TCP header is, if it is a SYN; 0. */
  syn = 0
  /** It is VXLAN, or something else by UDP, to a tunnel endpoint. */
  isRecursive = false
  private readonly keyed: KeyedHash
  private readonly tables: TunnelTables

  constructor(tables: TunnelTables, seed: number) {
    this.tables = tables
    this.keyed = new KeyedHash(seed)
  }

  /** The frame must have passed `classify`. */
  read(view: DataView, offset: number, length: number): void {
    this.typeOfService = 0
    this.network = NO_NETWORK
    this.syn = 0
    this.isRecursive = false
    const end = offset + length
    const type = etherType(view, offset)
    if (type === TYPE_IPV4) this.readIpv4(view, offset, offset + ETHERNET_HEADER_SIZE, end)
    else if (type === TYPE_IPV6) this.readIpv6(view, offset, offset + ETHERNET_HEADER_SIZE, end)
    else this.readOther(view, offset, end)
  }

  private readOther(view: DataView, offset: number, end: number): void {
    const tags = vlan.tagsSize(view, offset, end)
    const type = tags === 0 ? 0 : etherType(view, offset + tags)
    const network = offset + ETHERNET_HEADER_SIZE + tags
    if (type === TYPE_IPV4) this.readIpv4(view, offset, network, end)
    else if (type === TYPE_IPV6) this.readIpv6(view, offset, network, end)
    else this.hashStations(view, offset)
  }

  private hashStations(view: DataView, offset: number): void {
    this.hash = this.keyed.ofFour(
      targetHigh(view, offset),
      targetLow(view, offset),
      sourceHigh(view, offset),
      sourceLow(view, offset),
    )
  }

  private readIpv4(view: DataView, offset: number, network: number, end: number): void {
    const first = end - network < IPV4_HEADER_SIZE ? 0 : view.getInt32(network)
    const size = (first >>> 22) & 0x3c
    if (first >>> 28 !== 4 || size < IPV4_HEADER_SIZE) {
      this.hashStations(view, offset)
      return
    }
    const fragment = view.getUint16(network + 6)
    const protocol = view.getUint8(network + 9)
    const source = view.getInt32(network + 12)
    const destination = view.getInt32(network + 16)
    const transport = network + size
    this.network = network
    this.version = 4
    this.typeOfService = (first >>> 16) & 0xff
    let ports = 0
    if ((protocol === TCP || protocol === UDP) && end - transport >= PORTS_SIZE) {
      const isWhole = (fragment & FRAGMENT_MASK) === 0
      // All fragments of a datagram take one way: only the first has ports.
      if (isWhole) ports = view.getInt32(transport)
      if (protocol === TCP) this.readControl(view, transport, end, isWhole)
      else if ((fragment & OFFSET_MASK) === 0) {
        this.isRecursive = this.tables.isEndpoint(0, 0, MAPPED, destination, view.getUint16(transport + 2))
      }
    }
    this.hash = this.keyed.ofFour(source, destination, ports, protocol)
  }

  private readIpv6(view: DataView, offset: number, network: number, end: number): void {
    if (end - network < IPV6_HEADER_SIZE || view.getUint8(network) >>> 4 !== 6) {
      this.hashStations(view, offset)
      return
    }
    this.network = network
    this.version = 6
    this.typeOfService = (view.getUint16(network) >>> 4) & 0xff
    let protocol = view.getUint8(network + 6)
    let transport = network + IPV6_HEADER_SIZE
    let isWhole = true
    if (protocol !== TCP && protocol !== UDP) {
      const walk = ipv6.check(view, network, end) ? ipv6.upperLayer(view, network) : ipv6.NO_UPPER_LAYER
      if (walk === ipv6.NO_UPPER_LAYER) {
        protocol = 0
        // A receiver may walk further than we do.
        this.isRecursive = this.isHost6(view, network)
      } else {
        protocol = ipv6.upperProtocol(walk)
        transport = network + ipv6.upperOffset(walk)
        isWhole = !ipv6.isFragment(view, network, ipv6.upperOffset(walk))
      }
    }
    let ports = 0
    if ((protocol === TCP || protocol === UDP) && end - transport >= PORTS_SIZE) {
      if (isWhole) ports = view.getInt32(transport)
      if (protocol === TCP) this.readControl(view, transport, end, isWhole)
      else this.isRecursive = this.isEndpoint6(view, network, view.getUint16(transport + 2))
    }
    const addresses = this.keyed.ofFour(
      view.getInt32(network + 8) ^ view.getInt32(network + 12),
      view.getInt32(network + 16) ^ view.getInt32(network + 24),
      view.getInt32(network + 20),
      view.getInt32(network + 36),
    )
    this.hash = this.keyed.ofFour(
      addresses,
      view.getInt32(network + 28) ^ view.getInt32(network + 32),
      ports,
      // Of fragments the protocol, too, is not in all headers.
      isWhole ? protocol : 0,
    )
  }

  private readControl(view: DataView, transport: number, end: number, isWhole: boolean): void {
    if (!isWhole || end - transport < TCP_HEADER_SIZE) return
    if ((view.getUint8(transport + TCP_CONTROL_BITS) & SYN) !== 0) this.syn = transport
  }

  private isHost6(view: DataView, network: number): boolean {
    return this.tables.isHost(
      view.getInt32(network + 24),
      view.getInt32(network + 28),
      view.getInt32(network + 32),
      view.getInt32(network + 36),
    )
  }

  private isEndpoint6(view: DataView, network: number, port: number): boolean {
    return this.tables.isEndpoint(
      view.getInt32(network + 24),
      view.getInt32(network + 28),
      view.getInt32(network + 32),
      view.getInt32(network + 36),
      port,
    )
  }
}
