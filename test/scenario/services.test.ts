import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { playLab } from '../support/router-lab.ts'
import { playRouter, type RouterScene } from '../support/router-scene.ts'

const check = (name: string, text: string): void => {
  it(name, () => {
    playLab(text)
  })
}

/** The client 10.1.0.2 has an open connection to the virtual address, whose one backend is 10.1.0.3. */
const OPEN = `
  virtual 4 10.1.0.100 network=1 10.1.0.3@2
  1> tcp 10.1.0.2:4000>10.1.0.100:80 syn
  2< tcp 10.1.0.2:4000>10.1.0.3:80 syn
  2> tcp 10.1.0.3:80>10.1.0.2:4000 syn,ack via=10.1.0.2
  1< tcp 10.1.0.100:80>10.1.0.2:4000 syn,ack
  1> tcp 10.1.0.2:4000>10.1.0.100:80 ack
  2< tcp 10.1.0.2:4000>10.1.0.3:80 ack
  2> tcp 10.1.0.3:80>10.1.0.2:4000 ack len=100 via=10.1.0.2
  1< tcp 10.1.0.100:80>10.1.0.2:4000 ack len=100
`

/** The uplink's address 192.0.2.1 has port 5000 for port 80 of the service; 9.9.9.9 has an open connection by it. */
const INGRESS = `
  virtual 4 10.1.0.100 network=1 10.1.0.3@2
  publish 1 tcp 5000 10.1.0.100:80 network=1 owner=-1
  9> tcp 9.9.9.9:700>192.0.2.1:5000 syn
  2< tcp 9.9.9.9:700>10.1.0.3:80 syn
  2> tcp 10.1.0.3:80>9.9.9.9:700 syn,ack
  9< tcp 192.0.2.1:5000>9.9.9.9:700 syn,ack via=192.0.2.254
  9> tcp 9.9.9.9:700>192.0.2.1:5000 ack
  2< tcp 9.9.9.9:700>10.1.0.3:80 ack
`

