import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { playLab } from '../support/router-lab.ts'
import { playRouter, RouterScene } from '../support/router-scene.ts'

const check = (name: string, text: string): void => {
  it(name, () => {
    playLab(text)
  })
}

describe('source NAT', () => {
  check(
    'keeps the port where it is free, also for another destination, and else takes another',
    `
    1> udp 10.1.0.2:4000>9.9.9.9:53
    9< udp 192.0.2.1:4000>9.9.9.9:53 via=192.0.2.254
    2> udp 10.1.0.3:4000>8.8.8.8:53
    9< udp 192.0.2.1:4000>8.8.8.8:53 via=192.0.2.254
    2> udp 10.1.0.3:4000>9.9.9.9:54
    9< udp 192.0.2.1:4000>9.9.9.9:54 via=192.0.2.254
    2> tcp 10.1.0.3:4000>9.9.9.9:53 syn
    9< tcp 192.0.2.1:4000>9.9.9.9:53 syn via=192.0.2.254
    9> udp 9.9.9.9:53>192.0.2.1:4000
    1< udp 9.9.9.9:53>10.1.0.2:4000
    9> udp 8.8.8.8:53>192.0.2.1:4000
    2< udp 8.8.8.8:53>10.1.0.3:4000
    `,
  )
  it('takes another where the very answers would be those of another flow, and gives up when there is none', () => {
    const scene = playLab(`
      uplink 3 192.0.2.1/24 ports=5000-5002
      1> udp 10.1.0.2:5000>9.9.9.9:53
      9< udp 192.0.2.1:5000>9.9.9.9:53 via=192.0.2.254
      `)
    const seen = new Set<string>()
    for (const port of [5000, 5001]) {
      scene.scenario.arrive(2, scene.frame(2, `udp 10.1.0.3:${port}>9.9.9.9:53`))
      for (const line of scene.run()) seen.add(line)
    }
    assert.deepEqual([...seen].toSorted(), [
      '9< udp 192.0.2.1:5001>9.9.9.9:53 via=192.0.2.254',
      '9< udp 192.0.2.1:5002>9.9.9.9:53 via=192.0.2.254',
    ])
    playRouter(
      `
      2> udp 10.1.0.3:7000>9.9.9.9:53
      2! nat-ports-exhausted
      2> udp 10.1.0.3:5001>8.8.8.8:53
      9< udp 192.0.2.1:5001>8.8.8.8:53 via=192.0.2.254
      `,
      scene,
    )
  })
  it('translates identifiers of ICMP echo, and brings each answer home', () => {
    const scene = playLab(`
      1> echo 10.1.0.2>9.9.9.9 id=7
      9< echo 192.0.2.1>9.9.9.9 id=7 via=192.0.2.254
      9> reply 9.9.9.9>192.0.2.1 id=7
      1< reply 9.9.9.9>10.1.0.2 id=7
      9> reply 9.9.9.9>192.0.2.1 id=8
      9! port-closed
      `)
    scene.scenario.arrive(2, scene.frame(2, 'echo 10.1.0.3>9.9.9.9 id=7 partial'))
    const id = /^9< echo 192.0.2.1>9.9.9.9 id=(\d+) via/.exec(scene.run()[0]!)?.[1]
    assert.ok(id !== undefined && id !== '7')
    playRouter(
      `
      9> reply 9.9.9.9>192.0.2.1 id=${id}
      2< reply 9.9.9.9>10.1.0.3 id=7
      `,
      scene,
    )
  })
  check(
    'is under the network’s own address where it has one, and not at all where it is off',
    `
    gateway 1 10.1.0.1/24 source=192.0.2.9
    gateway 2 10.2.0.1/24 nat=no
    1> udp 10.1.0.2:4000>9.9.9.9:53
    9< udp 192.0.2.9:4000>9.9.9.9:53 via=192.0.2.254
    9> udp 9.9.9.9:53>192.0.2.9:4000
    1< udp 9.9.9.9:53>10.1.0.2:4000
    3> udp 10.2.0.2:4000>9.9.9.9:53
    9< udp 10.2.0.2:4000>9.9.9.9:53 via=192.0.2.254
    `,
  )
  check(
    'spares ports that are published, and what has none',
    `
    publish 1 udp 4000 10.2.0.2:53 network=2 owner=3
    1> proto=47 10.1.0.2>9.9.9.9
    9< proto=47 192.0.2.1>9.9.9.9 via=192.0.2.254
    9> proto=47 9.9.9.9>192.0.2.1
    1< proto=47 9.9.9.9>10.1.0.2
    2> proto=47 10.1.0.3>9.9.9.9
    2! nat-ports-exhausted
    9> udp 9.9.9.9:53>192.0.2.1:4000
    3< udp 9.9.9.9:53>10.2.0.2:53
    `,
  )
  check(
    'takes the answer only from where it was asked (RFC 4787, 5: address and port-dependent filtering)',
    `
    1> udp 10.1.0.2:4000>9.9.9.9:53
    9< udp 192.0.2.1:4000>9.9.9.9:53 via=192.0.2.254
    9> udp 9.9.9.9:54>192.0.2.1:4000
    9! port-closed
    9> udp 8.8.8.8:53>192.0.2.1:4000
    9! port-closed
    3> udp 10.2.0.2:53>192.0.2.1:4000
    3< error=3/3 10.2.0.1>10.2.0.2 about udp 10.2.0.2:53>192.0.2.1:4000 df ttl=64
    3! port-closed
    2> udp 9.9.9.9:53>192.0.2.1:4000 from=10.1.0.3
    2! wrong-interface
    `,
  )
})

