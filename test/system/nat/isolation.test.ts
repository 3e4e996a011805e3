/** Who may not talk to whom, and who may not pretend to be another. */

import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { needs, needsTap } from '../../support/requirements.ts'
import { FrameSender, frameOf } from '../support/frames.ts'
import { FAR, HOST, NatScene } from '../support/nat-scene.ts'
import { newFolder } from '../support/scene.ts'
import type { Station } from '../support/station.ts'

const ICC_OFF = ['-o', 'com.docker.network.bridge.enable_icc=false'] as const
const STRANGER = '02:00:00:00:99:99'
const ARP = '0806'
/** RFC 826: Ethernet, IPv4, a reply. */
const ARP_REPLY = '0001080006040002'

const skip = needsTap() || needs('ip', 'ping', 'cc', 'nsenter', 'setpriv')
const ping = ['ping', '-n', '-c', '1', '-W'] as const

describe('isolation', { skip }, () => {
  let scene: NatScene
  const stations = new Map<string, Station>()
  before(async () => {
    const root = newFolder()
    writeFileSync(join(root, 'daemon.json'), '{ "icc": false }')
    scene = await NatScene.start({ root })
    await scene.daemon.do('network', 'create', 'red')
    await scene.daemon.do('network', 'create', 'blue')
    await scene.daemon.do('network', 'create', '--internal', 'closed')
    await scene.daemon.do('network', 'create', ...ICC_OFF, 'quiet')
    await scene.sandbox('red1', 'red', ['8080:80'])
    await scene.sandbox('blue1', 'blue')
    await scene.sandbox('closed1', 'closed')
    await scene.sandbox('closed2', 'closed')
    await scene.sandbox('quiet1', 'quiet')
    await scene.sandbox('quiet2', 'quiet')
    for (const name of ['red1', 'blue1', 'closed1', 'quiet1']) {
      const station = await scene.station(name)
      stations.set(name, station)
      for (const port of [80, 81])
        await station.call('mirrorLines', await station.call('listen', `0.0.0.0:${port}`))
    }
    const internet = await scene.station('internet')
    await internet.call('mirrorLines', await internet.call('listen', `${FAR}:80`))
  })
  after(() => scene.stop())

  const fails = async (from: string, to: string, reason: string, frames = 1): Promise<void> => {
    const before = await scene.drops()
    const { code } = await scene.attempt(from, ...ping, '0.2', to)
    assert.notEqual(code, 0, `${from} reaches ${to}`)
    await scene.dropped(reason, before, frames)
  }
  const reaches = (from: string, to: string): Promise<string> => scene.on(from, ...ping, '45', to)

  it('keeps networks apart, both ways, and their gateways', async () => {
    const red = await scene.daemon.endpoint('red1', 'red')
    const blue = await scene.daemon.endpoint('blue1', 'blue')
    await fails('red1', blue.IPAddress, 'network-isolated')
    await fails('blue1', red.IPAddress, 'network-isolated')
    await fails('blue1', red.Gateway, 'network-isolated')
    // And what is published is for everybody.
    await reaches('blue1', FAR)
    const blue1 = stations.get('blue1')!
    const { handle } = await blue1.call('connect', `${HOST}:8080`, '0.0.0.0:0')
    await blue1.call('write', handle, 'hello')
    assert.match(await blue1.call('read', handle), new RegExp(`^hello ${blue.IPAddress}:`))
  })

  it('keeps the internet away from addresses of sandboxes', async () => {
    const { IPAddress } = await scene.daemon.endpoint('red1', 'red')
    scene.internet.ip('route', 'add', IPAddress, 'via', HOST)
    await fails('internet', IPAddress, 'direct-routing')
  })

  it('of an internal network is towards everybody, and not within', async () => {
    await reaches('closed1', await scene.address('closed2', 'closed'))
    assert.equal(await scene.on('closed1', 'ip', 'route', 'show', 'default'), '')
    // Also for who makes a route of its own, by the address that the gateway has.
    const gateway = (await scene.address('closed1', 'closed')).replace(/\d+$/, '1')
    await scene.on('closed1', 'ip', 'route', 'add', 'default', 'via', gateway)
    await fails('closed1', FAR, 'network-internal')
    const before = await scene.drops()
    void stations
      .get('closed1')!
      .call('connect', `${HOST}:8080`, '0.0.0.0:0')
      .catch(() => undefined)
    await scene.dropped('network-internal', before)
    const { output } = await scene.attempt('closed1', ...ping, '45', FAR)
    assert.match(output, /Packet filtered/)
  })

  it('within a network without icc is complete, and the way out is open', async () => {
    await fails('quiet1', await scene.address('quiet2', 'quiet'), 'icc-disabled')
    await fails('quiet2', await scene.address('quiet1', 'quiet'), 'icc-disabled')
    await reaches('quiet1', FAR)
    // Not by way of the gateway either.
    const { IPAddress, Gateway } = await scene.daemon.endpoint('quiet1', 'quiet')
    await scene.on('quiet2', 'ip', 'route', 'add', IPAddress, 'via', Gateway)
    await fails('quiet2', IPAddress, 'icc-disabled')
  })

  it('has links for exceptions, to exposed ports and nothing else', async () => {
    await scene.sandbox('server', 'bridge', [], { ExposedPorts: { '80/tcp': {} } })
    await scene.sandbox('stranger')
    await scene.sandbox('client', 'bridge', [], {
      Cmd: ['sleep', '1000'],
      HostConfig: { Links: ['server:db'] },
    })
    const server = await scene.station('server')
    for (const port of [80, 81])
      await server.call('mirrorLines', await server.call('listen', `0.0.0.0:${port}`))
    const address = await scene.address('server')
    const [client, stranger] = await Promise.all([scene.station('client'), scene.station('stranger')])
    const { handle } = await client.call('connect', `${address}:80`, '0.0.0.0:0')
    await client.call('write', handle, 'linked')
    assert.match(await client.call('read', handle), /^linked /)
    for (const [who, port] of [
      [client, 81],
      [stranger, 80],
    ] as const) {
      const before = await scene.drops()
      void who.call('connect', `${address}:${port}`, '0.0.0.0:0').catch(() => undefined)
      await scene.dropped('icc-disabled', before)
    }
    await fails('client', address, 'icc-disabled')
    assert.match(
      await scene.daemon.inside('client', 'cat', '/etc/hosts'),
      new RegExp(`^${address}\\s+db .*server`, 'm'),
    )
    const { Pid } = (await scene.daemon.inspect('client')).State
    const environment = readFileSync(`/proc/${Pid}/environ`, 'latin1').split('\0')
    assert.ok(environment.includes(`DB_PORT_80_TCP=tcp://${address}:80`))
    assert.ok(environment.includes('DB_NAME=/client/db'))
  })

  describe('of who pretends', () => {
    const frames = new FrameSender()
    /** An ARP reply: `mac` has `ip`. */
    const claim = (source: string, mac: string, ip: string, target: string): string => {
      const plain = (text: string): string => text.replaceAll(':', '')
      const hex = ip
        .split('.')
        .map((part) => Number(part).toString(16).padStart(2, '0'))
        .join('')
      const body = Buffer.from(`${ARP_REPLY}${plain(mac)}${hex}${plain(target)}${hex}`, 'hex').toString(
        'latin1',
      )
      return frameOf('ff:ff:ff:ff:ff:ff', source, ARP, body)
    }

    it('to be another station: its MAC, its address, and ARP that claims them', async () => {
      const own = await scene.daemon.endpoint('red1', 'red')
      const { Gateway } = own
      let before = await scene.drops()
      await frames.send(scene.place('red1'), 'eth0', frameOf('ff:ff:ff:ff:ff:ff', STRANGER, '88b5', 'hello'))
      await scene.dropped('mac-spoofed', before)
      before = await scene.drops()
      await frames.send(scene.place('red1'), 'eth0', claim(own.MacAddress, own.MacAddress, Gateway, STRANGER))
      await frames.send(scene.place('red1'), 'eth0', claim(own.MacAddress, STRANGER, own.IPAddress, STRANGER))
      await scene.dropped('arp-spoofed', before, 2)
      await scene.on('red1', 'ip', 'address', 'add', own.IPAddress.replace(/\d+$/, '77/16'), 'dev', 'eth0')
      before = await scene.drops()
      const other = ['-I', own.IPAddress.replace(/\d+$/, '77')]
      assert.notEqual((await scene.attempt('red1', ...ping, '0.2', ...other, Gateway)).code, 0)
      await scene.dropped('address-spoofed', before)
    })

    it('by an interface with another MAC', async () => {
      await scene.on('blue1', 'ip', 'link', 'set', 'eth0', 'address', STRANGER)
      const { Gateway } = await scene.daemon.endpoint('blue1', 'blue')
      await fails('blue1', Gateway, 'mac-spoofed')
    })

    it('is off where a network says so', async () => {
      await scene.daemon.do('network', 'create', '-o', 'tapwire.spoof-guard=false', 'lax')
      for (const name of ['lax1', 'lax2']) await scene.sandbox(name, 'lax')
      const target = await scene.address('lax2', 'lax')
      const other = (await scene.address('lax1', 'lax')).replace(/\d+$/, '77')
      await scene.on('lax1', 'ip', 'link', 'set', 'eth0', 'down')
      await scene.on('lax1', 'ip', 'link', 'set', 'eth0', 'address', STRANGER)
      await scene.on('lax1', 'ip', 'link', 'set', 'eth0', 'up')
      await reaches('lax1', target)
      await scene.on('lax1', 'ip', 'address', 'add', `${other}/16`, 'dev', 'eth0')
      await scene.on('lax1', ...ping, '45', '-I', other, target)
    })
  })
})
