import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ICMP_ERRORS_BURST, ICMP_ERRORS_PER_S } from '../../src/limits.ts'
import { playLab } from '../support/router-lab.ts'

const check = (name: string, text: string): void => {
  it(name, () => {
    playLab(text)
  })
}

describe('a gateway', () => {
  check(
    'answers ARP for its address, and for no other',
    `
    1> arp 10.1.0.2 asks 10.1.0.1
    1< arp 10.1.0.1 tells 10.1.0.2
    1~
    1> arp 10.1.0.2 asks 10.1.0.9
    2< arp 10.1.0.2 asks 10.1.0.9
    1> arp 10.1.0.2 asks 8.8.8.8
    2< arp 10.1.0.2 asks 8.8.8.8
    `,
  )
  check(
    'answers a probe for its own address, so that nobody takes it',
    `
    1> arp 0.0.0.0 asks 10.1.0.1 from=10.1.0.2
    1< arp 10.1.0.1 tells 0.0.0.0 via=10.1.0.2
    1~
    `,
  )
  check(
    'believes nobody who says that its address is theirs',
    `
    1> arp 10.1.0.1 asks 10.1.0.1 from=10.1.0.2
    1! arp-spoofed
    1> arp 10.1.0.1 tells 10.1.0.3 from=10.1.0.2 via=10.1.0.1
    1! arp-spoofed
    `,
  )
  check(
    'as a proxy answers for what it routes elsewhere, not for what is on the link or nowhere',
    `
    gateway 1 10.1.0.1/24 proxy
    1> arp 10.1.0.2 asks 10.2.0.2
    1< arp 10.2.0.2 tells 10.1.0.2 from=10.1.0.1
    1~
    1> arp 10.1.0.2 asks 10.1.0.3
    2< arp 10.1.0.2 asks 10.1.0.3
    1> arp 0.0.0.0 asks 10.2.0.2 from=10.1.0.2
    2< arp 0.0.0.0 asks 10.2.0.2 from=10.1.0.2
    `,
  )
  check(
    'answers echo, to its own address and the uplink, with a TTL of its own',
    `
    1> echo 10.1.0.2>10.1.0.1 id=7 ttl=1
    1< reply 10.1.0.1>10.1.0.2 id=7 ttl=64
    1> echo 10.1.0.2>192.0.2.1 id=7 len=1400
    1< reply 192.0.2.1>10.1.0.2 id=7 len=1400 ttl=64
    1> echo 10.1.0.2>10.1.0.1 id=7 partial
    1< reply 10.1.0.1>10.1.0.2 id=7 ttl=64
    9> echo 192.0.2.77>192.0.2.1 id=9
    9< reply 192.0.2.1>192.0.2.77 id=9 ttl=64
    `,
  )
  check(
    'refuses what nothing listens for, to its own side',
    `
    1> tcp 10.1.0.2:4000>10.1.0.1:22 syn
    1< tcp 10.1.0.1:22>10.1.0.2:4000 rst,ack df ttl=64
    1! port-closed
    1> udp 10.1.0.2:4000>10.1.0.1:53
    1< error=3/3 10.1.0.1>10.1.0.2 about udp 10.1.0.2:4000>10.1.0.1:53 df ttl=64
    1! port-closed
    1> proto=47 10.1.0.2>10.1.0.1
    1< error=3/2 10.1.0.1>10.1.0.2 about proto=47 10.1.0.2>10.1.0.1 df ttl=64
    1! port-closed
    9> tcp 192.0.2.77:4000>192.0.2.1:22 syn
    9! port-closed
    9> udp 192.0.2.77:4000>192.0.2.1:22
    9! port-closed
    `,
  )
  check(
    'routes IPv4 and nothing else',
    `
    1> udp 10.1.0.2:4000>8.8.8.8:53 vlan=5
    1! not-routed
    `,
  )
})

