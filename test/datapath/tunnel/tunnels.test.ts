import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { FrameCollector } from '../../../src/datapath/capture/frame-collector.ts'
import { RecordedPath } from '../../../src/datapath/capture/recorded-path.ts'
import { DropReason } from '../../../src/datapath/drop-reason.ts'
import { type ExplainedStep, InterfaceKind } from '../../../src/datapath/router-settings.ts'
import type { OverlaySettings } from '../../../src/datapath/tunnel/tunnel-settings.ts'
import { explainSentence } from '../../../src/inspect/explain-text.ts'
import { formatMac } from '../../../src/wire/address.ts'
import { frameOf, macText } from '../../support/frame-text.ts'
import { gatewayInterface } from '../../support/gateway-interface.ts'
import { address, packetFrame } from '../../support/packet-text.ts'
import { finishedFrame, noise, PLAIN } from '../../support/super-frame.ts'
import { mac, peerOf, TUNNEL, TunnelHost, TunnelScene, underlay, VNI } from '../../support/tunnel-scene.ts'
import { naiveChecksum } from '../../support/wire-bytes.ts'

const frame = (text: string): Uint8Array => frameOf(text.split(' ')).frame
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
/** To the station with the destination's address. */
const packet = (text: string): Uint8Array =>
  packetFrame(text, text.startsWith('arp') ? 0 : address(/>([0-9.]+)/.exec(text)![1]!)).frame
/** MAC address of the station with this address, as packetFrame has it. */
const stationOf = (text: string) => mac(formatMac(0x0242, address(text)))
const VXLAN_HEADER = '0800000012345600'

