import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { frameOf, macText } from '../../support/frame-text.ts'
import { mac, peerOf, TUNNEL, TunnelHost } from '../../support/tunnel-scene.ts'

const HERE = mac(macText('a'))
const THERE = mac(macText('b'))

describe('a station behind a peer', () => {
  it('takes its router with it, but not who lives here under the same address', () => {
    const host = new TunnelHost(0, { overlay: { learns: false, floods: false } })
    host.tap(1, { station: HERE })
    host.tap(2)
    host.tap(3)
    host.peer(1)
    host.engine.setRemote(1, THERE, { port: peerOf(1), ipv4: [], routerMac: HERE })
    host.engine.setRemote(1, THERE, undefined)
    host.io.inject(2, frameOf('a c hello'.split(' ')).frame)
    host.run()
    assert.equal(host.io.collect(1).length, 1)
    assert.deepEqual(host.io.collect(3), [])
  })

  it('is refused where the table has no room for it, and is nowhere then', () => {
    const host = new TunnelHost(0, { engine: { stations: 4 } })
    host.tap(1)
    host.peer(1)
    const stationOf = (number: number) => mac(`02:00:00:00:01:0${number}`)
    const remote = { port: peerOf(1), ipv4: [] }
    for (let number = 0; number < 4; number++) host.engine.setRemote(1, stationOf(number), remote)
    const full = { ...remote, ipv4: [0x0a010009], routerMac: HERE }
    assert.throws(() => host.engine.setRemote(1, stationOf(4), full), RangeError)
    assert.equal(host.engine.peers(1)[0]!.stations, 4)
    // Nothing is left of it that would come back with room.
    host.engine.setRemote(1, stationOf(0), undefined)
    host.engine.setRemote(1, stationOf(4), remote)
    assert.equal(host.engine.peers(1)[0]!.stations, 4)
    assert.deepEqual(host.io.collectDatagrams(TUNNEL), [])
  })
})
