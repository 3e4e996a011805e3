/**
 * Macvlan networks on a cable between two namespaces: the daemon's, and one that is the LAN's router.
 *
 *     sandbox ─ TAP ─ switch ─ packet socket ─ lan0 ── eth0 10.9.0.1 (the LAN)
 */

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { NetworkNamespace } from '../../support/network-namespace.ts'
import { needs, needsTap } from '../../support/requirements.ts'
import { Capture } from '../support/capture.ts'
import { ControlDaemon } from '../support/control-daemon.ts'
import { attempt, run } from '../support/program.ts'
import { until } from '../support/until.ts'

const PARENT_MAC = '02:00:00:00:00:aa'
const ROUTER_MAC = '02:00:00:00:00:01'

describe('a macvlan network', { skip: needsTap() || needs('ip', 'ping', 'nc') }, () => {
  let home: NetworkNamespace
  let lan: NetworkNamespace
  let daemon: ControlDaemon
  const sandboxes = new Map<string, string>()

  before(async () => {
    home = new NetworkNamespace()
    lan = new NetworkNamespace()
    home.ip('link', 'set', 'lo', 'up')
    plug()
    daemon = await ControlDaemon.start({ place: { namespace: home.name } })
    await create('lan', '-o', 'parent=lan0', '--subnet=10.9.0.0/24', '--gateway=10.9.0.1')
    for (const name of ['one', 'two']) sandboxes.set(name, await start(name, 'lan'))
  })
  after(async () => {
    await daemon.stop()
    home.remove()
    lan.remove()
  })

  /** The cable, as it is at first. */
  function plug(): void {
    const peer = ['peer', 'name', 'eth0', 'netns', lan.name]
    home.ip('link', 'add', 'lan0', 'address', PARENT_MAC, 'type', 'veth', ...peer)
    home.ip('address', 'add', '10.9.0.200/24', 'dev', 'lan0')
    home.ip('link', 'set', 'lan0', 'up')
    // The same on each cable: who knows it goes on using it.
    lan.ip('link', 'set', 'eth0', 'address', ROUTER_MAC)
    lan.ip('address', 'add', '10.9.0.1/24', 'dev', 'eth0')
    lan.ip('link', 'set', 'eth0', 'up')
  }

  const create = (name: string, ...options: readonly string[]): Promise<string> =>
    daemon.do('network', 'create', '-d', 'macvlan', ...options, name)
  const start = (name: string, network: string): Promise<string> =>
    daemon.run(name, { HostConfig: { NetworkMode: network } })
  const inside = (name: string, ...command: [string, ...string[]]): Promise<string> =>
    run(daemon.place(sandboxes.get(name)!), ...command)
  const onLan = (...command: [string, ...string[]]): Promise<string> =>
    run({ namespace: lan.name }, ...command)
  const address = async (name: string): Promise<string> => (await daemon.endpoint(name, 'lan')).IPAddress
  const ping = ['ping', '-n', '-c', '1', '-W', '45'] as const
  const reaches = async (): Promise<boolean> =>
    (await attempt(daemon.place(sandboxes.get('one')!), 'ping', '-n', '-c', '1', '-W', '1', '10.9.0.1'))
      .code === 0

  it('makes sandboxes stations of the LAN, with MAC addresses of their own', async () => {
    await inside('one', ...ping, '10.9.0.1')
    await onLan(...ping, await address('one'))
    await inside('one', ...ping, await address('two'))
    const neighbours = JSON.parse(lan.ip('-j', 'neighbour')) as { dst: string; lladdr?: string }[]
    const { IPAddress, MacAddress } = await daemon.endpoint('one', 'lan')
    assert.equal(neighbours.find(({ dst }) => dst === IPAddress)?.lladdr, MacAddress)
    assert.notEqual(MacAddress, PARENT_MAC)
  })

  it('sends by the router of the LAN', async () => {
    assert.match(await inside('one', 'ip', 'route', 'show', 'default'), /^default via 10\.9\.0\.1 dev eth0/)
    assert.equal((await daemon.endpoint('one', 'lan')).Gateway, '10.9.0.1')
  })

  it('carries more than fits one frame', async () => {
    const size = 3_000_000
    const receiver = onLan('sh', '-c', 'nc -l -p 4000 -w 20 | wc -c')
    await until('somebody listens', async () => (await onLan('ss', '-Hltn', 'sport = :4000')) !== '')
    await inside('one', 'sh', '-c', `head -c ${size} /dev/zero | nc -N 10.9.0.1 4000`)
    assert.equal((await receiver).trim(), String(size))
  })

  it('keeps the machine and its sandboxes apart on the parent, as the kernel does', async () => {
    const { code } = await attempt(
      daemon.place(sandboxes.get('one')!),
      'ping',
      '-n',
      '-c',
      '1',
      '-W',
      '1',
      '10.9.0.200',
    )
    assert.notEqual(code, 0)
    // The machine itself has the LAN as before.
    await run({ namespace: home.name }, ...ping, '10.9.0.1')
  })

  it('shows sandboxes nothing of what is for the machine, or for other stations', async () => {
    const capture = await Capture.start(daemon.place(sandboxes.get('one')!), 'eth0', 'ip')
    try {
      await onLan(...ping, '10.9.0.200')
      // As of a switch that does not know where somebody is.
      lan.ip('neighbour', 'replace', '10.9.0.99', 'lladdr', '02:00:00:00:00:99', 'dev', 'eth0')
      await attempt({ namespace: lan.name }, 'ping', '-n', '-c', '1', '-W', '0.1', '10.9.0.99')
      await onLan(...ping, await address('one'))
      await capture.has('echo request')
      assert.doesNotMatch(capture.text, /10\.9\.0\.(200|99)\b/)
    } finally {
      await capture.stop()
    }
  })

  it('shows its options as Docker does', async () => {
    const format = '{{.Driver}} {{.Scope}} {{json .Options}} {{json .IPAM.Config}}'
    assert.equal(
      await daemon.do('network', 'inspect', '-f', format, 'lan'),
      'macvlan local {"parent":"lan0"} [{"Subnet":"10.9.0.0/24","Gateway":"10.9.0.1"}]',
    )
  })

  it('comes back with its parent, from down and from away', async () => {
    home.ip('link', 'set', 'lan0', 'down')
    await daemon.program.printed(/an interface has gone down or away/)
    assert.equal(await reaches(), false)
    home.ip('link', 'set', 'lan0', 'up')
    await until('the LAN is reached again', reaches)
    home.ip('link', 'delete', 'lan0')
    plug()
    await until('the LAN is reached on the new cable', reaches)
  })

  it('is taken up by the next daemon, whose parent may come later', async () => {
    const away = await ControlDaemon.start({ place: { namespace: home.name } })
    try {
      await away.do(
        'network',
        'create',
        '-d',
        'macvlan',
        '-o',
        'parent=lan0',
        '--subnet=10.9.0.0/24',
        'again',
      )
      await away.stop()
      home.ip('link', 'delete', 'lan0')
      await away.again()
      assert.equal(await away.do('network', 'ls', '-q', '-f', 'name=again').then((id) => id.length), 12)
      plug()
      const id = await away.run('late', {
        HostConfig: { NetworkMode: 'again' },
        NetworkingConfig: { EndpointsConfig: { again: { IPAMConfig: { IPv4Address: '10.9.0.77' } } } },
      })
      const late = async (): Promise<boolean> =>
        (await attempt(away.place(id), 'ping', '-n', '-c', '1', '-W', '1', '10.9.0.1')).code === 0
      await until('the LAN is reached', late)
    } finally {
      await away.stop()
    }
    await until('and by the other one', reaches)
  })

  it('of the mode private keeps its sandboxes apart, and not from the LAN', async () => {
    await create('apart', '-o', 'parent=lan0', '-o', 'macvlan_mode=private', '--subnet=10.10.0.0/24')
    lan.ip('address', 'add', '10.10.0.1/24', 'dev', 'eth0')
    for (const name of ['three', 'four']) sandboxes.set(name, await start(name, 'apart'))
    await inside('three', ...ping, '10.10.0.1')
    await inside('four', ...ping, '10.10.0.1')
    const { IPAddress } = await daemon.endpoint('four', 'apart')
    const { code } = await attempt(
      daemon.place(sandboxes.get('three')!),
      'ping',
      '-n',
      '-c',
      '1',
      '-W',
      '1',
      IPAddress,
    )
    assert.notEqual(code, 0)
  })

  it('is refused for a parent that is not there, is none of Ethernet, or is down', async () => {
    const refused = async (parent: string): Promise<string> =>
      (await daemon.attempt('network', 'create', '-d', 'macvlan', '-o', `parent=${parent}`, 'x')).errors
    assert.match(
      await refused('nosuch'),
      /invalid subinterface vlan name nosuch, example formatting is eth0\.10/,
    )
    assert.match(await refused('nosuch.10'), /-o parent interface was not found on the host: nosuch/)
    assert.match(await refused('lo'), /loopback interface is not a valid macvlan parent link/)
    home.ip('link', 'add', 'quiet', 'type', 'veth', 'peer', 'name', 'quiet1')
    assert.match(await refused('quiet'), /the interface quiet is down/)
    assert.equal(await daemon.do('network', 'ls', '-q', '-f', 'name=x'), '')
  })

  it('has a VLAN for its parent where the kernel has them, and removes what it made', async (t) => {
    const { code, errors } = await daemon.attempt(
      'network',
      'create',
      '-d',
      'macvlan',
      '-o',
      'parent=lan0.10',
      'tagged',
    )
    if (code !== 0) {
      t.diagnostic(errors)
      assert.match(errors, /lan0\.10 cannot be made: this kernel has no VLAN interfaces \(8021q\)/)
      assert.equal(home.link('lan0.10'), undefined)
      return
    }
    assert.equal(home.link('lan0.10')?.linkinfo?.info_kind, 'vlan')
    await daemon.do('network', 'rm', 'tagged')
    assert.equal(home.link('lan0.10'), undefined)
  })
})
