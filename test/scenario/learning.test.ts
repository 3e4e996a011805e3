import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { LearnResult } from '../../src/tables/mac-table.ts'
import { play, Scenario } from '../support/scenario.ts'

describe('a switch learns where stations live', () => {
  it('floods to a station that it does not know, and not once it has heard from it', () => {
    play(`
      network 1
      port 1,2,3 network=1

      1> b a ping
      2< b a ping
      3< b a ping

      2> a b pong
      1< a b pong

      1> b a ping again
      2< b a ping again
    `)
  })

  it('learns from a whole burst before it forwards any of it', () => {
    play(`
      network 1
      port 1,2,3 network=1

      1> b a ping
      2> a b pong
      3> b c ping
      1< a b pong
      2< b a ping
      2< b c ping
    `)
  })

  it('takes the last place of a station that moves within a burst', () => {
    play(`
      network 1
      port 1,2,3 network=1
      1> * a hello
      2> a b ping
      3> * a moved
      1< * a moved
      2< * a hello
      2< * a moved
      3< * a hello
      3< a b ping
    `)
  })

  it('floods broadcast and multicast even when it knows every station', () => {
    play(`
      network 1
      port 1,2,3 network=1
      1> * a hello
      2< * a hello
      3< * a hello
      2> * b hello
      1< * b hello
      3< * b hello

      1> 01:00:5e:00:00:fb a mdns
      2< 01:00:5e:00:00:fb a mdns
      3< 01:00:5e:00:00:fb a mdns

      1> 33:33:00:00:00:01 a neighbours
      2< 33:33:00:00:00:01 a neighbours
      3< 33:33:00:00:00:01 a neighbours
    `)
  })

  it('counts a flood once, and each copy beyond the first', () => {
    const { engine } = play(`
      network 1
      port 1,2,3,4 network=1
      1> * a hello
      2< * a hello
      3< * a hello
      4< * a hello

      2> a b hello
      1< a b hello
    `)
    const { flooded, floodCopies } = engine.counters.port(1)
    assert.deepEqual({ flooded, floodCopies }, { flooded: 1, floodCopies: 2 })
    assert.equal(engine.counters.port(2).flooded, 0)
    assert.equal(engine.counters.total().floodCopies, 2)
  })

  it('keeps the frames of a port in their order, known targets and floods mixed', () => {
    play(`
      network 1
      port 1,2,3 network=1
      2> * b hello
      1< * b hello
      3< * b hello

      1> b a 1
      1> * a 2
      1> b a 3
      1> c a 4
      1> b a 5
      2< b a 1
      2< * a 2
      2< b a 3
      2< c a 4
      2< b a 5
      3< * a 2
      3< c a 4
    `)
  })

  it('leaves to a LAN what is for stations of the LAN, and floods what is for everybody', () => {
    const { engine } = play(`
      network 1
      port 1 network=1 lan
      port 2,3 network=1
      1> c a between two others
      1! same-port

      1> * a hello
      2< * a hello
      3< * a hello

      # A station that is sought in the other direction may well be on the LAN.
      2> d b hello
      1< d b hello
      3< d b hello

      1> b a hello
      2< b a hello

      # Who has not been heard of for long is forgotten like everywhere.
      t=1000
      1> b a hello
      1! same-port
    `)
    assert.equal(engine.counters.port(1).flooded, 1)
  })

  it('never forgets a station that was given with the port, nor lets it move', () => {
    const scenario = new Scenario()
    scenario.network(1)
    scenario.port(1, { domain: 1, lan: true })
    scenario.port(2, { domain: 1, station: { high: 0x0200, low: 0x0b } })
    scenario.port(3, { domain: 1 })
    const places = () =>
      [...scenario.engine.stations.stations(5000)].map(({ hi, lo, port }) => [hi, lo, port])
    scenario.nowS = 5000
    scenario.engine.tick(5000)
    assert.deepEqual(places(), [[0x0200, 0x0b, 2]])
    assert.equal(scenario.engine.stations.learn(1, 0x0200, 0x0b, 1, 5000), LearnResult.staticElsewhere)
    scenario.remove(2)
    assert.deepEqual(places(), [])
  })

  it('does not send a frame back to where it came from', () => {
    play(`
      network 1
      port 1,2 network=1

      # Two stations behind one port, as behind a bridge inside of a sandbox.
      1> * a hello
      1> * b hello
      2< * a hello
      2< * b hello

      1> b a ping
      1! same-port

      # Even to itself.
      1> a a ping
      1! same-port
    `)
  })

  it('follows a station to another port', () => {
    const { engine } = play(`
      network 1
      port 1,2,3 network=1
      1> * a hello
      2< * a hello
      3< * a hello
      3> a c ping
      1< a c ping

      2> * a moved
      1< * a moved
      3< * a moved

      3> a c ping
      2< a c ping
    `)
    assert.equal(engine.stations.moved, 1)
  })

  it('takes a station that moves to its own correspondent as behind the same port', () => {
    play(`
      network 1
      port 1,2 network=1
      1> * a hello
      2< * a hello
      2> * b hello
      1< * b hello

      2> b a moved
      2! same-port
    `)
  })

  it('learns from a frame that it goes on to drop', () => {
    play(`
      network 1
      port 1,2,3 network=1
      1> 01:80:c2:00:00:00 a bpdu
      1! reserved-address
      2> a b ping
      1< a b ping
    `)
  })

  it('learns nothing from a frame that is no frame', () => {
    play(`
      network 1
      port 1,2,3 network=1
      1> b a length=1600
      1! frame-too-long
      2> a b ping
      1< a b ping
      3< a b ping
    `)
  })
})