describe('published ports', () => {
  const PUBLISHED = `
    publish 1 tcp 8080 10.1.0.2:80 network=1 owner=1
    publish 2 udp 9000-9009 10.1.0.2:100 network=1 owner=1
  `
  check(
    'lead to their sandbox, which sees the real client, and whose answers come from the published port',
    `${PUBLISHED}
    9> tcp 192.0.2.77:5000>192.0.2.1:8080 syn
    1< tcp 192.0.2.77:5000>10.1.0.2:80 syn
    1> tcp 10.1.0.2:80>192.0.2.77:5000 syn,ack
    9< tcp 192.0.2.1:8080>192.0.2.77:5000 syn,ack
    9> tcp 192.0.2.77:5000>192.0.2.1:8080 ack
    1< tcp 192.0.2.77:5000>10.1.0.2:80 ack
    9> tcp 192.0.2.77:5000>192.0.2.1:8081 syn
    9! port-closed
    9> udp 192.0.2.77:5000>192.0.2.1:8080
    9! port-closed
    9> udp 192.0.2.77:5000>192.0.2.1:9003
    1< udp 192.0.2.77:5000>10.1.0.2:103
    1> udp 10.1.0.2:103>192.0.2.77:5000
    9< udp 192.0.2.1:9003>192.0.2.77:5000
    9> udp 192.0.2.77:5000>192.0.2.1:9010
    9! port-closed
    `,
  )
  check(
    'on one address are on no other',
    `
    network 4
    port 8 network=4
    uplink 4 198.51.100.1/24
    host 8 198.51.100.9
    publish 1 tcp 8080 10.1.0.2:80 network=1 owner=1 at=192.0.2.1
    9> tcp 192.0.2.77:5000>192.0.2.1:8080 syn
    1< tcp 192.0.2.77:5000>10.1.0.2:80 syn
    8> tcp 198.51.100.9:5000>198.51.100.1:8080 syn
    8! port-closed
    8> tcp 198.51.100.9:5000>192.0.2.1:8080 syn
    8! direct-routing
    `,
  )
  check(
    'are reached by the host’s address from their own sandbox, its neighbours and other networks (hairpin)',
    `${PUBLISHED}
    1> tcp 10.1.0.2:5000>192.0.2.1:8080 syn
    1< tcp 10.1.0.1:5000>10.1.0.2:80 syn
    1> tcp 10.1.0.2:80>10.1.0.1:5000 syn,ack
    1< tcp 192.0.2.1:8080>10.1.0.2:5000 syn,ack
    2> tcp 10.1.0.3:5001>192.0.2.1:8080 syn
    1< tcp 10.1.0.1:5001>10.1.0.2:80 syn
    1> tcp 10.1.0.2:80>10.1.0.1:5001 syn,ack
    2< tcp 192.0.2.1:8080>10.1.0.3:5001 syn,ack
    2> tcp 10.1.0.3:5002>10.1.0.1:8080 syn
    1< tcp 10.1.0.1:5002>10.1.0.2:80 syn
    3> tcp 10.2.0.2:5003>192.0.2.1:8080 syn
    1< tcp 10.2.0.2:5003>10.1.0.2:80 syn
    1> tcp 10.1.0.2:80>10.2.0.2:5003 syn,ack
    3< tcp 192.0.2.1:8080>10.2.0.2:5003 syn,ack
    3> tcp 10.2.0.2:5003>10.1.0.1:8080 syn
    3! network-isolated
    `,
  )
  check(
    'are reached from the relay, as the gateway, in every network',
    `${PUBLISHED}
    network 5
    port 5 network=5
    relay 5 169.254.0.1/30
    host 5 169.254.0.2
    5> tcp 169.254.0.2:5000>10.1.0.2:80 syn
    1< tcp 10.1.0.1:5000>10.1.0.2:80 syn
    1> tcp 10.1.0.2:80>10.1.0.1:5000 syn,ack
    5< tcp 10.1.0.2:80>169.254.0.2:5000 syn,ack
    5> tcp 169.254.0.2:5000>10.2.0.2:81 syn
    3< tcp 10.2.0.1:5000>10.2.0.2:81 syn
    5> tcp 169.254.0.2:5000>9.9.9.9:81 syn
    5! direct-routing
    1> tcp 10.1.0.2:5000>169.254.0.2:81 syn
    1! network-isolated
    1> echo 10.1.0.2>169.254.0.1
    1! network-isolated
    9> tcp 192.0.2.77:5000>169.254.0.2:81 syn
    9! transit
    `,
  )
  it('that are taken back end their connections, and no others', () => {
    const scene = playLab(`${PUBLISHED}
      9> tcp 192.0.2.77:5000>192.0.2.1:8080 syn
      1< tcp 192.0.2.77:5000>10.1.0.2:80 syn
      9> udp 192.0.2.77:5000>192.0.2.1:9000
      1< udp 192.0.2.77:5000>10.1.0.2:100
      1> udp 10.1.0.2:4000>192.0.2.77:53
      9< udp 192.0.2.1:4000>192.0.2.77:53
      unpublish 1
      9> tcp 192.0.2.77:5000>192.0.2.1:8080 ack
      9! port-closed
      1> tcp 10.1.0.2:80>192.0.2.77:5000 rst
      1! no-connection
      `)
    assert.deepEqual(scene.flows(), [
      'udp unreplied 192.0.2.77:5000>192.0.2.1:9000 reply 10.1.0.2:100>192.0.2.77:5000',
      'udp unreplied 10.1.0.2:4000>192.0.2.77:53 reply 192.0.2.77:53>192.0.2.1:4000',
    ])
    playRouter('flush', scene)
    assert.deepEqual(scene.flows(), [])
  })
  check(
    'of a sandbox that has gone, and whose network has',
    `${PUBLISHED}
    9> tcp 192.0.2.77:5000>192.0.2.1:8080 syn
    1< tcp 192.0.2.77:5000>10.1.0.2:80 syn
    gateway 1 none
    9> tcp 192.0.2.77:5000>192.0.2.1:8080 ack
    9! no-route
    `,
  )
})

