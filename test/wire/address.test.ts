import assert from 'node:assert/strict'
import { isIPv4, isIPv6 } from 'node:net'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import * as address from '../../src/wire/address.ts'
import { assertWrites, hex, place } from '../support/wire-bytes.ts'

const uint16 = fc.integer({ min: 0, max: 0xffff })
const int32 = fc.integer({ min: -0x80000000, max: 0x7fffffff })

describe('MAC address text', () => {
  it('reads either case and writes lower case', () => {
    assert.deepEqual(address.parseMac('02:42:FF:01:0a:03'), { high: 0x0242, low: 0xff010a03 | 0 })
    assert.equal(address.formatMac(0x0242, 0xff010a03 | 0), '02:42:ff:01:0a:03')
    assert.equal(address.formatMac(0, 1), '00:00:00:00:00:01')
  })

  it('reads what it wrote', () => {
    fc.assert(
      fc.property(uint16, int32, (high, low) => {
        assert.deepEqual(address.parseMac(address.formatMac(high, low)), { high, low })
      }),
    )
  })

  for (const text of [
    '',
    '02:42:0a:01:00',
    '02:42:0a:01:00:02:03',
    '2:42:0a:01:00:02',
    '02-42-0a-01-00-02',
    '02420a010002',
    '02:42:0a:01:00:0g',
    ' 02:42:0a:01:00:02',
    '02:42:0a:01:00:02\n',
  ]) {
    it(`refuses ${JSON.stringify(text)}`, () => assert.equal(address.parseMac(text), undefined))
  }
})

describe('IPv4 address text', () => {
  it('reads an int32', () => {
    assert.equal(address.parseIpv4('192.0.2.200'), 0xc00002c8 | 0)
    assert.equal(address.parseIpv4('0.0.0.0'), 0)
    assert.equal(address.parseIpv4('255.255.255.255'), -1)
  })

  it('writes signed and unsigned numbers alike', () => {
    assert.equal(address.formatIpv4(-1), '255.255.255.255')
    assert.equal(address.formatIpv4(0xc00002c8), '192.0.2.200')
    assert.equal(address.formatIpv4(0xc00002c8 | 0), '192.0.2.200')
  })

  it('reads what it wrote', () => {
    fc.assert(
      fc.property(int32, (value) => assert.equal(address.parseIpv4(address.formatIpv4(value)), value)),
    )
  })

  for (const text of [
    '',
    '10.1.0',
    '10.1.0.2.3',
    '10.1.0.256',
    '10.01.0.2',
    '10.1.0.',
    '10.1..2',
    '0x0a.1.0.2',
    '10.1.0.2 ',
    '10.1.0.2\n',
    '167837698',
    '+10.1.0.2',
    '1e1.1.0.2',
  ]) {
    it(`refuses ${JSON.stringify(text)}`, () => assert.equal(address.parseIpv4(text), undefined))
  }

  it('accepts what inet_pton accepts, and nothing else', () => {
    const text = fc.string({ unit: fc.constantFrom('0', '1', '2', '5', '9', '.', ' ', 'x'), maxLength: 16 })
    const nearly = fc.array(fc.constantFrom('0', '1', '01', '25', '255', '256', '1000', ''), {
      minLength: 3,
      maxLength: 5,
    })
    fc.assert(
      fc.property(
        fc.oneof(
          text,
          nearly.map((groups) => groups.join('.')),
        ),
        (candidate) => {
          assert.equal(address.parseIpv4(candidate) !== undefined, isIPv4(candidate))
        },
      ),
      { numRuns: 1000 },
    )
  })
})