describe('a network behind a tunnel', () => {
  it('sends a frame for everybody to all peers, and a frame for one to its host', () => {
    const scene = new TunnelScene(3)
    for (const host of scene.hosts) {
      host.tap(1)
      host.tap(2)
    }
    const hello = frame('* a hello length=60')
    scene.inject(0, 1, hello)
    scene.run()
    assert.deepEqual(
      scene.wire.map(({ payload, port }) => [port, hex(payload)]),
      [peerOf(1), peerOf(2)].map((port) => [port, VXLAN_HEADER + hex(hello)]),
    )
    for (const [host, port] of [
      [0, 2],
      [1, 1],
      [1, 2],
      [2, 1],
      [2, 2],
    ] as const) {
      assert.equal(hex(scene.only(host, port)), hex(hello), `host ${host}, port ${port}`)
    }

    const answer = frame('a b answer length=61')
    scene.wire.length = 0
    scene.inject(2, 2, answer)
    scene.run()
    assert.deepEqual(
      scene.wire.map(({ port }) => port),
      [peerOf(0)],
    )
    assert.equal(hex(scene.only(0, 1)), hex(answer))
    assert.deepEqual(scene.collect(0, 2), [])
    assert.deepEqual(scene.collect(1, 1), [])
  })

  it('does not learn or flood where it is told not to, and finds what setRemote has said', () => {
    const scene = new TunnelScene(2, { overlay: { learns: false, floods: false } })
    scene.hosts[0]!.tap(1, { station: mac(macText('a')) })
    scene.hosts[1]!.tap(1, { station: mac(macText('b')) })
    scene.inject(0, 1, frame('b a lost'))
    scene.run()
    assert.equal(scene.hosts[0]!.drops(1)[DropReason.noOtherPort], 1)
    scene.hosts[0]!.engine.setRemote(1, mac(macText('b')), { port: peerOf(1), ipv4: [] })
    scene.inject(0, 1, frame('b a found'))
    scene.run()
    assert.equal(hex(scene.only(1, 1)), hex(frame('b a found')))
    // Not learned from that.
    scene.inject(1, 1, frame('a b lost'))
    scene.run()
    assert.equal(scene.hosts[1]!.drops(1)[DropReason.noOtherPort], 1)
  })

  it('leaves no frame from a peer to another one', () => {
    const scene = new TunnelScene(3)
    scene.hosts[0]!.tap(1)
    scene.hosts[2]!.tap(1)
    const { engine } = scene.hosts[0]!
    engine.setRemote(1, mac(macText('c')), { port: peerOf(2), ipv4: [] })
    scene.hosts[1]!.tap(1)
    scene.hosts[1]!.engine.setRemote(1, mac(macText('c')), { port: peerOf(0), ipv4: [] })
    scene.inject(1, 1, frame('c b astray'))
    scene.run()
    assert.equal(scene.hosts[0]!.drops(peerOf(1))[DropReason.splitHorizon], 1)
    assert.deepEqual(scene.collect(2, 1), [])
  })

  it('drops what it cannot take, each for its reason', () => {
    const scene = new TunnelScene(2)
    const [host] = scene.hosts
    host!.tap(1, { station: mac(macText('a')) })
    const inner = frame('a b hello')
    const payload = (header: string, content: Uint8Array = inner) =>
      Uint8Array.from(Buffer.concat([Buffer.from(header, 'hex'), content]))
    const cases: readonly [Uint8Array, number, number, Uint8Array?, number?][] = [
      [Uint8Array.of(8, 0, 0), TUNNEL, DropReason.vxlanMalformed],
      [new Uint8Array(0), TUNNEL, DropReason.vxlanMalformed],
      [payload('0000000012345600'), TUNNEL, DropReason.vxlanMalformed],
      [payload('0800000012345700'), TUNNEL, DropReason.vniUnknown],
      [payload(VXLAN_HEADER), TUNNEL, DropReason.peerUnknown, underlay(7)],
      [payload(VXLAN_HEADER, inner.slice(0, 13)), peerOf(1), DropReason.runtFrame],
      [payload(VXLAN_HEADER, frame('b a me')), peerOf(1), DropReason.tunnelLocalSource],
      [
        payload(VXLAN_HEADER, packet('udp 10.1.0.3:1>10.1.0.2:2')),
        peerOf(1),
        DropReason.ecnMarked,
        underlay(1),
        3,
      ],
    ]
    for (const [bytes, port, reason, source = underlay(1), tos = 0] of cases) {
      const before = host!.drops(port)[reason]!
      host!.io.injectDatagram(TUNNEL, { payload: bytes, source, sourcePort: 50_000, tos })
      host!.run()
      assert.equal(host!.drops(port)[reason], before + 1, `reason ${reason}`)
    }
    assert.deepEqual(host!.engine.takeStrangers(), [{ domain: 1, address: underlay(7) }])
    assert.deepEqual(host!.engine.takeStrangers(), [])
    assert.deepEqual(host!.io.collect(1), [])
  })

  it('answers ARP for remote stations, probes too, but not their own', () => {
    const scene = new TunnelScene(2, { overlay: { suppressesArp: true } })
    scene.hosts[0]!.tap(1)
    scene.hosts[0]!.engine.setRemote(1, stationOf('10.1.0.3'), {
      port: peerOf(1),
      ipv4: [address('10.1.0.3')],
    })
    scene.inject(0, 1, packet('arp 10.1.0.2 asks 10.1.0.3'))
    scene.run()
    assert.equal(hex(scene.only(0, 1)), hex(packet('arp 10.1.0.3 tells 10.1.0.2')))
    const probe = Uint8Array.from(packet('arp 10.1.0.2 asks 10.1.0.3'))
    probe.fill(0, 28, 32)
    scene.inject(0, 1, probe)
    scene.run()
    const answer = scene.only(0, 1)
    assert.equal(hex(answer.slice(22, 32)), '02420a0100030a010003')
    assert.equal(hex(answer.slice(38, 42)), '00000000')
    assert.equal(scene.wire.length, 0)
    scene.inject(0, 1, packet('arp 10.1.0.9 asks 10.1.0.8'))
    scene.inject(0, 1, packet('arp 10.1.0.3 asks 10.1.0.3'))
    scene.run()
    assert.equal(scene.wire.length, 2)
  })

  it('carries ECN and DSCP out, and congestion in (RFC 6040)', () => {
    const inner = packet('udp 10.1.0.2:1>10.1.0.3:2 poke=1:b9')
    for (const [dscp, tos] of [
      [undefined, 0xb9],
      [10, (10 << 2) | 1],
    ] as const) {
      const scene = new TunnelScene(2, { tunnel: { dscp } })
      for (const host of scene.hosts) host.tap(1)
      scene.inject(0, 1, inner)
      scene.marks = 3
      scene.run()
      assert.deepEqual(
        scene.wire.map((one) => one.tos),
        [tos],
      )
      const arrived = packet('udp 10.1.0.2:1>10.1.0.3:2 poke=1:bb')
      assert.equal(hex(scene.only(1, 1)), hex(arrived))
    }
  })

  it('lets no VXLAN to a tunnel endpoint into the tunnel', () => {
    const scene = new TunnelScene(2)
    for (const host of scene.hosts) host.tap(1)
    for (const text of [
      'udp 10.1.0.2:1>10.0.0.2:4789 via=10.1.0.3',
      'udp 10.1.0.2:1>10.0.0.1:4789 via=10.1.0.3',
      'udp 10.1.0.2:1>10.0.0.2:4789 via=10.1.0.3 len=100 cut=0-64',
      'udp 10.1.0.2:1>10.0.0.2:4789 via=10.1.0.3 vlan=5',
    ]) {
      const before = scene.hosts[0]!.drops(peerOf(1))[DropReason.tunnelRecursion]!
      scene.inject(0, 1, packet(text))
      scene.run()
      assert.equal(scene.hosts[0]!.drops(peerOf(1))[DropReason.tunnelRecursion], before + 1, text)
    }
    scene.inject(0, 1, packet('udp 10.1.0.2:1>10.0.0.2:4790 via=10.1.0.3'))
    scene.run()
    assert.equal(scene.wire.length, 1)
  })
})