describe('between networks and the world', () => {
  check(
    'networks are closed to one another, gateways included, and to the world',
    `
    1> udp 10.1.0.2:4000>10.2.0.2:53
    1! network-isolated
    1> echo 10.1.0.2>10.2.0.1
    1! network-isolated
    9> udp 192.0.2.77:4000>10.1.0.2:53
    9! direct-routing
    9> echo 192.0.2.77>10.1.0.1
    9! direct-routing
    9> udp 192.0.2.77:4000>9.9.9.9:53
    9! transit
    `,
  )
  check(
    'nobody comes from where answers to them would not go',
    `
    1> udp 10.2.0.2:4000>9.9.9.9:53 from=10.1.0.2
    1! reverse-path
    1> udp 5.5.5.5:4000>9.9.9.9:53 from=10.1.0.2
    1! reverse-path
    9> udp 10.1.0.2:4000>192.0.2.1:53 from=192.0.2.254
    9! reverse-path
    9> udp 192.0.2.1:4000>10.1.0.2:53 from=192.0.2.254
    9! reverse-path
    `,
  )
  check(
    'of an internal network nothing crosses the border but to its gateway',
    `
    gateway 1 10.1.0.1/24 internal
    publish 1 tcp 8080 10.2.0.2:80 network=2 owner=3
    publish 2 tcp 8081 10.1.0.2:80 network=1 owner=1
    1> udp 10.1.0.2:4000>9.9.9.9:53
    1< error=3/13 10.1.0.1>10.1.0.2 about udp 10.1.0.2:4000>9.9.9.9:53 df ttl=64
    1! network-internal
    1> tcp 10.1.0.2:4000>192.0.2.1:8080 syn
    1< error=3/13 10.1.0.1>10.1.0.2 about tcp 10.1.0.2:4000>192.0.2.1:8080 df ttl=64
    1! network-internal
    1> echo 10.1.0.2>192.0.2.1
    1< error=3/13 10.1.0.1>10.1.0.2 about echo 10.1.0.2>192.0.2.1 id=1 df ttl=64
    1! network-internal
    1> echo 10.1.0.2>10.1.0.1
    1< reply 10.1.0.1>10.1.0.2 id=1 ttl=64
    3> udp 10.2.0.2:4000>10.1.0.2:53
    3< error=3/13 10.2.0.1>10.2.0.2 about udp 10.2.0.2:4000>10.1.0.2:53 df ttl=64
    3! network-internal
    9> udp 192.0.2.77:4000>10.1.0.2:53
    9! network-internal
    9> tcp 192.0.2.77:4000>192.0.2.1:8081 syn
    9! network-internal
    `,
  )
  check(
    'a network in mode nat-unprotected is reached by its own addresses, and hides behind the uplink’s',
    `
    gateway 1 10.1.0.1/24 mode=unprotected
    9> udp 192.0.2.77:4000>10.1.0.2:53
    1< udp 192.0.2.77:4000>10.1.0.2:53
    1> udp 10.1.0.2:53>192.0.2.77:4000
    9< udp 10.1.0.2:53>192.0.2.77:4000
    1> udp 10.1.0.2:4000>192.0.2.77:53
    9< udp 192.0.2.1:4000>192.0.2.77:53
    3> udp 10.2.0.2:4000>10.1.0.2:53
    1< udp 10.2.0.2:4000>10.1.0.2:53
    1> udp 10.1.0.2:4000>10.2.0.2:53
    1! network-isolated
    `,
  )
  check(
    'a routed network is reached by its own addresses, by ICMP and on published ports, and hides behind nothing',
    `
    gateway 1 10.1.0.1/24 mode=routed
    publish 1 tcp 80 10.1.0.2:80 network=1 owner=1 at=10.1.0.2
    9> tcp 192.0.2.77:4000>10.1.0.2:80 syn
    1< tcp 192.0.2.77:4000>10.1.0.2:80 syn
    9> tcp 192.0.2.77:4000>10.1.0.2:81 syn
    9! direct-routing
    9> echo 192.0.2.77>10.1.0.2
    1< echo 192.0.2.77>10.1.0.2 id=1
    1> udp 10.1.0.2:4000>192.0.2.77:53
    9< udp 10.1.0.2:4000>192.0.2.77:53
    9> udp 192.0.2.77:53>10.1.0.2:4000
    1< udp 192.0.2.77:53>10.1.0.2:4000
    3> tcp 10.2.0.2:4000>10.1.0.2:80 syn
    1< tcp 10.2.0.2:4000>10.1.0.2:80 syn
    3> tcp 10.2.0.2:4000>10.1.0.2:81 syn
    3! network-isolated
    `,
  )
  check(
    'of a shared uplink only what is ours is ours, and its ports are the block that was set aside',
    `
    uplink 3 192.0.2.1/24 shared ports=61000-65095
    publish 1 tcp 8080 10.1.0.2:80 network=1 owner=1
    9> arp 192.0.2.77 asks 192.0.2.1
    9! no-other-port
    9> tcp 192.0.2.77:4000>192.0.2.1:22 syn
    9! not-ours
    9> echo 192.0.2.77>192.0.2.1
    9! not-ours
    9> error=3/3 192.0.2.77>192.0.2.1 about udp 192.0.2.1:5000>192.0.2.77:53
    9! not-ours
    9> tcp 192.0.2.77:4000>192.0.2.1:8080 syn
    1< tcp 192.0.2.77:4000>10.1.0.2:80 syn
    1> tcp 10.1.0.2:62000>192.0.2.77:80 syn
    9< tcp 192.0.2.1:62000>192.0.2.77:80 syn
    9> arp 192.0.2.1 tells 192.0.2.77 from=192.0.2.1 via=192.0.2.77
    9! same-port
    `,
  )
})

