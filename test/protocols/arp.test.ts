import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import {
  ARP_FRAME_SIZE,
  ArpKind,
  arpPacket,
  classifyArp,
  composeAnnouncement,
  composePoll,
  composeReply,
  composeRequest,
} from '../../src/protocols/arp.ts'
import * as arp from '../../src/wire/arp.ts'
import { text } from '../support/ipv4-frame.ts'
import { kernelGateway } from '../support/kernel-gateway.ts'
import { assertWrites, hex, place } from '../support/wire-bytes.ts'

const HOST = { high: 0x0242, low: 0x0a010002, address: 0x0a010002 }
const GATEWAY = { high: 0x0242, low: 0x0a010001, address: 0x0a010001 }
const HEADER = '00'.repeat(10)

/** What `compose` writes, headers included, is `expected`: 52 bytes, and it says that the frame has 42. */
function assertComposes(expected: string, compose: (view: DataView, at: number) => number): void {
  assertWrites(hex(HEADER + expected), (view, offset) => {
    assert.equal(compose(view, offset + 10), ARP_FRAME_SIZE)
  })
}

describe('ARP frames', () => {
  it('ask and answer as Linux does', () => {
    const { request, reply } = kernelGateway.arp
    assertComposes(text(request), (view, at) =>
      composeRequest(view, at, HOST.high, HOST.low, HOST.address, GATEWAY.address),
    )
    assertComposes(text(reply), (view, at) =>
      composeReply(view, at, GATEWAY.high, GATEWAY.low, GATEWAY.address, HOST.high, HOST.low, HOST.address),
    )
  })

  it('ask one station', () => {
    const expected = `02420a010001 02420a010002 0806 0001 0800 0604 0001
      02420a010002 0a010002 000000000000 0a010001`
    assertComposes(text(hex(expected)), (view, at) =>
      composePoll(view, at, HOST.high, HOST.low, HOST.address, GATEWAY.high, GATEWAY.low, GATEWAY.address),
    )
  })

  it('announce an address', () => {
    const expected = `ffffffffffff 02420a010001 0806 0001 0800 0604 0001
      02420a010001 0a010001 000000000000 0a010001`
    assertComposes(text(hex(expected)), (view, at) =>
      composeAnnouncement(view, at, GATEWAY.high, GATEWAY.low, GATEWAY.address),
    )
  })

  it('are understood by the classifier', () => {
    const view = new DataView(new ArrayBuffer(100))
    const { high, low, address } = GATEWAY
    composeRequest(view, 20, high, low, address, HOST.address)
    assert.equal(classifyArp(view, 20, ARP_FRAME_SIZE), ArpKind.request)
    composeReply(view, 20, high, low, address, HOST.high, HOST.low, HOST.address)
    assert.equal(classifyArp(view, 20, ARP_FRAME_SIZE), ArpKind.reply)
    composeAnnouncement(view, 20, high, low, address)
    assert.equal(classifyArp(view, 20, ARP_FRAME_SIZE), ArpKind.announcement)
  })
})

interface Fields {
  readonly etherType?: string
  readonly format?: string
  readonly operation?: number
  readonly sender?: string
  readonly senderMac?: string
  readonly target?: string
}

function frame(fields: Fields): Uint8Array {
  const { etherType = '0806', format = '000108000604', operation = 1 } = fields
  const { sender = '0a010002', senderMac = '02420a010002', target = '0a010001' } = fields
  const number = operation.toString(16).padStart(4, '0')
  return hex(
    `ffffffffffff 02420a010002 ${etherType} ${format} ${number} ${senderMac} ${sender} 000000000000 ${target}`,
  )
}

const kindOf = (bytes: Uint8Array): number => {
  const { view, offset } = place(bytes)
  return classifyArp(view, offset, bytes.length)
}

describe('classifyArp', () => {
  it('knows what Linux sends, and where sender and target are', () => {
    assert.equal(kindOf(kernelGateway.arp.request), ArpKind.request)
    assert.equal(kindOf(kernelGateway.arp.reply), ArpKind.reply)
    const { view, offset } = place(kernelGateway.arp.reply)
    assert.equal(arp.senderProtocol(view, arpPacket(offset)), GATEWAY.address)
    assert.equal(arp.targetHardwareLow(view, arpPacket(offset)), HOST.low)
  })

  it('tells probes and announcements, as requests and as replies', () => {
    assert.equal(kindOf(frame({ sender: '00000000' })), ArpKind.probe)
    assert.equal(kindOf(frame({ sender: '0a010001' })), ArpKind.announcement)
    assert.equal(kindOf(frame({ sender: '0a010001', operation: 2 })), ArpKind.announcement)
  })

  it('takes any station, also one whose address has zeros', () => {
    for (const senderMac of ['020000000000', '000000000001']) {
      assert.equal(kindOf(frame({ senderMac })), ArpKind.request)
    }
  })

  it('takes padding for what it is', () => {
    assert.equal(kindOf(Uint8Array.from([...frame({}), ...new Uint8Array(18)])), ArpKind.request)
  })

  it('refuses what is short, of other protocols, or of other operations', () => {
    for (let length = 0; length < ARP_FRAME_SIZE; length++) {
      assert.equal(kindOf(frame({}).slice(0, length)), ArpKind.invalid)
    }
    assert.equal(kindOf(frame({ etherType: '0800' })), ArpKind.invalid)
    for (const format of ['000608000604', '000186dd0604', '000108000804', '000108000610']) {
      assert.equal(kindOf(frame({ format })), ArpKind.invalid)
    }
    for (const operation of [0, 3, 4, 8, 0xffff]) assert.equal(kindOf(frame({ operation })), ArpKind.invalid)
  })

  it('refuses senders that are nobody', () => {
    for (const senderMac of ['000000000000', 'ffffffffffff', '01005e000001']) {
      assert.equal(kindOf(frame({ senderMac })), ArpKind.invalid)
    }
    for (const sender of ['00000001', '7f000001', 'e0000001', 'f0000001', 'ffffffff']) {
      assert.equal(kindOf(frame({ sender })), ArpKind.invalid)
    }
    assert.equal(kindOf(frame({ sender: '00000000', operation: 2 })), ArpKind.invalid)
    assert.equal(kindOf(frame({ sender: '00000000', target: '00000000' })), ArpKind.invalid)
  })

  it('never throws, and promises a whole packet where it takes one', () => {
    const byte = fc.tuple(fc.nat(41), fc.nat(255))
    fc.assert(
      fc.property(fc.array(byte, { maxLength: 3 }), fc.nat(50), (changes, length) => {
        const bytes = Uint8Array.from([...frame({}), ...new Uint8Array(8)]).slice(0, length)
        for (const [at, value] of changes) if (at < length) bytes[at] = value
        if (kindOf(bytes) !== ArpKind.invalid)
          assert.notEqual(arp.parse(new DataView(bytes.buffer), 14, length), undefined)
      }),
    )
  })
})
