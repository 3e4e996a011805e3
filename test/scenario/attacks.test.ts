/** What somebody might try against his neighbours, and what becomes of it. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { NEIGHBOUR_QUESTIONS_BURST, NEIGHBOUR_QUESTIONS_PER_S } from '../../src/limits.ts'
import { playLab } from '../support/router-lab.ts'
import { playRouter, RouterScene } from '../support/router-scene.ts'
import { hex } from '../support/wire-bytes.ts'

describe('a flood with forged senders', () => {
  const PUBLISHED = `
    publish 7 tcp 8080 10.1.0.2:80 network=1 owner=1
    publish 8 udp 53 10.1.0.2:53 network=1 owner=1
  `
  it('of SYNs, all of which are answered, leaves the port open for others', () => {
    const scene = playLab(PUBLISHED, new RouterScene({ connectionsPerOwner: 4 }))
    // One with a client behind it.
    playRouter(
      `
      9> tcp 9.9.9.9:999>192.0.2.1:8080 syn
      1< tcp 9.9.9.9:999>10.1.0.2:80 syn
      1> tcp 10.1.0.2:80>9.9.9.9:999 syn,ack
      9< tcp 192.0.2.1:8080>9.9.9.9:999 syn,ack via=192.0.2.254
      9> tcp 9.9.9.9:999>192.0.2.1:8080 ack
      1< tcp 9.9.9.9:999>10.1.0.2:80 ack
      `,
      scene,
    )
    for (let n = 1; n <= 9; n++)
      playRouter(
        `
        9> tcp 9.9.9.9:500${n}>192.0.2.1:8080 syn
        1< tcp 9.9.9.9:500${n}>10.1.0.2:80 syn
        1> tcp 10.1.0.2:80>9.9.9.9:500${n} syn,ack
        9< tcp 192.0.2.1:8080>9.9.9.9:500${n} syn,ack via=192.0.2.254
        `,
        scene,
      )
    assert.equal(scene.flows().filter((line) => line.startsWith('tcp established')).length, 1)
    assert.equal(scene.engine.natCounts().refusedQuota, 0)
    // And its server still gets out.
    playRouter(
      `
      1> tcp 10.1.0.2:4000>9.9.9.9:443 syn
      9< tcp 192.0.2.1:4000>9.9.9.9:443 syn via=192.0.2.254
      `,
      scene,
    )
  })
  it('of questions, all of which are answered, leaves room for others', () => {
    const scene = playLab(PUBLISHED, new RouterScene({ connectionsPerOwner: 4 }))
    for (let n = 1; n <= 9; n++)
      playRouter(
        `
        9> udp 9.9.9.9:500${n}>192.0.2.1:53
        1< udp 9.9.9.9:500${n}>10.1.0.2:53
        1> udp 10.1.0.2:53>9.9.9.9:500${n}
        9< udp 192.0.2.1:53>9.9.9.9:500${n} via=192.0.2.254
        `,
        scene,
      )
    assert.equal(scene.engine.natCounts().refusedQuota, 0)
  })
})

describe('all ports towards one server', () => {
  const lab = (): RouterScene => playLab('uplink 3 192.0.2.1/24 ports=61000-61255')
  const send = (scene: RouterScene, port: number, line: string): string[] => {
    scene.scenario.arrive(port, scene.frame(port, line))
    return scene.run()
  }

  it('are not for one sandbox alone, even where each is answered', () => {
    const scene = lab()
    for (let n = 0; n < 1000; n++) {
      const [sent] = send(scene, 1, `tcp 10.1.0.2:${5000 + n}>9.9.9.9:443 syn`)
      if (sent === undefined) continue
      const port = /:(\d+)>/.exec(sent)![1]!
      send(scene, 9, `tcp 9.9.9.9:443>192.0.2.1:${port} syn,ack`)
      send(scene, 1, `tcp 10.1.0.2:${5000 + n}>9.9.9.9:443 ack`)
    }
    assert.equal(scene.flows().length, 192)
    let sent = 0
    for (let n = 0; n < 32; n++) sent += send(scene, 2, `tcp 10.1.0.3:${5000 + n}>9.9.9.9:443 syn`).length
    assert.equal(sent, 32)
  })

  it('are given up by who has more of them, where nobody has answered', () => {
    const scene = lab()
    playRouter('port 4 network=1\n host 4 10.1.0.4', scene)
    for (let n = 0; n < 1000; n++) {
      send(scene, 1, `udp 10.1.0.2:${5000 + n}>9.9.9.9:53`)
      send(scene, 2, `udp 10.1.0.3:${5000 + n}>9.9.9.9:53`)
    }
    assert.equal(scene.flows().length, 256)
    let sent = 0
    for (let n = 0; n < 32; n++) sent += send(scene, 4, `udp 10.1.0.4:${5000 + n}>9.9.9.9:53`).length
    assert.equal(sent, 32)
    assert.equal(scene.flows().length, 256)
  })

  it('come back with the connections that have ended', () => {
    const scene = lab()
    const short = (n: number): void => {
      const [sent] = send(scene, 1, `tcp 10.1.0.2:${5000 + n}>9.9.9.9:443 syn`)
      assert.ok(sent !== undefined, `connection ${n}`)
      send(scene, 9, `tcp 9.9.9.9:443>192.0.2.1:${/:(\d+)>/.exec(sent)![1]!} rst,ack`)
    }
    for (let n = 0; n < 2000; n++) short(n)
    assert.equal(scene.flows().length, 192)
  })
})

describe('neighbours', () => {
  it('do not use up the errors that another is to be told', () => {
    const scene = playLab('')
    for (let n = 0; n < 1000; n++) {
      scene.scenario.arrive(1, scene.frame(1, `udp 10.1.0.2:${5000 + n}>9.9.9.9:53 ttl=1`))
      scene.run()
    }
    playRouter(
      `
      2> udp 10.1.0.3:4000>9.9.9.9:53 ttl=1
      2< error=11/0 10.1.0.1>10.1.0.3 about udp 10.1.0.3:4000>9.9.9.9:53 df ttl=64
      2! ttl-exceeded
      `,
      scene,
    )
  })

  it('do not report what happened to the packets of another', () => {
    playLab(`
      publish 7 tcp 8080 10.1.0.2:80 network=1 owner=1
      9> tcp 9.9.9.9:999>192.0.2.1:8080 syn
      1< tcp 9.9.9.9:999>10.1.0.2:80 syn
      2> error=3/3 10.1.0.3>9.9.9.9 about tcp 9.9.9.9:999>10.1.0.2:80 syn
      2! address-spoofed
      1> error=3/3 10.1.0.2>9.9.9.9 about tcp 9.9.9.9:999>10.1.0.2:80
      9< error=3/3 192.0.2.1>9.9.9.9 about tcp 9.9.9.9:999>192.0.2.1:8080 via=192.0.2.254
    `)
  })
})

describe('an address shared with the machine', () => {
  it('is not spoken from by protocols in which nothing tells a sandbox from the machine', () => {
    playLab(`
      uplink 3 192.0.2.1/24 shared ports=61000-65095
      1> proto=47 10.1.0.2>9.9.9.9
      1! nat-ports-exhausted
      9> proto=47 9.9.9.9>192.0.2.1
      9! not-ours
    `)
  })
})

describe('what waits', () => {
  it('is no fragment of a datagram whose first one was refused', () => {
    playLab(`
      uplink 3 192.0.2.1/24 shared ports=61000-65095
      9> udp 9.9.9.9:4000>192.0.2.1:53 len=3000 cut=0-1480
      9! not-ours
      9> udp 9.9.9.9:4000>192.0.2.1:53 len=3000 cut=1480-2960
      9! no-connection
      9> udp 9.9.9.9:4000>192.0.2.1:53 len=3000 cut=1480-2960 ident=5
      9=
      9> udp 9.9.9.9:4000>192.0.2.1:53 len=3000 cut=0-1480 ident=5
      9! not-ours
      9! no-connection
    `)
  })

  it('leaves room for a neighbour’s address where fragments are sent that never become whole', () => {
    const scene = playLab('mute 192.0.2.254')
    for (let n = 0; n < 100; n++) {
      scene.scenario.arrive(
        1,
        scene.frame(1, `udp 10.1.0.2:4000>9.9.9.9:53 len=3000 cut=1480-2960 ident=${n}`),
      )
      scene.run()
    }
    playRouter(
      `
      1> udp 10.1.0.2:4000>9.9.9.9:53
      9< arp 192.0.2.1 asks 192.0.2.254
      1=
      `,
      scene,
    )
  })

  it('gives place to who waits for the first time', () => {
    const scene = playLab('port 11,12,13,14 network=1')
    for (let n = 0; n < 100; n++) {
      for (const port of [11, 12, 13, 14]) {
        scene.scenario.arrive(port, scene.frame(port, `udp 10.1.0.${port}:4000>10.1.0.${100 + n}:53`))
        scene.run()
      }
    }
    playRouter(
      `
      mute 192.0.2.254
      3> udp 10.2.0.2:4000>9.9.9.9:53
      9< arp 192.0.2.1 asks 192.0.2.254
      3=
      11! neighbour-queue-full
      `,
      scene,
    )
  })
})

describe('the host’s own end of a network', () => {
  // Linux takes off a tag that only has a priority, and would forward the packet as a router.
  it('gets nothing that it could forward past the router', () => {
    playLab(`
      port 7 network=1 host
      gateway 1 10.1.0.1/24 host=7
      1> udp 10.1.0.2:4000>10.1.0.1:53
      7< udp 10.1.0.2:4000>10.1.0.1:53 ttl=64
      1> udp 10.1.0.2:4000>10.2.0.2:53
      1! network-isolated
      1> udp 10.1.0.2:4000>10.2.0.2:53 vlan=0
      1! not-routed
      1> udp 10.1.0.2:4000>10.1.0.1:53 vlan=0
      1! not-routed
    `)
  })

  it('gets IPv6 for its link-local addresses, and for no others', () => {
    const scene = playLab('port 7 network=1 host\n gateway 1 10.1.0.1/24 host=7')
    const sent = (destination: string): number => {
      const packet = `60000000 0000 3b 40 fe8000000000000000420afffe010002 ${destination}`
      const frame = hex(`02420a010001 02420a010002 86dd ${packet}`)
      scene.scenario.arrive(1, { frame, virtioHeader: new Uint8Array(10) })
      return scene.run().length
    }
    assert.equal(sent('fe8000000000000000420afffe010001'), 1)
    assert.equal(sent('20010db8000000000000000000000001'), 0)
  })
})

describe('who looks for neighbours that are not there', () => {
  it('keeps the link busy with a bounded number of questions, and others are asked for', () => {
    const scene = playLab('gateway 1 10.1.0.1/16')
    let questions = 0
    for (let n = 0; n < 4000; n++) {
      scene.scenario.arrive(1, scene.frame(1, `udp 10.1.0.2:4000>10.1.${10 + (n >> 8)}.${n & 0xff}:53`))
      questions += scene.run().filter((line) => line.startsWith('2< arp')).length
    }
    assert.equal(questions, NEIGHBOUR_QUESTIONS_PER_S + NEIGHBOUR_QUESTIONS_BURST)
    playRouter(
      `
      mute 192.0.2.254
      2> udp 10.1.0.3:4000>9.9.9.9:53
      9< arp 192.0.2.1 asks 192.0.2.254
      2=
      `,
      scene,
    )
  })
})
