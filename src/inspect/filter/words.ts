/** Words of the language of filters, as pcap-filter(7) has them. */

/** What a protocol's name means: an EtherType, or a protocol of IPv4, of IPv6, or of both. */
export interface FilterProtocol {
  readonly name: string
  readonly over: 'link' | 'ethernet' | 'ipv4' | 'ipv6' | 'ip'
  readonly number: number
}

const protocol = (
  name: string,
  over: FilterProtocol['over'],
  number: number,
): [name: string, protocol: FilterProtocol] => [name, { name, over, number }]

/** Protocols that qualify (`tcp port 80`), stand alone (`arp`) and can be indexed (`ip[8]`). */
export const PROTOCOLS: ReadonlyMap<string, FilterProtocol> = new Map([
  protocol('ether', 'link', 0),
  protocol('link', 'link', 0),
  protocol('ip', 'ethernet', 0x0800),
  protocol('arp', 'ethernet', 0x0806),
  protocol('rarp', 'ethernet', 0x8035),
  protocol('ip6', 'ethernet', 0x86dd),
  protocol('tcp', 'ip', 6),
  protocol('udp', 'ip', 17),
  protocol('sctp', 'ip', 132),
  protocol('pim', 'ip', 103),
  protocol('ah', 'ip', 51),
  protocol('esp', 'ip', 50),
  protocol('icmp', 'ipv4', 1),
  protocol('igmp', 'ipv4', 2),
  protocol('igrp', 'ipv4', 9),
  protocol('vrrp', 'ipv4', 112),
  protocol('carp', 'ipv4', 112),
  protocol('icmp6', 'ipv6', 58),
])

/** Words with a meaning of their own, beside protocols and numbers. Two words may mean the same. */
export const KEYWORDS: ReadonlyMap<string, string> = new Map([
  ...['src', 'dst', 'host', 'net', 'mask', 'port', 'portrange', 'proto', 'less', 'greater'].map(
    (word): [string, string] => [word, word],
  ),
  ...['broadcast', 'multicast', 'vlan', 'and', 'or', 'len'].map((word): [string, string] => [word, word]),
  ['not', '!'],
  ['length', 'len'],
])

/** Words that tcpdump knows and this program does not: what they tell apart is not on an Ethernet of Tapwire, or not in the frame. */
export const UNSUPPORTED: ReadonlySet<string> = new Set(
  (
    'ppp slip fddi tr wlan radio atalk aarp decnet lat sca moprc mopdl iso esis es-is isis is-is l1 l2 iih lsp snp csnp psnp clnp ' +
    'stp ipx netbeui gateway protochain type subtype direction dir address1 addr1 address2 addr2 address3 addr3 address4 addr4 ra ta ' +
    'byte inbound outbound ifindex mpls pppoed pppoes geneve vxlan lane llc metac bcc oam oamf4 oamf4ec oamf4sc sc ilmic vpi vci ' +
    'connectmsg metaconnect on ifname rset ruleset rnr rulenum srnr subrulenum reason action fisu lssu lsu msu hfisu hlssu hmsu ' +
    'sio opc dpc sls hsio hopc hdpc hsls'
  ).split(' '),
)

const ICMP_TYPES = {
  echoreply: 0,
  unreach: 3,
  sourcequench: 4,
  redirect: 5,
  echo: 8,
  routeradvert: 9,
  routersolicit: 10,
  timxceed: 11,
  paramprob: 12,
  tstamp: 13,
  tstampreply: 14,
  ireq: 15,
  ireqreply: 16,
  maskreq: 17,
  maskreply: 18,
}

const ICMP6_TYPES = {
  destinationunreach: 1,
  packettoobig: 2,
  timeexceeded: 3,
  parameterproblem: 4,
  echo: 128,
  echoreply: 129,
  multicastlistenerquery: 130,
  multicastlistenerreportv1: 131,
  multicastlistenerdone: 132,
  routersolicit: 133,
  routeradvert: 134,
  neighborsolicit: 135,
  neighboradvert: 136,
  redirect: 137,
  routerrenum: 138,
  nodeinformationquery: 139,
  nodeinformationresponse: 140,
  ineighbordiscoverysolicit: 141,
  ineighbordiscoveryadvert: 142,
  multicastlistenerreportv2: 143,
  homeagentdiscoveryrequest: 144,
  homeagentdiscoveryreply: 145,
  mobileprefixsolicit: 146,
  mobileprefixadvert: 147,
  certpathsolicit: 148,
  certpathadvert: 149,
  multicastrouteradvert: 151,
  multicastroutersolicit: 152,
  multicastrouterterm: 153,
}

const TCP_FLAGS = { fin: 1, syn: 2, rst: 4, push: 8, ack: 16, urg: 32, ece: 64, cwr: 128 }

const prefixed = (prefix: string, values: Readonly<Record<string, number>>): [string, number][] =>
  Object.entries(values).map(([name, value]) => [`${prefix}-${name}`, value])

/** Names of offsets into headers, and of what stands there. */
export const NAMED_NUMBERS: ReadonlyMap<string, number> = new Map([
  ['icmptype', 0],
  ['icmpcode', 1],
  ['icmp6type', 0],
  ['icmp6code', 1],
  ['tcpflags', 13],
  ...prefixed('icmp', ICMP_TYPES),
  ...prefixed('icmp6', ICMP6_TYPES),
  ...prefixed('tcp', TCP_FLAGS),
])

/** Names behind `proto` and `ip proto` (the registry of protocol numbers, in the spelling of /etc/protocols). */
export const IP_PROTOCOLS: ReadonlyMap<string, number> = new Map([
  ['ip', 0],
  ['icmp', 1],
  ['igmp', 2],
  ['ipencap', 4],
  ['tcp', 6],
  ['egp', 8],
  ['igp', 9],
  ['udp', 17],
  ['dccp', 33],
  ['ipv6', 41],
  ['ipv6-route', 43],
  ['ipv6-frag', 44],
  ['rsvp', 46],
  ['gre', 47],
  ['esp', 50],
  ['ah', 51],
  ['ipv6-icmp', 58],
  ['ipv6-nonxt', 59],
  ['ipv6-opts', 60],
  ['eigrp', 88],
  ['ospf', 89],
  ['ipip', 94],
  ['etherip', 97],
  ['pim', 103],
  ['ipcomp', 108],
  ['vrrp', 112],
  ['l2tp', 115],
  ['sctp', 132],
  ['udplite', 136],
  ['mpls-in-ip', 137],
])

/** Names behind `ether proto`. */
export const ETHER_TYPES: ReadonlyMap<string, number> = new Map([
  ['ip', 0x0800],
  ['arp', 0x0806],
  ['rarp', 0x8035],
  ['ip6', 0x86dd],
  ['loopback', 0x9000],
])
