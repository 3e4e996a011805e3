/** Two daemons in a cluster: what they have in common, by real packets, with a real etcd that comes and goes. */

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { NetworkInspect } from '../../../src/control/api/network.ts'
import { needs, needsTap } from '../../support/requirements.ts'
import { type Etcd, needsEtcd, startEtcd } from '../support/etcd.ts'
import { type Side, TunnelScene, UNDERLAY4 } from '../support/tunnel-scene.ts'
import { until } from '../support/until.ts'

const skip = needsTap() || needsEtcd() || needs('dig', 'ip', 'ping', 'nsenter', 'setpriv', 'ss')

const PORT = 2379
const ping = ['ping', '-n', '-i', '0.05', '-W', '45', '-c', '3'] as const

describe('two daemons in a cluster', { skip }, () => {
  let scene: TunnelScene
  let etcd: Etcd
  before(async () => {
    const registry = `etcd://${UNDERLAY4.left}:${PORT}/wide`
    const settings = (side: Side): readonly string[] => [
      '--cluster',
      registry,
      '--advertise',
      UNDERLAY4[side],
      '--host-name',
      side,
    ]
    scene = await TunnelScene.start(UNDERLAY4, ['left', 'right'], 'io_uring', settings)
    // Only now: they wait for it.
    etcd = await startEtcd({ namespace: scene.left.name, host: UNDERLAY4.left, port: PORT })
    await until('the left one has joined', () => works(create('left')))
    await until('the right one has the network', async () => (await networksOf('right')).includes('wide'))
  })
  after(async () => {
    await etcd.stop()
    await scene.stop()
  })

  const create = (side: Side): Promise<unknown> =>
    scene.daemon(side).call('POST', '/networks', { Name: 'wide', Driver: 'overlay', Attachable: true })
  const networksOf = async (side: Side): Promise<string[]> => {
    const networks = await scene.daemon(side).call<NetworkInspect[]>('GET', '/networks')
    return networks.map(({ Name }) => Name)
  }
  const works = (attempt: Promise<unknown>): Promise<boolean> =>
    attempt.then(
      () => true,
      () => false,
    )
  const addresses = new Map<string, string>()
  /** What a sandbox is told when it asks its gateway for a name. */
  const asks = async (from: string, name: string): Promise<string> => {
    const { output } = await scene.attempt(from, 'dig', '+short', '+tries=1', '@10.0.1.1', name)
    return output.trim()
  }
  const finds = async (from: string, name: string): Promise<void> => {
    await until(`${from} finds ${name}`, async () => (await asks(from, name)) === addresses.get(name))
    await scene.on(from, ...ping, addresses.get(name)!)
  }

  it('put sandboxes on one LAN, where they find each other by name', async () => {
    for (const [side, name] of [
      ['left', 'red'],
      ['right', 'blue'],
    ] as const) {
      addresses.set(name, await scene.sandbox(side, name))
    }
    assert.notEqual(addresses.get('red'), addresses.get('blue'))
    await finds('red', 'blue')
    await finds('blue', 'red')
    await scene.on('red', ...ping, '-M', 'dont', '-s', '4000', addresses.get('blue')!)
  })

  it('go on without their registry, and take up changes when it is back', async () => {
    await etcd.kill9()
    await finds('red', 'blue')
    await assert.rejects(scene.sandbox('right', 'green'), /registry/)
    await finds('blue', 'red')
    await etcd.restart()
    await until('green starts', () => works(scene.daemon('right').call('POST', '/sandboxes/green/start')))
    await scene.daemon('right').call('DELETE', '/sandboxes/green?force=true')
    addresses.set('green', await scene.sandbox('right', 'green'))
    await finds('red', 'green')
  })

  it('let a sandbox move with its address', async () => {
    const IPAddress = addresses.get('blue')!
    await scene.daemon('right').call('DELETE', '/sandboxes/blue?force=true')
    await scene.daemon('left').run('blue', {
      HostConfig: { NetworkMode: 'wide' },
      NetworkingConfig: { EndpointsConfig: { wide: { IPAMConfig: { IPv4Address: IPAddress } } } },
    })
    await finds('red', 'blue')
    await finds('green', 'blue')
  })
})
