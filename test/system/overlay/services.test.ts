/**
 * A service of a cluster of two machines, asked from outside and from within. All are namespaces:
 *
 *     client, front ─ one 203.0.113.2 ──┐
 *                                       world (routes, has the registry) 203.0.113.1, 198.51.100.1
 *     back ────────── two 198.51.100.2 ─┘
 */

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { ExplainAnswer } from '../../../src/control/api/explain.ts'
import type { ServiceInspect } from '../../../src/control/api/service.ts'
import { NetworkNamespace } from '../../support/network-namespace.ts'
import { needs, needsTap } from '../../support/requirements.ts'
import { ControlDaemon } from '../support/control-daemon.ts'
import { type Etcd, needsEtcd, startEtcd } from '../support/etcd.ts'
import { run } from '../support/program.ts'
import { Station } from '../support/station.ts'
import { until } from '../support/until.ts'

const skip = needsTap() || needsEtcd() || needs('ip', 'dig')
const HOSTS = { one: ['203.0.113.2', '203.0.113.1'], two: ['198.51.100.2', '198.51.100.1'] } as const
type Host = keyof typeof HOSTS
const NAMES = Object.keys(HOSTS) as Host[]

describe('a service of two machines', { skip }, () => {
  const world = new NetworkNamespace()
  const machines = { one: new NetworkNamespace(), two: new NetworkNamespace() }
  const daemons = new Map<Host, ControlDaemon>()
  const stations: Station[] = []
  let etcd: Etcd | undefined
  let client: Station
  let outside: Station
  let virtual: string
  let backend: string

  before(async () => {
    world.ip('link', 'set', 'lo', 'up')
    for (const name of NAMES) plug(name)
    await run({ namespace: world.name }, 'sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward')
    etcd = await startEtcd({ namespace: world.name, host: HOSTS.one[1] })
    await Promise.all(NAMES.map(start))
    await daemon('one').do('network', 'create', '-d', 'overlay', '--attachable', 'wide')
    await until(
      'both know the network',
      async () => (await daemon('two').attempt('network', 'inspect', 'wide')).code === 0,
    )
    await sandbox('one', 'client')
    backend = await sandbox('two', 'back', { app: 'web' })
    const back = await station('two', 'back')
    await back.call('mirrorLines', await back.call('listen', '0.0.0.0:80'))
    client = await station('one', 'client')
    outside = await Station.start({ namespace: world.name })
    stations.push(outside)
    const ports = ['-p', 'published=5000,target=80']
    await daemon('one').do(
      'service',
      'create',
      '--name',
      'web',
      '--network',
      'wide',
      '--replicas-of',
      'app=web',
      ...ports,
    )
    virtual = (await inspect('one')).VirtualIP.split('/')[0]!
    for (const name of NAMES) {
      await until(`${name} has the service`, async () => {
        const { code } = await daemon(name).attempt('service', 'inspect', 'web')
        return code === 0 && (await inspect(name)).Tasks.length === 1
      })
    }
  })
  after(async () => {
    try {
      for (const each of stations) await each.stop()
      for (const each of daemons.values()) await each.stop()
      await etcd?.stop()
    } finally {
      for (const namespace of [world, ...Object.values(machines)]) namespace.remove()
    }
  })

  function plug(name: Host): void {
    const [address, router] = HOSTS[name]
    const machine = machines[name]
    machine.ip('link', 'set', 'lo', 'up')
    machine.ip('link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', name, 'netns', world.name)
    machine.ip('address', 'add', `${address}/24`, 'dev', 'eth0')
    machine.ip('link', 'set', 'eth0', 'up')
    machine.ip('route', 'add', 'default', 'via', router)
    world.ip('address', 'add', `${router}/24`, 'dev', name)
    world.ip('link', 'set', name, 'up')
  }

  async function start(name: Host): Promise<void> {
    const args = ['--cluster', etcd!.endpoint, '--advertise', HOSTS[name][0], '--host-name', name]
    const started = await ControlDaemon.start({ place: { namespace: machines[name].name }, args })
    daemons.set(name, started)
    await started.call('PUT', '/uplink', { Uplink: 'nic:eth0' })
  }

  const daemon = (name: Host): ControlDaemon => daemons.get(name)!
  const inspect = (name: Host): Promise<ServiceInspect> => daemon(name).call('GET', '/services/web')

  async function sandbox(host: Host, name: string, Labels: Record<string, string> = {}): Promise<string> {
    await daemon(host).run(name, { Labels, HostConfig: { NetworkMode: 'wide' } })
    return (await daemon(host).endpoint(name, 'wide')).IPAddress
  }

  async function station(host: Host, name: string): Promise<Station> {
    const { Id } = await daemon(host).inspect(name)
    const started = await Station.start(daemon(host).place(Id))
    stations.push(started)
    return started
  }

  /** Whom the server sees. */
  async function peer(from: Station, to: string, port: number): Promise<string> {
    const { handle } = await from.call('connect', to, `0.0.0.0:${port}`)
    await from.call('write', handle, 'hello')
    const [, seen = ''] = (await from.call('read', handle)).split(' ')
    await from.call('close', handle)
    return seen
  }

  it('is asked by its address on another machine, and its sandbox sees who asks', async () => {
    const { IPAddress } = await daemon('one').endpoint('client', 'wide')
    assert.equal(await peer(client, `${virtual}:80`, 4001), `${IPAddress}:4001`)
  })
  it('is asked from outside by either machine, and its sandbox sees who asks', async () => {
    assert.equal(await peer(outside, `${HOSTS.one[0]}:5000`, 4002), `${HOSTS.one[1]}:4002`)
    assert.equal(await peer(outside, `${HOSTS.two[0]}:5000`, 4003), `${HOSTS.two[1]}:4003`)
  })
  it('is asked by the machines’ own programs', async () => {
    const host = await Station.start({ namespace: machines.one.name })
    stations.push(host)
    assert.notEqual(await peer(host, '127.0.0.1:5000', 4004), '')
  })
  it('has its names on both machines', async () => {
    const text = await daemon('one').do('exec', 'client', 'getent', 'ahostsv4', 'tasks.web')
    assert.deepEqual(new Set(text.split('\n').map((line) => line.split(' ')[0])), new Set([backend]))
  })
  it('is explained: the backend and its host, and there the rest of the way', async () => {
    const text = await daemon('one').do('explain', 'client', 'web:80')
    assert.match(text, new RegExp(`has chosen ${backend} \\(back\\) on host two\\.`))
    assert.match(
      text,
      new RegExp(`${backend} is on another host, two: this router hands packets for it to the router`),
    )
    assert.match(
      text,
      /It goes into the tunnel to the host two at 198\.51\.100\.2, .*from 203\.0\.113\.2 to port 4789/,
    )
    const rest = await daemon('two').do('explain', 'client', 'back:80')
    assert.match(
      rest,
      /client is on host one.*\n.*It comes out of the tunnel from the host one at 203\.0\.113\.2/,
    )
    assert.match(rest, /Delivered\.$/)
  })
  it('without a virtual address is explained to the backend that DNS names first, in its turn', async () => {
    const create = ['service', 'create', '--name', 'turns', '--network', 'wide', '--endpoint-mode', 'dnsrr']
    await daemon('one').do(...create, '--endpoint', 'back', '--endpoint', 'client')
    const { Id } = await daemon('one').inspect('client')
    const { Gateway } = await daemon('one').endpoint('client', 'wide')
    const explained = async (name: string): Promise<string> => {
      const answer = await daemon('one').do('explain', 'client', name, '--json')
      return (JSON.parse(answer) as ExplainAnswer).packet.destination
    }
    for (const name of ['turns', 'tasks.turns']) {
      const seen = new Set<string>()
      for (let turn = 0; turn < 4; turn++) {
        const first = await explained(name)
        assert.equal(await explained(name), first, 'an explanation is no turn')
        const answer = await run(daemon('one').place(Id), 'dig', '+short', `@${Gateway}`, name)
        assert.equal(answer.split('\n')[0], first)
        seen.add(first)
      }
      assert.equal(seen.size, 2)
    }
    await daemon('one').do('service', 'rm', 'turns')
  })
  it('resets what is open when its sandbox on the other machine ends', async () => {
    const { handle } = await client.call('connect', `${virtual}:80`, '0.0.0.0:4005')
    await client.call('write', handle, 'hello')
    await client.call('read', handle)
    await daemon('two').do('rm', '-f', 'back')
    assert.equal(await client.call('read', handle), 'ECONNRESET')
    await assert.rejects(peer(client, `${virtual}:80`, 4006), /ECONNREFUSED/)
  })
})
