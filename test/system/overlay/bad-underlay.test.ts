/**
 * A tunnel over a network that is bad. The network between the hosts is that of a daemon, whose links can be made worse; the hosts are its
 * sandboxes, and in each of them another daemon runs:
 *
 *     red ─ TAP ─ daemon ─ eth0 192.0.2.11 ── TAP ─┐                          ┌─ TAP ── eth0 192.0.2.12 ─ daemon ─ TAP ─ blue
 *     └──────────── left ────────────────┘         └── daemon of the lan ─────┘         └────────── right ──────────────┘
 */

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { Link } from '../../../src/control/api/link.ts'
import type { OverlayPeers } from '../../../src/control/api/overlay.ts'
import type { Stats } from '../../../src/control/api/switch.ts'
import { needs, needsTap } from '../../support/requirements.ts'
import { checksumErrors } from '../support/checksum-errors.ts'
import { compile } from '../support/compile.ts'
import { ControlDaemon } from '../support/control-daemon.ts'
import { attempt, type Place, run } from '../support/program.ts'
import { namespacePath } from '../support/scene.ts'
import { until } from '../support/until.ts'

const skip = needsTap() || needs('ip', 'ping', 'cc', 'nsenter', 'setpriv')

const ECHOES = 200
/** What a datagram would be dropped for whose damage nobody has noticed. */
const DAMAGED = ['vxlan-malformed', 'vni-unknown', 'peer-unknown', 'runt-frame']
const HOSTS = {
  left: { own: '192.0.2.11', other: '192.0.2.12', sandbox: 'red', address: '10.9.0.11' },
  right: { own: '192.0.2.12', other: '192.0.2.11', sandbox: 'blue', address: '10.9.0.12' },
} as const
type Side = keyof typeof HOSTS
const SIDES = ['left', 'right'] as const

