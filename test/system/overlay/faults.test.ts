/**
 * What breaks in a cluster while packets pass: daemons, the registry, cables. TAPWIRE_REGISTRY_STOPPED_S says for how many seconds the registry
 * is stopped.
 */

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { NetworkInspect } from '../../../src/control/api/network.ts'
import type { OverlayNetworks } from '../../../src/control/api/overlay.ts'
import type { Fdb } from '../../../src/control/api/switch.ts'
import { CLUSTER_LEASE_S } from '../../../src/limits.ts'
import { needs, needsTap } from '../../support/requirements.ts'
import {
  ClusterScene,
  MACHINES,
  type Machine,
  type Member,
  Pings,
  Traffic,
} from '../support/cluster-scene.ts'
import { needsEtcd } from '../support/etcd.ts'
import { attempt } from '../support/program.ts'
import { Station } from '../support/station.ts'
import { until } from '../support/until.ts'

const skip = needsTap() || needsEtcd() || needs('dig', 'ip', 'ping', 'nsenter', 'setpriv', 'ss')

const SUBNET = '10.99.0.0/24'
/** Milliseconds between questions that take a program, or may be asked for as long as a lease lives. */
const SELDOM = 250
const DATAGRAMS = 20
/** No lease outlives that. */
const REGISTRY_STOPPED_MS = 1000 * Number(process.env['TAPWIRE_REGISTRY_STOPPED_S'] ?? CLUSTER_LEASE_S + 1)

