import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { DROP_REASON_COUNT, DROP_REASONS, DropReason } from '../../src/datapath/drop-reason.ts'
import { DESCRIPTOR_SHIFT, RESULT, STATUS_TRANSMIT_FAILURES } from '../../src/datapath/frame-memory.ts'
import {
  type ImpairmentSettings,
  LinkDirection,
  NO_IMPAIRMENT,
} from '../../src/datapath/impairment/impairment-settings.ts'
import type { QueuedFrame } from '../../src/ports/memory-frame-io.ts'
import { gatewayInterface } from '../support/gateway-interface.ts'
import { address, packetFrame } from '../support/packet-text.ts'
import { repositoryRoot } from '../support/repository.ts'
import { playLab } from '../support/router-lab.ts'
import { RouterScene } from '../support/router-scene.ts'
import { assertAllAccountedFor, play, type Scenario } from '../support/scenario.ts'
import { pattern, transportFrame } from '../support/transport-frame.ts'
import { underlay } from '../support/tunnel-scene.ts'

const TWO_PORTS = `
  network 1
  port 1,2 network=1
`

/** Type A of the name `web`. */
const QUESTION = '000701000001000000000000037765620000010001'

const OURS = underlay(0)
const PEER = underlay(1)
const STRANGER = underlay(2)
const CONGESTED = 3
const VXLAN = '0800000012345600'
/** UDP from 10.1.0.3 to 10.1.0.2, of a sender without ECN. */
const INNER = Buffer.from(packetFrame('udp 10.1.0.3:1>10.1.0.2:2', address('10.1.0.2')).frame).toString('hex')