describe('a virtual address', () => {
  check(
    'is answered for by the gateway, to ARP and to ping, and claimed by nobody else',
    `
    virtual 4 10.1.0.100 network=1 10.1.0.3@2
    1> arp 10.1.0.2 asks 10.1.0.100
    1< arp 10.1.0.100 tells 10.1.0.2 from=10.1.0.1
    1~
    1> echo 10.1.0.2>10.1.0.100 id=7
    1< reply 10.1.0.100>10.1.0.2 id=7 ttl=64
    1> arp 10.1.0.100 asks 10.1.0.3
    1! arp-spoofed
    virtual 4 none
    1> arp 10.1.0.2 asks 10.1.0.100
    2< arp 10.1.0.2 asks 10.1.0.100
    `,
  )
  check(
    'leads to a backend that sees the client, and answers as itself: the client sees the virtual address',
    OPEN,
  )
  check(
    'has all ports of TCP and UDP, and no other protocol',
    `
    virtual 4 10.1.0.100 network=1 10.1.0.3@2
    1> udp 10.1.0.2:4000>10.1.0.100:53
    2< udp 10.1.0.2:4000>10.1.0.3:53
    2> udp 10.1.0.3:53>10.1.0.2:4000 via=10.1.0.2
    1< udp 10.1.0.100:53>10.1.0.2:4000
    1> proto=47 10.1.0.2>10.1.0.100
    1! port-closed
    `,
  )
  check(
    'leaves alone what the client and the backend say to each other without it',
    `${OPEN}
    2> udp 10.1.0.3:80>10.1.0.2:4000 via=10.1.0.2
    1< udp 10.1.0.3:80>10.1.0.2:4000 ttl=64
    2> tcp 10.1.0.3:80>10.1.0.2:4001 syn via=10.1.0.2
    1< tcp 10.1.0.3:80>10.1.0.2:4001 syn ttl=64
    1> tcp 10.1.0.2:4001>10.1.0.3:80 syn,ack via=10.1.0.3
    2< tcp 10.1.0.2:4001>10.1.0.3:80 syn,ack ttl=64
    2> echo 10.1.0.3>10.1.0.2 id=3 via=10.1.0.2
    1< echo 10.1.0.3>10.1.0.2 id=3 ttl=64
    `,
  )
  check(
    'hides what a backend’s ICMP error is about',
    `
    virtual 4 10.1.0.100 network=1 10.1.0.3@2
    1> udp 10.1.0.2:4000>10.1.0.100:53
    2< udp 10.1.0.2:4000>10.1.0.3:53
    2> error=3/3 10.1.0.3>10.1.0.2 about udp 10.1.0.2:4000>10.1.0.3:53 via=10.1.0.2
    1< error=3/3 10.1.0.100>10.1.0.2 about udp 10.1.0.2:4000>10.1.0.100:53
    `,
  )
  check(
    'is carried by super-frames and fragments as well',
    `${OPEN}
    1> tcp 10.1.0.2:4000>10.1.0.100:80 ack len=9000 gso=1460
    2< tcp 10.1.0.2:4000>10.1.0.3:80 ack len=9000 gso=1460
    2> tcp 10.1.0.3:80>10.1.0.2:4000 ack len=9000 gso=1460 via=10.1.0.2
    1< tcp 10.1.0.100:80>10.1.0.2:4000 ack len=9000 gso=1460
    1> udp 10.1.0.2:4000>10.1.0.100:53 len=2000 cut=0-1480 ident=5
    2< udp 10.1.0.2:4000>10.1.0.3:53 len=1472 cut=0-1480+ ident=5
    1> udp 10.1.0.2:4000>10.1.0.100:53 len=2000 cut=1480-2008 ident=5
    2< udp 10.1.0.2>10.1.0.3 cut=1480-2008 ident=5
    2> udp 10.1.0.3:53>10.1.0.2:4000 len=2000 cut=0-1480 ident=6 via=10.1.0.2
    1< udp 10.1.0.100:53>10.1.0.2:4000 len=1472 cut=0-1480+ ident=6
    2> udp 10.1.0.3:53>10.1.0.2:4000 len=2000 cut=1480-2008 ident=6 via=10.1.0.2
    1< udp 10.1.0.100>10.1.0.2 cut=1480-2008 ident=6
    `,
  )
  check(
    'is found by an answer to a client that the switch has forgotten, too',
    `${OPEN}
    t=400
    2> tcp 10.1.0.3:80>10.1.0.2:4000 ack len=10 via=10.1.0.2
    1< tcp 10.1.0.100:80>10.1.0.2:4000 ack len=10
    2< tcp 10.1.0.100:80>10.1.0.2:4000 ack len=10
    `,
  )
  check(
    'may be asked by its own backends: one that meets itself sees the gateway',
    `
    virtual 4 10.1.0.100 network=1 10.1.0.2@1
    1> tcp 10.1.0.2:4000>10.1.0.100:80 syn
    1< tcp 10.1.0.1:4000>10.1.0.2:80 syn
    1> tcp 10.1.0.2:80>10.1.0.1:4000 syn,ack
    1< tcp 10.1.0.100:80>10.1.0.2:4000 syn,ack
    `,
  )
  check(
    'is reached from its own network alone, and by the host’s programs, as the gateway',
    `
    virtual 4 10.1.0.100 network=1 10.1.0.3@2
    3> tcp 10.2.0.2:4000>10.1.0.100:80 syn
    3! network-isolated
    9> tcp 9.9.9.9:4000>10.1.0.100:80 syn
    9! direct-routing
    network 4
    port 7 network=4
    relay 4 169.254.0.1/30
    host 7 169.254.0.2
    7> tcp 169.254.0.2:4000>10.1.0.100:80 syn
    2< tcp 10.1.0.1:4000>10.1.0.3:80 syn
    2> tcp 10.1.0.3:80>10.1.0.1:4000 syn,ack
    7< tcp 10.1.0.100:80>169.254.0.2:4000 syn,ack
    `,
  )
  check(
    'without a backend refuses: a reset, or port unreachable',
    `
    virtual 4 10.1.0.100 network=1
    1> tcp 10.1.0.2:4000>10.1.0.100:80 syn
    1< tcp 10.1.0.100:80>10.1.0.2:4000 rst,ack df ttl=64
    1! no-backend
    1> udp 10.1.0.2:4000>10.1.0.100:80
    1< error=3/3 10.1.0.1>10.1.0.2 about udp 10.1.0.2:4000>10.1.0.100:80 df ttl=64
    1! no-backend
    1> tcp 10.1.0.2:4000>10.1.0.100:80 rst
    1! no-connection
    1> echo 10.1.0.2>10.1.0.100 id=7
    1< reply 10.1.0.100>10.1.0.2 id=7 ttl=64
    `,
  )
  check(
    'is not for sandboxes that may not talk to one another',
    `
    network 5 icc=no
    port 11,12 network=5
    gateway 5 10.5.0.1/24
    virtual 4 10.5.0.100 network=5 10.5.0.3@12
    11> tcp 10.5.0.2:4000>10.5.0.100:80 syn
    11! icc-disabled
    12> tcp 10.5.0.3:80>10.5.0.2:4000 syn via=10.5.0.2
    12! icc-disabled
    `,
  )
})

