import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { Random } from '../../support/random.ts'
import { needs, needsTap } from '../../support/requirements.ts'
import { ControlDaemon, linkOf } from '../support/control-daemon.ts'
import { run } from '../support/program.ts'
import { RandomClient } from '../support/random-client.ts'

const DURATION_MS = 8_000
const CLIENTS = 3

interface Interface {
  readonly ifname: string
  readonly address: string
  readonly flags: readonly string[]
  readonly addr_info: readonly { readonly family: string; readonly local: string; readonly scope: string }[]
}

describe('a daemon that is killed at any moment', { skip: needsTap() || needs('ip', 'ping') }, () => {
  const seed = Number(process.env['TAPWIRE_TEST_SEED'] ?? Date.now() % 1_000_000)
  let daemon: ControlDaemon
  after(() => daemon.stop())

  it(`keeps what it acknowledged, and has nothing by half (TAPWIRE_TEST_SEED=${seed})`, async (test) => {
    const random = new Random(seed)
    daemon = await ControlDaemon.start()
    await daemon.network('shared', '10.71.0.0/16')
    const clients = Array.from(
      { length: CLIENTS },
      (_, index) => new RandomClient(daemon, random, `c${index}-`, 'shared'),
    )
    const end = performance.now() + DURATION_MS
    let rounds = 0
    for (; performance.now() < end; rounds++) {
      const work = Promise.all(clients.map((client) => client.work()))
      await Promise.race([work, pause(random.below(600))])
      await Promise.all([daemon.kill(), work])
      // Sometimes also while it makes good what the last kill left.
      if (random.below(3) === 0) {
        const early = new ControlDaemon({ root: daemon.root })
        await pause(150 + random.below(250))
        await early.kill()
      }
      await daemon.again()
      for (const client of clients) await client.check()
      await checkMachine()
    }
    const operations = clients.flatMap(({ history }) => history).filter((line) => line === '  done').length
    test.diagnostic(`${rounds} kills, ${operations} acknowledged operations`)
    assert.ok(operations > rounds)
  })

  /** What there is on the machine is what the model says, and nothing else. */
  async function checkMachine(): Promise<void> {
    const summaries = await daemon.call<{ Id: string; State: string }[]>('GET', '/sandboxes?all=true')
    const running = summaries.filter(({ State }) => State === 'running').map(({ Id }) => Id)
    const short = running.map((id) => id.slice(0, 12)).toSorted()
    const { folders, links, shims, processes } = daemon.traces()
    assert.deepEqual(shims, short)
    assert.deepEqual(folders, short)
    assert.deepEqual(
      links,
      short.map((id) => `tw-${id}`),
    )
    assert.deepEqual(
      processes.filter((id) => !short.includes(id)),
      [],
    )
    const taken = new Set<string>()
    for (const id of running) {
      assert.ok(linkOf(id))
      await checkInterfaces(id, taken)
    }
  }

  async function checkInterfaces(id: string, taken: Set<string>): Promise<void> {
    const { NetworkSettings, Name } = await daemon.inspect(id)
    const present = JSON.parse(await run(daemon.place(id), 'ip', '-j', 'address')) as Interface[]
    const seen = present
      .filter(({ ifname }) => ifname !== 'lo')
      .map(({ ifname, address, flags, addr_info: addresses }) => ({
        name: ifname,
        mac: address,
        up: flags.includes('LOWER_UP'),
        ipv4: addresses.filter(({ family }) => family === 'inet').map(({ local }) => local),
      }))
    const wanted = Object.values(NetworkSettings.Networks).map(
      ({ InterfaceName, MacAddress, IPAddress }) => ({
        name: InterfaceName,
        mac: MacAddress,
        up: true,
        ipv4: [IPAddress],
      }),
    )
    const byName = (one: { name: string }, other: { name: string }): number =>
      one.name < other.name ? -1 : 1
    assert.deepEqual(seen.toSorted(byName), wanted.toSorted(byName), Name)
    for (const { NetworkID, IPAddress } of Object.values(NetworkSettings.Networks)) {
      const place = `${NetworkID} ${IPAddress}`
      assert.ok(!taken.has(place), `${Name}: ${IPAddress} is given out twice`)
      taken.add(place)
    }
    const route = await run(daemon.place(id), 'ip', 'route', 'show', 'default')
    const { Gateway } = NetworkSettings.DefaultRoute.IPv4
    assert.equal(route.split(' ')[2] ?? '', Gateway)
  }
})
