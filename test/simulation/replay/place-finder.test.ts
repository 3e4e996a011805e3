/** Where frames come from, where what they say of it fits several places. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Direction } from '../../../src/inspect/pcap/capture-file.ts'
import { BY_ROUTER, NOT_PLACED, PlaceFinder } from '../../../src/simulation/replay/place-finder.ts'
import type { SimulatedPlace } from '../../../src/simulation/simulated-place.ts'
import { packetFrame } from '../../support/packet-text.ts'

const SAME = '02:42:0a:01:00:02'
const GATEWAY = '02:42:0a:01:00:01'

const place = (port: number, network: string, mac: string, ...addresses: string[]): SimulatedPlace => ({
  port,
  kind: 'sandbox',
  name: `box${port}`,
  interface: 'eth0',
  network,
  mac,
  addresses,
})

describe('places of frames', () => {
  const places = [
    place(1, 'blue', SAME, '10.1.0.2'),
    place(2, 'red', SAME, '10.2.0.2'),
    place(3, 'blue', '02:42:0a:01:00:03', '10.1.0.3', '10.9.0.9'),
    place(4, 'red', GATEWAY, '10.9.0.9'),
  ]
  const finder = new PlaceFinder({
    places: new Map(places.map((one) => [one.port, one])),
    routers: [GATEWAY],
    rules: [],
  })
  const found = (packet: string): number => {
    const { frame } = packetFrame(packet, 0)
    const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength)
    return finder.find(view, 0, frame.length, 0, Direction.unknown)
  }

  it('that share a MAC address are told apart by their addresses, and else not at all', () => {
    assert.equal(found('udp 10.1.0.2:1>10.1.0.3:2 from=10.1.0.2 via=10.1.0.3'), 1)
    assert.equal(found('udp 10.2.0.2:1>10.1.0.3:2 from=10.1.0.2 via=10.1.0.3'), 2)
    assert.equal(found('udp 10.3.0.2:1>10.1.0.3:2 from=10.1.0.2 via=10.1.0.3'), NOT_PLACED)
  })

  it('that share an address are told apart by their MAC addresses', () => {
    assert.equal(found('udp 10.9.0.9:1>10.1.0.3:2 from=10.1.0.3 via=10.1.0.2'), 3)
    assert.equal(found('udp 10.9.0.9:1>10.1.0.3:2 from=10.9.9.9 via=10.1.0.2'), NOT_PLACED)
  })

  it('are never that of a gateway', () => {
    assert.equal(found('udp 10.1.0.3:1>10.1.0.2:2 from=10.1.0.1 via=10.1.0.2'), BY_ROUTER)
  })
})
