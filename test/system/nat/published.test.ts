/** Published ports from where people use them: the internet, the machine itself, other sandboxes and the sandbox whose port it is. */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { NatFlows } from '../../../src/control/api/nat.ts'
import { repositoryRoot } from '../../support/repository.ts'
import { needs, needsTap } from '../../support/requirements.ts'
import { compile } from '../support/compile.ts'
import { HOST, INTERNET, NatScene } from '../support/nat-scene.ts'
import { run } from '../support/program.ts'
import { namespacePath } from '../support/scene.ts'
import type { Station } from '../support/station.ts'

const TRANSFER_PORT = '9001'
const skip = needsTap() || needs('ip', 'curl', 'cc', 'nsenter', 'setpriv')

/** What `mirror` and `mirrorLines` of a station say. */
async function tcpPeer(station: Station, to: string, from = '0.0.0.0:0'): Promise<string> {
  const { handle } = await station.call('connect', to, from)
  await station.call('write', handle, 'hello')
  const [, peer = ''] = (await station.call('read', handle)).split(' ')
  await station.call('close', handle)
  return peer
}

async function udpPeer(
  station: Station,
  to: string,
  from = '0.0.0.0:0',
): Promise<{ peer: string; from: string }> {
  const socket = await station.call('udp', from)
  await station.call('send', socket, to, 'hello')
  const { from: answered, text: peer } = await station.call('receive', socket)
  await station.call('closeUdp', socket)
  return { peer, from: answered }
}

const hostOf = (endpoint: string): string => endpoint.slice(0, endpoint.lastIndexOf(':'))