describe('a published port of a service', () => {
  check('leads to a backend that sees the client, and is answered by it', INGRESS)
  check(
    'keeps the address of a client of the same network',
    `
    virtual 4 10.1.0.100 network=1 10.1.0.3@2
    publish 1 tcp 5000 10.1.0.100:80 network=1 owner=-1
    1> tcp 10.1.0.2:4000>192.0.2.1:5000 syn
    2< tcp 10.1.0.2:4000>10.1.0.3:80 syn
    2> tcp 10.1.0.3:80>10.1.0.2:4000 syn,ack via=10.1.0.2
    1< tcp 192.0.2.1:5000>10.1.0.2:4000 syn,ack
    3> tcp 10.2.0.2:4000>192.0.2.1:5000 syn
    2< tcp 10.2.0.2:4000>10.1.0.3:80 syn
    `,
  )
  check(
    'gives a client port that is taken at the backend another number',
    `${INGRESS}
    publish 2 tcp 5001 10.1.0.100:80 network=1 owner=-1 at=192.0.2.1
    9> tcp 9.9.9.9:700>192.0.2.1:5001 ack len=7
    2< tcp 9.9.9.9:49411>10.1.0.3:80 ack len=7
    2> tcp 10.1.0.3:80>9.9.9.9:49411 ack
    9< tcp 192.0.2.1:5001>9.9.9.9:700 ack via=192.0.2.254
    `.replaceAll('49411', String(translatedPort())),
  )
  check(
    'without a backend refuses, outside as well',
    `
    virtual 4 10.1.0.100 network=1
    publish 1 tcp 5000 10.1.0.100:80 network=1 owner=-1
    9> tcp 9.9.9.9:700>192.0.2.1:5000 syn from=192.0.2.254
    9< tcp 192.0.2.1:5000>9.9.9.9:700 rst,ack df ttl=64 via=192.0.2.254
    9! no-backend
    `,
  )
  check(
    'may lead to a service that has no virtual address',
    `
    virtual 4 0.0.0.4 network=1 10.1.0.3@2
    publish 1 tcp 5000 0.0.0.4:80 network=1 owner=-1
    9> tcp 9.9.9.9:700>192.0.2.1:5000 syn
    2< tcp 9.9.9.9:700>10.1.0.3:80 syn
    1> arp 10.1.0.2 asks 0.0.0.4
    2< arp 10.1.0.2 asks 0.0.0.4
    `,
  )
})

describe('a connection to a backend', () => {
  check(
    'stays with it while others come, and ends with a reset to both where it goes',
    `${OPEN}
    virtual 4 10.1.0.100 network=1 10.1.0.3@2 10.1.0.7@2 10.1.0.8@2 10.1.0.9@2
    1> tcp 10.1.0.2:4000>10.1.0.100:80 ack
    2< tcp 10.1.0.2:4000>10.1.0.3:80 ack
    virtual 4 10.1.0.100 network=1 10.1.0.7@2
    t=1
    1< tcp 10.1.0.100:80>10.1.0.2:4000 rst df ttl=64
    2< tcp 10.1.0.2:4000>10.1.0.3:80 rst df ttl=64
    `,
  )
  check(
    'ends with the service, with its published port, and with the port of the switch that it is charged to',
    `${OPEN}
    virtual 4 none
    t=1
    1< tcp 10.1.0.100:80>10.1.0.2:4000 rst df ttl=64
    2< tcp 10.1.0.2:4000>10.1.0.3:80 rst df ttl=64
    ${INGRESS}
    unpublish 1
    t=2
    2< tcp 9.9.9.9:700>10.1.0.3:80 rst df ttl=64
    9< tcp 192.0.2.1:5000>9.9.9.9:700 rst df ttl=64 via=192.0.2.254
    9> tcp 9.9.9.9:700>192.0.2.1:5000 ack
    9! port-closed
    publish 1 tcp 5000 10.1.0.100:80 network=1 owner=-1
    9> tcp 9.9.9.9:700>192.0.2.1:5000 ack
    2< tcp 9.9.9.9:700>10.1.0.3:80 ack
    2> tcp 10.1.0.3:80>9.9.9.9:700 ack
    9< tcp 192.0.2.1:5000>9.9.9.9:700 ack via=192.0.2.254
    remove 2
    t=3
    9< tcp 192.0.2.1:5000>9.9.9.9:700 rst df ttl=64 via=192.0.2.254
    `,
  )
  it('lives for two hours of silence, and is then reset at both ends', () => {
    const scene = playLab(OPEN)
    assert.deepEqual(expiries(scene), [7440])
    playRouter(
      `
      t=7440
      # Both have to be asked for first.
      t=7441
      1< tcp 10.1.0.100:80>10.1.0.2:4000 rst df ttl=64
      2< tcp 10.1.0.2:4000>10.1.0.3:80 rst df ttl=64
      `,
      scene,
    )
  })
  check(
    'that was there before a restart goes on: the same flow gets the same backend',
    `
    virtual 4 10.1.0.100 network=1 10.1.0.3@2
    1> tcp 10.1.0.2:4000>10.1.0.100:80 ack len=5
    2< tcp 10.1.0.2:4000>10.1.0.3:80 ack len=5
    2> tcp 10.1.0.3:80>10.1.0.2:4000 ack via=10.1.0.2
    1< tcp 10.1.0.100:80>10.1.0.2:4000 ack
    `,
  )
})

const expiries = (scene: RouterScene): number[] =>
  scene.engine.flows({}, 10, scene.scenario.nowS).flows.map(({ expiresS }) => expiresS)

/** The port that the data path's seed makes of the client's, where that one is taken. */
function translatedPort(): number {
  const scene = playLab(INGRESS)
  scene.command('publish 2 tcp 5001 10.1.0.100:80 network=1 owner=-1 at=192.0.2.1')
  scene.scenario.arrive(9, scene.frame(9, 'tcp 9.9.9.9:700>192.0.2.1:5001 syn'))
  return Number(/9\.9\.9\.9:(\d+)/.exec(scene.run()[0]!)![1])
}
