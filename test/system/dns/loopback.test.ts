/**
 * Names at 127.0.0.11, in a sandbox's own namespace: where a network has no gateway that could answer, or where its option says so.
 *
 *     loop    tapwire.dns=loopback      lan     macvlan on lan0      closed   gateway mode `isolated`      front   at its gateway
 */

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { needs, needsTap } from '../../support/requirements.ts'
import { descriptors } from '../support/leftovers.ts'
import { type Endpoints, NameScene, told } from '../support/name-scene.ts'
import { until } from '../support/until.ts'

const skip = needsTap() || needs('ip', 'nsenter', 'setpriv', 'dig', 'getent', 'ping')

const NETWORKS = {
  loop: ['10.84.1', { Options: { 'tapwire.dns': 'loopback' } }],
  lan: ['10.84.2', { Driver: 'macvlan', Options: { parent: 'lan0' } }],
  closed: [
    '10.84.3',
    { Internal: true, Options: { 'com.docker.network.bridge.gateway_mode_ipv4': 'isolated' } },
  ],
  front: ['10.84.4', {}],
} as const

describe('names at the loopback', { skip }, () => {
  let scene: NameScene
  before(async () => {
    scene = await NameScene.start()
    scene.home.ip('link', 'add', 'lan0', 'type', 'veth', 'peer', 'name', 'lan1')
    scene.home.ip('link', 'set', 'lan0', 'up')
    for (const [name, [prefix, more]] of Object.entries(NETWORKS)) {
      await scene.daemon.network(name, `${prefix}.0/24`, more)
    }
    for (const network of ['loop', 'lan', 'closed'] as const) {
      await scene.sandbox(`${network}-web`, { [network]: at(network, 10) })
      await scene.sandbox(`${network}-app`, { [network]: { ...at(network, 11), Aliases: ['me'] } })
    }
  })
  after(() => scene.stop())

  const answers = async (from: string, question: string, ...expected: readonly string[]): Promise<void> =>
    assert.equal(told(await scene.ask(from, question)), ['NOERROR', ...expected].join('; '))
  const nameservers = async (name: string): Promise<string[]> => {
    const { output } = await scene.on(name, 'cat', '/etc/resolv.conf')
    return [...output.matchAll(/^nameserver (.*)/gm)].map(([, server]) => server!)
  }

  for (const network of ['loop', 'lan', 'closed'] as const) {
    it(`network ${network}: by UDP, by TCP, and as programs ask`, async () => {
      const [app, web] = [`${network}-app`, `${network}-web`]
      const address = `${NETWORKS[network][0]}.10`
      assert.deepEqual(await nameservers(app), ['127.0.0.11'])
      for (const options of ['', ' +tcp', ' +bufsize=4096']) {
        await answers(app, `${web} A${options}`, `${web}. 5 IN A ${address}`)
        await answers(app, `${web}.${network} A${options}`, `${web}.${network}. 5 IN A ${address}`)
        await answers(app, `${web} AAAA${options}`)
        assert.equal((await scene.ask(app, `nobody.example A${options}`)).status, 'NXDOMAIN')
      }
      await answers(web, 'me A', `me. 5 IN A ${NETWORKS[network][0]}.11`)
      const { output: found } = await scene.on(app, 'getent', 'ahosts', web)
      assert.match(found, new RegExp(`^${address} +STREAM`))
      const { output: back } = await scene.on(app, 'getent', 'hosts', address)
      assert.match(back, new RegExp(`^${address} +${web}\\.${network}$`, 'm'))
      // Names of the other networks are not known.
      assert.equal((await scene.ask(app, `${network === 'loop' ? 'lan' : 'loop'}-web A`)).status, 'NXDOMAIN')
    })
  }

  it('a network of IPv6 alone', async () => {
    const config = [{ Subnet: 'fd00:84:6::/64' }]
    const six = { Name: 'six', EnableIPv4: false, EnableIPv6: true, IPAM: { Config: config } }
    await scene.daemon.call('POST', '/networks', six)
    await scene.sandbox('six-web', { six: { IPAMConfig: { IPv6Address: 'fd00:84:6::10' } } })
    await scene.sandbox('six-app', { six: {} })
    assert.deepEqual(await nameservers('six-app'), ['127.0.0.11'])
    await answers('six-app', 'six-web AAAA', 'six-web. 5 IN AAAA fd00:84:6::10')
    await answers('six-app', 'six-web A')
    const { output: found } = await scene.on('six-app', 'getent', 'ahosts', 'six-web')
    assert.match(found, /^fd00:84:6::10 +STREAM/)
    const { code } = await scene.on('six-app', 'ping', '-c', '1', '-W', '45', 'six-web.six')
    assert.equal(code, 0)
    await scene.daemon.do('rm', '-f', 'six-app', 'six-web')
  })

  it('is for the sandbox alone, and is not to be reached over the network', async () => {
    const { output } = await scene.on('loop-app', 'ss', '-Htuln')
    const places = output
      .trimEnd()
      .split('\n')
      .map((line) => line.split(/\s+/)[4])
    assert.deepEqual(places, ['127.0.0.11:53', '127.0.0.11:53'])
    const { code } = await scene.on('loop-app', 'ping', '-n', '-c', '1', '-W', '45', '10.84.1.10')
    assert.equal(code, 0)
    const dig = ['-r', '+tries=1', '+time=40'] as const
    const { output: said } = await scene.on('loop-app', 'dig', ...dig, '@10.84.1.10', 'loop-web')
    assert.match(said, /connection refused/)
  })

  it('follows the networks of a sandbox', async () => {
    await scene.sandbox('mover', { front: at('front', 10) })
    assert.deepEqual(await nameservers('mover'), ['10.84.4.1'])
    await scene.daemon.connect('loop', 'mover', at('loop', 12))
    await answers('mover', 'loop-web A', 'loop-web. 5 IN A 10.84.1.10')
    await scene.daemon.disconnect('front', 'mover')
    assert.deepEqual(await nameservers('mover'), ['127.0.0.11'])
    await answers('mover', 'loop-web A', 'loop-web. 5 IN A 10.84.1.10')
    await answers('loop-app', 'mover A', 'mover. 5 IN A 10.84.1.12')
    await scene.daemon.connect('front', 'mover', at('front', 10))
    await scene.daemon.disconnect('loop', 'mover')
    assert.deepEqual(await nameservers('mover'), ['10.84.4.1'])
    const { output } = await scene.on('mover', 'ss', '-Htuln')
    assert.equal(output, '')
  })

  it('a program that has the port already keeps it', async () => {
    await scene.sandbox('busy', { front: at('front', 20) })
    const taken = await scene.begin('busy', process.execPath, '-e', TAKE_PORT)
    await taken.printed(/bound/)
    await scene.daemon.connect('loop', 'busy', at('loop', 20))
    await answers('loop-app', 'busy A', 'busy. 5 IN A 10.84.1.20')
    await scene.daemon.disconnect('loop', 'busy')
    await taken.stop()
    await scene.daemon.connect('loop', 'busy', at('loop', 20))
    await scene.daemon.disconnect('front', 'busy')
    await answers('busy', 'loop-web A', 'loop-web. 5 IN A 10.84.1.10')
  })

  it('answers again when a daemon follows one that was killed', async () => {
    await scene.daemon.kill()
    await scene.daemon.again()
    for (const network of ['loop', 'lan', 'closed'] as const) {
      for (const options of ['', ' +tcp']) {
        const web = `${network}-web`
        await answers(`${network}-app`, `${web} A${options}`, `${web}. 5 IN A ${NETWORKS[network][0]}.10`)
      }
    }
  })

  it('leaves no socket in the daemon when sandboxes are gone', async () => {
    const sockets = (): number =>
      descriptors(scene.daemon.pid).filter((path) => /^(?:socket|net):/.test(path)).length
    const round = async (): Promise<void> => {
      const names = ['one', 'two', 'three']
      for (const name of names) await scene.sandbox(name, { loop: {} })
      for (const name of names) {
        await answers(name, 'loop-web A +tcp', 'loop-web. 5 IN A 10.84.1.10')
        await scene.daemon.do('rm', '-f', name)
      }
    }
    await round()
    const before = sockets()
    await round()
    await round()
    await until('as many sockets as before', () => sockets() <= before)
    for (const network of ['loop', 'lan', 'closed']) {
      await scene.daemon.do('rm', '-f', `${network}-app`, `${network}-web`)
    }
    await until('fewer sockets: two of each that is gone', () => sockets() <= before - 2 * 6)
  })
})

const TAKE_PORT =
  "require('node:dgram').createSocket('udp4').bind(53, '127.0.0.11', () => console.log('bound'))"

const at = (network: keyof typeof NETWORKS, host: number): Endpoints[string] => ({
  IPAMConfig: { IPv4Address: `${NETWORKS[network][0]}.${host}` },
})