describe('time to live', () => {
  check(
    'is one less behind the router, and a packet that has none left ends there and opens nothing',
    `
    1> udp 10.1.0.2:4000>8.8.8.8:53 ttl=2
    9< udp 192.0.2.1:4000>8.8.8.8:53 ttl=1 via=192.0.2.254
    1> udp 10.1.0.2:4000>8.8.8.8:53 ttl=1
    1< error=11/0 10.1.0.1>10.1.0.2 about udp 10.1.0.2:4000>8.8.8.8:53 df ttl=64
    1! ttl-exceeded
    1> udp 10.1.0.2:4001>8.8.8.8:53 ttl=0
    1< error=11/0 10.1.0.1>10.1.0.2 about udp 10.1.0.2:4001>8.8.8.8:53 df ttl=64
    1! ttl-exceeded
    9> udp 8.8.8.8:53>192.0.2.1:4000 ttl=1 from=192.0.2.254
    9< error=11/0 192.0.2.1>8.8.8.8 about udp 8.8.8.8:53>192.0.2.1:4000 df ttl=64 via=192.0.2.254
    9! ttl-exceeded
    `,
  )
})

describe('the next hop', () => {
  check(
    'is that of the longest prefix',
    `
    network 4
    port 8 network=4
    uplink 4 198.51.100.1/24
    host 8 198.51.100.9
    host 8 198.51.100.8
    host 9 192.0.2.3
    route 8.0.0.0/8 4 via=198.51.100.9
    route 8.8.0.0/16 3 via=192.0.2.3
    route 8.8.8.8/32 4 via=198.51.100.8
    1> udp 10.1.0.2:4001>9.9.9.9:53
    9< udp 192.0.2.1:4001>9.9.9.9:53 via=192.0.2.254
    1> udp 10.1.0.2:4001>8.1.1.1:53
    8< udp 198.51.100.1:4001>8.1.1.1:53 via=198.51.100.9
    1> udp 10.1.0.2:4001>8.8.1.1:53
    9< udp 192.0.2.1:4001>8.8.1.1:53 via=192.0.2.3
    1> udp 10.1.0.2:4001>8.8.8.8:53
    8< udp 198.51.100.1:4001>8.8.8.8:53 via=198.51.100.8
    1> udp 10.1.0.2:4001>192.0.2.77:53
    9< udp 192.0.2.1:4001>192.0.2.77:53
    `,
  )
  check(
    'that does not exist is told',
    `
    network 7
    port 7 network=7
    gateway 7 10.7.0.1/24 mode=routed
    route 0.0.0.0/0 7 via=10.7.0.99
    1> udp 10.1.0.2:4001>10.1.0.255:53
    1! link-broadcast
    1> udp 10.1.0.2:4001>10.2.0.0:53
    1! link-broadcast
    `,
  )
  it('without a route is told', () => {
    playLab(`
      uplink 3 none
      1> udp 10.1.0.2:4001>9.9.9.9:53
      1< error=3/0 10.1.0.1>10.1.0.2 about udp 10.1.0.2:4001>9.9.9.9:53 df ttl=64
      1! uplink-down
      `)
  })
  check(
    'behind a port that has gone is unreachable, and again there when the port is',
    `
    remove 9
    1> udp 10.1.0.2:4001>9.9.9.9:53
    1< error=3/0 10.1.0.1>10.1.0.2 about udp 10.1.0.2:4001>9.9.9.9:53 df ttl=64
    1! uplink-down
    port 9 network=3
    1> udp 10.1.0.2:4001>9.9.9.9:53
    9< udp 192.0.2.1:4001>9.9.9.9:53 via=192.0.2.254
    `,
  )
  check(
    'that changes takes the flows with it, on the same uplink',
    `
    1> udp 10.1.0.2:4001>9.9.9.9:53
    9< udp 192.0.2.1:4001>9.9.9.9:53 via=192.0.2.254
    host 9 192.0.2.3
    route 9.0.0.0/8 3 via=192.0.2.3
    1> udp 10.1.0.2:4001>9.9.9.9:53
    9< udp 192.0.2.1:4001>9.9.9.9:53 via=192.0.2.3
    `,
  )
  check(
    'is another when a network with that address comes',
    `
    1> udp 10.1.0.2:4001>10.7.0.2:53
    9< udp 192.0.2.1:4001>10.7.0.2:53 via=192.0.2.254
    network 7
    port 7 network=7
    gateway 7 10.7.0.1/24
    1> udp 10.1.0.2:4001>10.7.0.2:53
    1! no-connection
    1> udp 10.1.0.2:4001>10.7.0.2:53
    1! network-isolated
    `,
  )
  check(
    'by another uplink begins a flow anew, with that one’s address',
    `
    network 4
    port 8 network=4
    uplink 4 198.51.100.1/24
    host 8 198.51.100.9
    1> udp 10.1.0.2:4001>9.9.9.9:53
    9< udp 192.0.2.1:4001>9.9.9.9:53 via=192.0.2.254
    route 9.0.0.0/8 4 via=198.51.100.9
    1> udp 10.1.0.2:4001>9.9.9.9:53
    1! no-connection
    1> udp 10.1.0.2:4001>9.9.9.9:53
    8< udp 198.51.100.1:4001>9.9.9.9:53 via=198.51.100.9
    `,
  )
})

