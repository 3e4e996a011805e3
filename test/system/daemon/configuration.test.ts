import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, afterEach, before, describe, it } from 'node:test'
import type { NetworkInspect } from '../../../src/control/api/network.ts'
import type { SandboxCreate } from '../../../src/control/api/sandbox.ts'
import type { Event } from '../../../src/control/api/system.ts'
import type { Uplink } from '../../../src/control/api/uplink.ts'
import { needsTap } from '../../support/requirements.ts'
import { ControlDaemon } from '../support/control-daemon.ts'
import { run } from '../support/program.ts'
import { newFolder } from '../support/scene.ts'

const MTU = 'com.docker.network.driver.mtu'

let daemon: ControlDaemon

async function startWith(configuration: object): Promise<void> {
  const root = newFolder()
  writeFileSync(join(root, 'daemon.json'), JSON.stringify(configuration))
  daemon = await ControlDaemon.start({ root })
}

async function reloadWith(text: string, pattern: RegExp): Promise<void> {
  writeFileSync(join(daemon.root, 'daemon.json'), text)
  daemon.program.errors = ''
  process.kill(daemon.pid, 'SIGHUP')
  await daemon.program.printed(pattern)
}

const network = (name: string): Promise<NetworkInspect> => daemon.call('GET', `/networks/${name}`)

/** A file of a sandbox that is started for it. */
async function fileOf(file: 'resolv.conf' | 'hosts', request: SandboxCreate): Promise<string> {
  const { Id } = await daemon.call<{ Id: string }>('POST', '/sandboxes', request)
  await daemon.call('POST', `/sandboxes/${Id}/start`)
  const text = readFileSync(join(daemon.root, 'sandboxes', Id.slice(0, 12), file), 'utf8')
  await daemon.call('DELETE', `/sandboxes/${Id}?force=1`)
  return text
}

async function mtuOf(name: string): Promise<number> {
  const id = await daemon.run('probe', { HostConfig: { NetworkMode: name } })
  const links = await run(daemon.place(id), 'ip', '-j', 'link', 'show', 'eth0')
  await daemon.call('DELETE', `/sandboxes/${id}?force=1`)
  return (JSON.parse(links) as { mtu: number }[])[0]!.mtu
}

async function daemonEvents(): Promise<Event[]> {
  const filters = encodeURIComponent('{"type":["daemon"]}')
  const { body } = await daemon.ask('GET', `/events?since=1&until=${Date.now() / 1000}&filters=${filters}`)
  return [...body.matchAll(/^data: (.*)$/gm)].map(([, text]) => JSON.parse(text!) as Event)
}

describe('daemon.json', { skip: needsTap() }, () => {
  afterEach(() => daemon.stop())

  it('says what networks and sandboxes have that say nothing themselves', async () => {
    await startWith({
      mtu: 1400,
      dns: ['192.0.2.1'],
      'dns-search': ['example.org'],
      'dns-opts': ['ndots:3'],
      'host-gateway-ip': '192.0.2.9',
      'default-address-pools': [{ base: '10.77.0.0/16', size: 24 }],
    })
    await daemon.call('POST', '/networks', { Name: 'plain' })
    await daemon.call('POST', '/networks', { Name: 'own', Options: { [MTU]: '1300' } })
    assert.equal((await network('bridge')).IPAM.Config?.[0]?.Subnet, '10.77.0.0/24')
    assert.equal((await network('plain')).IPAM.Config?.[0]?.Subnet, '10.77.1.0/24')
    assert.equal((await network('plain')).Options[MTU], '1400')
    assert.deepEqual([await mtuOf('bridge'), await mtuOf('plain'), await mtuOf('own')], [1400, 1400, 1300])
    const said = await fileOf('resolv.conf', {})
    assert.match(said, /^nameserver 192\.0\.2\.1\nsearch example\.org\noptions ndots:3$/m)
    const own = await fileOf('resolv.conf', { HostConfig: { Dns: ['192.0.2.2'], DnsSearch: ['.'] } })
    assert.match(own, /^nameserver 192\.0\.2\.2\noptions ndots:3$/m)
    const hosts = await fileOf('hosts', { HostConfig: { ExtraHosts: ['up:host-gateway'] } })
    assert.match(hosts, /^192\.0\.2\.9\tup$/m)
  })

  it("says the way out of all networks and the machine's resolv.conf, and the command line says them before", async () => {
    const root = newFolder()
    const folder = newFolder()
    const [own, other] = [join(folder, 'own.conf'), join(folder, 'other.conf')]
    writeFileSync(own, 'nameserver 192.0.2.1\nsearch own.example\n')
    writeFileSync(other, 'nameserver 192.0.2.2\n')
    writeFileSync(join(root, 'daemon.json'), JSON.stringify({ uplink: 'nic:nowhere0', 'resolv-conf': own }))
    // The machine's own interfaces are nowhere near.
    const script = 'exec unshare --net -- "$@"'
    daemon = await ControlDaemon.start({ root, script })
    const { Uplink: wanted, Up, Reason } = await daemon.call<Uplink>('GET', '/uplink')
    assert.deepEqual([wanted, Up], ['nic:nowhere0', false])
    assert.match(Reason, /nowhere0/)
    assert.match(await fileOf('resolv.conf', {}), /^nameserver 192\.0\.2\.1\nsearch own\.example$/m)
    assert.match(daemon.program.errors, /"servers":\["192\.0\.2\.1"\].*the name servers of the machine/)
    await daemon.stop()

    daemon = await ControlDaemon.start({ root, script, args: ['--uplink', 'none', '--resolv-conf', other] })
    assert.equal((await daemon.call<Uplink>('GET', '/uplink')).Uplink, 'none')
    assert.match(await fileOf('resolv.conf', {}), /^nameserver 192\.0\.2\.2$/m)
    await reloadWith('{"uplink": "nci"}', /the configuration was not reloaded/)
    assert.match(daemon.program.errors, /uplink of the file is an invalid uplink 'nci': unknown kind 'nci'/)
    await reloadWith('{"resolv-conf": "own.conf"}', /resolv-conf of the file must be an absolute path/)
  })
})