describe('the host’s own end of a network', () => {
  const HOST = `
    port 7 network=1 host
    gateway 1 10.1.0.1/24 host=7
  `
  check(
    'gets what is for the gateway, answers there, and is not in the way of what is routed or published',
    `${HOST}
    publish 1 tcp 8080 10.1.0.2:80 network=1 owner=1
    1> tcp 10.1.0.2:4000>10.1.0.1:22 syn
    7< tcp 10.1.0.2:4000>10.1.0.1:22 syn ttl=64
    7> tcp 10.1.0.1:22>10.1.0.2:4000 syn,ack via=10.1.0.2
    1< tcp 10.1.0.1:22>10.1.0.2:4000 syn,ack ttl=64
    1> echo 10.1.0.2>10.1.0.1
    7< echo 10.1.0.2>10.1.0.1 id=1 ttl=64
    2> tcp 10.1.0.3:4000>10.1.0.1:8080 syn
    1< tcp 10.1.0.1:4000>10.1.0.2:80 syn
    7< arp 10.1.0.2 tells 10.1.0.1
    1> udp 10.1.0.2:4000>9.9.9.9:53
    9< udp 192.0.2.1:4000>9.9.9.9:53 via=192.0.2.254
    mute 10.1.0.2
    7> arp 10.1.0.1 asks 10.1.0.2
    1< arp 10.1.0.1 asks 10.1.0.2
    2< arp 10.1.0.1 asks 10.1.0.2
    1> arp 10.1.0.2 tells 10.1.0.1
    7< arp 10.1.0.2 tells 10.1.0.1
    `,
  )
})