describe('packets that wait for a neighbour', () => {
  check(
    'are asked for once, wait in order, four of them, and leave when the answer comes',
    `
    mute 192.0.2.77
    1> udp 10.1.0.2:4001>192.0.2.77:53
    1> udp 10.1.0.2:4002>192.0.2.77:53
    1> udp 10.1.0.2:4003>192.0.2.77:53
    1> udp 10.1.0.2:4004>192.0.2.77:53
    1> udp 10.1.0.2:4005>192.0.2.77:53
    9< arp 192.0.2.1 asks 192.0.2.77
    1! neighbour-queue-full
    1=
    1=
    1=
    1=
    9> arp 192.0.2.77 tells 192.0.2.1
    9< udp 192.0.2.1:4001>192.0.2.77:53
    9< udp 192.0.2.1:4002>192.0.2.77:53
    9< udp 192.0.2.1:4003>192.0.2.77:53
    9< udp 192.0.2.1:4004>192.0.2.77:53
    9~
    `,
  )
  check(
    'are given up when nobody answers three times, and their senders told; for a while so are later ones, at once',
    `
    mute 192.0.2.77
    1> udp 10.1.0.2:4001>192.0.2.77:53
    9< arp 192.0.2.1 asks 192.0.2.77
    1=
    t=1
    9< arp 192.0.2.1 asks 192.0.2.77
    t=2
    9< arp 192.0.2.1 asks 192.0.2.77
    t=3
    1< error=3/1 10.1.0.1>10.1.0.2 about udp 10.1.0.2:4001>192.0.2.77:53 df ttl=64
    1! host-unreachable
    1> udp 10.1.0.2:4001>192.0.2.77:53
    1< error=3/1 10.1.0.1>10.1.0.2 about udp 10.1.0.2:4001>192.0.2.77:53 df ttl=64
    1! host-unreachable
    t=8
    host 9 192.0.2.77
    1> udp 10.1.0.2:4001>192.0.2.77:53
    9< udp 192.0.2.1:4001>192.0.2.77:53
    `,
  )
  check(
    'go with the port that they came by, and with its network’s gateway',
    `
    mute 192.0.2.77
    1> udp 10.1.0.2:4001>192.0.2.77:53
    3> udp 10.2.0.2:4001>192.0.2.77:53
    9< arp 192.0.2.1 asks 192.0.2.77
    1=
    3=
    remove 1
    gateway 2 none
    9> arp 192.0.2.77 tells 192.0.2.1
    3! no-domain
    9~
    `,
  )
  check(
    'go with the uplink',
    `
    mute 192.0.2.77
    1> udp 10.1.0.2:4001>192.0.2.77:53
    9< arp 192.0.2.1 asks 192.0.2.77
    1=
    uplink 3 none
    1! uplink-down
    `,
  )
  check(
    'ask a neighbour that has been silent at its own address',
    `
    1> udp 10.1.0.2:4001>192.0.2.77:53
    9< udp 192.0.2.1:4001>192.0.2.77:53
    mute 192.0.2.77
    t=31
    1> udp 10.1.0.2:4001>192.0.2.77:53
    9< udp 192.0.2.1:4001>192.0.2.77:53
    t=32
    9< arp 192.0.2.1 asks 192.0.2.77 via=192.0.2.77
    `,
  )
})

