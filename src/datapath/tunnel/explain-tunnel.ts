import { arpPacket } from '../../protocols/arp.ts'
import { formatIpv4, formatIpv6, formatMac, ipv4At } from '../../wire/address.ts'
import * as ethernet from '../../wire/ethernet.ts'
import { DropReason } from '../drop-reason.ts'
import type { ExplainedSteps, StepValues } from '../explained-steps.ts'
import type { FrameMemory } from '../frame-memory.ts'
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
  if (tables.peer(port) === undefined) return false
  const reason = encapsulation.decide(port, offset, length)
  const values = { ...peerValues(tables, port), mtu: tables.mtu[port]! }
  // The MTU is that of the packet in the frame.
  if (reason === DropReason.fragmentationNeeded) {
    steps.drop('tunnel', reason, { ...values, length: length - ethernet.HEADER_SIZE })
  } else if (reason !== DropReason.none) steps.drop('tunnel', reason, values)
  else steps.say('tunnel', 'encapsulate', values)
  return true
}

/** The same of a packet of the router's, which has been judged by its length. */
export function explainRoutedEncapsulation(
  { tables }: Tunnels,
  steps: ExplainedSteps,
  port: number,
): boolean {
  const peer = tables.peer(port)
  if (peer === undefined) return false
  const values = { ...peerValues(tables, port), mtu: tables.mtu[port]! }
  if (tables.hasRouter[peer.domain] === 0) steps.drop('tunnel', DropReason.routerNotTunnelled, values)
  else steps.say('tunnel', 'encapsulate', values)
  return true
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
