import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { DropReason } from '../../src/datapath/drop-reason.ts'
import { play } from '../support/scenario.ts'

describe('networks are apart', () => {
  it('broadcast, multicast and unknown targets stay inside', () => {
    play(`
      network 1
      network 2
      port 1,2 network=1
      port 3,4 network=2

      1> * a hello
      2< * a hello
      3> * c hello
      4< * c hello
      1> 33:33:00:00:00:01 a hello
      2< 33:33:00:00:00:01 a hello
      4> z d hello
      3< z d hello
    `)
  })

  it('a station of one is unknown in the other', () => {
    play(`
      network 1
      network 2
      port 1,2 network=1
      port 3,4,5 network=2
      1> * a hello
      2< * a hello

      3> a c ping
      4< a c ping
      5< a c ping
    `)
  })

  it('both may have the same addresses', () => {
    const { engine } = play(`
      network 1
      network 2
      port 1,2,5 network=1
      port 3,4,6 network=2
      1> * a hello
      2< * a hello
      5< * a hello
      4> * a hello
      3< * a hello
      6< * a hello

      2> a b ping
      1< a b ping
      3> a b ping
      4< a b ping

      # And a station may leave one port in one network without leaving the other.
      5> * a moved
      1< * a moved
      2< * a moved
      3> a b ping
      4< a b ping
      2> a b ping
      5< a b ping
    `)
    assert.equal(engine.stations.moved, 1)
  })

  it('a frame of a port alone in its network goes nowhere', () => {
    play(`
      network 1
      network 2
      port 1 network=1
      port 2 network=2
      1> * a hello
      1! no-other-port
      1> b a hello
      1! no-other-port
      2> a b hello
      2! no-other-port
    `)
  })

  it('the numbers at the end of the range work like the first', () => {
    play(`
      network 4095
      network 0
      port 4095,0 network=4095
      port 4094,1 network=0
      4095> * a hello
      0< * a hello
      0> a b hello
      4095< a b hello
      1> a b hello
      4094< a b hello
    `)
  })

  it('refuse what would mix them up', () => {
    const { engine } = play(`
      network 1
      port 1,2 network=1
    `)
    const settings = { domain: 1, mtu: 1500, plain: false }
    assert.throws(() => engine.addDomain(1, { transparent: false }), /domain 1 exists already/)
    assert.throws(() => engine.addDomain(4096, { transparent: false }), RangeError)
    assert.throws(() => engine.addDomain(-1, { transparent: false }), RangeError)
    assert.throws(() => engine.removeDomain(1), /domain 1 still has ports/)
    assert.throws(() => engine.addPort(1, settings), /port 1 exists already/)
    assert.throws(() => engine.addPort(3, { ...settings, domain: 2 }), /domain 2 does not exist/)
    assert.throws(() => engine.addPort(4096, settings), RangeError)
    assert.throws(() => engine.addPort(-1, settings), RangeError)
  })

  it('are forgotten with all their stations', () => {
    const { engine } = play(`
      network 1
      port 1,2 network=1
      1> * a hello
      2< * a hello
    `)
    engine.removePort(1)
    engine.removePort(2)
    engine.removeDomain(1)
    assert.equal(engine.stations.size, 0)
    engine.addDomain(1, { transparent: false })
  })
})

describe('link-local bridge addresses (IEEE 802.1Q, 8.6.3)', () => {
  const addresses = Array.from({ length: 16 }, (_, last) => `01:80:c2:00:00:0${last.toString(16)}`)

  it('are dropped, all sixteen', () => {
    play(`
      network 1
      port 1,2 network=1
      ${addresses.map((address) => `1> ${address} a hello`).join('\n')}
      1! reserved-address x16
    `)
  })

  it('pass a transparent network', () => {
    play(`
      network 1 transparent
      port 1,2 network=1
      ${addresses.map((address) => `1> ${address} a hello`).join('\n')}
      ${addresses.map((address) => `2< ${address} a hello`).join('\n')}
    `)
  })

  it('pass no other network than the transparent one', () => {
    play(`
      network 1 transparent
      network 2
      port 1,2 network=1
      port 3,4 network=2
      3> 01:80:c2:00:00:0e c lldp
      3! reserved-address
      1> 01:80:c2:00:00:0e a lldp
      2< 01:80:c2:00:00:0e a lldp
    `)
  })

  it('end at 0f, and one differing bit makes an ordinary address', () => {
    const ordinary = [
      '01:80:c2:00:00:10',
      '01:80:c2:00:00:20',
      '01:80:c2:00:01:00',
      '01:80:c2:01:00:00',
      '01:80:c3:00:00:00',
      '01:81:c2:00:00:00',
      '03:80:c2:00:00:00',
    ]
    play(`
      network 1
      port 1,2 network=1
      ${ordinary.map((address) => `1> ${address} a hello`).join('\n')}
      ${ordinary.map((address) => `2< ${address} a hello`).join('\n')}
    `)
  })
})

describe('ports come and go', () => {
  it('the stations of a removed port are forgotten', () => {
    play(`
      network 1
      port 1,2,3 network=1
      1> * a hello
      2< * a hello
      3< * a hello
      2> a b ping
      1< a b ping

      remove 1
      2> a b ping
      3< a b ping
    `)
  })

  it('a number given anew starts without stations, in whatever network, and its counters at zero', () => {
    const { engine } = play(`
      network 1
      network 2
      port 1,2,3 network=1
      port 4 network=2
      1> * a hello
      2< * a hello
      3< * a hello

      remove 1
      port 1 network=2
      2> a b ping
      3< a b ping
      4> a d ping
      1< a d ping
      1> * a hello
      4< * a hello
    `)
    assert.equal(engine.counters.port(1).receivedFrames, 1)
    assert.equal(engine.counters.port(1).transmittedFrames, 1)
    assert.equal(engine.counters.total().receivedFrames, 4)
  })

  it('a port that joins is flooded to from the next frame on', () => {
    play(`
      network 1
      port 1,2 network=1
      1> * a hello
      2< * a hello
      port 3 network=1
      1> * a hello
      2< * a hello
      3< * a hello
      remove 2
      1> * a hello
      3< * a hello
      remove 3
      1> * a hello
      1! no-other-port
    `)
  })

  it('the frame of a port that is in no network is dropped', () => {
    const { engine, io } = play(`
      network 1
      port 1,2 network=1
    `)
    io.attach(7)
    io.inject(7, new Uint8Array(60))
    engine.process(0, io.poll(0, 0), 0)
    assert.equal(engine.transmitCount, 0)
    assert.equal(engine.counters.port(7).receivedFrames, 1)
    assert.equal(engine.counters.port(7).drops[DropReason.noDomain], 1)
  })

  it('a port whose device has vanished is no longer flooded to', () => {
    play(`
      network 1
      port 1,2,3 network=1
      2> * b hello
      1< * b hello
      3< * b hello
      vanish 2
      # The poll that reports it is the one with this frame: the frame was still under way to port 2.
      1> c a hello
      3< c a hello
      1> b a hello
      3< b a hello
    `)
  })
})
