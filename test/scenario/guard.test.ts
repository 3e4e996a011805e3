import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { DropReason } from '../../src/datapath/drop-reason.ts'
import { Guard } from '../../src/datapath/guard.ts'
import { address, MAC_HIGH } from '../support/packet-text.ts'
import { playLab } from '../support/router-lab.ts'
import { playRouter } from '../support/router-scene.ts'
import { hex } from '../support/wire-bytes.ts'

const check = (name: string, text: string): void => {
  it(name, () => {
    playRouter(text)
  })
}

describe('a guarded port', () => {
  const TWO = `
    network 1
    port 1 network=1 guard=10.1.0.2
    port 2 network=1
  `
  check(
    'speaks for its own MAC and IPv4 address, also behind tags',
    `${TWO}
    1> udp 10.1.0.2:1>10.1.0.3:1 via=10.1.0.3
    2< udp 10.1.0.2:1>10.1.0.3:1 ttl=64
    1> udp 10.1.0.2:1>10.1.0.3:1 via=10.1.0.3 from=10.1.0.9
    1! mac-spoofed
    1> udp 10.1.0.9:1>10.1.0.3:1 via=10.1.0.3 from=10.1.0.2
    1! address-spoofed
    1> udp 10.1.0.9:1>10.1.0.3:1 via=10.1.0.3 from=10.1.0.2 vlan=5
    1! address-spoofed
    1> udp 10.1.0.2:1>10.1.0.3:1 via=10.1.0.3 vlan=5
    2< type 8100 54 bytes
    1> udp 0.0.0.0:68>255.255.255.255:67 via=* from=10.1.0.2
    2< udp 0.0.0.0:68>255.255.255.255:67 ttl=64 via=* from=10.1.0.2
    1> udp 10.1.0.2:1>10.1.0.3:1 via=10.1.0.3 short=30
    1! ip-malformed
    `,
  )
  check(
    'asks and tells by ARP for its own addresses',
    `${TWO}
    1> arp 10.1.0.2 asks 10.1.0.3
    2< arp 10.1.0.2 asks 10.1.0.3
    1> arp 10.1.0.2 tells 10.1.0.3
    2< arp 10.1.0.2 tells 10.1.0.3
    1> arp 0.0.0.0 asks 10.1.0.2 from=10.1.0.2
    2< arp 0.0.0.0 asks 10.1.0.2 from=10.1.0.2
    1> arp 10.1.0.9 tells 10.1.0.3 from=10.1.0.2
    1! arp-spoofed
    1> arp 10.1.0.9 asks 10.1.0.9 from=10.1.0.2
    1! arp-spoofed
    1> arp 10.1.0.1 tells 10.1.0.3 from=10.1.0.2
    1! arp-spoofed
    `,
  )
  check(
    'of which nothing is learned when it lies',
    `${TWO}
    2> udp 10.1.0.3:1>10.1.0.2:1 via=10.1.0.2
    1< udp 10.1.0.3:1>10.1.0.2:1 ttl=64
    1> udp 10.1.0.3:1>10.1.0.2:1 via=10.1.0.2 from=10.1.0.3
    1! mac-spoofed
    1> udp 10.1.0.2:1>10.1.0.3:1 via=10.1.0.3
    2< udp 10.1.0.2:1>10.1.0.3:1 ttl=64
    `,
  )
})