describe('daemon.json, read again at SIGHUP', { skip: needsTap() }, () => {
  before(() => startWith({}))
  after(() => daemon.stop())

  it('changes nothing where it is invalid', async () => {
    await reloadWith('{"mtu": 9000, "dns": ["nowhere"]}', /the configuration was not reloaded/)
    assert.match(daemon.program.errors, /dns\[0\] of the file must be an IP address/)
    await reloadWith('{"log-level": "warn", "mtuu": 1}', /not reloaded/)
    await reloadWith('{"mtu": 9000', /the configuration was not reloaded/)
    await daemon.call('POST', '/networks', { Name: 'before' })
    assert.equal(await mtuOf('before'), 1500)
    assert.deepEqual(
      (await daemonEvents()).map(({ Action }) => Action),
      ['start'],
    )
  })

  it('says what is so from then on, and what cannot change is said', async () => {
    const gateway = (await network('bridge')).IPAM.Config?.[0]?.Gateway
    const request = { HostConfig: { ExtraHosts: ['up:host-gateway'] } }
    assert.match(await fileOf('hosts', request), new RegExp(`^${gateway}\tup$`, 'm'))
    const changed = { mtu: 1400, dns: ['192.0.2.1'], 'host-gateway-ip': '192.0.2.9', 'address-rest': 0 }
    await reloadWith(JSON.stringify(changed), /"settings":\["address-rest"\].*when the daemon starts again/)
    await daemon.call('POST', '/networks', { Name: 'after' })
    assert.deepEqual([await mtuOf('before'), await mtuOf('after')], [1500, 1400])
    assert.match(await fileOf('resolv.conf', {}), /^nameserver 192\.0\.2\.1$/m)
    assert.match(await fileOf('hosts', request), /^192\.0\.2\.9\tup$/m)
    const events = await daemonEvents()
    assert.deepEqual(
      events.map(({ Action }) => Action),
      ['start', 'reload'],
    )
    assert.equal(events[1]!.Actor.ID, daemon.root)
    assert.equal(events[1]!.Actor.Attributes['mtu'], '1400')
  })

  it('says how much is logged', async () => {
    await reloadWith('{"log-level": "warn", "address-rest": 1}', /when the daemon starts again/)
    assert.doesNotMatch(daemon.program.errors, /the configuration was reloaded/)
    await reloadWith('{"log-level": "info"}', /the configuration was reloaded/)
  })

  it('says whether sandboxes stay when the daemon ends', async () => {
    await reloadWith('{"live-restore": true}', /the configuration was reloaded/)
    const id = await daemon.run('box', { Cmd: ['sleep', '1000'] })
    const { State } = await daemon.inspect(id)
    await daemon.stop()
    await daemon.again()
    assert.equal((await daemon.inspect(id)).State.Pid, State.Pid)
    await daemon.call('DELETE', `/sandboxes/${id}?force=1`)
  })
})