describe('the MTU', () => {
  check(
    'is told to who must not be cut, and cuts who may',
    `
    uplink 3 192.0.2.1/24 mtu=1400
    1> udp 10.1.0.2:4001>9.9.9.9:53 len=1372 df
    9< udp 192.0.2.1:4001>9.9.9.9:53 len=1372 df via=192.0.2.254
    1> udp 10.1.0.2:4001>9.9.9.9:53 len=1373 df
    1< error=3/4 10.1.0.1>10.1.0.2 rest=1400 about udp 10.1.0.2:4001>9.9.9.9:53 df ttl=64
    1! fragmentation-needed
    1> udp 10.1.0.2:4001>9.9.9.9:53 len=1400 ident=5
    9< udp 192.0.2.1:4001>9.9.9.9:53 len=1368 cut=0-1376+ ident=5 via=192.0.2.254
    9< udp 192.0.2.1>9.9.9.9 cut=1376-1408 ident=5 via=192.0.2.254
    `,
  )
  check(
    'is told to the world about packets for a sandbox, too',
    `
    gateway 1 10.1.0.1/24 mtu=1400
    publish 1 tcp 80 10.1.0.2:80 network=1 owner=1
    9> tcp 192.0.2.77:4000>192.0.2.1:80 ack len=1400 df
    9< error=3/4 192.0.2.1>192.0.2.77 rest=1400 about tcp 192.0.2.77:4000>192.0.2.1:80 df ttl=64
    9! fragmentation-needed
    `,
  )
  check(
    'lowers the MSS of a connection to or from a smaller one, with its checksum done or not',
    `
    uplink 3 192.0.2.1/24 mtu=1400
    publish 1 tcp 80 10.1.0.2:80 network=1 owner=1
    1> tcp 10.1.0.2:4001>9.9.9.9:80 syn mss=1460
    9< tcp 192.0.2.1:4001>9.9.9.9:80 syn mss=1360 via=192.0.2.254
    1> tcp 10.1.0.2:4002>9.9.9.9:80 syn mss=1460 partial
    9< tcp 192.0.2.1:4002>9.9.9.9:80 syn mss=1360 partial via=192.0.2.254
    1> tcp 10.1.0.2:4003>9.9.9.9:80 syn mss=1200
    9< tcp 192.0.2.1:4003>9.9.9.9:80 syn mss=1200 via=192.0.2.254
    9> tcp 9.9.9.9:80>192.0.2.1:4001 syn,ack mss=1460
    1< tcp 9.9.9.9:80>10.1.0.2:4001 syn,ack mss=1360
    9> tcp 192.0.2.77:4009>192.0.2.1:80 syn mss=1460
    1< tcp 192.0.2.77:4009>10.1.0.2:80 syn mss=1360
    `,
  )
})

