/** Services as programs meet them: through their address, their name and the machine's ports. */

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { ServiceInspect, ServiceTask } from '../../../src/control/api/service.ts'
import { needsTap } from '../../support/requirements.ts'
import { HOST, INTERNET, NatScene } from '../support/nat-scene.ts'
import type { Station } from '../support/station.ts'
import { until } from '../support/until.ts'

const skip = needsTap()
const BACKENDS = ['web1', 'web2', 'web3']

describe('a service', { skip }, () => {
  let scene: NatScene
  let client: Station
  let internet: Station
  let host: Station
  let virtual: string
  const stations = new Map<string, Station>()
  const addresses = new Map<string, string>()

  before(async () => {
    scene = await NatScene.start()
    await scene.daemon.do('network', 'create', 'blue')
    for (const name of BACKENDS) {
      await scene.sandbox(name, 'blue', [], { Labels: { app: 'web' } })
      const station = await scene.station(name)
      stations.set(name, station)
      addresses.set(await scene.address(name, 'blue'), name)
      await station.call('mirrorLines', await station.call('listen', '0.0.0.0:80'))
      await station.call('mirror', await station.call('udp', '0.0.0.0:80'))
    }
    await scene.sandbox('client', 'blue')
    ;[client, internet, host] = await Promise.all([
      scene.station('client'),
      scene.station('internet'),
      scene.station('host'),
    ])
    const ports = ['-p', 'published=5000,target=80', '-p', 'published=5000,target=80,protocol=udp']
    await scene.daemon.do('service', 'create', '--name', 'web', '--replicas-of', 'app=web', ...ports)
    virtual = (await inspect()).VirtualIP.split('/')[0]!
  })
  after(() => scene.stop())

  const inspect = (): Promise<ServiceInspect> => scene.daemon.call('GET', '/services/web')

  /** Whom a server sees, of a connection from there. */
  async function peer(station: Station, to: string, from = '0.0.0.0:0'): Promise<string> {
    const { handle } = await station.call('connect', to, from)
    await station.call('write', handle, 'hello')
    const [, seen = ''] = (await station.call('read', handle)).split(' ')
    await station.call('close', handle)
    return seen
  }

  it('has an address that leads to all of its sandboxes, and each of them sees the client', async () => {
    const own = await scene.address('client', 'blue')
    for (let port = 4100; port < 4120; port++)
      assert.equal(await peer(client, `${virtual}:80`, `0.0.0.0:${port}`), `${own}:${port}`)
    const { flows } = await scene.daemon.call<{
      flows: readonly { service?: string; reply: { source: string } }[]
    }>('GET', '/nat/flows?limit=1000')
    const chosen = flows
      .filter(({ service }) => service === 'web')
      .map(({ reply }) => addresses.get(reply.source))
    assert.deepEqual(new Set(chosen), new Set(BACKENDS), '20 connections and 3 backends')
  })
  it('answers UDP from its own address', async () => {
    const own = await scene.address('client', 'blue')
    const socket = await client.call('udp', '0.0.0.0:4200')
    await client.call('send', socket, `${virtual}:80`, 'hello')
    const { from, text } = await client.call('receive', socket)
    await client.call('closeUdp', socket)
    assert.deepEqual([from, text], [`${virtual}:80`, `${own}:4200`])
  })
  it('has a name, and its sandboxes have one together', async () => {
    const names = async (name: string): Promise<readonly string[]> => {
      const text = await scene.daemon.do('exec', 'client', 'getent', 'ahostsv4', name)
      return [
        ...new Set(
          text
            .split('\n')
            .flatMap((line) => line.split(' ', 1))
            .filter(Boolean),
        ),
      ].toSorted()
    }
    assert.deepEqual(await names('web'), [virtual])
    assert.deepEqual(await names('tasks.web'), [...addresses.keys()].toSorted())
  })
  it('answers ping', async () => {
    await scene.on('client', 'ping', '-c', '1', '-W', '45', virtual)
  })
  it('is reached from outside, whose addresses its sandboxes see, and by the machine’s own programs', async () => {
    assert.equal(await peer(internet, `${HOST}:5000`, `${INTERNET}:4001`), `${INTERNET}:4001`)
    const { Gateway } = await scene.daemon.endpoint('client', 'blue')
    assert.match(await peer(host, '127.0.0.1:5000'), new RegExp(`^${Gateway.replaceAll('.', '\\.')}:`))
    const own = await scene.address('client', 'blue')
    assert.equal(await peer(client, `${HOST}:5000`, '0.0.0.0:4300'), `${own}:4300`)
  })
  it('may be asked by those that serve', async () => {
    const web1 = stations.get('web1')!
    for (let port = 4400; port < 4412; port++)
      assert.notEqual(await peer(web1, `${virtual}:80`, `0.0.0.0:${port}`), '')
  })
  it('resets the connections to a sandbox that ends, and no others; then others serve', async () => {
    const open = await Promise.all(
      Array.from({ length: 12 }, async (_, index) => {
        const { handle } = await client.call('connect', `${virtual}:80`, `0.0.0.0:${4500 + index}`)
        await client.call('write', handle, 'hello')
        await client.call('read', handle)
        return handle
      }),
    )
    await scene.daemon.do('rm', '-f', 'web2')
    await until('two serve', async () => (await inspect()).Tasks.length === 2)
    const outcomes = await Promise.all(
      open.map(async (handle) => {
        await client.call('write', handle, 'again')
        return (await client.call('read', handle)).split(' ')[0]
      }),
    )
    assert.deepEqual(new Set(outcomes), new Set(['ECONNRESET', 'again']))
    for (const handle of open) await client.call('close', handle)
    for (let port = 4600; port < 4610; port++)
      assert.notEqual(await peer(client, `${virtual}:80`, `0.0.0.0:${port}`), '')
  })
  it('is explained, and listed', async () => {
    const text = await scene.daemon.do('explain', 'client', `${virtual}:80`)
    assert.match(
      text,
      /It is for service web at \S+, which has chosen \S+ \(\S+\) for it, of 2 backends: its score/,
    )
    assert.match(await scene.daemon.do('service', 'ls'), /web\s+vip\s+2\s+blue\s+\S+\s+\*:5000->80\/tcp/)
    const tasks = await scene.daemon.call<ServiceTask[]>('GET', '/services/web/tasks')
    assert.deepEqual(tasks.map(({ Name }) => Name).toSorted(), ['web1', 'web3'])
  })
  it('refuses when nobody serves any more', async () => {
    await scene.daemon.do('rm', '-f', 'web1', 'web3')
    await until('nobody serves', async () => (await inspect()).Tasks.length === 0)
    await assert.rejects(peer(client, `${virtual}:80`), /ECONNREFUSED/)
    await assert.rejects(peer(internet, `${HOST}:5000`), /ECONNREFUSED/)
    await scene.daemon.do('service', 'rm', 'web')
    await assert.rejects(peer(client, `${virtual}:80`), /EHOSTUNREACH|ETIMEDOUT/)
  })
})