describe('ICMP errors about translated packets', () => {
  check(
    'of source NAT reach the sandbox with its own addresses',
    `
    1> udp 10.1.0.2:4000>9.9.9.9:53
    9< udp 192.0.2.1:4000>9.9.9.9:53 via=192.0.2.254
    9> error=3/4 5.5.5.5>192.0.2.1 rest=1300 about udp 192.0.2.1:4000>9.9.9.9:53 ttl=60
    1< error=3/4 5.5.5.5>10.1.0.2 rest=1300 about udp 10.1.0.2:4000>9.9.9.9:53
    9> error=3/3 9.9.9.9>192.0.2.1 about udp 192.0.2.1:4000>9.9.9.9:53
    1< error=3/3 9.9.9.9>10.1.0.2 about udp 10.1.0.2:4000>9.9.9.9:53
    1> echo 10.1.0.2>9.9.9.9 id=7
    9< echo 192.0.2.1>9.9.9.9 id=7 via=192.0.2.254
    9> error=11/0 5.5.5.5>192.0.2.1 about echo 192.0.2.1>9.9.9.9 id=7
    1< error=11/0 5.5.5.5>10.1.0.2 about echo 10.1.0.2>9.9.9.9 id=7
    9> error=11/0 5.5.5.5>192.0.2.1 about echo 192.0.2.1>9.9.9.9 id=8
    9! no-connection
    9> error=3/3 9.9.9.9>192.0.2.1 about udp 192.0.2.1:4001>9.9.9.9:53
    9! no-connection
    9> error=3/3 9.9.9.9>192.0.2.1 about udp 192.0.2.1:4000>9.9.9.9:53 cut=8-16
    9! no-connection
    `,
  )
  check(
    'from a sandbox about what came to its published port hide its address',
    `
    publish 1 udp 9000 10.1.0.2:53 network=1 owner=1
    9> udp 192.0.2.77:4000>192.0.2.1:9000
    1< udp 192.0.2.77:4000>10.1.0.2:53
    1> error=3/3 10.1.0.2>192.0.2.77 about udp 192.0.2.77:4000>10.1.0.2:53
    9< error=3/3 192.0.2.1>192.0.2.77 about udp 192.0.2.77:4000>192.0.2.1:9000
    1> error=11/0 10.9.0.3>192.0.2.77 from=10.1.0.2 about udp 192.0.2.77:4000>10.1.0.2:53
    9< error=11/0 192.0.2.1>192.0.2.77 about udp 192.0.2.77:4000>192.0.2.1:9000
    1> error=3/3 10.1.0.2>192.0.2.77 ttl=1 about udp 192.0.2.77:4000>10.1.0.2:53
    1! ttl-exceeded
    3> error=3/3 10.1.0.2>192.0.2.77 from=10.2.0.2 about udp 192.0.2.77:4000>10.1.0.2:53
    3! wrong-interface
    `,
  )
  check(
    'of a sandbox about an answer, and of hairpinned connections, both ways',
    `
    publish 1 udp 9000 10.1.0.2:53 network=1 owner=1
    1> udp 10.1.0.2:4000>192.0.2.77:53
    9< udp 192.0.2.1:4000>192.0.2.77:53
    9> udp 192.0.2.77:53>192.0.2.1:4000
    1< udp 192.0.2.77:53>10.1.0.2:4000
    1> error=3/3 10.1.0.2>192.0.2.77 about udp 192.0.2.77:53>10.1.0.2:4000
    9< error=3/3 192.0.2.1>192.0.2.77 about udp 192.0.2.77:53>192.0.2.1:4000
    2> udp 10.1.0.3:4000>192.0.2.1:9000
    1< udp 10.1.0.1:4000>10.1.0.2:53
    1> error=3/3 10.1.0.2>10.1.0.1 about udp 10.1.0.1:4000>10.1.0.2:53
    2< error=3/3 192.0.2.1>10.1.0.3 about udp 10.1.0.3:4000>192.0.2.1:9000
    1> udp 10.1.0.2:53>10.1.0.1:4000
    2< udp 192.0.2.1:9000>10.1.0.3:4000
    2> error=3/3 10.1.0.3>192.0.2.1 about udp 192.0.2.1:9000>10.1.0.3:4000
    1< error=3/3 10.1.0.1>10.1.0.2 about udp 10.1.0.2:53>10.1.0.1:4000
    `,
  )
})

