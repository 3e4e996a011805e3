/** A service whose backends are on other hosts: three data paths with tunnels between them. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { DropReason } from '../../src/datapath/drop-reason.ts'
import { InterfaceKind, SERVICE_OWNER } from '../../src/datapath/router-settings.ts'
import { explainSentence } from '../../src/inspect/explain-text.ts'
import { formatMac } from '../../src/wire/address.ts'
import { gatewayInterface } from '../support/gateway-interface.ts'
import { address, MAC_HIGH, packetFrame, packetLine } from '../support/packet-text.ts'
import { mac, peerOf, type TunnelHost, TunnelScene } from '../support/tunnel-scene.ts'

const GATEWAY = address('10.1.0.1')
const UPLINK_PORT = 9
const stationOf = (text: string) => mac(formatMac(MAC_HIGH, address(text)))
const routerOf = (host: number) => stationOf(`10.1.0.${250 + host}`)

/** Sandboxes 10.1.0.2, 10.1.0.3, 10.1.0.4 on the hosts 0, 1, 2; on each the uplink's address is 192.0.2.1, and its gateway 192.0.2.254. */
class Hosts {
  readonly scene = new TunnelScene(3, (host) => ({
    overlay: { learns: false, suppressesArp: true, routerMac: routerOf(host) },
  }))

  constructor() {
    for (const host of this.scene.hosts) this.#prepare(host)
    this.#answerArp()
  }

  #prepare(host: TunnelHost): void {
    const { engine, io, number } = host
    engine.setInterface(1, gatewayInterface('10.1.0.1', 1450))
    host.tap(1, { station: stationOf(`10.1.0.${number + 2}`) })
    engine.addDomain(3, { transparent: false })
    engine.addPort(UPLINK_PORT, { domain: 3, mtu: 1500, plain: true })
    io.attach(UPLINK_PORT)
    engine.setInterface(3, {
      ...gatewayInterface('192.0.2.1', 1500),
      kind: InterfaceKind.outside,
      firstPort: 1024,
      lastPort: 65_535,
    })
    engine.setRoutes([{ prefix: 0, prefixLength: 0, domain: 3, nextHop: address('192.0.2.254') }])
    for (const other of this.scene.hosts) {
      if (other.number === number) continue
      engine.setRemote(1, stationOf(`10.1.0.${other.number + 2}`), {
        port: peerOf(other.number),
        ipv4: [address(`10.1.0.${other.number + 2}`)],
        routerMac: routerOf(other.number),
      })
    }
  }

  /** The gateway beyond the uplink, and the sandboxes, say where they are. */
  #answerArp(): void {
    for (const { number } of this.scene.hosts) {
      this.send(number, UPLINK_PORT, 'arp 192.0.2.254 asks 192.0.2.1')
      this.send(number, 1, `arp 10.1.0.${number + 2} asks 10.1.0.1`)
    }
    for (const { number } of this.scene.hosts)
      for (const port of [1, UPLINK_PORT]) this.scene.collect(number, port)
  }

  /** The service 10.1.0.100 has these backends, and port 5000 of each host. */
  serve(...backends: readonly string[]): void {
    for (const { engine, number } of this.scene.hosts) {
      const of = (text: string) => {
        const host = Number(text.split('.')[3]) - 2
        return { address: address(text), owner: host === number ? 1 : peerOf(host) }
      }
      engine.setService({
        id: 1,
        domain: 1,
        address: address('10.1.0.100'),
        seed: 7,
        backends: backends.map(of),
      })
    }
  }

  publish(targetAddress: number = address('10.1.0.100')): void {
    for (const { engine } of this.scene.hosts) {
      engine.publish({
        id: 1,
        protocol: 6,
        address: 0,
        first: 5000,
        last: 5000,
        targetAddress,
        targetFirst: 80,
        targetDomain: 1,
        owner: SERVICE_OWNER,
      })
    }
  }

  send(host: number, port: number, line: string): void {
    const gateway = port === UPLINK_PORT ? address('192.0.2.1') : GATEWAY
    const { frame, virtioHeader } = packetFrame(line, gateway)
    this.scene.inject(host, port, frame, virtioHeader)
    this.scene.run()
  }

  /** What leaves there: `1.9< tcp …` is host 1, port 9. */
  left(): string[] {
    return this.scene.hosts.flatMap(({ number }) =>
      [1, UPLINK_PORT].flatMap((port) =>
        this.scene
          .collect(number, port)
          .map(
            (frame) => `${number}.${port}< ${packetLine(frame, port === 1 ? GATEWAY : address('192.0.2.1'))}`,
          ),
      ),
    )
  }

  /** Sends the one, and the other is all that comes of it. */
  becomes(host: number, port: number, line: string, ...expected: readonly string[]): void {
    this.send(host, port, line)
    assert.deepEqual(this.left(), expected, line)
  }

  /** Seconds pass. */
  pass(seconds: number): void {
    for (const host of this.scene.hosts) {
      host.nowS += seconds
      while (host.engine.tick(host.nowS));
    }
    this.scene.run()
  }

  drops(host: number, port: number, reason: number): number {
    return this.scene.hosts[host]!.drops(port)[reason]!
  }
}

