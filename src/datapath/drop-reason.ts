/**
 * Why a frame was dropped. A drop is a named, counted, printable fact: the number indexes the counters, the
 * name is what the command line and JSON show, the sentence is for people.
 *
 * The order is the order of the path: ingress checks, bridge, router, connections, next hop, egress, device.
 */
export const DropReason = {
  /** Index 0 is "not dropped", so that 0 can mean success where a stage returns a reason. */
  none: 0,
  vxlanMalformed: 1,
  vniUnknown: 2,
  peerUnknown: 3,
  ecnMarked: 4,
  tunnelLocalSource: 5,
  runtFrame: 6,
  frameTooLong: 7,
  sourceMulticast: 8,
  offloadInvalid: 9,
  noDomain: 10,
  macSpoofed: 11,
  addressSpoofed: 12,
  arpSpoofed: 13,
  reservedAddress: 14,
  samePort: 15,
  splitHorizon: 16,
  noOtherPort: 17,
  iccDisabled: 18,
  notRouted: 19,
  ipMalformed: 20,
  ipChecksum: 21,
  ipSourceRoute: 22,
  martianAddress: 23,
  fragmentInvalid: 24,
  transportMalformed: 25,
  portZero: 26,
  icmpUnsupported: 27,
  ttlExceeded: 28,
  linkBroadcast: 29,
  uplinkDown: 30,
  wrongInterface: 31,
  noConnection: 32,
  fragmentWithoutFirst: 33,
  noRoute: 34,
  networkIsolated: 35,
  networkInternal: 36,
  directRouting: 37,
  reversePath: 38,
  transit: 39,
  portClosed: 40,
  noBackend: 41,
  udpChecksum: 42,
  dnsTruncated: 43,
  dnsResponse: 44,
  dnsRepeated: 45,
  notOurs: 46,
  natPortsExhausted: 47,
  connectionQuota: 48,
  connectionsFull: 49,
  fragmentationNeeded: 50,
  hostUnreachable: 51,
  neighbourQueueFull: 52,
  tunnelRecursion: 53,
  routerNotTunnelled: 54,
  segmentLimit: 55,
  linkDown: 56,
  linkLoss: 57,
  linkQueueFull: 58,
  transmitListFull: 59,
  deviceDown: 60,
  deviceQueueFull: 61,
  deviceRefused: 62,
  deviceGone: 63,
} as const

export type DropReason = (typeof DropReason)[keyof typeof DropReason]

export interface DropReasonText {
  readonly name: string
  readonly sentence: string
}