describe('a way that is narrower than the network', () => {
  it('is told of, or gets fragments', () => {
    const scene = new TunnelScene(2, { mtu: 1000 })
    for (const host of scene.hosts) host.tap(1)
    const { engine } = scene.hosts[0]!
    engine.setRemote(1, stationOf('10.1.0.3'), { port: peerOf(1), ipv4: [] })
    scene.inject(0, 1, packet('udp 10.1.0.2:1>10.1.0.3:2 len=1200 df'))
    scene.run()
    assert.equal(scene.wire.length, 0)
    const told = scene.only(0, 1)
    assert.equal(told[34], 3)
    assert.equal(told[35], 4)
    assert.equal((told[40]! << 8) | told[41]!, 1000)
    // There is no gateway: it comes from whom the packet was for.
    assert.equal(hex(told.slice(0, 12)), '02420a01000202420a010003')
    assert.equal(hex(told.slice(26, 34)), '0a0100030a010002')
    assert.equal(scene.hosts[0]!.drops(peerOf(1))[DropReason.fragmentationNeeded], 1)

    engine.setInterface(1, gatewayInterface('10.1.0.1', 1500))
    scene.inject(0, 1, packet('udp 10.1.0.2:1>10.1.0.3:2 len=1200 df'))
    scene.run()
    assert.equal(hex(scene.only(0, 1).slice(26, 34)), '0a0100010a010002')

    scene.inject(0, 1, packet('udp 10.1.0.2:1>10.1.0.3:2 len=1200'))
    scene.run()
    assert.deepEqual(
      scene.collect(1, 1).map((one) => one.frame.length),
      [14 + 996, 14 + 20 + 1208 - 976],
    )
    assert.equal(new Set(scene.wire.map(({ source }) => source)).size, 1)

    engine.setPeerMtu(peerOf(1), 1400)
    scene.inject(0, 1, packet('udp 10.1.0.2:1>10.1.0.3:2 len=1200 df'))
    scene.run()
    assert.equal(scene.only(1, 1).length, 14 + 1228)
  })

  it('is told of in IPv6, by whom the packet was for', () => {
    const scene = new TunnelScene(2, { mtu: 1000 })
    for (const host of scene.hosts) host.tap(1)
    const long = finishedFrame({ ...PLAIN, version: 6, transport: 'udp', payload: noise(1200, 1) })
    scene.inject(0, 1, long)
    scene.run()
    assert.equal(scene.wire.length, 0)
    const told = scene.only(0, 1)
    assert.equal(hex(told.slice(0, 12)), hex(long.slice(6, 12)) + hex(long.slice(0, 6)))
    assert.equal(hex(told.slice(22, 54)), hex(long.slice(38, 54)) + hex(long.slice(22, 38)))
    assert.deepEqual([told[20], told[54], told[55]], [58, 2, 0])
    assert.equal(hex(told.slice(58, 62)), '000003e8')
    assert.equal(told.length, 14 + 1280)
    assert.equal(hex(told.slice(62)), hex(long.slice(14, 14 + 1280 - 48)))
    const message = told.slice(54)
    const pseudoHeader = Uint8Array.from([...told.slice(22, 54), 0, 0, 4, 216, 0, 0, 0, 58])
    assert.equal(naiveChecksum(pseudoHeader, message), 0)
    // Nobody is told of an error message.
    const error = Uint8Array.from(long)
    error[20] = 58
    error[54] = 1
    scene.inject(0, 1, error)
    scene.run()
    assert.deepEqual(scene.collect(0, 1), [])
  })

  it('lowers what a SYN says, both ways', () => {
    const scene = new TunnelScene(2, (host) => ({ mtu: host === 0 ? 1000 : 900 }))
    for (const host of scene.hosts) host.tap(1)
    scene.inject(0, 1, packet('tcp 10.1.0.2:1>10.1.0.3:2 syn mss=1460'))
    scene.run()
    assert.equal(hex(scene.only(1, 1)), hex(packet('tcp 10.1.0.2:1>10.1.0.3:2 syn mss=860')))
  })
})