/** Texts from RFC 4291, 2.2, and RFC 5952, 4 and 5, with their canonical form. */
const IPV6_TEXTS = [
  ['2001:DB8:0:0:8:800:200C:417A', '2001:db8::8:800:200c:417a'],
  ['FF01:0:0:0:0:0:0:101', 'ff01::101'],
  ['0:0:0:0:0:0:0:1', '::1'],
  ['0:0:0:0:0:0:0:0', '::'],
  ['::', '::'],
  ['1::', '1::'],
  ['2001:0db8::0001', '2001:db8::1'],
  ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
  ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
  ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
  ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'],
  ['::2:3:4:5:6:7:8', '0:2:3:4:5:6:7:8'],
  ['::ffff:192.0.2.1', '::ffff:192.0.2.1'],
  ['::ffff:c000:201', '::ffff:192.0.2.1'],
  ['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
  ['1:2:3:4:5:6:10.1.0.2', '1:2:3:4:5:6:a01:2'],
] as const

describe('IPv6 address text', () => {
  for (const [text, canonical] of IPV6_TEXTS) {
    it(`reads ${text} and writes ${canonical}`, () => {
      const bytes = address.parseIpv6(text)
      assert.ok(bytes)
      assert.equal(bytes.length, 16)
      assert.equal(address.formatIpv6(bytes), canonical)
    })
  }

  for (const text of [
    '',
    ':',
    ':::',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1::2::3',
    '1:2:3:4::5:6:7:8',
    '12345::',
    ':1::',
    '::1:',
    'fe80::1%eth0',
    '[::1]',
    '::10.1.0',
    '::10.1.0.2:1',
    '10.1.0.2::',
    '1:2:3:4:5:6:7:10.1.0.2',
    '::g',
    ' ::1',
  ]) {
    it(`refuses ${JSON.stringify(text)}`, () => assert.equal(address.parseIpv6(text), undefined))
  }

  const groups = fc.array(fc.oneof(fc.constant(0), fc.constant(0xffff), uint16), {
    minLength: 8,
    maxLength: 8,
  })
  const bytes = groups.map((values) => Uint8Array.from(values.flatMap((value) => [value >> 8, value & 0xff])))

  it('reads what it wrote, and writes as URL does', () => {
    fc.assert(
      fc.property(bytes, (value) => {
        const text = address.formatIpv6(value)
        assert.deepEqual(address.parseIpv6(text), value)
        // WHATWG URL writes IPv4-mapped addresses in hexadecimal, and is RFC 5952 otherwise.
        if (!text.includes('.')) assert.equal(new URL(`http://[${text}]`).hostname, `[${text}]`)
      }),
      { numRuns: 1000 },
    )
  })

  it('accepts what inet_pton accepts, and nothing else', () => {
    const piece = fc.constantFrom('', '0', '1', 'ffff', '10000', ':', '10.1.0.2')
    fc.assert(
      fc.property(fc.array(piece, { minLength: 2, maxLength: 10 }), (pieces) => {
        const candidate = pieces.join(':')
        assert.equal(address.parseIpv6(candidate) !== undefined, isIPv6(candidate), candidate)
      }),
      { numRuns: 2000 },
    )
  })
})

describe('addresses in a frame', () => {
  const MAC = hex('0242ff010a03')
  const IPV4 = hex('c00002c8')
  const IPV6 = hex('20010db8000000000000000000000001')

  it('reads them as text', () => {
    const mac = place(MAC)
    assert.equal(address.macAt(mac.view, mac.offset), '02:42:ff:01:0a:03')
    const ipv4 = place(IPV4)
    assert.equal(address.ipv4At(ipv4.view, ipv4.offset), '192.0.2.200')
    const ipv6 = place(IPV6)
    assert.equal(address.ipv6At(ipv6.view, ipv6.offset), '2001:db8::1')
  })

  it('reads them in a view that does not begin with its buffer', () => {
    const buffer = new Uint8Array([...new Uint8Array(7), ...IPV6]).buffer
    assert.equal(address.ipv6At(new DataView(buffer, 3), 4), '2001:db8::1')
  })

  it('writes them', () => {
    assertWrites(MAC, (view, offset) => address.putMac(view, offset, '02:42:ff:01:0a:03'))
    assertWrites(IPV4, (view, offset) => address.putIpv4(view, offset, '192.0.2.200'))
    assertWrites(IPV6, (view, offset) => address.putIpv6(view, offset, '2001:db8::1'))
  })

  it('throws for text that is no address', () => {
    const view = new DataView(new ArrayBuffer(16))
    assert.throws(() => address.putMac(view, 0, '10.1.0.2'), /not a MAC address: '10.1.0.2'/)
    assert.throws(() => address.putIpv4(view, 0, '::1'), /not an IPv4 address: '::1'/)
    assert.throws(() => address.putIpv6(view, 0, '10.1.0.2'), /not an IPv6 address: '10.1.0.2'/)
  })
})