describe('a switch forgets stations', () => {
  it('after 300 seconds of silence, not before', () => {
    play(`
      network 1
      port 1,2,3 network=1
      t=1000
      1> * a hello
      2< * a hello
      3< * a hello

      t=1299
      tick
      2> a b ping
      1< a b ping

      t=1300
      tick
      2> a b ping
      1< a b ping
      3< a b ping
    `)
  })

  it('to the second, even if its tick comes late', () => {
    play(`
      network 1
      port 1,2,3 network=1
      1> * a hello
      2< * a hello
      3< * a hello

      t=300
      2> a b ping
      1< a b ping
      3< a b ping
    `)
  })

  it('never while it hears from them', () => {
    play(`
      network 1
      port 1,2,3 network=1
      1> * a hello
      2< * a hello
      3< * a hello

      t=299
      tick
      1> * a still here
      2< * a still here
      3< * a still here

      t=598
      tick
      2> a b ping
      1< a b ping
    `)
  })

  it('hears of them again as of new ones, also from another port', () => {
    const { engine } = play(`
      network 1
      port 1,2,3 network=1
      1> * a hello
      2< * a hello
      3< * a hello
      t=400
      2> * a hello
      1< * a hello
      3< * a hello
      3> a c ping
      2< a c ping
    `)
    assert.equal(engine.stations.moved, 0)
    assert.equal(engine.stations.aged, 1)
  })

  it('after the time that it was made with', () => {
    play(
      `
      network 1
      port 1,2,3 network=1
      1> * a hello
      2< * a hello
      3< * a hello
      t=4
      2> a b ping
      1< a b ping
      t=5
      2> a b ping
      1< a b ping
      3< a b ping
    `,
      { ageingS: 5 },
    )
  })

  it('gives up the oldest of a port that has more than it may, not those of others', () => {
    play(
      `
      network 1
      port 1,2,3 network=1
      2> * z hello
      1< * z hello
      3< * z hello

      1> z a 1
      1> z b 2
      1> z c 3
      2< z a 1
      2< z b 2
      2< z c 3

      # a is forgotten, b and c are not, nor is z.
      2> a z ping
      1< a z ping
      3< a z ping
      2> b z ping
      1< b z ping
      2> c z ping
      1< c z ping
    `,
      { stationsPerPort: 2 },
    )
  })
})