describe('the router behind a tunnel', () => {
  const routers = ['02:aa:00:00:00:00', '02:aa:00:00:00:01'] as const

  function routed(overlay: Partial<OverlaySettings> = { learns: false }): TunnelScene {
    const scene = new TunnelScene(2, (host) => ({ overlay: { routerMac: mac(routers[host]!), ...overlay } }))
    for (const host of scene.hosts) {
      host.tap(1, { station: stationOf(`10.1.0.${2 + host.number}`) })
      host.engine.setInterface(1, gatewayInterface('10.1.0.1', 1450))
      host.engine.addDomain(2, { transparent: false })
      host.engine.addPort(5, { domain: 2, mtu: 1500, plain: false })
      host.io.attach(5)
      host.engine.setInterface(2, { ...gatewayInterface('10.2.0.1', 1450) })
    }
    return scene
  }

  it('has its own address there, and its next hop is the other host', () => {
    const scene = routed()
    scene.hosts[0]!.engine.setRemote(1, stationOf('10.1.0.3'), {
      port: peerOf(1),
      ipv4: [address('10.1.0.3')],
      routerMac: mac(routers[1]),
    })
    const ask = packet('arp 10.1.0.1 asks 10.1.0.3')
    assert.equal(ask.length, 42)
    const [neighbour] = scene.hosts[0]!.engine.neighbours()
    assert.deepEqual(neighbour, {
      domain: 1,
      address: address('10.1.0.3'),
      macHigh: 0x02aa,
      macLow: 1,
      state: 'permanent',
    })
    assert.equal(scene.hosts[0]!.engine.stations.lookup(1, 0x02aa, 1, 1), peerOf(1))
    scene.hosts[0]!.engine.setRemote(1, stationOf('10.1.0.3'), undefined)
    assert.deepEqual(scene.hosts[0]!.engine.neighbours(), [])
    assert.equal(scene.hosts[0]!.engine.stations.lookup(1, 0x02aa, 1, 1), -1)
  })

  it('asks as nobody, hears the answer, and minds the MTU of the way', () => {
    const scene = routed({ learns: true })
    const [here, there] = scene.hosts
    const { engine, io } = here!
    engine.addDomain(9, { transparent: false })
    engine.addPort(9, { domain: 9, mtu: 1500, plain: false, lan: true })
    io.attach(9)
    const kind = InterfaceKind.outside
    engine.setInterface(9, { ...gatewayInterface('10.9.0.1', 1500), kind, firstPort: 1000, lastPort: 65_535 })
    engine.publish({
      id: 1,
      protocol: 17,
      address: 0,
      first: 8000,
      last: 8000,
      targetAddress: address('10.1.0.3'),
      targetFirst: 80,
      targetDomain: 1,
      owner: peerOf(1),
    })
    const ask = (size: string): void => {
      io.inject(9, packetFrame(`udp 10.9.0.7:7>10.9.0.1:8000 ${size}`, address('10.9.0.1')).frame)
      here!.run()
    }
    ask('len=9')
    scene.run()
    const question = Uint8Array.from(packet('arp 10.1.0.1 asks 10.1.0.3'))
    question.set([0x02, 0xaa, 0, 0, 0, 0], 6)
    question.set([0x02, 0xaa, 0, 0, 0, 0, 0, 0, 0, 0], 22)
    assert.equal(hex(scene.only(1, 1)), hex(question))
    const answer = Uint8Array.from(packet('arp 10.1.0.3 tells 10.1.0.1'))
    answer.set([0x02, 0xaa, 0, 0, 0, 0], 0)
    answer.set([0x02, 0xaa, 0, 0, 0, 0, 0, 0, 0, 0], 32)
    there!.io.inject(1, answer)
    scene.run()
    const arrived = packetFrame('udp 10.9.0.7:7>10.1.0.3:80 len=9 ttl=63', address('10.1.0.3')).frame
    arrived.set([0x02, 0xaa, 0, 0, 0, 0], 6)
    assert.equal(hex(scene.only(1, 1)), hex(arrived))

    engine.setPeerMtu(peerOf(1), 1000)
    io.inject(9, packetFrame('arp 10.9.0.7 asks 10.9.0.1', 0).frame)
    here!.run()
    io.collect(9)
    ask('len=1200 df')
    const told = io.collect(9)
    assert.equal(told.length, 1)
    assert.deepEqual([told[0]!.frame[34], told[0]!.frame[35]], [3, 4])
    assert.equal(hex(told[0]!.frame.slice(40, 42)), '03e8')
    assert.equal(here!.drops(9)[DropReason.fragmentationNeeded], 1)
    ask('len=1200')
    scene.run()
    assert.equal(scene.collect(1, 1).length, 2)
  })

  it('explains in what pieces a packet goes there, as it then goes', () => {
    const scene = routed()
    const [here] = scene.hosts
    const { engine, io } = here!
    engine.setRemote(1, stationOf('10.1.0.3'), {
      port: peerOf(1),
      ipv4: [address('10.1.0.3')],
      routerMac: mac(routers[1]),
    })
    engine.setService({
      id: 1,
      domain: 1,
      address: address('10.1.0.100'),
      seed: 1,
      backends: [{ address: address('10.1.0.3'), owner: peerOf(1) }],
    })
    const { frame: super_, virtioHeader } = packetFrame(
      'tcp 10.1.0.2:1>10.1.0.100:80 ack len=4000 gso=900 partial',
      address('10.1.0.1'),
    )
    const whole = packet('tcp 10.1.0.2:2>10.1.0.100:80 ack len=400 via=10.1.0.1')
    const told = (bytes: Uint8Array, header?: Uint8Array) => {
      const options = header === undefined ? {} : { virtioHeader: header }
      const { stage, verdict, values } = engine.explain(1, bytes, here!.nowS, options).at(-1)!
      return [`${stage} ${verdict}`, values['pieces']]
    }
    assert.deepEqual(told(whole), ['tunnel encapsulate', undefined])
    assert.deepEqual(told(super_, virtioHeader), ['tunnel encapsulate', 'segments'])
    io.inject(1, super_, virtioHeader)
    here!.run()
    assert.equal(io.collectDatagrams(TUNNEL).length, 5)
  })

  it('gets in what was for its address there', () => {
    const scene = routed()
    const inner = Uint8Array.from(packet('echo 10.1.0.2>10.1.0.1 id=7'))
    inner.set([0x02, 0xaa, 0, 0, 0, 0], 0)
    const payload = Uint8Array.from(Buffer.concat([Buffer.from(VXLAN_HEADER, 'hex'), inner]))
    const [host] = scene.hosts
    host!.engine.removePort(1)
    host!.io.detach(1)
    host!.engine.setRemote(1, stationOf('10.1.0.2'), { port: peerOf(1), ipv4: [] })
    host!.io.injectDatagram(TUNNEL, { payload, source: underlay(1), sourcePort: 50_000 })
    host!.run()
    const [answer] = host!.io.collectDatagrams(TUNNEL)
    assert.ok(answer !== undefined)
    // The answer's source is the router's address in the tunnel.
    assert.equal(hex(answer.payload.slice(8, 22)), '02420a01000202aa000000000800')
  })
})

