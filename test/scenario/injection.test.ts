import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { FRAME_MAX } from '../../src/datapath/frame-memory.ts'
import { frameOf } from '../support/frame-text.ts'
import { play, Scenario } from '../support/scenario.ts'
import { pattern, transportFrame } from '../support/transport-frame.ts'

describe('a frame of our own', () => {
  it('is flooded like one that arrived, and not to the port that it is from', () => {
    play(`
      network 1
      network 2
      port 1,2,3 network=1
      port 4 network=2
      1+ * a here-is-a
      2< * a here-is-a
      3< * a here-is-a
    `)
  })

  it('tells the switch where its station lives', () => {
    play(`
      network 1
      port 1,2,3 network=1
      1+ * a here-is-a
      2< * a here-is-a
      3< * a here-is-a
      2> a b hello
      1< a b hello
    `)
  })

  it('moves a station that lived elsewhere', () => {
    play(`
      network 1
      port 1,2,3 network=1
      3> * a old
      1< * a old
      2< * a old
      1+ * a new
      2< * a new
      3< * a new
      2> a b hello
      1< a b hello
    `)
  })

  it('goes to one port where its target is known', () => {
    play(`
      network 1
      port 1,2,3 network=1
      2> * b hello
      1< * b hello
      3< * b hello
      1+ b a hello
      2< b a hello
    `)
  })

  it('enters behind the burst of the same turn, and behind the one before it', () => {
    play(`
      network 1
      port 1,2 network=1
      2> * b 1
      2> * b 2
      1+ b a 3
      1+ b a 4
      1< * b 1
      1< * b 2
      2< b a 3
      2< b a 4
    `)
  })

  it('is checked like one that arrived, and dropped for the same reasons', () => {
    play(`
      network 1
      network 2
      port 1,2 network=1 mtu=1500
      port 3 network=2
      1+ * a cut=13
      1! runt-frame
      1+ * a length=1600
      1! frame-too-long
      1+ * * hello
      1! source-multicast
      1+ 01:80:c2:00:00:00 a hello
      1! reserved-address
      3+ * a hello
      3! no-other-port
    `)
  })

  it('is refused by a port that is not there, counting nothing', () => {
    const scenario = new Scenario()
    const { frame } = frameOf(['*', 'a', 'hello'])
    for (const port of [0, 4095, 4096, -1]) {
      assert.throws(() => scenario.engine.inject(port, frame, 0), { message: `port ${port} does not exist` })
    }
    assert.equal(scenario.engine.counters.total().receivedFrames, 0)
  })

  it('is refused where it is longer than any frame', () => {
    const scenario = new Scenario()
    scenario.network(1)
    scenario.port(1)
    assert.throws(() => scenario.engine.inject(1, new Uint8Array(FRAME_MAX + 1), 0), {
      name: 'RangeError',
      message: `a frame has at most ${FRAME_MAX} bytes, not ${FRAME_MAX + 1}`,
    })
    assert.equal(scenario.engine.counters.total().receivedFrames, 0)
  })

  it('has to wait for transmissions that are not carried out yet, which name its place in the memory', () => {
    const scenario = new Scenario()
    scenario.network(1)
    scenario.port(1)
    scenario.port(2, { plain: true })
    const payload = pattern(3000)
    const options = { protocol: 'tcp', version: 4, payload, left: 'segmentation', gsoSize: 1460 } as const
    scenario.arrive(1, transportFrame({ ...options, target: 'b', source: 'a' }))
    scenario.turn()
    assert.ok(scenario.engine.transmitCount > 0)
    const { frame } = frameOf(['*', 'a', 'hello'])
    assert.throws(() => scenario.engine.inject(1, frame, 0), { message: 'transmissions wait' })
    scenario.run()
    assert.equal(scenario.departures(2).length, 3)
    scenario.inject(1, { frame, virtioHeader: new Uint8Array(10) })
    assert.equal(scenario.departures(2).length, 1)
  })

  it('reaches as many ports as there can be', () => {
    const scenario = new Scenario()
    scenario.network(1)
    for (let port = 0; port < 4096; port++) scenario.port(port, { plain: port % 2 === 0 })
    scenario.inject(7, frameOf(['*', 'a', 'hello']))
    assert.equal(scenario.engine.counters.total().transmittedFrames, 4095)
  })
})
