/**
 * What is on the cable between two hosts, and what gets past them that others put there: two daemons with a network over IPv4, one over IPv6,
 * and a third daemon on the left machine, whose tunnel has a UDP port of its own.
 */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { Random } from '../../support/random.ts'
import { repositoryRoot } from '../../support/repository.ts'
import { needs, needsTap } from '../../support/requirements.ts'
import { needsScapy } from '../../support/scapy.ts'
import { Capture, Recording } from '../support/capture.ts'
import { checksumErrors } from '../support/checksum-errors.ts'
import { compile } from '../support/compile.ts'
import { ControlDaemon } from '../support/control-daemon.ts'
import { BROADCAST, EXPERIMENTAL, FrameSender, frameOf } from '../support/frames.ts'
import { type Place, run } from '../support/program.ts'
import { namespacePath } from '../support/scene.ts'
import { badPackets, dissect, identity, type TunnelPacket, tunnelPackets } from '../support/tunnel-packets.ts'
import { type Side, TunnelScene, UNDERLAY4, UNDERLAY6 } from '../support/tunnel-scene.ts'
import { until } from '../support/until.ts'

const skip =
  needsTap() ||
  needsScapy() ||
  needs('ip', 'ping', 'ethtool', 'tcpdump', 'tshark', 'cc', 'nsenter', 'setpriv', 'ss')

/** What a router answers is not for other hosts. */
const ROUTERS_ANSWER = 'router-not-tunnelled'

const GARBAGE = join(repositoryRoot, 'test/support/scapy/tunnel-garbage.py')

const SIDES = ['left', 'right'] as const
const OTHER = { left: 'right', right: 'left' } as const

/** Networks by name: their addresses begin with the number, and hold sandboxes with the same hardware addresses. */
interface Network {
  readonly name: string
  readonly vni: number
  readonly underlay: 4 | 6
  readonly options: Readonly<Record<string, string>>
}
const RED: Network = { name: 'red', vni: 42, underlay: 4, options: {} }
const BLUE: Network = { name: 'blue', vni: 0xfedcba, underlay: 6, options: { ttl: '9', dscp: '10' } }
const GREEN: Network = { name: 'green', vni: 43, underlay: 4, options: {} }
/** On the third daemon, and so with another UDP port: the network identifier is that of the first. */
const GREY: Network = { name: 'grey', vni: 42, underlay: 4, options: { port: '4790' } }

const MAC = { left: '02:00:00:00:00:01', right: '02:00:00:00:00:02' } as const
const HOST = { left: 2, right: 130 } as const

const addresses = ({ name }: Network, side: Side): { 4: string; 6: string } => {
  const number = name.charCodeAt(name.length - 1)
  return { 4: `10.${number}.0.${HOST[side]}`, 6: `fd00:${number}::${HOST[side]}` }
}