describe('fragments', () => {
  const datagram = 'udp 10.1.0.2:4000>9.9.9.9:53 len=3000 ident=5'
  check(
    'follow the first one, in order or not, and are translated',
    `
    1> ${datagram} cut=0-1480
    1> ${datagram} cut=1480-2960
    1> ${datagram} cut=2960-3008
    9< udp 192.0.2.1:4000>9.9.9.9:53 len=1472 cut=0-1480+ ident=5 via=192.0.2.254
    9< udp 192.0.2.1>9.9.9.9 cut=1480-2960+ ident=5 via=192.0.2.254
    9< udp 192.0.2.1>9.9.9.9 cut=2960-3008 ident=5 via=192.0.2.254
    9> udp 9.9.9.9:53>192.0.2.1:4000 len=3000 ident=6 cut=2960-3008
    9> udp 9.9.9.9:53>192.0.2.1:4000 len=3000 ident=6 cut=1480-2960
    9=
    9=
    9> udp 9.9.9.9:53>192.0.2.1:4000 len=3000 ident=6 cut=0-1480
    1< udp 9.9.9.9:53>10.1.0.2:4000 len=1472 cut=0-1480+ ident=6
    1< udp 9.9.9.9>10.1.0.2 cut=2960-3008 ident=6
    1< udp 9.9.9.9>10.1.0.2 cut=1480-2960+ ident=6
    `,
  )
  check(
    'wait with the first one for a neighbour, too, and are cut smaller where they must be',
    `
    uplink 3 192.0.2.1/24 mtu=1000
    mute 192.0.2.254
    1> ${datagram} cut=0-1480
    1> ${datagram} cut=1480-2960
    9< arp 192.0.2.1 asks 192.0.2.254
    1=
    1=
    9> arp 192.0.2.254 tells 192.0.2.1
    9< udp 192.0.2.1:4000>9.9.9.9:53 len=968 cut=0-976+ ident=5 via=192.0.2.254
    9< udp 192.0.2.1>9.9.9.9 cut=976-1480+ ident=5 via=192.0.2.254
    9< udp 192.0.2.1>9.9.9.9 cut=1480-2456+ ident=5 via=192.0.2.254
    9< udp 192.0.2.1>9.9.9.9 cut=2456-2960+ ident=5 via=192.0.2.254
    9~
    `,
  )
  check(
    'without a first one are given up, and those of another datagram do not let them go',
    `
    1> ${datagram} cut=1480-2960
    1=
    1> udp 10.1.0.2:4000>9.9.9.9:53 len=3000 ident=6 cut=0-1480
    9< udp 192.0.2.1:4000>9.9.9.9:53 len=1472 cut=0-1480+ ident=6 via=192.0.2.254
    1> udp 10.1.0.2:4000>9.9.9.9:53 len=3000 ident=69 cut=0-1480
    9< udp 192.0.2.1:4000>9.9.9.9:53 len=1472 cut=0-1480+ ident=69 via=192.0.2.254
    t=29
    t=30
    1! fragment-without-first
    `,
  )
  check(
    'that overlap the ports or are too small for them, or lie beyond the largest datagram, are no fragments',
    `
    1> tcp 10.1.0.2:4000>9.9.9.9:80 syn len=100 cut=0-8
    1! fragment-invalid
    1> tcp 10.1.0.2:4000>9.9.9.9:80 syn len=100 cut=8-40
    1! fragment-invalid
    1> tcp 10.1.0.2:4000>9.9.9.9:80 syn len=100 cut=0-16
    1! transport-malformed
    1> udp 10.1.0.2:4000>9.9.9.9:80 len=100 cut=0-44
    1! fragment-invalid
    1> udp 10.1.0.2:4000>9.9.9.9:80 len=100 cut=8-108 poke=6:1fff
    1! fragment-invalid
    1> udp 10.1.0.2:4000>9.9.9.9:80 len=100 cut=8-8
    1! fragment-invalid
    `,
  )
  check(
    'of a refused datagram are not sent on, nor when its connection has ended',
    `
    1> udp 10.1.0.2:4000>10.2.0.2:53 len=3000 ident=5 cut=0-1480
    1! network-isolated
    1> udp 10.1.0.2:4000>10.2.0.2:53 len=3000 ident=5 cut=1480-2960
    1! no-connection
    1> ${datagram} cut=0-1480
    9< udp 192.0.2.1:4000>9.9.9.9:53 len=1472 cut=0-1480+ ident=5 via=192.0.2.254
    flush
    1> ${datagram} cut=1480-2960
    1! no-connection
    `,
  )
  check(
    'for the gateway itself find it deaf',
    `
    1> echo 10.1.0.2>10.1.0.1 len=3000 cut=1480-2960
    1=
    1> echo 10.1.0.2>10.1.0.1 len=3000 cut=0-1480
    1! port-closed x2
    `,
  )
})