/** For each reason something that makes the data path drop one frame or more for it, and none for another. */
const PROVOCATIONS: Readonly<Record<Exclude<keyof typeof DropReason, 'none'>, () => Scenario>> = {
  vxlanMalformed: () => outOfTunnel('0000000012345600'),
  vniUnknown: () => outOfTunnel('0800000099999900'),
  peerUnknown: () => outOfTunnel(`${VXLAN}${INNER}`, STRANGER),
  ecnMarked: () => outOfTunnel(`${VXLAN}${INNER}`, PEER, CONGESTED),
  tunnelLocalSource: () => outOfTunnel(`${VXLAN}02000000006202000000006188b5`),
  runtFrame: () => playOn(TWO_PORTS, '1> b a cut=13', '1! runt-frame'),
  frameTooLong: () => playOn(TWO_PORTS, '1> b a length=1515', '1! frame-too-long'),
  sourceMulticast: () => playOn(TWO_PORTS, '1> b * hello', '1! source-multicast'),
  offloadInvalid: () => playOn(TWO_PORTS, '1> b a virtio=255,0,0,0,0,0', '1! offload-invalid'),
  noDomain: () => {
    const scenario = play(TWO_PORTS)
    scenario.engine.removePort(1)
    scenario.io.inject(1, new Uint8Array(60))
    scenario.run()
    return scenario
  },
  macSpoofed: () =>
    inLab('port 4 network=1 guard=10.1.0.4', '4> udp 10.1.0.4:1>9.9.9.9:1 from=10.1.0.5', '4! mac-spoofed'),
  addressSpoofed: () =>
    inLab(
      'port 4 network=1 guard=10.1.0.4',
      '4> udp 10.1.0.5:1>9.9.9.9:1 from=10.1.0.4',
      '4! address-spoofed',
    ),
  arpSpoofed: () => inLab('1> arp 10.1.0.1 asks 10.1.0.3 from=10.1.0.2', '1! arp-spoofed'),
  reservedAddress: () => playOn(TWO_PORTS, '1> 01:80:c2:00:00:00 a bpdu', '1! reserved-address'),
  samePort: () => playOn(TWO_PORTS, '1> a a hello', '1! same-port'),
  splitHorizon: () => {
    const scenario = tunnelled()
    scenario.engine.addPeer(202, { domain: 1, address: STRANGER, mtu: 1450 })
    scenario.engine.setRemote(1, { high: 0x0200, low: 0x62 }, { port: 202, ipv4: [] })
    arriveByTunnel(scenario, `${VXLAN}02000000006202000000006388b5`)
    return scenario
  },
  noOtherPort: () => playOn('network 1', 'port 1 network=1', '1> * a hello', '1! no-other-port'),
  iccDisabled: () =>
    inLab(
      'network 4 icc=no',
      'port 4,5 network=4',
      '4> arp 10.4.0.4 asks 10.4.0.5',
      '5< arp 10.4.0.4 asks 10.4.0.5',
      '5> udp 10.4.0.5:1>10.4.0.4:1 via=10.4.0.4',
      '5! icc-disabled',
    ),
  notRouted: () => inLab('1> udp 10.1.0.2:1>9.9.9.9:1 vlan=5', '1! not-routed'),
  ipMalformed: () => inLab('1> udp 10.1.0.2:1>9.9.9.9:1 short=33', '1! ip-malformed'),
  ipChecksum: () => inLab('1> udp 10.1.0.2:1>9.9.9.9:1 badip', '1! ip-checksum'),
  ipSourceRoute: () => inLab('1> udp 10.1.0.2:1>9.9.9.9:1 opts=8307040808080800', '1! ip-source-route'),
  martianAddress: () => inLab('1> udp 10.1.0.2:1>127.0.0.1:1', '1! martian-address'),
  fragmentInvalid: () => inLab('1> tcp 10.1.0.2:1>9.9.9.9:1 syn cut=0-8', '1! fragment-invalid'),
  transportMalformed: () => inLab('1> udp 10.1.0.2:1>9.9.9.9:1 poke=24:0040', '1! transport-malformed'),
  portZero: () => inLab('1> udp 10.1.0.2:0>9.9.9.9:1', '1! port-zero'),
  icmpUnsupported: () => inLab('1> echo 10.1.0.2>9.9.9.9 poke=20:0d', '1! icmp-unsupported'),
  ttlExceeded: () =>
    inLab(
      '1> udp 10.1.0.2:4000>9.9.9.9:53 ttl=1',
      '1< error=11/0 10.1.0.1>10.1.0.2 about udp 10.1.0.2:4000>9.9.9.9:53 df ttl=64',
      '1! ttl-exceeded',
    ),
  linkBroadcast: () => inLab('1> udp 10.1.0.2:1>10.1.0.255:1', '1! link-broadcast'),
  uplinkDown: () =>
    inLab(
      'remove 9',
      '1> udp 10.1.0.2:4000>9.9.9.9:53',
      '1< error=3/0 10.1.0.1>10.1.0.2 about udp 10.1.0.2:4000>9.9.9.9:53 df ttl=64',
      '1! uplink-down',
    ),
  wrongInterface: () =>
    inLab(
      '1> udp 10.1.0.2:4000>9.9.9.9:53',
      '9< udp 192.0.2.1:4000>9.9.9.9:53 via=192.0.2.254',
      '3> udp 10.1.0.2:4000>9.9.9.9:53 from=10.2.0.2',
      '3! wrong-interface',
    ),
  noConnection: () => inLab('1> reply 10.1.0.2>9.9.9.9', '1! no-connection'),
  fragmentWithoutFirst: () =>
    inLab('1> udp 10.1.0.2:1>9.9.9.9:1 len=64 cut=8-16', '1=', 't=30', '1! fragment-without-first'),
  noRoute: () =>
    inLab(
      'unroute',
      '1> udp 10.1.0.2:4000>9.9.9.9:53',
      '1< error=3/0 10.1.0.1>10.1.0.2 about udp 10.1.0.2:4000>9.9.9.9:53 df ttl=64',
      '1! no-route',
    ),
  networkIsolated: () => inLab('1> udp 10.1.0.2:1>10.2.0.2:1', '1! network-isolated'),
  networkInternal: () =>
    inLab(
      'gateway 1 10.1.0.1/24 internal',
      '1> udp 10.1.0.2:4000>9.9.9.9:53',
      '1< error=3/13 10.1.0.1>10.1.0.2 about udp 10.1.0.2:4000>9.9.9.9:53 df ttl=64',
      '1! network-internal',
    ),
  directRouting: () => inLab('9> udp 192.0.2.77:1>10.1.0.2:1', '9! direct-routing'),
  reversePath: () => inLab('1> udp 5.5.5.5:1>9.9.9.9:1 from=10.1.0.2', '1! reverse-path'),
  transit: () => inLab('9> udp 192.0.2.77:1>9.9.9.9:1', '9! transit'),
  portClosed: () => inLab('9> udp 192.0.2.77:1>192.0.2.1:1', '9! port-closed'),
  noBackend: () =>
    inLab(
      'virtual 1 10.1.0.100 network=1',
      '1> tcp 10.1.0.2:4000>10.1.0.100:80 syn seq=1',
      '1< tcp 10.1.0.100:80>10.1.0.2:4000 rst,ack df ttl=64',
      '1! no-backend',
    ),
  udpChecksum: () => inNames(`1> udp 10.1.0.2:4000>10.1.0.1:53 data=${QUESTION} badsum`, '1! udp-checksum'),
  dnsTruncated: () => inNames('1> udp 10.1.0.2:4000>10.1.0.1:53 len=11', '1! dns-truncated'),
  dnsResponse: () =>
    inNames('1> udp 10.1.0.2:4000>10.1.0.1:53 data=000781800000000000000000', '1! dns-response'),
  dnsRepeated: () =>
    inNames(
      `1> udp 10.1.0.2:4000>10.1.0.1:53 data=${QUESTION}`,
      '1~',
      `1> udp 10.1.0.2:4000>10.1.0.1:53 data=${QUESTION}`,
      '1! dns-repeated',
    ),
  notOurs: () => inLab('uplink 3 192.0.2.1/24 shared', '9> udp 192.0.2.77:1>192.0.2.1:1', '9! not-ours'),
  natPortsExhausted: () =>
    inLab(
      '1> proto=47 10.1.0.2>9.9.9.9',
      '9< proto=47 192.0.2.1>9.9.9.9 via=192.0.2.254',
      '2> proto=47 10.1.0.3>9.9.9.9',
      '2! nat-ports-exhausted',
    ),
  connectionQuota: () =>
    confirmedFlow({ connectionsPerOwner: 1 }, '1> udp 10.1.0.2:4001>9.9.9.9:53', '1! connection-quota'),
  connectionsFull: () =>
    confirmedFlow({ connections: 1 }, '2> udp 10.1.0.3:4001>9.9.9.9:53', '2! connections-full'),
  fragmentationNeeded: () =>
    inLab(
      'uplink 3 192.0.2.1/24 mtu=1000',
      '1> udp 10.1.0.2:4000>9.9.9.9:53 len=1400 df',
      '1< error=3/4 10.1.0.1>10.1.0.2 rest=1000 about udp 10.1.0.2:4000>9.9.9.9:53 df ttl=64',
      '1! fragmentation-needed',
    ),
  hostUnreachable: () =>
    inLab(
      'mute 192.0.2.254',
      '1> udp 10.1.0.2:4000>9.9.9.9:53',
      '9< arp 192.0.2.1 asks 192.0.2.254',
      '1=',
      't=3',
      '9< arp 192.0.2.1 asks 192.0.2.254',
      '9< arp 192.0.2.1 asks 192.0.2.254',
      '1< error=3/1 10.1.0.1>10.1.0.2 about udp 10.1.0.2:4000>9.9.9.9:53 df ttl=64',
      '1! host-unreachable',
    ),
  neighbourQueueFull: () =>
    inLab(
      'mute 192.0.2.254',
      ...Array<string>(5).fill('1> udp 10.1.0.2:4000>9.9.9.9:53'),
      '9< arp 192.0.2.1 asks 192.0.2.254',
      ...Array<string>(4).fill('1='),
      '1! neighbour-queue-full',
    ),
  tunnelRecursion: () => {
    const scenario = tunnelled()
    scenario.arrive(1, packetFrame('udp 10.1.0.2:1>10.0.0.2:4789', address('10.1.0.9')))
    scenario.turn()
    assertAllAccountedFor(scenario.engine.counters.total())
    return scenario
  },
  routerNotTunnelled: () => {
    const scenario = tunnelled()
    scenario.engine.setInterface(1, gatewayInterface('10.1.0.1', 1450))
    scenario.arrive(1, packetFrame('udp 10.1.0.2:1>10.1.0.9:2 from=10.1.0.1', address('10.1.0.9')))
    scenario.turn()
    assertAllAccountedFor(scenario.engine.counters.total())
    return scenario
  },
  segmentLimit: () => {
    const scenario = superFramesTo(1)
    scenario.arrive(1, superFrame(10_000, 1))
    scenario.run()
    return scenario
  },
  linkDown: () => impaired({ down: true }, 1),
  linkLoss: () => impaired({ loss: 1 }, 1),
  linkQueueFull: () => impaired({ delayUs: 1000, queue: 1 }, 2),
  transmitListFull: () => {
    const scenario = superFramesTo(9)
    scenario.arrive(1, superFrame(64_000, 48))
    scenario.run()
    // 9 x 1,334 segments are wanted, 8,192 fit.
    assert.equal(scenario.engine.counters.total().drops[DropReason.transmitListFull], 9 * 1334 - 8192)
    return scenario
  },
  deviceDown: () => refusedWith('EIO'),
  deviceQueueFull: () =>
    playOn(
      'network 1',
      'port 1 network=1',
      'port 2 network=1 queue=1',
      '1> b a hello',
      '1> b a hello',
      '2< b a hello',
      '2! device-queue-full',
    ),
  deviceRefused: () => refusedWith('EINVAL'),
  deviceGone: () => refusedWith('ENODEV'),
}

