/** Names that are more than names: of addresses (PTR) and of services (SRV). */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { IPV4, IPV6, NO_ADDRESS, ReverseName } from '../../../src/datapath/dns/reverse-name.ts'
import { ServiceQuestion } from '../../../src/datapath/dns/service-question.ts'
import { encodeName } from '../../../src/wire/dns-name.ts'

/** Bytes of the name where it does not begin at 0. */
const placed = (text: string): [Uint8Array, number, number] => {
  const name = encodeName(text)!
  return [Uint8Array.from([1, 2, 3, ...name, 9]), 3, name.length]
}

describe('ReverseName', () => {
  const reverse = new ReverseName()
  const read = (text: string): number => reverse.read(...placed(text))

  it('reads every IPv4 address', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(255), { minLength: 4, maxLength: 4 }), fc.boolean(), (octets, isUpper) => {
        const text = `${octets.toReversed().join('.')}.in-addr.arpa`
        assert.equal(read(isUpper ? text.toUpperCase() : text), IPV4)
        assert.equal(reverse.words[0], Buffer.from(octets).readInt32BE(0))
      }),
    )
  })

  it('reads every IPv6 address', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), fc.boolean(), (bytes, isUpper) => {
        const digits = Buffer.from(bytes).toString('hex').split('').toReversed().join('.')
        const text = `${digits}.ip6.arpa`
        assert.equal(read(isUpper ? text.toUpperCase() : text), IPV6)
        const words = [0, 4, 8, 12].map((at) => Buffer.from(bytes).readInt32BE(at))
        assert.deepEqual([...reverse.words], words)
      }),
    )
  })

  const nibbles = Array<string>(32).fill('0').join('.')
  for (const text of [
    'in-addr.arpa',
    'ip6.arpa',
    'web',
    '1.10.in-addr.arpa',
    '5.2.0.1.10.in-addr.arpa',
    '256.0.1.10.in-addr.arpa',
    '02.0.1.10.in-addr.arpa',
    '00.0.1.10.in-addr.arpa',
    'a.0.1.10.in-addr.arpa',
    '1000.0.1.10.in-addr.arpa',
    '2.0.1.10.in-addr.arpa.front',
    '2.0.1.10.xin-addr.arpa',
    '2.0.1.10in-addr.arpa',
    `${nibbles}.0.ip6.arpa`,
    `${nibbles.slice(2)}.ip6.arpa`,
    `g${nibbles.slice(1)}.ip6.arpa`,
    `00.${nibbles.slice(4)}.ip6.arpa`,
  ]) {
    it(`reads no address in ${text}`, () => {
      assert.equal(read(text), NO_ADDRESS)
    })
  }
})

describe('ServiceQuestion', () => {
  const service = new ServiceQuestion()
  for (const [text, port, protocol, size] of [
    ['_80._tcp.web', 80, 6, 9],
    ['_65535._udp.web', 65_535, 17, 12],
    ['_HTTPS._TCP.web.front', 443, 6, 12],
    ['_domain._udp.web', 53, 17, 13],
    ['_5000._sctp.web', 5000, 132, 12],
    ['_080._tcp.web', 80, 6, 10],
  ] as const) {
    it(`reads ${text}`, () => {
      assert.ok(service.read(...placed(text)))
      const { port: found, protocol: by, size: bytes } = service
      assert.deepEqual([found, by, bytes], [port, protocol, size])
    })
  }

  for (const text of [
    '.',
    'web',
    '_80',
    '_80._tcp',
    '_80._tcpp.web',
    '_80.tcp.web',
    '80._tcp.web',
    '_._tcp.web',
    '_0._tcp.web',
    '_65536._tcp.web',
    '_nothing._tcp.web',
    '_ntp._tcp.web',
    '_http._sctp.web',
    '_80._.web',
  ]) {
    it(`reads no service in ${text}`, () => {
      assert.ok(!service.read(...placed(text)))
    })
  }
})