describe('what explain says of tunnels', () => {
  const verdicts = (steps: readonly ExplainedStep[]): string[] =>
    steps.map(({ stage, verdict, reason }) => [stage, verdict, reason ?? ''].join(' ').trim())

  it('is what then happens', () => {
    const scene = new TunnelScene(2, { mtu: 1000, overlay: { suppressesArp: true, learns: false } })
    const [here, there] = scene.hosts
    here!.tap(1, { station: stationOf('10.1.0.2') })
    there!.tap(1, { station: stationOf('10.1.0.3') })
    here!.engine.setRemote(1, stationOf('10.1.0.3'), { port: peerOf(1), ipv4: [address('10.1.0.3')] })
    const cases: readonly [number, Uint8Array, string, DropReason?][] = [
      [1, packet('udp 10.1.0.2:1>10.1.0.3:2'), 'tunnel encapsulate'],
      [1, packet('udp 10.1.0.2:1>10.1.0.3:2 len=1200'), 'tunnel encapsulate'],
      [
        1,
        packet('udp 10.1.0.2:1>10.1.0.3:2 len=1200 df'),
        'tunnel drop fragmentation-needed',
        DropReason.fragmentationNeeded,
      ],
      [
        1,
        packet('udp 10.1.0.2:1>10.0.0.2:4789 via=10.1.0.3'),
        'tunnel drop tunnel-recursion',
        DropReason.tunnelRecursion,
      ],
      [1, packet('arp 10.1.0.2 asks 10.1.0.3'), 'tunnel suppress'],
      [peerOf(1), packet('udp 10.1.0.3:1>10.1.0.2:2'), 'egress transmit'],
      [
        peerOf(1),
        packet('udp 10.1.0.2:1>10.1.0.3:2'),
        'tunnel drop tunnel-local-source',
        DropReason.tunnelLocalSource,
      ],
      [
        peerOf(1),
        packet('udp 10.1.0.4:1>10.1.0.3:2 via=10.1.0.3'),
        'bridge drop same-port',
        DropReason.samePort,
      ],
    ]
    for (const [port, frame, last, reason] of cases) {
      const steps = here!.engine.explain(port, frame, here!.nowS)
      assert.equal(verdicts(steps).at(-1), last, Buffer.from(frame).toString('hex'))
      if (port === peerOf(1) && last === 'egress transmit')
        assert.equal(verdicts(steps)[0], 'tunnel decapsulate')
      assert.match(explainSentence(steps.at(-1)!), /^[A-Z0-9].*\.$/)
      const before = here!.engine.counters.port(peerOf(1))
      if (port === 1) here!.io.inject(1, frame)
      else {
        const payload = Uint8Array.from([...Buffer.from(VXLAN_HEADER, 'hex'), ...frame])
        here!.io.injectDatagram(TUNNEL, { payload, source: underlay(1), sourcePort: 50_000 })
      }
      here!.run()
      const after = here!.engine.counters.port(peerOf(1))
      const sent = here!.io.collectDatagrams(TUNNEL).length
      assert.equal(sent > 0, last === 'tunnel encapsulate')
      const dropped = after.drops.flatMap((count, i) => (count > before.drops[i]! ? [i] : []))
      assert.deepEqual(dropped, reason === undefined ? [] : [reason])
    }
  })
})