describe('the cable between two hosts', { skip }, () => {
  let scene: TunnelScene
  let third: ControlDaemon
  let transfer: string
  const places = new Map<string, Place>()
  const place = ({ name }: Network, side: Side): Place => places.get(`${name} ${side}`)!

  /** The network on a daemon of that side, and its sandbox there. */
  async function settle(daemon: ControlDaemon, network: Network, side: Side): Promise<void> {
    const { name, vni, options } = network
    const own = addresses(network, side)
    const [, second] = own[4].split('.')
    const remote = (network.underlay === 4 ? UNDERLAY4 : UNDERLAY6)[OTHER[side]]
    await daemon.call('POST', '/networks', {
      Name: name,
      Driver: 'vxlan',
      EnableIPv6: true,
      IPAM: { Config: [{ Subnet: `10.${second}.0.0/24` }, { Subnet: `fd00:${second}::/64` }] },
      Options: { vni: String(vni), remote, ...options },
    })
    const settings = {
      MacAddress: MAC[side],
      IPAMConfig: { IPv4Address: own[4], IPv6Address: own[6] },
    }
    const id = await daemon.run(`${name}-${side}`, {
      HostConfig: { NetworkMode: name },
      NetworkingConfig: { EndpointsConfig: { [name]: settings } },
    })
    places.set(`${name} ${side}`, daemon.place(id))
  }

  before(async () => {
    transfer = compile('transfer')
    scene = await TunnelScene.start(UNDERLAY4)
    for (const side of SIDES) {
      scene[side].ip('address', 'add', `${UNDERLAY6[side]}/64`, 'dev', 'eth0', 'nodad')
      // What a cable has: nothing is left to an interface.
      await scene.on(side, 'ethtool', '-K', 'eth0', 'tx', 'off', 'gro', 'off')
      for (const network of [RED, BLUE]) await settle(scene.daemon(side), network, side)
    }
  })
  after(async () => {
    await third?.stop()
    await scene.stop()
  })

  describe('has packets', () => {
    let file: string
    let packets: TunnelPacket[]
    before(async () => {
      const recording = await Recording.start(scene.place('right'))
      for (const network of [RED, BLUE]) await speak(network)
      await recording.stop()
      file = recording.file
      packets = await tunnelPackets(file)
    })

    /** Something of every kind. The sizes are those around what passes in one piece, and beyond. */
    async function speak(network: Network): Promise<void> {
      const from = place(network, 'left')
      const to = addresses(network, 'right')
      const ends = SIDES.map((side) => namespacePath(place(network, side).namespace!))
      for (const version of [4, 6] as const) {
        for (const args of [
          ['-s', '0'],
          ['-s', '1402'],
          ['-s', '4000'],
          ['-Q', '0xba'],
          ['-Q', '0x03'],
        ]) {
          await run(
            from,
            'ping',
            '-n',
            '-c',
            '2',
            '-i',
            '0.01',
            '-W',
            '45',
            '-M',
            'dont',
            ...args,
            to[version],
          )
        }
        await run({}, transfer, 'tcp', ...ends, to[version], '40000', '300000')
        await run({}, transfer, '-d', '1272', 'udp', ...ends, to[version], '40001', '50000')
        await run({}, transfer, '-w', '2', '-d', '9000', 'udp', ...ends, to[version], '40002', '45000')
      }
    }

    it('of all kinds, with right checksums outside and inside', async () => {
      assert.equal(await badPackets(file), '')
      const kinds = new Set(packets.map((packet) => packet['frame.protocols'].join(':')))
      for (const underlay of ['ip', 'ipv6']) {
        for (const inner of ['arp', 'ip:icmp', 'ip:tcp', 'ip:udp', 'ipv6:icmpv6', 'ipv6:tcp', 'ipv6:udp']) {
          const kind = `eth:ethertype:${underlay}:udp:vxlan:eth:ethertype:${inner}`
          assert.ok(
            [...kinds].some((name) => name.startsWith(kind)),
            `${kind}: ${[...kinds].join(' ')}`,
          )
        }
      }
      assert.ok(packets.every((packet) => packet['udp.checksum'][0] !== '0x0000'))
    })

    it('with the headers that were asked for (RFC 7348, 5)', () => {
      for (const packet of packets) {
        const over6 = packet['ipv6.src'][0]?.startsWith('2001:') === true
        const network = over6 ? BLUE : RED
        const text = JSON.stringify(packet)
        assert.equal(Number(packet['vxlan.vni'][0]), network.vni, text)
        assert.deepEqual(
          [Number(packet['vxlan.flags'][0]), Number(packet['vxlan.reserved8'][0])],
          [0x800, 0],
          text,
        )
        assert.equal(packet['udp.dstport'][0], '4789', text)
        assert.equal(packet[over6 ? 'ipv6.hlim' : 'ip.ttl'][0], over6 ? '9' : '64', text)
        if (!over6) assert.deepEqual([packet['ip.flags.df'][0], packet['ip.flags.mf'][0]], ['1', '0'], text)
        const inner = innerClass(packet)
        const [outer] = packet[over6 ? 'ipv6.tclass' : 'ip.dsfield']
        // ECN is carried over in any case (RFC 6040).
        assert.equal(Number(outer), over6 ? (10 << 2) | (inner & 3) : inner, text)
      }
      const classes = new Set(packets.map(innerClass))
      for (const each of [0, 0xba, 3]) assert.ok(classes.has(each), `${each}`)
    })

    /** The traffic class of the packet inside: 0 of what is none. */
    function innerClass(packet: TunnelPacket): number {
      const over6 = packet['ipv6.src'][0]?.startsWith('2001:') === true
      const [four, six] = [packet['ip.dsfield'], packet['ipv6.tclass']]
      return Number((over6 ? (four[0] ?? six[1]) : (four[1] ?? six[0])) ?? 0)
    }

    it('from a port for each flow', () => {
      const portsOf = new Map<string, Set<number>>()
      for (const packet of packets) {
        const port = Number(packet['udp.srcport'][0])
        assert.ok(port >= 49_152 && port <= 65_535, String(port))
        const ports = packet['udp.srcport']
          .slice(1)
          .concat(packet['tcp.srcport'], packet['udp.dstport'].slice(1), packet['tcp.dstport'])
        // Fragments have no ports, the first one neither.
        const isFragment =
          packet['ip.flags.mf'].includes('1') ||
          packet['ip.frag_offset'].some((at) => at !== '0') ||
          packet['ipv6.fraghdr.nxt'].length > 0
        const flow = [
          packet['ip.src'],
          packet['ip.dst'],
          packet['ipv6.src'],
          packet['ipv6.dst'],
          packet['eth.src'][1],
          packet['eth.dst'][1],
          packet['ip.proto'],
          packet['ipv6.fraghdr.nxt'],
          packet['frame.protocols'],
          isFragment ? '' : ports,
        ].join(' ')
        const known = portsOf.get(flow) ?? new Set<number>()
        portsOf.set(flow, known.add(port))
      }
      for (const [flow, ports] of portsOf) assert.equal(ports.size, 1, `${flow} ${[...ports].join()}`)
      assert.ok(new Set([...portsOf.values()].flatMap((ports) => [...ports])).size > 4)
    })

    it('that our own dissector reads as tshark does', async () => {
      const { identities, problems } = await dissect(file)
      assert.deepEqual(problems, [])
      assert.deepEqual(identities, packets.map(identity))
    })
  })
  it('keeps networks apart, also where their stations have the same addresses', async () => {
    third = await ControlDaemon.start({ place: scene.place('left') })
    await settle(third, GREY, 'left')
    await settle(scene.daemon('right'), GREY, 'right')
    for (const side of SIDES) await settle(scene.daemon(side), GREEN, side)
    const networks = [RED, BLUE, GREEN, GREY]
    const sender = new FrameSender()
    const random = new Random(7)
    const captures = await Promise.all(
      networks.map((network) =>
        Capture.start(place(network, 'right'), 'eth0', `ether proto 0x${EXPERIMENTAL}`),
      ),
    )
    const pieces = 40
    await Promise.all(
      networks.map(async (network) => {
        const frames = Array.from({ length: pieces }, (_, index) => {
          const target = [MAC.right, BROADCAST, '02:00:00:00:77:77'][random.below(3)]!
          return frameOf(target, MAC.left, EXPERIMENTAL, `<${network.name} ${index}>`)
        })
        await sender.send(place(network, 'left'), 'eth0', ...frames)
      }),
    )
    const tagsOf = (capture: Capture): string[] =>
      [...capture.text.matchAll(/^<\w+ \d+>/gm)].map(([tag]) => tag).toSorted()
    // Flows may overtake one another: so none of them is the last.
    for (const capture of captures) {
      await until('all have arrived', () => tagsOf(capture).length >= pieces)
      await capture.stop()
    }
    for (const [index, { name }] of networks.entries()) {
      const sent = Array.from({ length: pieces }, (_, piece) => `<${name} ${piece}>`)
      assert.deepEqual(tagsOf(captures[index]!), sent.toSorted(), name)
    }
  })

  it('takes nothing that is bad, each for its reason, while others are served', async () => {
    const [source, target] = ['right', 'left'].map((side) =>
      namespacePath(place(RED, side as Side).namespace!),
    )
    const own = addresses(RED, 'left')[4]
    await run(place(RED, 'left'), 'ping', '-c', '1', '-W', '45', '10.100.0.1')
    const neighbours = JSON.parse(await run(place(RED, 'left'), 'ip', '-j', 'neighbour')) as {
      dst: string
      lladdr: string
    }[]
    const before = await scene.drops('left')
    const capture = await Capture.start(place(RED, 'left'), 'eth0', `ether proto 0x${EXPERIMENTAL}`)
    const transfers = run({}, transfer, 'tcp', source!, target!, own, '40003', '4000000')
    const plan = {
      interface: 'eth0',
      target: scene.left.link('eth0')!.address,
      from: UNDERLAY4.right,
      to: UNDERLAY4.left,
      local: MAC.left,
      gateway: neighbours.find(({ dst }) => dst === '10.100.0.1')!.lladdr,
      own,
      other: addresses(RED, 'right')[4],
    }
    const { good, reasons } = JSON.parse(
      await run(scene.place('right'), '/usr/bin/python3', GARBAGE, JSON.stringify(plan)),
    ) as { good: string[]; reasons: Record<string, number> }
    await transfers
    const more = async (): Promise<Record<string, number>> => {
      const drops = await scene.drops('left')
      return Object.fromEntries(
        Object.entries(drops)
          .map(([reason, count]) => [reason, count - (before[reason] ?? 0)] as const)
          .filter(([reason, count]) => count > 0 && reason !== ROUTERS_ANSWER),
      )
    }
    const total = (counts: Record<string, number>): number => Object.values(counts).reduce((a, b) => a + b, 0)
    await until('all is counted', async () => total(await more()) >= total(reasons))
    assert.deepEqual(await more(), reasons)
    await until('the good ones have arrived', () => good.every((tag) => capture.text.includes(tag)))
    const tags = [...capture.text.matchAll(/^<\w+ \d+>/gm)].map(([tag]) => tag)
    assert.deepEqual(tags.toSorted(), good.toSorted())
    await capture.stop()
    assert.deepEqual(await checksumErrors(place(RED, 'left')), [])
  })
})