describe('published ports', { skip }, () => {
  let scene: NatScene
  let web: Station
  let internet: Station
  let host: Station
  let other: Station
  let gateway: string
  before(async () => {
    scene = await NatScene.start()
    await scene.daemon.do('network', 'create', 'blue')
    const ports = [
      '8080:80',
      '8080:80/udp',
      '8100-8109:90',
      '127.0.0.1:8088:80',
      '127.0.0.1:8088:80/udp',
      `${TRANSFER_PORT}:9000`,
      `${TRANSFER_PORT}:9000/udp`,
    ]
    await scene.sandbox('web', 'blue', ports, { ExposedPorts: { '81/tcp': {} } })
    await scene.sandbox('neighbour', 'blue', ['8081:80'])
    await scene.sandbox('other')
    ;[web, internet, host, other] = await Promise.all([
      scene.station('web'),
      scene.station('internet'),
      scene.station('host'),
      scene.station('other'),
    ])
    for (const port of [80, 81, 90]) await serve(web, port)
    gateway = (await scene.daemon.endpoint('web', 'blue')).Gateway
  })
  after(() => scene.stop())

  async function serve(station: Station, port: number): Promise<void> {
    await station.call('mirrorLines', await station.call('listen', `0.0.0.0:${port}`))
    await station.call('mirror', await station.call('udp', `0.0.0.0:${port}`))
  }

  it('are reached from the internet, whose addresses and ports the sandbox sees', async () => {
    assert.equal(await tcpPeer(internet, `${HOST}:8080`, `${INTERNET}:4001`), `${INTERNET}:4001`)
    const { peer, from } = await udpPeer(internet, `${HOST}:8080`, `${INTERNET}:4002`)
    assert.deepEqual([peer, from], [`${INTERNET}:4002`, `${HOST}:8080`])
  })

  it('are reached from the machine, by every name that it has for itself', async () => {
    for (const to of ['127.0.0.1', HOST, '127.9.9.9']) {
      assert.equal(hostOf(await tcpPeer(host, `${to}:8080`)), gateway, to)
      const { peer, from } = await udpPeer(host, `${to}:8080`)
      assert.deepEqual([hostOf(peer), from], [gateway, `${to}:8080`])
    }
    const { handle } = await host.call('connect', '::1:8080', ':::0')
    await host.call('write', handle, 'hello')
    assert.equal(hostOf((await host.call('read', handle)).split(' ')[1]!), gateway)
  })

  it('are reached by localhost with curl, by IPv4 and IPv6', async () => {
    const server = scene.begin('web', process.execPath, httpServer, '9000', '800000')
    await server.printed(/listening/)
    for (const options of [['-4'], ['-6'], []]) {
      const said = await scene.on(
        'host',
        'curl',
        '-s',
        '-m',
        '45',
        ...options,
        '-o',
        '/dev/null',
        '-w',
        '%{size_download}',
        `http://localhost:${TRANSFER_PORT}/`,
      )
      assert.equal(said, '800000')
    }
    await server.stop()
  })

  it('of 127.0.0.1 are reached from the machine alone', async () => {
    assert.equal(hostOf(await tcpPeer(host, '127.0.0.1:8088')), gateway)
    assert.equal(hostOf((await udpPeer(host, '127.0.0.1:8088')).peer), gateway)
    await assert.rejects(tcpPeer(host, `${HOST}:8088`), /ECONNREFUSED/)
    await assert.rejects(tcpPeer(internet, `${HOST}:8088`), /ECONNREFUSED/)
    await assert.rejects(tcpPeer(other, `${HOST}:8088`))
    // Also not for who sends it there on purpose: RFC 1122, 3.2.1.3.
    scene.internet.exec('sysctl', '-qw', 'net.ipv4.conf.all.route_localnet=1')
    scene.internet.ip('route', 'add', '127.8.0.0/16', 'via', HOST, 'dev', 'eth0', 'src', INTERNET)
    const before = await scene.drops()
    await scene.attempt(
      'internet',
      'curl',
      '-s',
      '-m',
      '0.2',
      '--interface',
      INTERNET,
      'http://127.8.0.1:8088/',
    )
    await scene.dropped('martian-address', before)
  })

  it('of a range lead to the ports of the sandbox in their order', async () => {
    const { Ports } = (await scene.daemon.inspect('web')).NetworkSettings
    // A range for one port: the first that is free.
    assert.deepEqual(Ports['90/tcp'], [
      { HostIp: '0.0.0.0', HostPort: '8100' },
      { HostIp: '::', HostPort: '8100' },
    ])
    assert.equal(await tcpPeer(internet, `${HOST}:8100`, `${INTERNET}:4003`), `${INTERNET}:4003`)
    await scene.daemon.do('port', 'add', 'neighbour', '7000-7009:80-89')
    const neighbour = await scene.station('neighbour')
    for (const port of [80, 85, 89]) await serve(neighbour, port)
    for (const port of [7000, 7005, 7009]) {
      assert.equal(await tcpPeer(internet, `${HOST}:${port}`, `${INTERNET}:4004`), `${INTERNET}:4004`)
    }
  })

  it('are reached by hairpin: by the sandbox itself, its neighbour, and one of another network', async () => {
    assert.equal(hostOf(await tcpPeer(web, `${HOST}:8080`)), gateway)
    assert.equal(hostOf((await udpPeer(web, `${HOST}:8080`)).peer), gateway)
    const neighbour = await scene.station('neighbour')
    assert.equal(hostOf(await tcpPeer(neighbour, `${HOST}:8080`)), gateway)
    assert.equal(hostOf((await udpPeer(neighbour, `${HOST}:8080`)).peer), gateway)
    // From another network it is the real address that comes.
    const address = await scene.address('other')
    assert.equal(hostOf(await tcpPeer(other, `${HOST}:8080`)), address)
    const { peer, from } = await udpPeer(other, `${HOST}:8080`)
    assert.deepEqual([hostOf(peer), from], [address, `${HOST}:8080`])
  })

  it('carry datagrams in fragments, both ways, and streams', async () => {
    const ends = [scene.internet.path, namespacePath(scene.place('web').namespace!)]
    const transfer = (...args: readonly string[]): Promise<string> =>
      run({}, program, '-l', '9000', ...args, ...ends, HOST, TRANSFER_PORT, '3000000')
    const program = compile('transfer')
    await transfer('tcp')
    for (const size of ['1472', '3000', '60000']) await transfer('-w', '8', '-d', size, 'udp')
    await transfer('-s', '-d', '1472', 'udp')
    const echo = await web.call('udp', '0.0.0.0:9000')
    const sender = await internet.call('udp', '0.0.0.0:0')
    await internet.call('send', sender, `${HOST}:${TRANSFER_PORT}`, 'x'.repeat(5000))
    const { from, text } = await web.call('receive', echo)
    assert.equal(text.length, 5000)
    await web.call('send', echo, from, 'y'.repeat(20_000))
    const answer = await internet.call('receive', sender)
    assert.deepEqual([answer.from, answer.text.length], [`${HOST}:${TRANSFER_PORT}`, 20_000])
    await web.call('closeUdp', echo)
  })

  it('come and go while the sandbox runs, and their connections with them', async () => {
    const listener = await web.call('listen', '0.0.0.0:70')
    assert.equal(
      await scene.daemon.do('port', 'add', 'web', '8070:70'),
      '70/tcp -> 0.0.0.0:8070\n70/tcp -> [::]:8070',
    )
    const open = async (from: Station, to: string) => {
      const client = await from.call('connect', to, '0.0.0.0:0')
      const server = await web.call('accept', listener)
      await from.call('write', client.handle, 'one')
      assert.equal(await web.call('read', server.handle), 'one')
      return { client, server }
    }
    const far = await open(internet, `${HOST}:8070`)
    const near = await open(host, '127.0.0.1:8070')
    await scene.daemon.do('port', 'rm', 'web', '8070:70')
    // The relay's connection is closed; that of the internet meets a port that is nobody's now.
    assert.match(await host.call('ended', near.client.handle), /end|ECONNRESET/)
    await internet.call('write', far.client.handle, 'two')
    assert.equal(await internet.call('ended', far.client.handle), 'ECONNRESET')
    await assert.rejects(tcpPeer(internet, `${HOST}:8070`), /ECONNREFUSED/)
    const { flows } = await scene.daemon.call<NatFlows>('GET', '/nat/flows?port=8070')
    assert.deepEqual(
      flows.filter(({ publishedPort }) => publishedPort === 8070),
      [],
    )
    // Others went on.
    assert.equal(await tcpPeer(internet, `${HOST}:8080`, `${INTERNET}:4005`), `${INTERNET}:4005`)
  })

  it('that a program of the machine has are refused with its error, and so is what is allocated', async () => {
    const busy = await host.call('listen', '0.0.0.0:8200')
    assert.ok(busy > 0)
    const refused = async (...args: readonly string[]): Promise<string> =>
      (await scene.daemon.attempt(...args)).errors
    assert.match(
      await refused('run', '-d', '--name', 'late', '-p', '8200:80', 'sleep', '9'),
      /failed to bind host port 0\.0\.0\.0:8200\/tcp: address already in use/,
    )
    assert.match(
      await refused('port', 'add', 'other', '8080:80'),
      /Bind for 0\.0\.0\.0:8080 failed: port is already allocated/,
    )
    assert.match(await refused('port', 'add', 'other', '8010-8000:80'), /invalid hostPort: 8010-8000|invalid/)
    await assert.rejects(host.call('listen', '0.0.0.0:8080'), /EADDRINUSE/)
    await assert.rejects(host.call('listen', '127.0.0.1:8088'), /EADDRINUSE/)
    assert.equal(await tcpPeer(internet, `${HOST}:8080`, `${INTERNET}:4006`), `${INTERNET}:4006`)
    assert.equal(await scene.daemon.do('port', 'other'), '')
  })

  it('are shown as Docker does, kept by a restart, and published for all that is exposed', async () => {
    const { errors } = await scene.daemon.attempt('port', 'web', '12/tcp')
    assert.match(errors, /No public port '12\/tcp' published for web/)
    assert.equal(
      await scene.daemon.do('port', 'web', '80/udp'),
      ['0.0.0.0:8080', '[::]:8080', '127.0.0.1:8088'].join('\n'),
    )
    await scene.sandbox('exposed', 'blue', [], {
      ExposedPorts: { '80/tcp': {}, '53/udp': {} },
      HostConfig: { PublishAllPorts: true },
    })
    const before = await portsOf('exposed')
    assert.deepEqual(Object.keys(before), ['53/udp', '80/tcp'])
    const exposed = await scene.station('exposed')
    await serve(exposed, 80)
    await serve(exposed, 53)
    const port = (name: string, ports: typeof before): string => ports[name]![0]!.HostPort
    assert.equal(
      await tcpPeer(internet, `${HOST}:${port('80/tcp', before)}`, `${INTERNET}:4007`),
      `${INTERNET}:4007`,
    )
    assert.equal(
      (await udpPeer(internet, `${HOST}:${port('53/udp', before)}`, `${INTERNET}:4007`)).peer,
      `${INTERNET}:4007`,
    )

    await scene.daemon.do('restart', '-t', '0', 'neighbour')
    assert.deepEqual(
      (await portsOf('neighbour'))['80/tcp']?.map(({ HostPort }) => HostPort),
      ['8081', '8081', '7000', '7000'],
    )
    const again = await scene.station('neighbour')
    await serve(again, 80)
    assert.equal(await tcpPeer(internet, `${HOST}:8081`, `${INTERNET}:4008`), `${INTERNET}:4008`)
    // The same client's port, to the same port of the sandbox: to the sandbox it must be another one.
    const second = await tcpPeer(internet, `${HOST}:7000`, `${INTERNET}:4008`)
    assert.match(second, new RegExp(`^${INTERNET}:(?!4008$)`))
    assert.equal(hostOf(await tcpPeer(host, '127.0.0.1:8081')), gateway)
  })

  it("of a sandbox that has ended are nobody's", async () => {
    await scene.daemon.do('stop', '-t', '0', 'neighbour')
    await assert.rejects(tcpPeer(internet, `${HOST}:8081`), /ECONNREFUSED/)
    await assert.rejects(tcpPeer(host, '127.0.0.1:8081'), /ECONNREFUSED/)
    assert.ok((await host.call('listen', '0.0.0.0:8081')) > 0)
  })

  async function portsOf(sandbox: string) {
    const { Ports } = (await scene.daemon.inspect(sandbox)).NetworkSettings
    return Object.fromEntries(Object.entries(Ports).map(([port, bound]) => [port, bound ?? []] as const))
  }
})

const httpServer = join(repositoryRoot, 'dist/test/system/support/http-server.js')