describe('quotas', () => {
  it('one sandbox fills its own share: its oldest without an answer give way, then it is refused', () => {
    const scene = playLabWith(4)
    for (let port = 1; port <= 6; port++)
      playRouter(
        `
        1> udp 10.1.0.2:500${port}>9.9.9.9:53
        9< udp 192.0.2.1:500${port}>9.9.9.9:53 via=192.0.2.254
        `,
        scene,
      )
    assert.equal(scene.engine.natCounts().evicted, 2)
    for (let port = 3; port <= 6; port++)
      playRouter(
        `
        9> udp 9.9.9.9:53>192.0.2.1:500${port}
        1< udp 9.9.9.9:53>10.1.0.2:500${port}
        1> udp 10.1.0.2:500${port}>9.9.9.9:53
        9< udp 192.0.2.1:500${port}>9.9.9.9:53 via=192.0.2.254
        `,
        scene,
      )
    playRouter(
      `
      1> udp 10.1.0.2:5007>9.9.9.9:53
      1! connection-quota
      2> udp 10.1.0.3:5007>9.9.9.9:53
      9< udp 192.0.2.1:5007>9.9.9.9:53 via=192.0.2.254
      `,
      scene,
    )
    assert.equal(scene.engine.natCounts().refusedQuota, 1)
  })
})

function playLabWith(connectionsPerOwner: number): RouterScene {
  return playLab('', new RouterScene({ connectionsPerOwner }))
}
