/**
 * Programs that people use talk through the switch as they do over a cable:
 *
 *     alice  10.77.0.2 ──┐
 *     bob    10.77.0.3 ──┤ red            dave  10.77.1.2 ─── blue
 *     carol  10.77.0.4 ──┘
 *
 * carol has no offload: what it sends and gets is as on a wire. Blue has no other sandbox, and no way to red.
 */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, afterEach, before, describe, it } from 'node:test'
import { repositoryRoot } from '../support/repository.ts'
import { needs, needsTap, type Skip } from '../support/requirements.ts'
import { Capture } from './support/capture.ts'
import { BROADCAST, EXPERIMENTAL, FrameSender, frameOf } from './support/frames.ts'
import { LiveLab } from './support/live-lab.ts'
import { attempt, Program, run } from './support/program.ts'
import { newNamespaceName } from './support/scene.ts'
import { until } from './support/until.ts'

/** More than a frame can carry: it goes through the switch in fragments. */
const LARGE_PING = '60000'
const PAGE_SIZE = 3_000_000
const HTTP_PORT = '8080'
const GROUP = '239.77.0.1'
const GROUP_PORT = '5777'
/** IEEE 802.1Q: priority 0, VLAN 7. */
const TAG = '81000007'

const PAIRS = [
  ['alice', 'bob'],
  ['alice', 'carol'],
  ['carol', 'alice'],
] as const

const NODE_PROGRAMS = join(repositoryRoot, 'dist/test/system/support')

const skip = needsTap() || needs('ip', 'ping', 'curl', 'iperf3', 'tcpdump', 'cc', 'nsenter', 'setpriv')
const skipVlan = skip === false && (await lacksVlan())

for (const io of ['io_uring', 'epoll'] as const) {
  describe(`programs over ${io}`, { skip }, () => {
    let lab: LiveLab
    before(async () => {
      const sandboxes = {
        alice: { on: ['red'] },
        bob: { on: ['red'] },
        carol: { on: ['red'], offload: false },
        dave: { on: ['blue'] },
      }
      lab = await LiveLab.up({ networks: { red: { ipv6: true }, blue: {} }, sandboxes }, { io })
    })
    afterEach(() => lab.accounted())
    after(() => lab.down())

    for (const [from, to] of PAIRS) {
      it(`ping, ${from} to ${to}`, async () => {
        await ping(lab, from, lab.address(to))
      })

      it(`ping in fragments, ${from} to ${to}`, async () => {
        await ping(lab, from, lab.address(to), '-s', LARGE_PING)
      })

      it(`IPv6 link-local ping, ${from} to ${to}`, async () => {
        const target = await linkLocalAddress(lab, to)
        await linkLocalAddress(lab, from)
        await ping(lab, from, `${target}%eth0`, '-6')
      })

      it(`curl over HTTP, ${from} from ${to}`, async () => {
        const server = await httpServer(lab, to)
        const page = await lab.exec(
          from,
          'curl',
          '-sS',
          '--max-time',
          '30',
          `http://${lab.address(to)}:${HTTP_PORT}/`,
        )
        await server.stop()
        assert.equal(page, 'tapwire '.repeat(PAGE_SIZE / 8))
      })

      it(`iperf3 by TCP and UDP, ${from} to ${to}`, async () => {
        const tcp = await iperf(lab, from, to, '-n', '10M')
        // It stops counting at the receiver when the sender has sent all.
        assert.ok(tcp.sum_received!.bytes > 0 && tcp.sum_received!.bytes <= tcp.sum_sent!.bytes)
        const udp = await iperf(lab, from, to, '-u', '-b', '200M', '-l', '1400', '-n', '2M')
        assert.ok(udp.sum!.packets > 1000)
        assert.ok(udp.sum!.lost_packets < udp.sum!.packets)
      })
    }

    it('resolves addresses by ARP, and forgets on request', async () => {
      await lab.exec('alice', 'ip', 'neigh', 'flush', 'dev', 'eth0')
      await lab.exec('alice', 'ping', '-q', '-c', '1', lab.address('bob'))
      const neighbour = await lab.exec('alice', 'ip', 'neigh', 'show', lab.address('bob'))
      assert.match(neighbour, new RegExp(`dev eth0 lladdr ${lab.mac('bob')} REACHABLE`))
    })

    it('finds nobody behind an address that nobody has', async () => {
      const { code, output } = await attempt(lab.place('alice'), 'ping', '-c', '1', '-W', '0.2', '10.77.0.99')
      assert.equal(code, 1, output)
      assert.match(output, /1 packets transmitted, 0 received/)
    })

    it('finds no way to another network', async () => {
      const { code, output } = await attempt(
        lab.place('alice'),
        'ping',
        '-c',
        '1',
        '-W',
        '0.2',
        lab.address('dave'),
      )
      assert.equal(code, 1, output)
      assert.match(output, /1 packets transmitted, 0 received/)
    })

    it('hands a multicast datagram to all who joined the group', async () => {
      const listeners = await Promise.all(['bob', 'carol', 'dave'].map((sandbox) => joinGroup(lab, sandbox)))
      await sendToGroup(lab, 'alice', 'from red')
      await Promise.all(listeners.slice(0, 2).map((listener) => listener.printed(/from red/)))
      await sendToGroup(lab, 'dave', 'from blue')
      await listeners[2]!.printed(/from blue/)
      for (const listener of listeners) await listener.stop()
      const [bob, carol, dave] = listeners.map(({ output }) => output)
      assert.doesNotMatch(`${bob}${carol}`, /from blue/)
      assert.doesNotMatch(dave!, /from red/)
    })

    it('carries a VLAN tag as it is', async () => {
      const frames = new FrameSender()
      const captures = await Promise.all(
        ['bob', 'carol'].map((sandbox) => Capture.start(lab.place(sandbox), 'eth0', 'vlan 7')),
      )
      const frame = frameOf(BROADCAST, lab.mac('alice'), `${TAG}${EXPERIMENTAL}`, 'tagged')
      await frames.send(lab.place('alice'), 'eth0', frame)
      for (const capture of captures) {
        await capture.has('tagged')
        assert.match(capture.text, /vlan 7, p 0, ethertype Unknown \(0x88b5\)/)
        await capture.stop()
      }
    })

    it('ping through VLAN interfaces', { skip: skipVlan }, async () => {
      for (const [index, sandbox] of ['alice', 'bob', 'carol'].entries()) {
        await lab.exec(
          sandbox,
          'ip',
          'link',
          'add',
          'link',
          'eth0',
          'name',
          'eth0.7',
          'type',
          'vlan',
          'id',
          '7',
        )
        await lab.exec(sandbox, 'ip', 'address', 'add', `10.78.0.${index + 1}/24`, 'dev', 'eth0.7')
        await lab.exec(sandbox, 'ip', 'link', 'set', 'eth0.7', 'up')
      }
      for (const target of ['10.78.0.2', '10.78.0.3']) {
        for (const size of ['56', '1472', LARGE_PING]) await ping(lab, 'alice', target, '-s', size)
      }
    })

    it('drops nothing of all this but what has a reason', async () => {
      const { drops } = await lab.accounted()
      // Interfaces that come up speak before the others are up, and blue has one sandbox.
      const expected = new Set(['device-down', 'no-other-port'])
      const others = drops.filter(({ reason }) => !expected.has(reason))
      // The one ping to another network.
      assert.deepEqual(
        others.map(({ reason, frames }) => ({ reason, frames })),
        [{ reason: 'network-isolated', frames: 1 }],
      )
    })
  })
}

