/** The line of a packet and its tree have one opinion of what the packet is. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { dissect } from '../../../src/inspect/dissect/dissect.ts'
import { packetLine } from '../../../src/inspect/dissect/line-writer.ts'

const hex = (...texts: readonly string[]): Uint8Array =>
  Uint8Array.from(Buffer.from(texts.join('').replaceAll(' ', ''), 'hex'))

const byte = (value: number): string => value.toString(16).padStart(2, '0')
const word = (value: number): string => value.toString(16).padStart(4, '0')

const MACS = '02420a010002 02420a010001'

function ipv4(protocol: number, payload: string): string {
  const total = 20 + hex(payload).length
  return `0800 4500 ${word(total)} 1c46 4000 40 ${byte(protocol)} 0000 0a010001 0a010002 ${payload}`
}

function ipv6(next: number, payload: string, length: number = hex(payload).length): string {
  return `86dd 60000000 ${word(length)} ${byte(next)} ff fe800000000000000000000000000001 ff020000000000000000000000010002 ${payload}`
}

const udp = (source: number, destination: number, payload: string): string =>
  `${word(source)} ${word(destination)} ${word(8 + hex(payload).length)} 0000 ${payload}`

const frame = (rest: string): Uint8Array => hex(MACS, rest)
const layersOf = (bytes: Uint8Array): readonly string[] =>
  dissect(bytes).layers.map((layer) => layer.protocol)

describe('line and tree agree', () => {
  const DNS = '1234 0100 0001 0000 0000 0000 0377656200 0001 0001'
  const DHCP = `01010600 0000cafe ${'00'.repeat(228)} 63825363 350101 ff`
  const VXLAN = `08000000 00000700 ${MACS} ${ipv4(17, udp(1, 2, '61'))}`
  /** A payload of something else is shown as what the port says, with what is wrong. */
  const told: readonly [what: string, payload: string, line: RegExp, title: RegExp][] = [
    ['DNS', DNS, /DNS 4660\+ A\? web/, /A web/],
    ['DHCP', DHCP, /DHCP discover/, /, discover/],
    ['VXLAN', VXLAN, /VXLAN vni 7/, /network 7/],
  ]
  for (const port of [53, 67, 68, 5353, 4789, 1053, 9]) {
    for (const [what, payload, line, title] of told) {
      for (const [source, destination] of [
        [40_000, port],
        [port, 40_000],
      ] as const) {
        it(`about ${what} from port ${source} to ${destination}`, () => {
          const bytes = frame(ipv4(17, udp(source, destination, payload)))
          const found = dissect(bytes).layers[3]!.title
          assert.equal(line.test(packetLine(bytes)), title.test(found), `${packetLine(bytes)} / ${found}`)
        })
      }
    }
  }

  it('about names of ICMP', () => {
    for (let type = 0; type < 256; type++) {
      const bytes = frame(ipv4(1, `${byte(type)}00 0000 00070001 ${'00'.repeat(12)}`))
      const name = /Protocol, ([a-z ]+)/.exec(dissect(bytes).layers[2]!.title)![1]!
      // Those have words of their own: what it is about is told with them.
      if (type === 3) continue
      const line = packetLine(bytes)
      assert.ok(line.includes(`ICMP ${name}`), `${line} / ${name}`)
    }
  })

  it('about names of ICMPv6', () => {
    for (let type = 0; type < 256; type++) {
      const bytes = frame(ipv6(58, `${byte(type)}00 0000 00070001 ${'00'.repeat(16)}`))
      const name = /Protocol v6, ([a-z0-9 ]+)/
        .exec(dissect(bytes).layers[2]!.title)![1]!
        .replace(/ for fe.*| for $/, '')
      assert.ok(packetLine(bytes).includes(`ICMPv6 ${name.trim()}`), `${packetLine(bytes)} / ${name}`)
    }
  })

  it('about numbers of protocols', () => {
    for (let protocol = 0; protocol < 256; protocol++) {
      if ([1, 6, 17].includes(protocol)) continue
      const bytes = frame(ipv4(protocol, '00'.repeat(8)))
      const text = dissect(bytes).layers[1]!.fields.find((field) => field.name === 'ip.proto')!.text
      const name = /\((.*)\)/.exec(text)?.[1] ?? `protocol ${protocol}`
      assert.ok(packetLine(bytes).includes(`: ${name}, length 8`), packetLine(bytes))
    }
  })

  it('about tags and SNAP', () => {
    const packet = ipv4(17, udp(1, 2, '61'))
    for (const tag of ['8100', '88a8', '9100']) {
      const bytes = frame(`${tag} 0005 ${packet}`)
      assert.equal(packetLine(bytes), 'vlan 5, 10.1.0.1.1 > 10.1.0.2.2: UDP, length 1')
      assert.ok(layersOf(bytes).includes('udp'))
    }
    const snap = hex('aaaa03 000000', packet)
    const bytes = frame(`${word(snap.length)} ${Buffer.from(snap).toString('hex')}`)
    assert.equal(packetLine(bytes), '10.1.0.1.1 > 10.1.0.2.2: UDP, length 1')
    assert.ok(layersOf(bytes).includes('udp'))
  })

  it('about a length of 0', () => {
    const tcp = `9c40 0050 00000001 00000002 5010 0001 0000 0000 ${'61'.repeat(100)}`
    const left = frame(ipv6(6, tcp, 0))
    assert.match(packetLine(left), /TCP \[\.\], seq 1, ack 2, win 1, length 100$/)
    assert.deepEqual(layersOf(left), ['eth', 'ipv6', 'tcp', 'data'])
    const empty = frame(ipv6(59, '00'.repeat(6), 0))
    assert.match(packetLine(empty), /: nothing follows, length 0$/)
    assert.deepEqual(layersOf(empty), ['eth', 'ipv6'])
  })

  it('about what only looks like TLS', () => {
    for (const length of ['0000', 'ffff', '0005']) {
      const bytes = frame(ipv4(6, `0001 01bb 00000001 00000002 5018 0001 0000 0000 160301 ${length} 0200`))
      assert.equal(packetLine(bytes).includes('TLS'), layersOf(bytes).includes('tls'), length)
    }
  })
})

describe('a line does not make things up', () => {
  it('of ports where a fragment is quoted', () => {
    const quoted = '4500 0020 1c46 0064 40 11 0000 0a010002 0a010001 0001 0002 0000 0000'
    const bytes = frame(ipv4(1, `0303 0000 00000000 ${quoted}`))
    assert.match(packetLine(bytes), /ICMP host 10\.1\.0\.1 unreachable, length 36$/)
  })

  it("of HTTP's first line, where a carriage return stands in it", () => {
    const data = Buffer.from('GET /a\rb HTTP/1.1\r\n').toString('hex')
    const bytes = frame(ipv4(6, `0001 0050 00000001 00000002 5018 0001 0000 0000 ${data}`))
    assert.match(packetLine(bytes), /: HTTP GET \/a\?b HTTP\/1\.1$/)
  })

  it('of ARP of other networks', () => {
    const bytes = frame('0806 0006 0800 01 04 0001 07 0a010001 00 0a010002')
    assert.equal(packetLine(bytes), 'ARP operation 1')
  })
})
