import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import * as arp from '../../src/wire/arp.ts'
import * as ethernet from '../../src/wire/ethernet.ts'
import * as icmp from '../../src/wire/icmp.ts'
import * as icmpv6 from '../../src/wire/icmpv6.ts'
import * as ipv4 from '../../src/wire/ipv4.ts'
import * as ipv6 from '../../src/wire/ipv6.ts'
import * as tcp from '../../src/wire/tcp.ts'
import * as udp from '../../src/wire/udp.ts'
import * as virtioNet from '../../src/wire/virtio-net.ts'
import * as vlan from '../../src/wire/vlan.ts'
import { hex } from '../support/wire-bytes.ts'

/**
 * What all formats promise: `check` and `parse` never throw, and once `check` has said true, nothing that is
 * exported as (view, offset) reads behind `end`. The view ends at `end`, so that a read behind it throws.
 */
interface Format {
  readonly name: string
  readonly module: { check(view: DataView, offset: number, end: number): boolean }
  readonly parse: (view: DataView, offset: number, end: number) => unknown
  /** A packet that passes, to be mutated. */
  readonly sample: string
  /** Where the format says that its content ends. */
  readonly contentEnd?: (view: DataView, offset: number) => number
}

const FORMATS: readonly Format[] = [
  { name: 'ethernet', module: ethernet, parse: ethernet.parse, sample: '02420a010003 02420a010002 0800' },
  { name: 'vlan', module: vlan, parse: vlan.parse, sample: '8100 b123 86dd' },
  {
    name: 'arp',
    module: arp,
    parse: arp.parse,
    sample: '0001 0800 06 04 0002 02420a010002 0a010002 02420a010003 0a010003',
  },
  {
    name: 'ipv4',
    module: ipv4,
    parse: ipv4.parse,
    sample: '46b9 0025 1234 4000 3f11 c70b 0a010002 c00002c8 94040000 00359c40000d52c168656c6c6f',
    contentEnd: (view, offset) => offset + ipv4.totalLength(view, offset),
  },
  {
    name: 'ipv6',
    module: ipv6,
    parse: ipv6.parse,
    sample: `60012345 0020 00 3f 20010db8000000000000000000000001 fe800000000000000000000100020003
      2b00000000000000 2c00000000000000 3300000100000000 0600000000000000`,
    contentEnd: (view, offset) => {
      const walk = ipv6.upperLayer(view, offset)
      if (walk !== ipv6.NO_UPPER_LAYER) ipv6.isFragment(view, offset, ipv6.upperOffset(walk))
      for (const word of [0, 1, 2, 3]) {
        ipv6.sourceWord(view, offset, word)
        ipv6.destinationWord(view, offset, word)
      }
      return offset + (walk === ipv6.NO_UPPER_LAYER ? 0 : ipv6.upperOffset(walk))
    },
  },
  { name: 'icmp', module: icmp, parse: icmp.parse, sample: '0800 bbfd 1234 0007 6162636465' },
  { name: 'icmpv6', module: icmpv6, parse: icmpv6.parse, sample: '8000 1775 1234 0007 6162636465' },
  {
    name: 'udp',
    module: udp,
    parse: udp.parse,
    sample: '0035 9c40 000d 52c1 68656c6c6f',
    contentEnd: (view, offset) => offset + udp.length(view, offset),
  },
  {
    name: 'tcp',
    module: tcp,
    parse: tcp.parse,
    sample: '01bb c350 89abcdef fedcba98 8098 01f5 8d7b 0003 0101080a0000000100000002 68656c6c6f',
    contentEnd: (view, offset) => offset + tcp.headerSize(view, offset),
  },
  { name: 'virtio-net', module: virtioNet, parse: virtioNet.parse, sample: '01 01 4200 a805 2200 1000' },
]

type Accessor = (view: DataView, offset: number) => unknown

const accessors = (module: object): Accessor[] =>
  Object.values(module).filter(
    (value): value is Accessor => typeof value === 'function' && value.length === 2,
  )

interface Packet {
  readonly bytes: Uint8Array
  readonly offset: number
}

/** The sample with some bytes changed, cut short or with padding behind it, or bytes that are random throughout. */
function packets(sample: Uint8Array): fc.Arbitrary<Packet> {
  const change = fc.tuple(fc.nat(sample.length - 1), fc.nat(255))
  const mutated = fc
    .tuple(fc.array(change, { maxLength: 3 }), fc.nat(sample.length + 10))
    .map(([changes, length]) => {
      const bytes = Uint8Array.from([...sample, ...new Uint8Array(10)])
      for (const [at, byte] of changes) bytes[at] = byte
      return bytes.slice(0, length)
    })
  const random = fc.uint8Array({ maxLength: sample.length + 10 })
  return fc.record({ bytes: fc.oneof(mutated, mutated, random), offset: fc.nat(7) })
}

for (const { name, module, parse, sample, contentEnd } of FORMATS) {
  describe(`${name}.check`, () => {
    it('is true for the sample, at its full length only just', () => {
      const bytes = hex(sample)
      assert.equal(module.check(new DataView(bytes.buffer), 0, bytes.length), true)
      assert.equal(module.check(new DataView(bytes.buffer), 0, 0), false)
    })

    it('never throws, and keeps every accessor within the end', () => {
      assert.ok(accessors(module).length > 2)
      let passed = 0
      fc.assert(
        fc.property(packets(hex(sample)), ({ bytes, offset }) => {
          const buffer = new Uint8Array([...new Uint8Array(offset), ...bytes, 0xa5, 0xa5]).buffer
          const end = offset + bytes.length
          const view = new DataView(buffer, 0, end)
          const value = parse(view, offset, end)
          if (!module.check(view, offset, end)) {
            assert.equal(value, undefined)
            return
          }
          passed++
          if (contentEnd !== undefined) assert.ok(contentEnd(view, offset) <= end)
          for (const access of accessors(module)) access(view, offset)
        }),
        { numRuns: 1000 },
      )
      assert.ok(passed > 50, `only ${passed} packets passed`)
    })
  })
}
