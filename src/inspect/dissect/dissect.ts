/** Takes packets apart: each layer says what follows, and so there is no recursion that a packet could drive. */

import { DISSECTED_LAYERS_MAX } from '../../limits.ts'
import { LINK_TYPE_ETHERNET } from '../pcap/capture-file.ts'
import { dissectArp } from './arp.ts'
import { dissectData } from './data.ts'
import { dissectDhcp } from './dhcp.ts'
import type { Dissection, DissectOptions } from './dissection.ts'
import { dissectDns, dissectMulticastDns } from './dns.ts'
import { dissectEthernet } from './ethernet.ts'
import { dissectHttp } from './http.ts'
import { dissectIcmp } from './icmp.ts'
import { dissectIcmpv6 } from './icmpv6.ts'
import { dissectAuthentication, dissectEncapsulation } from './ip-security.ts'
import { dissectIpv4 } from './ipv4.ts'
import { dissectIpv6 } from './ipv6.ts'
import {
  dissectDestinationOptions,
  dissectFragment,
  dissectHopByHop,
  dissectRouting,
} from './ipv6-extensions.ts'
import { packetLine } from './line-writer.ts'
import { dissectLlc } from './llc.ts'
import { type Dissector, type Next, Packet, type Protocol } from './packet.ts'
import { dissectTcp } from './tcp.ts'
import { dissectTls } from './tls.ts'
import { dissectUdp } from './udp.ts'
import { dissectServiceVlan, dissectVlan } from './vlan.ts'
import { dissectVxlan } from './vxlan.ts'

const DISSECTORS: Readonly<Record<Protocol, Dissector>> = {
  eth: dissectEthernet,
  vlan: dissectVlan,
  ieee8021ad: dissectServiceVlan,
  llc: dissectLlc,
  arp: dissectArp,
  ip: dissectIpv4,
  ipv6: dissectIpv6,
  'ipv6.hopopts': dissectHopByHop,
  'ipv6.dstopts': dissectDestinationOptions,
  'ipv6.routing': dissectRouting,
  'ipv6.fraghdr': dissectFragment,
  ah: dissectAuthentication,
  esp: dissectEncapsulation,
  icmp: dissectIcmp,
  icmpv6: dissectIcmpv6,
  udp: dissectUdp,
  tcp: dissectTcp,
  dns: dissectDns,
  mdns: dissectMulticastDns,
  dhcp: dissectDhcp,
  vxlan: dissectVxlan,
  http: dissectHttp,
  tls: dissectTls,
  data: dissectData,
}

const TOO_MUCH = 'there is more, which is too much to be shown'

/** Takes apart the packet of `length` bytes at `offset`. Never throws: what cannot be read is a problem of its layer. */
export function dissect(
  bytes: Uint8Array,
  offset: number = 0,
  length: number = bytes.length - offset,
  options: DissectOptions = {},
): Dissection {
  const packet = new Packet(new DataView(bytes.buffer, bytes.byteOffset + offset, length), options)
  const originalLength = options.originalLength ?? length
  const linkType = options.linkType ?? LINK_TYPE_ETHERNET
  let next: Next | undefined = {
    protocol: linkType === LINK_TYPE_ETHERNET ? 'eth' : 'data',
    offset: 0,
    end: length,
    wireEnd: Math.max(length, originalLength),
  }
  while (next !== undefined) {
    if (packet.layers.length >= DISSECTED_LAYERS_MAX) {
      packet.layers.at(-1)!.problem ??= TOO_MUCH
      break
    }
    next = DISSECTORS[next.protocol](packet, next)
    if (!packet.full) continue
    packet.layers.at(-1)!.problem ??= TOO_MUCH
    break
  }
  const summary = packetLine(bytes, offset, length, { originalLength, linkType })
  return { layers: packet.layers, summary, capturedLength: length, originalLength }
}