describe('super-frames', () => {
  check(
    'are routed and translated whole, there and back',
    `
    1> tcp 10.1.0.2:4001>9.9.9.9:80 ack len=40000 gso=1460
    9< tcp 192.0.2.1:4001>9.9.9.9:80 ack len=40000 gso=1460 via=192.0.2.254
    9> tcp 9.9.9.9:80>192.0.2.1:4001 ack len=60000 gso=1448
    1< tcp 9.9.9.9:80>10.1.0.2:4001 ack len=60000 gso=1448
    1> udp 10.1.0.2:4001>9.9.9.9:443 len=30000 gso=1200
    9< udp 192.0.2.1:4001>9.9.9.9:443 len=30000 gso=1200 via=192.0.2.254
    1> udp 10.1.0.2:4001>9.9.9.9:443 len=300 partial
    9< udp 192.0.2.1:4001>9.9.9.9:443 len=300 partial via=192.0.2.254
    1> udp 10.1.0.2:4001>9.9.9.9:443 len=300 nosum
    9< udp 192.0.2.1:4001>9.9.9.9:443 nosum len=300 via=192.0.2.254
    `,
  )
  check(
    'become segments for a port that takes none, translated',
    `
    network 4
    port 8 network=4 plain
    uplink 4 198.51.100.1/24
    host 8 198.51.100.9
    route 8.0.0.0/8 4 via=198.51.100.9
    1> tcp 10.1.0.2:4001>8.8.8.8:80 ack len=3000 gso=1460 ident=1
    8< tcp 198.51.100.1:4001>8.8.8.8:80 ack len=1460 ident=1 via=198.51.100.9
    8< tcp 198.51.100.1:4001>8.8.8.8:80 ack len=1460 ident=2 via=198.51.100.9
    8< tcp 198.51.100.1:4001>8.8.8.8:80 ack len=80 ident=3 via=198.51.100.9
    1> udp 10.1.0.2:4001>8.8.8.8:53 partial
    8< udp 198.51.100.1:4001>8.8.8.8:53 via=198.51.100.9
    `,
  )
  check(
    'whose segments are longer than the MTU are told so',
    `
    uplink 3 192.0.2.1/24 mtu=1400
    1> tcp 10.1.0.2:4001>9.9.9.9:80 ack len=40000 gso=1361
    1< error=3/4 10.1.0.1>10.1.0.2 rest=1400 about tcp 10.1.0.2:4001>9.9.9.9:80 df ttl=64
    1! fragmentation-needed
    1> tcp 10.1.0.2:4001>9.9.9.9:80 ack len=40000 gso=1360
    9< tcp 192.0.2.1:4001>9.9.9.9:80 ack len=40000 gso=1360 via=192.0.2.254
    `,
  )
})

