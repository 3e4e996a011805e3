import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { playLab } from '../support/router-lab.ts'
import { playRouter, type RouterScene } from '../support/router-scene.ts'

/**
 * A connection from a sandbox to the world: `>` is a segment of the sandbox, `<` one of the world, and `state seconds` what the
 * connection is then and how long it may be silent.
 */
const TCP: Readonly<Record<string, string>> = {
  'three-way handshake': '> syn: syn-sent 120, < syn,ack: syn-received 120, > ack: established 7440',
  'SYN sent again': '> syn: syn-sent 120, > syn: syn-sent 120',
  'SYN+ACK sent again': '> syn: syn-sent 120, < syn,ack: syn-received 120, < syn,ack: syn-received 120',
  'simultaneous open': '> syn: syn-sent 120, < syn: syn-received 120, > ack: established 7440',
  'answer without SYN': '> syn: syn-sent 120, < ack: established 7440',
  refused: '> syn: syn-sent 120, < rst,ack: closed 10',
  'begun before we were there': '> ack: established 7440',
  'begun before, with data': '> psh,ack: established 7440',
  'closed from inside':
    '> ack: established 7440, > fin,ack: fin-wait 120, < ack: fin-wait 120, < fin,ack: time-wait 120, > ack: time-wait 120',
  'closed from outside':
    '> ack: established 7440, < fin,ack: fin-wait 120, > fin,ack: time-wait 120, < ack: time-wait 120',
  'half closed, and data the other way':
    '> ack: established 7440, > fin,ack: fin-wait 120, < psh,ack: fin-wait 120',
  'FIN sent again by the same side':
    '> ack: established 7440, > fin,ack: fin-wait 120, > fin,ack: fin-wait 120',
  'reset by the sandbox': '> ack: established 7440, > rst: closed 10, < ack: closed 10',
  'reset by the sandbox, which goes on': '> ack: established 7440, > rst: closed 10, > ack: established 7440',
  'reset by the world': '> ack: established 7440, < rst: closed 10, > ack: closed 10',
  'a reset that was forged': '> ack: established 7440, < rst: closed 10, < ack: established 7440',
  'reset while closing': '> ack: established 7440, > fin,ack: fin-wait 120, < rst: closed 10',
  'begun anew on ports that are waiting':
    '> ack: established 7440, > fin,ack: fin-wait 120, < fin,ack: time-wait 120, > syn: syn-sent 120, < syn,ack: syn-received 120, > ack: established 7440',
  'begun anew after a reset': '> syn: syn-sent 120, < rst,ack: closed 10, > syn: syn-sent 120',
  'SYN within a connection': '> ack: established 7440, > syn: established 7440',
}

const OTHERS: Readonly<Record<string, { first: string; answer: string; states: readonly string[] }>> = {
  UDP: {
    first: 'udp 10.1.0.2:4000>192.0.2.77:53',
    answer: 'udp 192.0.2.77:53>192.0.2.1:4000',
    states: ['unreplied 30', 'unreplied 30', 'assured 120', 'assured 120'],
  },
  'ICMP echo': {
    first: 'echo 10.1.0.2>192.0.2.77 id=5',
    answer: 'reply 192.0.2.77>192.0.2.1 id=5',
    states: ['echo 60', 'echo 60', 'echo 60', 'echo 60'],
  },
  'a protocol without ports': {
    first: 'proto=47 10.1.0.2>192.0.2.77',
    answer: 'proto=47 192.0.2.77>192.0.2.1',
    states: ['generic 600', 'generic 600', 'generic 600', 'generic 600'],
  },
}

const stateOf = ({ engine, scenario }: RouterScene): string => {
  const { flows, total } = engine.flows({}, 10, scenario.nowS)
  assert.equal(total, 1)
  return `${flows[0]!.state} ${flows[0]!.expiresS}`
}

function send(scene: RouterScene, port: number, line: string): void {
  scene.scenario.arrive(port, scene.frame(port, line))
  assert.equal(scene.run().length, 1, `${line} passes`)
}

describe('states of a TCP connection', () => {
  for (const [name, steps] of Object.entries(TCP)) {
    it(name, () => {
      const scene = playLab('')
      for (const step of steps.split(', ')) {
        const [, direction, bits, state] = /^([<>]) (\S+): (.*)$/.exec(step)!
        if (direction === '>') send(scene, 1, `tcp 10.1.0.2:4000>192.0.2.77:80 ${bits}`)
        else send(scene, 9, `tcp 192.0.2.77:80>192.0.2.1:4000 ${bits}`)
        assert.equal(stateOf(scene), state, step)
      }
    })
  }
})

describe('states of other flows', () => {
  for (const [name, { first, answer, states }] of Object.entries(OTHERS)) {
    it(name, () => {
      const scene = playLab('')
      for (const [index, state] of states.entries()) {
        send(scene, index === 2 ? 9 : 1, index === 2 ? answer : first)
        assert.equal(stateOf(scene), state)
      }
    })
  }
})

describe('a flow that is silent', () => {
  const ends: [first: string, seconds: number][] = [
    ['tcp 10.1.0.2:4000>192.0.2.77:80 syn', 120],
    ['tcp 10.1.0.2:4000>192.0.2.77:80 ack', 7440],
    ['udp 10.1.0.2:4000>192.0.2.77:80', 30],
    ['echo 10.1.0.2>192.0.2.77', 60],
  ]
  for (const [first, seconds] of ends) {
    it(`ends after ${seconds} seconds: ${first}`, () => {
      const scene = playLab('')
      send(scene, 1, first)
      playRouter(`t=${seconds - 1}`, scene)
      assert.equal(scene.flows().length, 1)
      playRouter(`t=${seconds}`, scene)
      assert.equal(scene.flows().length, 0)
    })
  }

  it('is kept by packets of either direction', () => {
    const scene = playLab('')
    send(scene, 1, 'udp 10.1.0.2:4000>192.0.2.77:53')
    playRouter('t=25', scene)
    send(scene, 9, 'udp 192.0.2.77:53>192.0.2.1:4000')
    playRouter('t=140', scene)
    assert.equal(scene.flows().length, 1)
    send(scene, 1, 'udp 10.1.0.2:4000>192.0.2.77:53')
    playRouter('t=259', scene)
    assert.equal(scene.flows().length, 1)
    playRouter('t=260', scene)
    assert.equal(scene.flows().length, 0)
  })
})
