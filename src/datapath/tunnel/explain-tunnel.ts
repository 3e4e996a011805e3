import { arpPacket } from '../../protocols/arp.ts'
import { formatIpv4, formatIpv6, formatMac, ipv4At } from '../../wire/address.ts'
import * as ethernet from '../../wire/ethernet.ts'
import * as ipv4 from '../../wire/ipv4.ts'
import * as ipv6 from '../../wire/ipv6.ts'
import * as udp from '../../wire/udp.ts'
import * as vxlan from '../../wire/vxlan.ts'
import { DROP_REASONS, DropReason } from '../drop-reason.ts'
import type { ExplainedSteps, StepValues } from '../explained-steps.ts'
import type { FrameMemory } from '../frame-memory.ts'
import { FROM_PEER, type PortTable } from '../port-table.ts'
import { MAPPED, type TunnelTables, wordsOf } from './tunnel-tables.ts'
import type { Tunnels } from './tunnels.ts'

const ARP_TARGET_ADDRESS = 24

/** An address of the underlay as people write it. */
export function formatUnderlay(address: Uint8Array): string {
  const [a, b, c, d] = wordsOf(address)
  return a === 0 && b === 0 && c === MAPPED ? formatIpv4(d) : formatIpv6(address)
}

/** Of a peer's port: where it is, and the network identifier of its domain. */
function peerValues(tables: TunnelTables, port: number): StepValues {
  const { domain, address } = tables.peer(port)!
  return { port, domain, address: formatUnderlay(address), vni: tables.networkIdentifier[domain]! }
}

/** Of what stands around a frame of `length` bytes to a peer: `outerLength` is that of the IP packet. */
function outerValues(tables: TunnelTables, port: number, length: number): StepValues {
  const { domain } = tables.peer(port)!
  const { local, udpPort } = tables.tunnelOf(tables.tunnel[domain]!)!
  const [a, b, c] = wordsOf(local)
  const ipHeader = a === 0 && b === 0 && c === MAPPED ? ipv4.MIN_HEADER_SIZE : ipv6.HEADER_SIZE
  return {
    local: formatUnderlay(local),
    udpPort,
    outerLength: ipHeader + udp.HEADER_SIZE + vxlan.HEADER_SIZE + length,
  }
}

/** A frame from a peer. False where it gets no further. */
export function explainDecapsulation(
  { tables, decapsulation }: Tunnels,
  { view }: FrameMemory,
  steps: ExplainedSteps,
  port: number,
  offset: number,
  length: number,
  nowS: number,
): boolean {
  if (tables.peer(port) === undefined) return true
  const values = peerValues(tables, port)
  if (length >= ethernet.HEADER_SIZE && decapsulation.isLocalSource(port, offset, nowS)) {
    const mac = formatMac(ethernet.sourceHigh(view, offset), ethernet.sourceLow(view, offset))
    return steps.drop('tunnel', DropReason.tunnelLocalSource, { ...values, mac })
  }
  steps.say('tunnel', 'decapsulate', values)
  return true
}

/** A frame to a port. False where it goes into no tunnel. */
export function explainEncapsulation(
  { tables, encapsulation }: Tunnels,
  steps: ExplainedSteps,
  port: number,
  offset: number,
  length: number,
): boolean {
  const peer = tables.peer(port)
  if (peer === undefined) return false
  const reason = encapsulation.decide(port, offset, length)
  const values = { ...peerValues(tables, port), mtu: tables.mtu[port]! }
  // The MTU is that of the packet in the frame.
  if (reason === DropReason.fragmentationNeeded) {
    steps.drop('tunnel', reason, { ...values, length: length - ethernet.HEADER_SIZE })
  } else if (reason !== DropReason.none) steps.drop('tunnel', reason, values)
  else {
    const { source, pieces } = encapsulation.shape(port, offset, length)
    const whole = pieces === undefined ? outerValues(tables, port, length) : { pieces }
    const sources = tables.sources[tables.tunnel[peer.domain]!]!
    steps.say('tunnel', 'encapsulate', { ...values, ...whole, source: source + 1, sources })
  }
  return true
}

/** The same of a packet of the router's, which has been judged by its length. */
export function explainRoutedEncapsulation(
  { tables, encapsulation }: Tunnels,
  steps: ExplainedSteps,
  port: number,
  offset: number,
  length: number,
): boolean {
  const peer = tables.peer(port)
  if (peer === undefined) return false
  const values = { ...peerValues(tables, port), mtu: tables.mtu[port]! }
  // Its source is not told: it follows from the addresses that the packet leaves with, and it stands here as it came.
  const { pieces } = encapsulation.shape(port, offset, length)
  const whole = pieces === undefined ? outerValues(tables, port, length) : { pieces }
  if (tables.hasRouter[peer.domain] === 0) steps.drop('tunnel', DropReason.routerNotTunnelled, values)
  else steps.say('tunnel', 'encapsulate', { ...values, ...whole })
  return true
}

/** Addresses of peers that a step names; of more it says how many there are. */
const PEERS_TOLD_MAX = 8

/** What is flooded: why it goes to no peer, where there are some. */
export function explainStaying(
  { tables }: Tunnels,
  ports: PortTable,
  steps: ExplainedSteps,
  port: number,
  domain: number,
): void {
  const peers = ports.members(domain).filter((one) => one !== port && tables.peer(one) !== undefined).length
  if (peers === 0) return
  if (ports.oneWay[port] === FROM_PEER) steps.say('tunnel', 'split-horizon', { domain, peers })
  else if (ports.keepsFloods[domain] === 1) steps.say('tunnel', 'keep', { domain, peers })
}

/** The ports that a frame is flooded to: which of them are peers, each of which gets a copy (head-end replication). */
export function explainReplication(
  { tables, encapsulation }: Tunnels,
  steps: ExplainedSteps,
  reached: readonly number[],
  offset: number,
  length: number,
): void {
  const byReason = new Map<number, number[]>()
  for (const port of reached) {
    if (tables.peer(port) === undefined) continue
    const reason = encapsulation.decide(port, offset, length)
    byReason.set(reason, [...(byReason.get(reason) ?? []), port])
  }
  // What is done after what is not: the last word is what becomes of the frame.
  for (const [reason, ports] of [...byReason].toSorted(([one], [other]) => other - one)) {
    const addresses = ports.slice(0, PEERS_TOLD_MAX).map((port) => formatUnderlay(tables.peer(port)!.address))
    const more = ports.length - addresses.length
    const { domain, vni } = peerValues(tables, ports[0]!)
    const values = { domain: domain!, addresses: addresses.join(', '), more, peers: ports.length }
    if (reason === DropReason.none) steps.say('tunnel', 'replicate', { ...values, vni: vni! })
    else steps.say('tunnel', 'leave-out', { ...values, cause: DROP_REASONS[reason]!.name })
  }
}

/** A frame for everybody. True where it is answered instead of that. */
export function explainSuppression(
  { suppression, remotes }: Tunnels,
  { view }: FrameMemory,
  steps: ExplainedSteps,
  port: number,
  offset: number,
  length: number,
  domain: number,
): boolean {
  const slot = suppression.decide(port, offset, length, domain)
  if (slot < 0) return false
  const { addresses } = remotes
  steps.say('tunnel', 'suppress', {
    domain,
    address: ipv4At(view, arpPacket(offset) + ARP_TARGET_ADDRESS),
    mac: formatMac(addresses.value(slot), addresses.value2(slot)),
  })
  return true
}