describe('the guard of IPv6', () => {
  const MAC = '02420a010002'
  const OWN = 'fd000000000000000000000000000002'
  const OTHER = 'fd000000000000000000000000000009'
  const LINK_LOCAL = 'fe8000000000000000420afffe010002'
  const guard = new Guard()
  guard.set(1, {
    macHigh: MAC_HIGH,
    macLow: address('10.1.0.2'),
    ipv4: [],
    ipv6: [[0xfd000000 | 0, 0, 0, 2]],
  })
  const verdict = (text: string): number => {
    const bytes = hex(text)
    return guard.check(new DataView(bytes.buffer), 0, bytes.length, 1)
  }
  const frame = (source: string, nextHeader: string, upper: string, tag = ''): string => {
    const length = (upper.replaceAll(' ', '').length / 2).toString(16).padStart(4, '0')
    return `333300000001 ${MAC} ${tag} 86dd 60000000 ${length} ${nextHeader} ff ${source} ff020000000000000000000000000001 ${upper}`
  }
  const advertisement = (target: string): string => `88000000 60000000 ${target}`
  const cases: [name: string, frame: string, reason: number][] = [
    ['its own address', frame(OWN, '11', '0001000200080000'), DropReason.none],
    ['a link-local one', frame(LINK_LOCAL, '11', '0001000200080000'), DropReason.none],
    ['none yet', frame('0'.repeat(32), '3a', '87000000'), DropReason.none],
    ['another’s', frame(OTHER, '11', '0001000200080000'), DropReason.addressSpoofed],
    ['another’s, tagged', frame(OTHER, '11', '0001000200080000', '81000005'), DropReason.addressSpoofed],
    ['an advertisement of its own', frame(OWN, '3a', advertisement(OWN)), DropReason.none],
    ['an advertisement of another’s', frame(OWN, '3a', advertisement(OTHER)), DropReason.arpSpoofed],
    [
      'the same behind a hop-by-hop header',
      frame(OWN, '00', `3a00010400000000 ${advertisement(OTHER)}`),
      DropReason.arpSpoofed,
    ],
    [
      'the same, tagged twice',
      frame(OWN, '3a', advertisement(OTHER), '88a80007 81000005'),
      DropReason.arpSpoofed,
    ],
    ['a header cut short', frame(OWN, '11', '').slice(0, 90), DropReason.ipMalformed],
  ]
  for (const [name, text, reason] of cases) it(name, () => assert.equal(verdict(text), reason))
})

describe('a network without icc', () => {
  check(
    'lets through ARP, what a link permits, and what is for the gateway or the host',
    `
    network 1 icc=no
    port 1,2,3 network=1
    port 7 network=1 host
    gateway 1 10.1.0.1/24
    permit 5 network=1 10.1.0.2 10.1.0.3:80 tcp
    1> arp 10.1.0.2 asks 10.1.0.3
    2< arp 10.1.0.2 asks 10.1.0.3
    3< arp 10.1.0.2 asks 10.1.0.3
    7< arp 10.1.0.2 asks 10.1.0.3
    2> arp 10.1.0.3 tells 10.1.0.2
    1< arp 10.1.0.3 tells 10.1.0.2
    1> tcp 10.1.0.2:4000>10.1.0.3:80 syn via=10.1.0.3
    2< tcp 10.1.0.2:4000>10.1.0.3:80 syn ttl=64
    2> tcp 10.1.0.3:80>10.1.0.2:4000 syn,ack via=10.1.0.2
    1< tcp 10.1.0.3:80>10.1.0.2:4000 syn,ack ttl=64
    1> tcp 10.1.0.2:4000>10.1.0.3:81 syn via=10.1.0.3
    1! icc-disabled
    1> udp 10.1.0.2:4000>10.1.0.3:80 via=10.1.0.3
    1! icc-disabled
    2> tcp 10.1.0.3:4000>10.1.0.2:80 syn via=10.1.0.2
    2! icc-disabled
    1> tcp 10.1.0.2:4000>10.1.0.3:80 syn
    1! icc-disabled
    1> udp 10.1.0.2:4000>10.1.0.255:80 via=*
    7< udp 10.1.0.2:4000>10.1.0.255:80 ttl=64 via=*
    7> udp 10.1.0.7:1>10.1.0.2:1 via=10.1.0.2
    1< udp 10.1.0.7:1>10.1.0.2:1 ttl=64
    1> udp 10.1.0.2:1>10.1.0.7:1 via=10.1.0.7
    7< udp 10.1.0.2:1>10.1.0.7:1 ttl=64
    1> echo 10.1.0.2>10.1.0.1
    1< reply 10.1.0.1>10.1.0.2 id=1 ttl=64
    `,
  )
  it('is reached by published ports all the same', () => {
    playLab(`
      network 4 icc=no
      port 4,5 network=4
      gateway 4 10.4.0.1/24
      host 4 10.4.0.4
      host 5 10.4.0.5
      publish 1 tcp 80 10.4.0.5:80 network=4 owner=5
      4> tcp 10.4.0.4:4000>192.0.2.1:80 syn
      5< tcp 10.4.0.1:4000>10.4.0.5:80 syn
      5> tcp 10.4.0.5:80>10.4.0.1:4000 syn,ack
      4< tcp 192.0.2.1:80>10.4.0.4:4000 syn,ack
      `)
  })
})