describe('what explain says of what stands around a frame', () => {
  it('is the source and the length that it then has', () => {
    const scene = new TunnelScene(2)
    const [here] = scene.hosts
    here!.tap(1)
    here!.engine.setRemote(1, stationOf('10.1.0.3'), { port: peerOf(1), ipv4: [] })
    const sources = new Set<unknown>()
    for (let port = 1; port <= 64; port++) {
      const datagram = packet(`udp 10.1.0.2:${port}>10.1.0.3:2 len=${port}`)
      const { values } = here!.engine.explain(1, datagram, here!.nowS).at(-1)!
      here!.io.inject(1, datagram)
      here!.run()
      const [sent] = here!.io.collectDatagrams(TUNNEL)
      assert.deepEqual(
        [values['source'], values['sources'], values['outerLength'], values['udpPort'], values['local']],
        [sent!.source + 1, 16, 28 + sent!.payload.length, sent!.udpPort, '10.0.0.1'],
      )
      sources.add(values['source'])
    }
    assert.ok(sources.size > 8)
  })

  it('is in what pieces it goes, where it is too long', () => {
    const scene = new TunnelScene(2, { mtu: 1000 })
    const [here] = scene.hosts
    here!.tap(1)
    here!.engine.setRemote(1, stationOf('10.1.0.3'), { port: peerOf(1), ipv4: [] })
    const long = here!.engine.explain(1, packet('udp 10.1.0.2:1>10.1.0.3:2 len=1200'), 1).at(-1)!
    assert.deepEqual([long.values['pieces'], 'outerLength' in long.values], ['fragments', false])
    const { frame: super_, virtioHeader } = packetFrame(
      'tcp 10.1.0.2:1>10.1.0.3:2 ack len=4000 gso=900 partial',
      address('10.1.0.3'),
    )
    const cut = here!.engine.explain(1, super_, 1, { virtioHeader }).at(-1)!
    assert.deepEqual([cut.verdict, cut.values['pieces']], ['encapsulate', 'segments'])
  })
})