describe('a cluster of three machines, while packets pass', { skip }, () => {
  let scene: ClusterScene
  /** On one, two and three. */
  let red: Member
  let blue: Member
  let green: Member
  let traffic: Traffic
  let network: string
  before(async () => {
    scene = await ClusterScene.start()
    await Promise.all([scene.join('one'), scene.join('two'), scene.join('three')])
    await scene.network(SUBNET, 'one', 'two', 'three')
    const networks = await scene.daemon('one').call<NetworkInspect[]>('GET', '/networks')
    network = networks.find(({ Name }) => Name === 'wide')!.Id
    red = await scene.sandbox('one', 'red')
    blue = await scene.sandbox('two', 'blue')
    green = await scene.sandbox('three', 'green')
    traffic = await Traffic.start(red, blue, '7000')
  })
  after(() => scene.stop())

  /** Sandboxes and their addresses, as the registry has them, each under the lease that its host lives by. */
  async function published(): Promise<Record<string, string>> {
    const all = await scene.registry('alpha')
    const found: Record<string, string> = {}
    for (const [key, { text, lease }] of all) {
      if (!key.startsWith(`endpoints/${network}/`)) continue
      const { id, host, ipv4, sandbox } = JSON.parse(text) as Published
      const isSound =
        lease !== '' &&
        lease === all.get(`hosts/${host}`)?.lease &&
        all.get(`addresses/${network}/${ipv4}`)?.text.includes(id) === true
      found[sandbox.name] = isSound ? `${host} ${ipv4}` : 'not sound'
    }
    const claims = [...all.keys()].filter((key) => key.startsWith(`addresses/${network}/`))
    found['claims'] = String(claims.length)
    return found
  }

  /** The registry has these, and nothing else. */
  async function untilPublished(
    members: Readonly<Record<string, readonly [Machine, Member]>>,
  ): Promise<void> {
    const entries = Object.entries(members).map(([name, [host, { address }]]) => [name, `${host} ${address}`])
    const wanted: Record<string, string> = Object.fromEntries(entries)
    wanted['claims'] = String(entries.length)
    let found: Record<string, string> = {}
    try {
      await until(
        'all is published',
        async () => {
          found = await published()
          return JSON.stringify(sorted(found)) === JSON.stringify(sorted(wanted))
        },
        SELDOM,
      )
    } catch {
      assert.deepEqual(found, wanted)
    }
  }

  const three = (): Record<string, readonly [Machine, Member]> => ({
    red: ['one', red],
    blue: ['two', blue],
    green: ['three', green],
  })

  async function untilFound(from: Member, name: string, { address }: Member): Promise<void> {
    await until(`${name} is found`, async () => (await from.ask(name)) === address, SELDOM)
  }

  /** No sandbox has another address than it had. */
  async function assertUnmoved(): Promise<void> {
    for (const [name, [machine, { address, mac }]] of Object.entries(three())) {
      const now = await scene.member(machine, name)
      assert.deepEqual([now.address, now.mac], [address, mac], name)
    }
  }

  it('goes on when a daemon is killed: what it has told comes back under another lease', async () => {
    const lease = async (): Promise<string> =>
      (await scene.registry('alpha', 'hosts/two')).get('hosts/two')!.lease
    const before = await lease()
    await scene.daemon('two').kill()
    await scene.daemon('two').again()
    await traffic.passes()
    await untilPublished(three())
    assert.notEqual(await lease(), before)
    await assertUnmoved()
    await untilFound(green, 'blue', blue)
    await untilFound(blue, 'green', green)
  })

  it('goes on when the registry is killed, and is there again with its data', async () => {
    await scene.etcd.kill9()
    await traffic.passes()
    await scene.etcd.restart()
    await until(
      'a sandbox starts',
      async () => {
        const { status } = await scene.daemon('three').ask('POST', '/sandboxes?name=extra', scene.request())
        if (status >= 300) return false
        const started = await scene.daemon('three').ask('POST', '/sandboxes/extra/start')
        if (started.status < 300) return true
        await scene.daemon('three').call('DELETE', '/sandboxes/extra?force=true')
        return false
      },
      SELDOM,
    )
    const extra = await scene.member('three', 'extra')
    await untilFound(red, 'extra', extra)
    await traffic.passes()
    await untilPublished({ ...three(), extra: ['three', extra] })
    await assertUnmoved()
  })

  it('goes on while the registry is stopped for longer than leases live', async () => {
    scene.etcd.pause()
    const end = performance.now() + REGISTRY_STOPPED_MS
    const { code, errors } = await scene
      .daemon('one')
      .attempt('run', '-d', '--name', 'late', '--network', 'wide', 'sleep', '1000')
    assert.notEqual(code, 0)
    assert.match(errors, /cluster alpha: .*registry/)
    await scene.daemon('one').attempt('rm', '-f', 'late')
    // What goes needs nobody's word.
    await scene.daemon('three').do('rm', '-f', 'extra')
    while (performance.now() < end) await traffic.passes()
    assert.equal(await red.ask('green'), green.address)
    assert.ok(await green.reaches(red))
    scene.etcd.resume()
    await untilPublished(three())
    await traffic.passes()
    await assertUnmoved()
    const late = await scene.sandbox('one', 'late')
    await untilFound(green, 'late', late)
    await scene.daemon('one').do('rm', '-f', 'late')
    // Once for each time that it was away; more, where the machine was too busy to answer in time.
    assert.ok((await scene.events('one', 'registry-back')).length >= 2)
  })

  it('forgets the sandboxes of a machine that is cut off, and nobody gets their addresses', async () => {
    scene.cable('three', 'cut')
    await until('one forgets three', async () => (await scene.peers('one')).join() === 'two', SELDOM)
    await until('two forgets three', async () => (await scene.peers('two')).join() === 'one', SELDOM)
    await until('green is not found', async () => (await red.ask('green')) === '', SELDOM)
    const taken = await scene
      .daemon('two')
      .attempt('run', '-d', '--name', 'thief', '--network', 'wide', '--ip', green.address, 'sleep', '1000')
    assert.match(taken.errors, /Address already in use/)
    await scene.daemon('two').attempt('rm', '-f', 'thief')
    const others = [await scene.sandbox('one', 'new1'), await scene.sandbox('two', 'new2')]
    assert.ok(others.every(({ address }) => address !== green.address))
    await traffic.passes()
    scene.cable('three', 'whole')
    await until('green is found', async () => (await red.ask('green')) === green.address, SELDOM)
    await until('green is reached', () => red.reaches(green), SELDOM)
    await scene.daemon('one').do('rm', '-f', 'new1')
    await scene.daemon('two').do('rm', '-f', 'new2')
    await untilPublished(three())
    await assertUnmoved()
    await traffic.passes()
  })

  it('has a sandbox go to another machine with its address, and all learn that', async () => {
    const before = await scene.sandbox('two', 'nomad')
    const pings = new Pings(green, before)
    await pings.pass()
    await scene.daemon('two').do('rm', '-f', 'nomad')
    const nomad = await scene.sandbox('one', 'nomad', before.address)
    await pings.pass()
    assert.equal(await green.neighbour(nomad), nomad.mac)
    for (const machine of ['two', 'three']) {
      const { stations } = await scene.daemon(machine).call<Fdb>('GET', '/fdb')
      const station = stations.find(({ mac }) => mac === nomad.mac)
      assert.equal(station?.interface, `peer:${MACHINES.one}`, machine)
    }
    await pings.stop()
    await traffic.passes()
    await untilPublished({ ...three(), nomad: ['one', nomad] })
    await scene.daemon('one').do('rm', '-f', 'nomad')
  })

  it('agrees again when the registry is what it was some time ago', async () => {
    const old = await scene.sandbox('three', 'old')
    await untilPublished({ ...three(), old: ['three', old] })
    const snapshot = await scene.etcd.snapshot()
    await scene.daemon('three').do('rm', '-f', 'old')
    const late = await scene.sandbox('two', 'late')
    await scene.etcd.restore(snapshot)
    await traffic.passes()
    await scene.etcd.restart()
    await untilPublished({ ...three(), late: ['two', late] })
    for (const [name, machine] of [
      ['red', red],
      ['green', green],
    ] as const) {
      await until(`${name} does not find old`, async () => (await machine.ask('old')) === '', SELDOM)
      await untilFound(machine, 'late', late)
    }
    await traffic.passes()
    await assertUnmoved()
    for (const name of ['one', 'two', 'three']) {
      assert.equal((await scene.events(name, 'registry-restored')).length, 1, name)
    }
    const { output } = await attempt(scene.place('one'), ...scene.daemon('one').line('doctor'))
    assert.match(output, /ok +registry +http:\S+: etcd 3\.\S+, revision \d+, \d+ entries of this cluster/)
    await scene.daemon('two').do('rm', '-f', 'late')
  })

  it('leaves alone what it cannot read, and tells of it once', async () => {
    const free = '10.99.0.77'
    const garbage = {
      [`endpoints/${network}/${'0'.repeat(64)}`]: 'garbage',
      [`addresses/${network}/${free}`]: '{"version":1,',
      'hosts/four': '{"version":2,"id":"four","name":"four"}',
      'networks/x': '[]',
      'services/y': 'null',
      'nothing/of/ours': '',
      [`endpoints/${network}`]: '',
    }
    const told = async (name: string): Promise<string[]> =>
      (await scene.events(name, 'unreadable')).map(({ key }) => key!).toSorted()
    const wanted = Object.keys(garbage).slice(0, 5).toSorted()
    const put = (key: string, value: string): Promise<string> =>
      scene.etcd.ctl('put', `/tapwire/alpha/${key}`, value)
    for (const [key, value] of Object.entries(garbage)) await put(key, value)
    await put('hosts/four', 'and again')
    // What is a host's own is put again.
    const [own] = [...(await scene.registry('alpha', `endpoints/${network}/`))].find(([, { text }]) =>
      text.includes('"name":"blue"'),
    )!
    await put(own, '{"version":7}')
    await put('hosts/two', '{"version":7}')
    const all = [...wanted, own, 'hosts/two'].toSorted()
    for (const name of ['one', 'two', 'three']) {
      await until(`${name} has told`, async () => (await told(name)).length >= all.length, SELDOM)
      assert.deepEqual(await told(name), all, name)
    }
    const refused = await scene
      .daemon('one')
      .attempt('run', '-d', '--name', 'thief', '--network', 'wide', '--ip', free, 'sleep', '1000')
    assert.match(refused.errors, /Address already in use/)
    await scene.daemon('one').attempt('rm', '-f', 'thief')
    await traffic.passes()
    for (const key of Object.keys(garbage)) await scene.etcd.ctl('del', `/tapwire/alpha/${key}`)
    await untilPublished(three())
    await untilFound(green, 'blue', blue)
  })

  it('finds all sandboxes of one name', async () => {
    const twin = await scene.sandbox('three', 'red')
    const both = [red.address, twin.address].toSorted()
    const found = async (): Promise<string[]> => (await blue.ask('red')).split('\n').toSorted()
    await until('both are found', async () => (await found()).join() === both.join(), SELDOM)
    await scene.daemon('three').do('rm', '-f', 'red')
    await untilFound(blue, 'red', red)
  })

  it('refuses a host with a name, or an address, that another one has; its daemon goes on', async () => {
    const refused = async (problem: string): Promise<void> => {
      await until(
        'it is refused',
        async () => (await scene.events('other', 'refuse')).some((told) => told['problem'] === problem),
        SELDOM,
      )
      const { code, errors } = await scene
        .daemon('other')
        .attempt('network', 'create', '-d', 'overlay', 'else')
      assert.notEqual(code, 0)
      assert.ok(errors.includes(problem), errors)
    }
    const other = await scene.join('two', { called: 'other', name: 'one' })
    await refused('another host of cluster alpha is called one, and advertises 192.0.2.1')
    await other.call('POST', '/networks', { Name: 'own' })
    await other.run('own', { HostConfig: { NetworkMode: 'own' } })
    await other.do('rm', '-f', 'own')
    await other.do('network', 'rm', 'own')
    await other.stop()
    await scene.join('two', { called: 'other', root: other.root })
    await refused('another host of cluster alpha, two, advertises the address 192.0.2.2')
    await traffic.passes()
    await untilPublished(three())
    await scene.daemon('other').stop()
    scene.daemons.delete('other')
  })

  it('is apart from another cluster on the same machines, with the same network and addresses', async () => {
    const more = ['--data-path-port', '4790']
    await Promise.all([
      scene.join('one', { called: 'first', cluster: 'beta', more }),
      scene.join('two', { called: 'second', cluster: 'beta', more }),
    ])
    await scene.network(SUBNET, 'first', 'second')
    const pairs = {
      alpha: [red, blue],
      beta: [
        await scene.sandbox('first', 'red', red.address),
        await scene.sandbox('second', 'blue', blue.address),
      ],
    } as const
    const vnis = await Promise.all(
      ['one', 'first'].map(async (name) => {
        const { networks } = await scene.daemon(name).call<OverlayNetworks>('GET', '/overlay/networks')
        return networks.map(({ vni, peers }) => [vni, peers])
      }),
    )
    assert.deepEqual(vnis, [[[4096, 2]], [[4096, 1]]])
    await Promise.all(Object.entries(pairs).map(([tag, [from, to]]) => exchange(tag, from, to)))
    await scene.daemon('second').do('rm', '-f', 'blue')
    await until('blue of beta is gone', async () => (await pairs.beta[0].ask('blue')) === '', SELDOM)
    assert.equal(await red.ask('blue'), blue.address)
    await traffic.passes()
    await scene.daemon('first').do('rm', '-f', 'red')
  })

  it('has lost no byte', () => traffic.stop())
})

/** Datagrams with a tag, which are the only ones that come. */
async function exchange(tag: string, from: Member, to: Member): Promise<void> {
  const [sender, receiver] = await Promise.all([Station.start(from.place), Station.start(to.place)])
  const [out, socket] = [await sender.call('udp', '0.0.0.0:9000'), await receiver.call('udp', '0.0.0.0:9000')]
  for (let count = 0; count < DATAGRAMS; count++) {
    await sender.call('send', out, `${to.address}:9000`, `${tag} ${count}`)
    const { from: source, text } = await receiver.call('receive', socket)
    assert.deepEqual([source, text], [`${from.address}:9000`, `${tag} ${count}`])
    await receiver.call('send', socket, source, `${tag} back`)
    assert.equal((await sender.call('receive', out)).text, `${tag} back`)
  }
  await Promise.all([sender.stop(), receiver.stop()])
}

interface Published {
  readonly id: string
  readonly host: Machine
  readonly ipv4: string
  readonly sandbox: { readonly name: string }
}

const sorted = (record: Readonly<Record<string, string>>): [string, string][] =>
  Object.entries(record).toSorted(([a], [b]) => (a < b ? -1 : 1))