/** Indexed by DropReason. */
export const DROP_REASONS: readonly DropReasonText[] = [
  { name: 'none', sentence: 'The frame was not dropped.' },
  {
    name: 'vxlan-malformed',
    sentence: 'The datagram is too short for a VXLAN header, or its header names no network.',
  },
  { name: 'vni-unknown', sentence: 'No network of this host has the VXLAN network identifier.' },
  {
    name: 'peer-unknown',
    sentence: 'The datagram comes from an address that is no peer of the network.',
  },
  {
    name: 'ecn-marked',
    sentence:
      'The way between the hosts is congested and says so by ECN, which the sender of the inner packet does not understand (RFC 6040, 4.2).',
  },
  {
    name: 'tunnel-local-source',
    sentence: "The frame comes out of a tunnel with the source address of one of this host's own stations.",
  },
  {
    name: 'runt-frame',
    sentence: 'The frame is shorter than an Ethernet header (14 bytes, 18 with a VLAN tag).',
  },
  {
    name: 'frame-too-long',
    sentence: "The frame, or a segment of it, is longer than the network's MTU allows.",
  },
  {
    name: 'source-multicast',
    sentence: 'The source address is a multicast address; no station sends from one.',
  },
  {
    name: 'offload-invalid',
    sentence: 'The virtio-net header asks for an offload that the frame does not fit.',
  },
  { name: 'no-domain', sentence: 'The port belongs to no network at the moment.' },
  { name: 'mac-spoofed', sentence: 'The source address is not the one that the sandbox was given.' },
  {
    name: 'address-spoofed',
    sentence: "The packet's source is not an IP address that the sandbox was given.",
  },
  {
    name: 'arp-spoofed',
    sentence:
      'The ARP or neighbour discovery message claims an address that the sandbox was not given, or to be a router.',
  },
  {
    name: 'reserved-address',
    sentence: 'The target is a link-local bridge address (01:80:c2:00:00:0X), which a bridge never forwards.',
  },
  { name: 'same-port', sentence: 'The target station lives behind the port that the frame came from.' },
  {
    name: 'split-horizon',
    sentence:
      'The frame came out of a tunnel, and would go into one again to another host of the same network.',
  },
  { name: 'no-other-port', sentence: 'The frame was to be flooded, but the network has no other port.' },
  {
    name: 'icc-disabled',
    sentence: 'The network forbids its sandboxes to talk to one another, and no link permits this.',
  },
  { name: 'not-routed', sentence: 'The frame is for the gateway, which routes IPv4 and nothing else.' },
  { name: 'ip-malformed', sentence: 'The IPv4 header, or the total length in it, does not fit the frame.' },
  { name: 'ip-checksum', sentence: 'The checksum of the IPv4 header is wrong.' },
  {
    name: 'ip-source-route',
    sentence: 'The packet asks for a route of its own choice (RFC 7126, 4.3 and 4.4).',
  },
  {
    name: 'martian-address',
    sentence: 'The packet has a source or a destination that no routed packet may have (RFC 1812, 5.3.7).',
  },
  {
    name: 'fragment-invalid',
    sentence:
      'A fragment that would overlap or hide the upper header (RFC 1858, RFC 3128), or lies beyond the largest datagram.',
  },
  {
    name: 'transport-malformed',
    sentence: 'The TCP, UDP or ICMP header is cut short, or contradicts itself.',
  },
  { name: 'port-zero', sentence: 'A TCP or UDP port is 0, which no program can have.' },
  {
    name: 'icmp-unsupported',
    sentence: 'The ICMP message is neither an echo nor an error, and the gateway carries no other.',
  },
  { name: 'ttl-exceeded', sentence: 'The time to live has run out.' },
  {
    name: 'link-broadcast',
    sentence: 'The packet came by broadcast or is for the broadcast address of a network: it is not routed.',
  },
  { name: 'uplink-down', sentence: 'The uplink is down.' },
  {
    name: 'wrong-interface',
    sentence: 'The packet belongs to a connection, but does not come from where its packets come from.',
  },
  { name: 'no-connection', sentence: 'The packet belongs to no connection, and cannot begin one.' },
  {
    name: 'fragment-without-first',
    sentence: "The datagram's first fragment, which has the ports, has not come.",
  },
  {
    name: 'no-route',
    sentence: 'There is no route to the destination: no network has it, and there is no uplink.',
  },
  { name: 'network-isolated', sentence: 'Networks are kept apart: what is between them is not routed.' },
  { name: 'network-internal', sentence: 'The network is internal: nothing crosses its border.' },
  {
    name: 'direct-routing',
    sentence: 'From outside, sandboxes are reached by published ports only, not by their own addresses.',
  },
  {
    name: 'reverse-path',
    sentence: 'The source address does not belong to where the packet came from (RFC 3704).',
  },
  { name: 'transit', sentence: 'The packet came from outside and would go there again.' },
  {
    name: 'port-closed',
    sentence: 'Nothing is published on the port, and the gateway itself has nothing there.',
  },
  {
    name: 'no-backend',
    sentence: 'The address or the published port is that of a service, and none of its backends is there.',
  },
  { name: 'udp-checksum', sentence: 'The UDP checksum of a question to the name server is wrong.' },
  {
    name: 'dns-truncated',
    sentence:
      'The question to the name server is cut short, before the end of its header, or comes in fragments.',
  },
  {
    name: 'dns-response',
    sentence: 'The message to the name server is a response; it has asked nobody here.',
  },
  {
    name: 'dns-repeated',
    sentence: 'The question to the name server is one that it is asking outside already for the same client.',
  },
  {
    name: 'not-ours',
    sentence: "The packet is for the machine that shares the uplink's address, and none of ours.",
  },
  {
    name: 'nat-ports-exhausted',
    sentence: 'All ports that could stand for the source are in use towards this destination.',
  },
  { name: 'connection-quota', sentence: 'The sandbox has as many connections as one may have.' },
  { name: 'connections-full', sentence: 'The connection table is full, and nobody has one to spare.' },
  {
    name: 'fragmentation-needed',
    sentence: "The packet is longer than the way's MTU, and may not be fragmented.",
  },
  { name: 'host-unreachable', sentence: 'Nobody on the network answers for the next address.' },
  {
    name: 'neighbour-queue-full',
    sentence: 'Too many frames wait for an answer about the next address, or for a first fragment.',
  },
  {
    name: 'tunnel-recursion',
    sentence:
      'The packet is VXLAN to a tunnel endpoint of this host or of its peers, which no sandbox may send.',
  },
  {
    name: 'router-not-tunnelled',
    sentence: 'The frame is of the gateway, which has no address of its own in the tunnel of this network.',
  },
  { name: 'segment-limit', sentence: 'The super-frame would make more segments than one frame may.' },
  { name: 'link-down', sentence: 'The link is down, as it was asked to be.' },
  { name: 'link-loss', sentence: 'The link was asked to lose some frames, and this is one of them.' },
  {
    name: 'link-queue-full',
    sentence: 'As many frames wait on the link as it was asked to let wait.',
  },
  {
    name: 'transmit-list-full',
    sentence: 'The burst makes more transmissions than one poll takes; the copies beyond are dropped.',
  },
  { name: 'device-down', sentence: "The egress port's interface is down." },
  {
    name: 'device-queue-full',
    sentence: "The egress port's queue is full; nobody waits holding the switch.",
  },
  { name: 'device-refused', sentence: 'The kernel refused the frame on the egress port.' },
  { name: 'device-gone', sentence: "The egress port's interface has vanished." },
]

export const DROP_REASON_COUNT = DROP_REASONS.length

/** Reasons up to this one are those of frames that did not get as far as egress. */
export const LAST_REASON_BEFORE_EGRESS = DropReason.neighbourQueueFull