describe('a backend on another host', () => {
  it('gets what a client sends to the virtual address, and answers to the client', () => {
    const hosts = new Hosts()
    hosts.serve('10.1.0.3')
    hosts.becomes(
      0,
      1,
      'tcp 10.1.0.2:4000>10.1.0.100:80 syn',
      '1.1< tcp 10.1.0.2:4000>10.1.0.3:80 syn ttl=62',
    )
    hosts.becomes(
      1,
      1,
      'tcp 10.1.0.3:80>10.1.0.2:4000 syn,ack via=10.1.0.2',
      '0.1< tcp 10.1.0.100:80>10.1.0.2:4000 syn,ack',
    )
    hosts.becomes(
      0,
      1,
      'tcp 10.1.0.2:4000>10.1.0.100:80 ack',
      '1.1< tcp 10.1.0.2:4000>10.1.0.3:80 ack ttl=62',
    )
  })
  it('is told of before: which one by its score, and that its host has a router of its own', () => {
    const hosts = new Hosts()
    hosts.serve('10.1.0.3', '10.1.0.4')
    const { engine } = hosts.scene.hosts[0]!
    const seen = new Set<unknown>()
    for (let port = 4000; port < 4016; port++) {
      const line = `tcp 10.1.0.2:${port}>10.1.0.100:80 syn`
      const steps = engine.explain(1, packetFrame(line, GATEWAY).frame, 1)
      const valuesOf = (stage: string) => steps.find((step) => step.stage === stage)!.values
      const { backend, score, nextScore, next } = valuesOf('service')
      assert.ok(Number(score) > Number(nextScore))
      assert.deepEqual(new Set([backend, next]), new Set(['10.1.0.3', '10.1.0.4']))
      const host = backend === '10.1.0.3' ? 1 : 2
      assert.deepEqual(valuesOf('neighbour'), {
        address: backend,
        mac: formatMac(routerOf(host).high, routerOf(host).low),
        domain: 1,
      })
      assert.equal(steps.find(({ stage }) => stage === 'neighbour')!.verdict, 'remote')
      hosts.send(0, 1, line)
      assert.match(hosts.left().join(), new RegExp(`^${host}\\.1< tcp [0-9.:]+>${String(backend)}:80 syn`))
      assert.equal(valuesOf('tunnel')['outerLength'], 28 + hosts.scene.wire.at(-1)!.payload.length)
      seen.add(backend)
    }
    assert.equal(seen.size, 2)
  })
  it('is told of without an address that stands in no packet, where the service has no virtual one', () => {
    const hosts = new Hosts()
    const { engine } = hosts.scene.hosts[0]!
    const nowhere = address('0.0.0.4')
    const backends = [{ address: address('10.1.0.2'), owner: 1 }]
    engine.setService({ id: 1, domain: 1, address: nowhere, seed: 7, backends })
    hosts.publish(nowhere)
    const { frame } = packetFrame('tcp 9.9.9.9:700>192.0.2.1:5000 syn', address('192.0.2.1'))
    const steps = engine.explain(UPLINK_PORT, frame, 1)
    const told = steps.filter(({ stage }) => stage === 'published-port' || stage === 'service')
    assert.deepEqual(told.map(explainSentence), [
      'It is meant for the published port 192.0.2.1:5000.',
      'It is for service 1, which has chosen 10.1.0.2.',
    ])
    assert.equal(steps.at(-1)!.stage, 'egress')
  })
  it('sees the client that has come in by any host, and answers by that host', () => {
    const hosts = new Hosts()
    hosts.serve('10.1.0.3')
    hosts.publish()
    hosts.becomes(
      0,
      9,
      'tcp 9.9.9.9:700>192.0.2.1:5000 syn mss=1460',
      '1.1< tcp 9.9.9.9:700>10.1.0.3:80 syn mss=1410 ttl=62',
    )
    hosts.becomes(
      1,
      1,
      'tcp 10.1.0.3:80>9.9.9.9:700 syn,ack',
      '0.9< tcp 192.0.2.1:5000>9.9.9.9:700 syn,ack ttl=62 via=192.0.2.254',
    )
    hosts.becomes(2, 9, 'tcp 9.9.9.8:700>192.0.2.1:5000 syn', '1.1< tcp 9.9.9.8:700>10.1.0.3:80 syn ttl=62')
    hosts.becomes(
      1,
      1,
      'tcp 10.1.0.3:80>9.9.9.8:700 syn,ack',
      '2.9< tcp 192.0.2.1:5000>9.9.9.8:700 syn,ack ttl=62 via=192.0.2.254',
    )
    hosts.becomes(1, 9, 'tcp 9.9.9.7:700>192.0.2.1:5000 syn', '1.1< tcp 9.9.9.7:700>10.1.0.3:80 syn')
    hosts.becomes(
      1,
      1,
      'error=3/4 10.1.0.3>9.9.9.9 rest=1400 about tcp 9.9.9.9:700>10.1.0.3:80',
      '0.9< error=3/4 192.0.2.1>9.9.9.9 rest=1400 about tcp 9.9.9.9:700>192.0.2.1:5000 ttl=62 via=192.0.2.254',
    )
  })
  it('is asked by a client of its own network by way of another host’s port, too', () => {
    const hosts = new Hosts()
    hosts.serve('10.1.0.3')
    hosts.publish()
    hosts.becomes(
      0,
      1,
      'tcp 10.1.0.2:4000>192.0.2.1:5000 syn',
      '1.1< tcp 10.1.0.2:4000>10.1.0.3:80 syn ttl=62',
    )
    hosts.becomes(
      1,
      1,
      'tcp 10.1.0.3:80>10.1.0.2:4000 syn,ack via=10.1.0.2',
      '0.1< tcp 192.0.2.1:5000>10.1.0.2:4000 syn,ack',
    )
  })
  it('is not mistaken by a client that asks two hosts from one port: who came first has it', () => {
    const hosts = new Hosts()
    hosts.serve('10.1.0.3')
    hosts.publish()
    hosts.becomes(0, 9, 'tcp 9.9.9.9:700>192.0.2.1:5000 syn', '1.1< tcp 9.9.9.9:700>10.1.0.3:80 syn ttl=62')
    hosts.becomes(2, 9, 'tcp 9.9.9.9:700>192.0.2.1:5000 syn')
    assert.equal(hosts.drops(1, peerOf(2), DropReason.wrongInterface), 1)
    hosts.becomes(
      1,
      1,
      'tcp 10.1.0.3:80>9.9.9.9:700 syn,ack',
      '0.9< tcp 192.0.2.1:5000>9.9.9.9:700 syn,ack ttl=62 via=192.0.2.254',
    )
  })
  it('that is gone: client and backend are told, whichever host they are on', () => {
    const hosts = new Hosts()
    hosts.serve('10.1.0.3')
    hosts.publish()
    hosts.send(0, 9, 'tcp 9.9.9.9:700>192.0.2.1:5000 syn')
    hosts.send(1, 1, 'tcp 10.1.0.3:80>9.9.9.9:700 syn,ack')
    hosts.send(0, 9, 'tcp 9.9.9.9:700>192.0.2.1:5000 ack')
    hosts.left()
    hosts.serve('10.1.0.4')
    hosts.pass(1)
    assert.deepEqual(hosts.left(), [
      '0.9< tcp 192.0.2.1:5000>9.9.9.9:700 rst df ttl=64 via=192.0.2.254',
      '1.1< tcp 9.9.9.9:700>10.1.0.3:80 rst df',
    ])
  })
  it('gets the flow that another host had, should the client come in there: all hosts choose alike', () => {
    const hosts = new Hosts()
    hosts.serve('10.1.0.2', '10.1.0.3', '10.1.0.4')
    hosts.publish()
    for (let port = 1000; port < 1032; port++) {
      const chosen = [0, 1, 2].map((host) => {
        hosts.send(host, 9, `tcp 9.9.9.${host}:${port}>192.0.2.1:5000 syn`)
        return hosts.left().length
      })
      assert.deepEqual(chosen, [1, 1, 1])
    }
    const of = (host: number): string[] => {
      const picked = new Hosts()
      picked.serve('10.1.0.2', '10.1.0.3', '10.1.0.4')
      picked.publish()
      return Array.from({ length: 32 }, (_, index) => {
        picked.send(host, 9, `tcp 9.9.9.9:${1000 + index}>192.0.2.1:5000 syn`)
        return /^\d/.exec(picked.left()[0]!)![0]
      })
    }
    const first = of(0)
    assert.deepEqual(of(2), first)
    assert.equal(new Set(first).size, 3, 'all of them are chosen')
  })
  it('reached by a router says nothing of other networks: what comes by the tunnel goes to its own stations alone', () => {
    const hosts = new Hosts()
    hosts.serve('10.1.0.3')
    const { engine } = hosts.scene.hosts[1]!
    // As another host's router would send it, were it wrong.
    const stray = packetFrame('tcp 9.9.9.9:700>8.8.8.8:80 syn from=10.1.0.250 via=10.1.0.1', GATEWAY)
    const steps = engine.explain(peerOf(0), stray.frame, 1)
    assert.equal(steps.at(-1)?.reason, 'reverse-path')
  })
})