describe('what explain says of what is flooded', () => {
  const question = packet('arp 10.1.0.2 asks 10.1.0.9')
  const told = (steps: readonly ExplainedStep[]): unknown[] =>
    steps
      .filter(({ stage, verdict }) => stage === 'tunnel' || verdict === 'flood' || verdict === 'drop')
      .map(({ verdict, values, reason }) => [
        verdict,
        reason ?? values['addresses'] ?? values['peers'] ?? values['ports'],
      ])

  it('is to which hosts a copy goes', () => {
    const scene = new TunnelScene(4)
    const [here] = scene.hosts
    here!.tap(1)
    const steps = here!.engine.explain(1, question, 1)
    assert.deepEqual(told(steps), [
      ['flood', 3],
      ['replicate', '10.0.0.2, 10.0.0.3, 10.0.0.4'],
    ])
    assert.equal(steps.find(({ verdict }) => verdict === 'flood')!.values['group'], true)
    here!.io.inject(1, question)
    here!.run()
    assert.equal(here!.io.collectDatagrams(TUNNEL).length, 3)
    const unknown = here!.engine.explain(1, packet('udp 10.1.0.2:1>10.1.0.9:2'), 1)
    assert.deepEqual(told(unknown), told(steps))
    assert.equal('group' in unknown.find(({ verdict }) => verdict === 'flood')!.values, false)
  })

  it('is which hosts get none, and why', () => {
    const scene = new TunnelScene(2, { mtu: 1000 })
    const [here] = scene.hosts
    here!.tap(1)
    here!.peer(7)
    here!.peer(8)
    here!.engine.setPeerMtu(peerOf(8), 1000)
    const long = packet('udp 10.1.0.2:1>10.1.0.9:2 len=1200 df')
    const steps = here!.engine.explain(1, long, 1)
    assert.deepEqual(told(steps), [
      ['flood', 3],
      ['leave-out', '10.0.0.2, 10.0.0.9'],
      ['replicate', '10.0.0.8'],
    ])
    assert.match(
      explainSentence(steps.at(-2)!),
      /^None goes to 10\.0\.0\.2, 10\.0\.0\.9: fragmentation-needed\.$/,
    )
    here!.engine.removePort(peerOf(1))
    const order = here!.engine
      .explain(1, long, 1)
      .map(({ verdict }) => verdict)
      .slice(-3)
    assert.deepEqual(order, ['flood', 'leave-out', 'replicate'], 'what is done comes last')
  })

  it('is that it stays here, on a network that does not flood', () => {
    const scene = new TunnelScene(3, { overlay: { floods: false } })
    const [here] = scene.hosts
    here!.tap(1)
    assert.deepEqual(told(here!.engine.explain(1, question, 1)), [
      ['keep', 2],
      ['drop', 'no-other-port'],
    ])
    here!.tap(2)
    assert.deepEqual(told(here!.engine.explain(1, question, 1)), [
      ['keep', 2],
      ['flood', 1],
    ])
  })

  it('is that what came from a host goes to no other one', () => {
    const scene = new TunnelScene(3)
    const [here] = scene.hosts
    here!.tap(1)
    assert.deepEqual(told(here!.engine.explain(peerOf(1), question, 1)), [
      ['decapsulate', undefined],
      ['split-horizon', 1],
      ['flood', 1],
    ])
  })

  it('names a few hosts, and counts the others', () => {
    const scene = new TunnelScene(12)
    const [here] = scene.hosts
    here!.tap(1)
    const last = here!.engine.explain(1, question, 1).at(-1)!
    assert.deepEqual([last.values['peers'], last.values['more']], [11, 3])
    assert.match(explainSentence(last), /10\.0\.0\.9 and 3 more, with network identifier/)
  })
})

describe('who looks on', () => {
  it('sees the frames in the tunnel, super-frames in segments, and that they leave', () => {
    const scene = new TunnelScene(2)
    const [here] = scene.hosts
    here!.tap(1)
    const path = new RecordedPath(here!.engine, here!.io.memory, () =>
      here!.io.transmit(here!.engine.transmitCount),
    )
    const collector = new FrameCollector(path, here!.io.memory, { explained: true })
    path.add(collector)
    const hello = frame('* a hello length=60')
    const answer = frame('a b answer length=70')
    here!.io.inject(1, hello)
    const payload = Uint8Array.from([...Buffer.from(VXLAN_HEADER, 'hex'), ...answer])
    here!.io.injectDatagram(TUNNEL, { payload, source: underlay(1), sourcePort: 50_000 })
    const stolen = Uint8Array.from([
      ...Buffer.from(VXLAN_HEADER, 'hex'),
      ...packet('udp 10.1.0.3:1>10.1.0.2:2'),
    ])
    here!.io.injectDatagram(TUNNEL, { payload: stolen, source: underlay(1), sourcePort: 50_000, tos: 3 })
    const count = here!.io.poll(0, 0)
    path.settle()
    path.process(path.arrive(count, 1000, 1_000_000), 1000)
    path.transmitNow()
    const told = collector.take()
    assert.deepEqual(
      told.map(({ arrival, departures, reason }) => [
        arrival?.port,
        hex(arrival!.bytes),
        departures.map(({ port, bytes }) => [port, hex(bytes)]),
        reason,
      ]),
      [
        [peerOf(1), hex(packet('udp 10.1.0.3:1>10.1.0.2:2')), [], DropReason.ecnMarked],
        [1, hex(hello), [[peerOf(1), hex(hello)]], 0],
        [peerOf(1), hex(answer), [[1, hex(answer)]], 0],
      ],
    )
    assert.deepEqual(
      here!.io.collectDatagrams(TUNNEL).map((one) => hex(one.payload)),
      [VXLAN_HEADER + hex(hello)],
    )
    assert.equal(hex(here!.io.collect(1)[0]!.frame), hex(answer))
  })
})