describe('what may not be routed', () => {
  const packet = 'udp 10.1.0.2:4001>9.9.9.9:53'
  const bad: Readonly<Record<string, string>> = {
    'a header that is cut short': `1> ${packet} short=33
      1! ip-malformed`,
    'a total length beyond the frame': `1> ${packet} poke=2:0100
      1! ip-malformed`,
    'a total length within the header': `1> ${packet} poke=2:0013
      1! ip-malformed`,
    'a header length below five words': `1> ${packet} poke=0:44
      1! ip-malformed`,
    'another version': `1> ${packet} poke=0:65
      1! ip-malformed`,
    'a wrong header checksum': `1> ${packet} badip
      1! ip-checksum`,
    'a loose source route': `1> ${packet} opts=8307040808080800
      1! ip-source-route`,
    'a strict source route behind other options': `1> ${packet} opts=0101890704080808
      1! ip-source-route`,
    'the land attack': `1> udp 9.9.9.9:53>9.9.9.9:53 from=10.1.0.2
      1! martian-address`,
    'a source on loopback': `1> udp 127.0.0.1:53>9.9.9.9:53 from=10.1.0.2
      1! martian-address`,
    'a source of nobody': `1> udp 0.0.0.0:53>9.9.9.9:53 from=10.1.0.2
      1! martian-address`,
    'a source that is a group': `1> udp 224.0.0.1:53>9.9.9.9:53 from=10.1.0.2
      1! martian-address`,
    'a source that is all': `1> udp 255.255.255.255:53>9.9.9.9:53 from=10.1.0.2
      1! martian-address`,
    'a source that is all of the network': `1> udp 10.1.0.255:53>9.9.9.9:53 from=10.1.0.2
      1! reverse-path`,
    'the gateway’s own address as source': `1> udp 10.1.0.1:53>9.9.9.9:53 from=10.1.0.2
      1! reverse-path`,
    'a group as destination': `1> udp 10.1.0.2:4001>224.0.0.251:53
      1! martian-address`,
    'the loopback as destination': `1> udp 10.1.0.2:4001>127.0.0.1:53
      1! martian-address`,
    'source port 0': `1> udp 10.1.0.2:0>9.9.9.9:53
      1! port-zero`,
    'destination port 0': `1> tcp 10.1.0.2:4001>9.9.9.9:0 syn
      1! port-zero`,
    'a UDP length beyond the packet': `1> ${packet} poke=24:0040
      1! transport-malformed`,
    'a UDP header that is cut short': `1> ${packet} poke=2:0018
      1! transport-malformed`,
    'a TCP header longer than the packet': `1> tcp 10.1.0.2:4001>9.9.9.9:80 syn poke=32:f0
      1! transport-malformed`,
    'a TCP header below five words': `1> tcp 10.1.0.2:4001>9.9.9.9:80 syn poke=32:40
      1! transport-malformed`,
    'an ICMP message that is cut short': `1> echo 10.1.0.2>9.9.9.9 poke=2:0018
      1! transport-malformed`,
    'an ICMP timestamp': `1> echo 10.1.0.2>9.9.9.9 poke=20:0d
      1! icmp-unsupported`,
    'an ICMP redirect': `1> error=5/1 10.1.0.2>9.9.9.9 about udp 9.9.9.9:1>10.1.0.2:1
      1! icmp-unsupported`,
    'a checksum request in the addresses': `1> ${packet} partial start=26 field=6
      1! offload-invalid`,
    'a checksum request in the ports': `1> ${packet} partial start=34 field=2
      1! offload-invalid`,
    'a checksum request of a later fragment in its addresses': `1> ${packet} partial start=24 field=6 len=80 cut=16-88
      1! offload-invalid`,
    'a checksum request behind the packet': `1> ${packet} partial start=34 field=20 padded=30
      1! offload-invalid`,
    'a reset that belongs to nothing': `1> tcp 10.1.0.2:4001>9.9.9.9:80 rst
      1! no-connection`,
    'an answer to an echo that nobody sent': `1> reply 10.1.0.2>9.9.9.9
      1! no-connection`,
  }
  for (const [name, lines] of Object.entries(bad)) check(name, lines)

  check(
    'is no packet with other options, which goes on with them, nor one with padding, which is left behind',
    `
    1> udp 10.1.0.2:4001>9.9.9.9:53 opts=94040000
    9< udp 192.0.2.1:4001>9.9.9.9:53 opts=94040000 via=192.0.2.254
    1> udp 10.1.0.2:4001>9.9.9.9:53 opts=44000000
    9< udp 192.0.2.1:4001>9.9.9.9:53 opts=44000000 via=192.0.2.254
    1> udp 10.1.0.2:4001>9.9.9.9:53 padded=18
    9< udp 192.0.2.1:4001>9.9.9.9:53 via=192.0.2.254
    `,
  )
})

describe('ICMP errors', () => {
  it('are limited in rate for each network', () => {
    const most = ICMP_ERRORS_PER_S + ICMP_ERRORS_BURST
    const scene = playLab('')
    const { scenario } = scene
    const probe = (port: number, gateway: string): number => {
      const frame = scene.frame(port, `udp ${gateway}2:4001>${gateway}1:99`)
      for (let i = 0; i < most + 20; i++) scenario.arrive(port, frame)
      return scene.run().length
    }
    assert.equal(probe(1, '10.1.0.'), most)
    assert.equal(probe(1, '10.1.0.'), 0)
    assert.equal(probe(3, '10.2.0.'), most)
    scenario.nowS++
    assert.equal(probe(1, '10.1.0.'), ICMP_ERRORS_PER_S)
    assert.equal(scenario.engine.natCounts().icmpErrorsSent, 2 * most + ICMP_ERRORS_PER_S)
  })
})