/**
 * Three pings, of which none is lost. One after the other: of several, ping waits for the last for no longer than the pause
 * between two.
 */
async function ping(
  lab: LiveLab,
  from: string,
  target: string,
  ...options: readonly string[]
): Promise<void> {
  for (let times = 0; times < 3; times++) {
    const output = await lab.exec(from, 'ping', '-c', '1', '-W', '30', ...options, target)
    assert.match(output, /1 packets transmitted, 1 received, 0% packet loss/)
  }
}

/** Resolves when the kernel has made sure that nobody else has the address (RFC 4862, 5.4). */
async function linkLocalAddress(lab: LiveLab, sandbox: string): Promise<string> {
  const show = ['-6', '-o', 'address', 'show', 'dev', 'eth0', 'scope', 'link']
  let address: string | undefined
  await until(`${sandbox} has an address of its own`, async () => {
    const output = await lab.exec(sandbox, 'ip', ...show)
    address = /inet6 (fe80::[0-9a-f:]+)/.exec(output)?.[1]
    return address !== undefined && !output.includes('tentative')
  })
  return address!
}

async function httpServer(lab: LiveLab, sandbox: string): Promise<Program> {
  const server = node(lab, sandbox, 'http-server.js', HTTP_PORT, String(PAGE_SIZE))
  await server.printed(/^listening$/m)
  return server
}

async function joinGroup(lab: LiveLab, sandbox: string): Promise<Program> {
  const listener = node(lab, sandbox, 'multicast.js', 'join', GROUP, GROUP_PORT, lab.address(sandbox))
  await listener.printed(/^listening$/m)
  return listener
}

async function sendToGroup(lab: LiveLab, sandbox: string, text: string): Promise<void> {
  const { code, errors } = await node(
    lab,
    sandbox,
    'multicast.js',
    'send',
    GROUP,
    GROUP_PORT,
    lab.address(sandbox),
    text,
  ).end()
  assert.equal(code, 0, errors)
}

const node = (lab: LiveLab, sandbox: string, script: string, ...args: readonly string[]): Program =>
  new Program(lab.place(sandbox), process.execPath, join(NODE_PROGRAMS, script), ...args)

interface IperfSum {
  readonly bytes: number
  readonly packets: number
  readonly lost_packets: number
}

async function iperf(
  lab: LiveLab,
  from: string,
  to: string,
  ...args: readonly string[]
): Promise<Record<string, IperfSum>> {
  const server = new Program(lab.place(to), 'iperf3', '--server', '--one-off', '--forceflush')
  await server.printed(/Server listening/)
  const output = await lab.exec(from, 'iperf3', '--json', '--client', lab.address(to), ...args)
  await server.end()
  return (JSON.parse(output) as { end: Record<string, IperfSum> }).end
}

/** Nothing that can be installed gives a kernel VLAN interfaces. */
async function lacksVlan(): Promise<Skip> {
  const namespace = newNamespaceName()
  await run({}, 'ip', 'netns', 'add', namespace)
  await run({ namespace }, 'ip', 'tuntap', 'add', 'tap0', 'mode', 'tap')
  const vlan = ['link', 'add', 'link', 'tap0', 'name', 'tap0.7', 'type', 'vlan', 'id', '7']
  const { code } = await attempt({ namespace }, 'ip', ...vlan)
  await run({}, 'ip', 'netns', 'delete', namespace)
  return code === 0 ? false : 'needs a kernel with VLAN interfaces'
}