describe('an uplink beside tunnels', () => {
  it('carries no VXLAN of sandboxes to peers, also not where it had begun before', () => {
    const scene = new TunnelScene(2)
    const [here] = scene.hosts
    const { engine, io } = here!
    here!.tap(1)
    engine.setInterface(1, gatewayInterface('10.1.0.1', 1450))
    engine.addDomain(9, { transparent: false })
    engine.addPort(9, { domain: 9, mtu: 1500, plain: false, lan: true })
    io.attach(9)
    const uplink = {
      ...gatewayInterface('10.0.0.1', 1500),
      kind: InterfaceKind.outside,
      firstPort: 1000,
      lastPort: 65_535,
    }
    engine.setInterface(9, uplink)
    io.inject(9, packetFrame('arp 10.0.0.2 asks 10.0.0.1', 0).frame)
    io.inject(9, packetFrame('arp 10.0.0.3 asks 10.0.0.1', 0).frame)
    here!.run()
    io.collect(9)
    const send = (text: string): number => {
      io.inject(1, packetFrame(text, address('10.1.0.1')).frame)
      here!.run()
      return io.collect(9).length
    }
    assert.equal(send('udp 10.1.0.2:5>10.0.0.2:4790'), 1)
    assert.equal(send('udp 10.1.0.2:5>10.0.0.2:4789'), 0)
    assert.equal(here!.drops(1)[DropReason.tunnelRecursion], 1)
    assert.equal(send('udp 10.1.0.2:5>10.0.0.3:4789'), 1)
    engine.addPeer(peerOf(2), { domain: 1, address: underlay(2), mtu: 1450 })
    io.attachPeer(peerOf(2), TUNNEL, underlay(2), 4789)
    assert.equal(send('udp 10.1.0.2:5>10.0.0.3:4789'), 0)
    assert.equal(here!.drops(1)[DropReason.tunnelRecursion], 2)
  })
})

describe('an underlay of IPv6', () => {
  it('has peers, too, and they are not those of IPv4', () => {
    const far = Uint8Array.of(0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 10, 0, 0, 2)
    const host = new TunnelHost(0, { tunnel: { local: far.toReversed() } })
    host.tap(1)
    host.engine.addPeer(peerOf(1), { domain: 1, address: far, mtu: 1430 })
    const payload = Uint8Array.from([...Buffer.from(VXLAN_HEADER, 'hex'), ...frame('* b hello')])
    for (const source of [underlay(1), far])
      host.io.injectDatagram(TUNNEL, { payload, source, sourcePort: 50_000 })
    host.run()
    assert.equal(host.drops(TUNNEL)[DropReason.peerUnknown], 1)
    assert.equal(host.io.collect(1).length, 1)
    assert.deepEqual(host.engine.takeStrangers(), [{ domain: 1, address: underlay(1) }])
  })
})

describe('peers', () => {
  it('are listed with what is known of them, and go with what is behind them', () => {
    const scene = new TunnelScene(2)
    for (const host of scene.hosts) host.tap(1)
    const { engine } = scene.hosts[0]!
    assert.deepEqual(engine.peers(5), [
      { port: peerOf(1), domain: 1, address: underlay(1), mtu: 1450, idleS: undefined, stations: 0 },
    ])
    scene.inject(1, 1, frame('* b hello'))
    scene.run()
    assert.deepEqual(
      engine.peers(5).map(({ idleS, stations }) => [idleS, stations]),
      [[4, 1]],
    )
    assert.throws(() => engine.removeTunnel(TUNNEL), /goes on behind/)
    assert.throws(() => engine.setOverlay(1, undefined), /still has peers/)
    engine.removePeer(peerOf(1))
    scene.hosts[0]!.io.detach(peerOf(1))
    assert.deepEqual(engine.peers(5), [])
    engine.setOverlay(1, undefined)
    engine.removeTunnel(TUNNEL)
    assert.equal(VNI, scene.hosts[0]!.overlay.networkIdentifier)
  })

  it('lose a station to a port of this host, and get it back', () => {
    const scene = new TunnelScene(2, { overlay: { learns: false } })
    const { engine } = scene.hosts[0]!
    const a = mac(macText('a'))
    engine.setRemote(1, a, { port: peerOf(1), ipv4: [] })
    assert.equal(engine.stations.lookup(1, a.high, a.low, 1), peerOf(1))
    scene.hosts[0]!.tap(1, { station: a })
    assert.equal(engine.stations.lookup(1, a.high, a.low, 1), 1)
    engine.setRemote(1, a, { port: peerOf(1), ipv4: [7] })
    assert.equal(engine.stations.lookup(1, a.high, a.low, 1), 1)
    engine.removePort(1)
    assert.equal(engine.stations.lookup(1, a.high, a.low, 1), peerOf(1))
  })
})
