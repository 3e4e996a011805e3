/**
 * Why a frame was dropped. A drop is a named, counted, printable fact: the number indexes the counters, the
 * name is what the command line and JSON show, the sentence is for people.
 *
 * The order is the order of the path: ingress checks, bridge, router, connections, next hop, egress, device.
 */
export const DropReason = {
  /** Index 0 is "not dropped", so that 0 can mean success where a stage returns a reason. */
  none: 0,
  runtFrame: 1,
  frameTooLong: 2,
  sourceMulticast: 3,
  offloadInvalid: 4,
  noDomain: 5,
  macSpoofed: 6,
  addressSpoofed: 7,
  arpSpoofed: 8,
  reservedAddress: 9,
  samePort: 10,
  noOtherPort: 11,
  iccDisabled: 12,
  notRouted: 13,
  ipMalformed: 14,
  ipChecksum: 15,
  ipSourceRoute: 16,
  martianAddress: 17,
  fragmentInvalid: 18,
  transportMalformed: 19,
  portZero: 20,
  icmpUnsupported: 21,
  ttlExceeded: 22,
  linkBroadcast: 23,
  uplinkDown: 24,
  wrongInterface: 25,
  noConnection: 26,
  fragmentWithoutFirst: 27,
  noRoute: 28,
  networkIsolated: 29,
  networkInternal: 30,
  directRouting: 31,
  reversePath: 32,
  transit: 33,
  portClosed: 34,
  noBackend: 35,
  udpChecksum: 36,
  dnsTruncated: 37,
  dnsResponse: 38,
  dnsRepeated: 39,
  notOurs: 40,
  natPortsExhausted: 41,
  connectionQuota: 42,
  connectionsFull: 43,
  fragmentationNeeded: 44,
  hostUnreachable: 45,
  neighbourQueueFull: 46,
  segmentLimit: 47,
  linkDown: 48,
  linkLoss: 49,
  linkQueueFull: 50,
  transmitListFull: 51,
  deviceDown: 52,
  deviceQueueFull: 53,
  deviceRefused: 54,
  deviceGone: 55,
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