describe('a tunnel over a network that is bad', { skip }, () => {
  let lan: ControlDaemon
  let transfer: string
  const places = new Map<string, Place>()
  const daemons = new Map<Side, ControlDaemon>()

  async function settle(
    daemon: ControlDaemon,
    network: string,
    name: string,
    address: string,
  ): Promise<void> {
    const id = await daemon.run(name, {
      HostConfig: { NetworkMode: network },
      NetworkingConfig: { EndpointsConfig: { [network]: { IPAMConfig: { IPv4Address: address } } } },
    })
    places.set(name, daemon.place(id))
  }

  before(async () => {
    transfer = compile('transfer')
    lan = await ControlDaemon.start()
    await lan.call('POST', '/networks', {
      Name: 'lan',
      Internal: true,
      IPAM: { Config: [{ Subnet: '192.0.2.0/24' }] },
    })
    await Promise.all(
      SIDES.map(async (side) => {
        const { own, other, sandbox, address } = HOSTS[side]
        await settle(lan, 'lan', side, own)
        const daemon = await ControlDaemon.start({ place: places.get(side)! })
        daemons.set(side, daemon)
        await daemon.call('POST', '/networks', {
          Name: 'wide',
          Driver: 'vxlan',
          IPAM: { Config: [{ Subnet: '10.9.0.0/24' }] },
          Options: { vni: '42', remote: other },
        })
        await settle(daemon, 'wide', sandbox, address)
      }),
    )
  })
  after(async () => {
    for (const daemon of daemons.values()) await daemon.stop()
    await lan?.stop()
  })

  const stream = (bytes = 1_500_000): Promise<string> => {
    const ends = ['red', 'blue'].map((name) => namespacePath(places.get(name)!.namespace!))
    return run({}, transfer, 'tcp', ...ends, HOSTS.right.address, '40000', String(bytes))
  }

  /** Echoes until so many came back, and how many came more than once. Ping looks at each byte of them. */
  async function echo(): Promise<{ sent: number; again: number }> {
    // With a deadline, ping waits for that many answers instead of sending that many echoes.
    const args = ['-n', '-c', String(ECHOES), '-i', '0.002', '-w', '40', '-s', '1000', HOSTS.right.address]
    const { output } = await attempt(places.get('red')!, 'ping', ...args)
    assert.doesNotMatch(output, /wrong data|wrong total length|truncated|BAD CHECKSUM/)
    // Several may have come at once.
    assert.ok(Number(/ (\d+) received/.exec(output)?.[1]) >= ECHOES, output)
    return {
      sent: Number(/(\d+) packets transmitted/.exec(output)?.[1]),
      again: Number(/\+(\d+) duplicates/.exec(output)?.[1] ?? 0),
    }
  }

  /** The same where none may be missing, not even the last ones, which no ping waits for any more; how many came more than once. */
  async function echoAll(): Promise<number> {
    const before = await answers()
    const { sent, again } = await echo()
    await until('every echo is answered', async () => (await answers()) - before >= sent + again, 50)
    return again
  }

  /** Answers to echoes that the kernel of red has seen, whether or not a ping still waits for them. */
  async function answers(): Promise<number> {
    const counters = await run(places.get('red')!, 'cat', '/proc/net/snmp')
    const [names = [], values = []] = [...counters.matchAll(/^Icmp: (.*)$/gm)].map(([, line]) =>
      line!.split(' '),
    )
    return Number(values[names.indexOf('InEchoReps')])
  }

  /** What the link of the left host has done, in both directions together. */
  async function done(): Promise<Record<string, number>> {
    const { from, to } = await lan.call<Link>('GET', '/links/left')
    const sums: Record<string, number> = {}
    for (const [name, count] of [from.counts, to.counts].flatMap((each) => Object.entries(each ?? {}))) {
      sums[name] = (sums[name] ?? 0) + count
    }
    return sums
  }

  async function drops(side: Side): Promise<Record<string, number>> {
    const { drops: all } = await daemons.get(side)!.call<Stats>('GET', '/stats')
    return Object.fromEntries(all.map(({ reason, frames }) => [reason, frames]))
  }

  const badly = async (options: readonly string[], proof: () => Promise<void>): Promise<void> => {
    await lan.do('link', 'set', 'left', ...options)
    try {
      await proof()
    } finally {
      await lan.do('link', 'reset', 'left')
    }
    // Nothing that was wrong has come as far as this.
    for (const name of ['red', 'blue']) assert.deepEqual(await checksumErrors(places.get(name)!), [], name)
  }

  it('that loses: each frame is missing once', () =>
    badly(['--loss', '3%'], async () => {
      const before = await answers()
      const { sent, again } = await echo()
      const { lost } = await done()
      assert.ok(sent > ECHOES && lost! > 0, `${sent} ${lost}`)
      assert.equal(again, 0)
      await until('only what was lost is missing', async () => (await answers()) - before + lost! >= sent, 50)
      await stream()
    }))

  it('that duplicates: each frame that came twice comes out twice, and no connection minds', () =>
    badly(['--duplicate', '20%'], async () => {
      const again = await echoAll()
      const { duplicated } = await done()
      assert.ok(again > 0 && again >= duplicated! / 2, `${again} ${duplicated}`)
      await stream()
    }))

  it('that reorders', () =>
    badly(['--delay', '2ms', '--reorder', '25%'], async () => {
      assert.equal(await echoAll(), 0)
      await stream()
      assert.ok((await done())['reordered']! > 0)
    }))

  it('that is late, and never equally late', () =>
    badly(['--delay', '4ms', '--jitter', '3ms'], async () => {
      assert.equal(await echoAll(), 0)
      await stream(500_000)
    }))

  it('that turns bits over: what is damaged ends at the outer checksum', async () => {
    const damage = async (): Promise<number[]> =>
      (await Promise.all(SIDES.map(drops))).flatMap((counts) => DAMAGED.map((reason) => counts[reason] ?? 0))
    // What came while a host had its tunnel, and not its network yet, is counted already.
    const before = await damage()
    await badly(['--corrupt', '3%'], async () => {
      assert.ok((await echo()).sent > ECHOES)
      await stream()
      assert.ok((await done())['corrupted']! > 0)
    })
    const errors = await Promise.all(SIDES.map((side) => checksumErrors(places.get(side)!)))
    assert.match(errors.flat().join(), /Udp\.InCsumErrors/)
    assert.deepEqual(await damage(), before, 'damaged headers of the tunnel')
  })

  it('that goes away and comes back, as a cable and as an interface', async () => {
    // So that it takes longer than all that happens.
    await lan.do('link', 'set', 'left', '--rate', '10mbit')
    await Promise.all([stream(1_000_000), comeAndGo()])
    await lan.do('link', 'reset', 'left')
    assert.equal(await echoAll(), 0)
  })

  async function comeAndGo(): Promise<void> {
    for (let times = 0; times < 2; times++) {
      const { down: before = 0 } = await done()
      await lan.do('link', 'set', 'left', '--down')
      await until('something is lost', async () => (await done())['down']! > before)
      await lan.do('link', 'set', 'left', '--up')
      const bytes = await received('right')
      await until('it goes on', async () => (await received('right')) > bytes)
    }
    for (let times = 0; times < 2; times++) {
      const before = await lost()
      await run(places.get('left')!, 'ip', 'link', 'set', 'eth0', 'down')
      await attempt(places.get('red')!, 'ping', '-n', '-c', '1', '-W', '0.1', HOSTS.right.address)
      await until('something has no way', async () => (await lost()) > before)
      await run(places.get('left')!, 'ip', 'link', 'set', 'eth0', 'up')
    }
  }

  /** What left no way for: the kernel refuses it, or there is no tunnel as long as it has no address. */
  async function lost(): Promise<number> {
    const counts = Object.entries(await drops('left')).filter(([reason]) => reason.startsWith('device-'))
    return counts.reduce((sum, [, count]) => sum + count, 0)
  }

  /** Bytes from the other host. */
  async function received(side: Side): Promise<number> {
    const { peers } = await daemons.get(side)!.call<OverlayPeers>('GET', '/overlay/peers')
    return peers[0]!.received.bytes
  }
})