/** Linux's numbers, asm-generic/errno-base.h and errno.h, and what they mean on a transmission. */
const ERRORS = {
  EPERM: [1, DropReason.deviceRefused],
  EIO: [5, DropReason.deviceDown],
  ENXIO: [6, DropReason.deviceGone],
  EBADF: [9, DropReason.deviceGone],
  EAGAIN: [11, DropReason.deviceQueueFull],
  ENOMEM: [12, DropReason.deviceQueueFull],
  ENODEV: [19, DropReason.deviceGone],
  EINVAL: [22, DropReason.deviceRefused],
  EBADFD: [77, DropReason.deviceGone],
  EMSGSIZE: [90, DropReason.deviceRefused],
  ENETDOWN: [100, DropReason.deviceDown],
  ENOBUFS: [105, DropReason.deviceQueueFull],
} as const

describe('each drop reason', () => {
  for (const [key, provoke] of Object.entries(PROVOCATIONS)) {
    const reason = DropReason[key as keyof typeof DropReason]

    it(`${DROP_REASONS[reason]!.name} is counted when it occurs`, () => {
      const { drops } = provoke().engine.counters.total()
      const counted = drops.flatMap((count, index) => (count > 0 ? [DROP_REASONS[index]!.name] : []))
      assert.deepEqual(counted, [DROP_REASONS[reason]!.name])
    })
  }

  it('has a number of its own, a name in kebab-case like its key, and a sentence', () => {
    const entries = Object.entries(DropReason)
    assert.equal(DROP_REASON_COUNT, entries.length)
    for (const [index, [key, value]] of entries.entries()) {
      assert.equal(value, index)
      const { name, sentence } = DROP_REASONS[value]!
      assert.equal(
        name,
        key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`),
      )
      assert.match(name, /^[a-z]+(-[a-z]+)*$/)
      assert.match(sentence, /^[A-Z].*[^.]\.$/)
    }
    assert.equal(new Set(DROP_REASONS.map(({ name }) => name)).size, DROP_REASON_COUNT)
    assert.equal(new Set(DROP_REASONS.map(({ sentence }) => sentence)).size, DROP_REASON_COUNT)
  })
})

describe('what a device answers', () => {
  for (const [name, [, reason]] of Object.entries(ERRORS)) {
    it(`${name} counts as ${DROP_REASONS[reason]!.name}, and not as transmitted`, () => {
      const { engine } = refusedWith(name as keyof typeof ERRORS)
      const { transmittedFrames, transmittedBytes, drops } = engine.counters.port(2)
      assert.equal(drops[reason], 1)
      assert.deepEqual(
        { transmittedFrames, transmittedBytes },
        { transmittedFrames: 1, transmittedBytes: 19 },
      )
    })
  }
})

function playOn(...lines: readonly string[]): Scenario {
  return play(lines.join('\n'))
}

const inLab = (...lines: readonly string[]): Scenario => playLab(lines.join('\n')).scenario

/** In a lab whose first network has names. */
const inNames = (...lines: readonly string[]): Scenario =>
  inLab('zone 1 front', 'resolver 1 ports=1 networks=1 forwards', ...lines)

/** One connection that both sides have spoken in, in a lab that has room for no other; and what is said then. */
function confirmedFlow(
  options: ConstructorParameters<typeof RouterScene>[0],
  ...lines: readonly string[]
): Scenario {
  const flow = [
    '1> udp 10.1.0.2:4000>9.9.9.9:53',
    '9< udp 192.0.2.1:4000>9.9.9.9:53 via=192.0.2.254',
    '9> udp 9.9.9.9:53>192.0.2.1:4000',
    '1< udp 9.9.9.9:53>10.1.0.2:4000',
    '1> udp 10.1.0.2:4000>9.9.9.9:53',
    '9< udp 192.0.2.1:4000>9.9.9.9:53 via=192.0.2.254',
  ]
  return playLab([...flow, ...lines].join('\n'), new RouterScene(options)).scenario
}

/** Port 1, where station a lives, and peer 201 behind tunnel 100. */
function tunnelled(): Scenario {
  const scenario = playOn('network 1')
  const { engine, io } = scenario
  scenario.port(1, { station: { high: 0x0200, low: 0x61 } })
  engine.addTunnel(100, { local: OURS, udpPort: 4789, sources: 4 })
  io.attachTunnel(100)
  engine.setOverlay(1, {
    tunnel: 100,
    networkIdentifier: 0x123456,
    floods: true,
    learns: true,
    suppressesArp: false,
  })
  engine.addPeer(201, { domain: 1, address: PEER, mtu: 1450 })
  io.attachPeer(201, 100, PEER, 4789)
  return scenario
}

function arriveByTunnel(scenario: Scenario, payload: string, source = PEER, tos = 0): void {
  scenario.io.injectDatagram(100, {
    payload: Uint8Array.from(Buffer.from(payload, 'hex')),
    source,
    sourcePort: 50_000,
    tos,
  })
  scenario.turn()
  assertAllAccountedFor(scenario.engine.counters.total())
}

function outOfTunnel(payload: string, source = PEER, tos = 0): Scenario {
  const scenario = tunnelled()
  arriveByTunnel(scenario, payload, source, tos)
  return scenario
}

/** Two frames to port 2, the first of which its device refuses. */
function refusedWith(name: keyof typeof ERRORS): Scenario {
  const scenario = playOn(TWO_PORTS)
  const { io, engine } = scenario
  const { status, transmits } = io.memory
  io.inject(1, frame(60))
  io.inject(1, frame(19))
  scenario.turn()
  assert.equal(engine.transmitCount, 2)
  transmits[(0 << DESCRIPTOR_SHIFT) + RESULT] = -ERRORS[name][0]
  transmits[(1 << DESCRIPTOR_SHIFT) + RESULT] = 0
  status[STATUS_TRANSMIT_FAILURES] = 1
  engine.settle()
  assertAllAccountedFor(engine.counters.total())
  return scenario
}

function frame(length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  bytes.set([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2])
  return bytes
}

/** Port 1, and as many others as told, none of which takes super-frames. */
function superFramesTo(plainPorts: number): Scenario {
  const scenario = playOn('network 1', 'port 1 network=1')
  for (let port = 2; port < 2 + plainPorts; port++) scenario.port(port, { plain: true })
  return scenario
}

/** Frames from a port whose link is impaired. */
function impaired(settings: Partial<ImpairmentSettings>, frames: number): Scenario {
  const scenario = playOn(TWO_PORTS)
  scenario.engine.setImpairment(1, LinkDirection.from, { ...NO_IMPAIRMENT, ...settings })
  for (let i = 0; i < frames; i++) scenario.io.inject(1, frame(60))
  scenario.run()
  return scenario
}

const superFrame = (length: number, gsoSize: number): QueuedFrame =>
  transportFrame({
    protocol: 'tcp',
    version: 4,
    payload: pattern(length),
    target: '*',
    source: 'a',
    left: 'segmentation',
    gsoSize,
  })

describe('docs/drop-reasons.md', () => {
  it('has all of them, in order, with their sentences', () => {
    const text = readFileSync(join(repositoryRoot, 'docs/drop-reasons.md'), 'utf8')
    const rows = [...text.matchAll(/^\| `([^`]+)` +\| (.+?) +\|$/gm)].map(([, name, sentence]) => ({
      name,
      sentence,
    }))
    assert.deepEqual(rows, DROP_REASONS.slice(1))
  })
})
