import * as fc from 'fast-check'
import { type Ipv4FrameSpec, PLAIN_IPV4 } from './ipv4-frame.ts'

/** Words of 32 bits; often those at the edges of ones-complement arithmetic. */
export const word32 = fc.oneof(
  fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
  fc.constantFrom(0, -1, 1, 0xffff, -0x10000, 0x00010000, -(2 ** 31)),
)

const words = (max: number): fc.Arbitrary<Uint8Array> =>
  fc.integer({ min: 0, max }).chain((count) => fc.uint8Array({ minLength: count * 4, maxLength: count * 4 }))

/** Packets of TCP, UDP and ICMP echo, of all lengths and with all states of checksums. */
export const ipv4Spec: fc.Arbitrary<Ipv4FrameSpec> = fc
  .record({
    protocol: fc.constantFrom(1, 6, 17),
    source: word32,
    destination: word32,
    ports: word32,
    checksum: fc.constantFrom('whole' as const, 'partial' as const, 'none' as const),
    typeOfService: fc.nat(255),
    identification: fc.nat(0xffff),
    timeToLive: fc.integer({ min: 1, max: 255 }),
    ipOptions: words(10),
    tcpOptions: words(10),
    controlBits: fc.nat(255),
    sequenceNumber: fc.integer({ min: 0, max: 0xffffffff }),
    payload: fc.oneof(fc.uint8Array({ maxLength: 60 }), fc.constant(new Uint8Array(7))),
  })
  .map((spec) => ({
    ...PLAIN_IPV4,
    ...spec,
    checksum: spec.checksum === 'none' && spec.protocol !== 17 ? 'whole' : spec.checksum,
    ports: spec.protocol === 1 ? samePorts(spec.ports) : spec.ports,
  }))

/** The identifier of ICMP echo, in the place of both ports. */
export const samePorts = (ports: number): number => (ports << 16) | (ports & 0xffff)
