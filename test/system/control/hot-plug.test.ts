import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { needs, needsTap } from '../../support/requirements.ts'
import { Capture } from '../support/capture.ts'
import { ControlDaemon } from '../support/control-daemon.ts'
import { Program, run } from '../support/program.ts'
import { until } from '../support/until.ts'

describe('a running sandbox', { skip: needsTap() || needs('ip', 'ping', 'tcpdump') }, () => {
  let daemon: ControlDaemon
  before(async () => {
    daemon = await ControlDaemon.start()
    await daemon.network('blue', '10.71.0.0/24')
    await daemon.network('green', '10.72.0.0/24')
    await daemon.network('red', '10.73.0.0/24', { EnableIPv6: true })
  })
  after(() => daemon.stop())

  const on = (network: string): object => ({ HostConfig: { NetworkMode: network } })
  const inside = (id: string, ...command: [string, ...string[]]): Promise<string> =>
    run(daemon.place(id), ...command)
  const route = async (id: string): Promise<string> =>
    (await inside(id, 'ip', '-4', 'route', 'show', 'default')).trim()
  const interfaceOf = async (sandbox: string, network: string): Promise<string> =>
    (await daemon.endpoint(sandbox, network)).InterfaceName

  it('is connected and disconnected while others, and itself, go on talking', async () => {
    const one = await daemon.run('talk1', on('blue'))
    await daemon.run('talk2', on('blue'))
    const address = (await daemon.endpoint('talk2', 'blue')).IPAddress
    const ping = new Program(daemon.place(one), 'ping', '-n', '-i', '0.02', address)
    await ping.printed(/icmp_seq=5 /)
    for (let round = 0; round < 5; round++) {
      await daemon.connect('green', 'talk1')
      await daemon.connect('red', 'talk2')
      await daemon.disconnect('green', 'talk1')
      await daemon.disconnect('red', 'talk2')
    }
    const last = [...ping.output.matchAll(/icmp_seq=(\d+)/g)].at(-1)![1]
    await ping.printed(new RegExp(`icmp_seq=${Number(last) + 10} `))
    const { output } = await ping.stop('SIGINT')
    assert.match(output, / 0% packet loss/)
  })

  it('fills the lowest free interface name again', async () => {
    const id = await daemon.run('names', on('blue'))
    await daemon.connect('green', 'names')
    await daemon.connect('red', 'names')
    const names = async (): Promise<string[]> => {
      const { NetworkSettings } = await daemon.inspect('names')
      const links = JSON.parse(await inside(id, 'ip', '-j', 'link')) as { ifname: string }[]
      const shown = Object.values(NetworkSettings.Networks).map(({ InterfaceName }) => InterfaceName)
      const present = links.map(({ ifname }) => ifname).filter((name) => name !== 'lo')
      assert.deepEqual(present.toSorted(), shown.toSorted())
      return shown.toSorted()
    }
    assert.deepEqual(await names(), ['eth0', 'eth1', 'eth2'])
    await daemon.disconnect('green', 'names')
    assert.deepEqual(await names(), ['eth0', 'eth2'])
    await daemon.connect('green', 'names')
    assert.equal(await interfaceOf('names', 'green'), 'eth1')
    await daemon.disconnect('blue', 'names')
    await daemon.disconnect('green', 'names')
    await daemon.connect('green', 'names')
    assert.equal(await interfaceOf('names', 'green'), 'eth0')
  })

  it('has its default route evaluated anew, and tells why it goes where it goes', async () => {
    const id = await daemon.run('routed', on('green'))
    const reason = async (): Promise<{ Network: string; Gateway: string; Reason: string }> =>
      (await daemon.inspect('routed')).NetworkSettings.DefaultRoute.IPv4
    assert.equal(await route(id), 'default via 10.72.0.1 dev eth0')

    // The first by name, where nobody prefers one.
    await daemon.connect('blue', 'routed')
    assert.equal(await route(id), 'default via 10.71.0.1 dev eth1')
    const byName = await reason()
    assert.equal(byName.Network, 'blue')
    assert.equal(byName.Gateway, '10.71.0.1')

    await daemon.connect('red', 'routed', { GwPriority: 5 })
    assert.equal(await route(id), 'default via 10.73.0.1 dev eth2')
    const byPriority = await reason()
    assert.equal(byPriority.Network, 'red')
    assert.notEqual(byPriority.Reason, byName.Reason)
    assert.match(byPriority.Reason, /priority/)

    await daemon.disconnect('red', 'routed')
    assert.equal(await route(id), 'default via 10.71.0.1 dev eth1')
    await daemon.disconnect('blue', 'routed')
    assert.equal(await route(id), 'default via 10.72.0.1 dev eth0')
    await daemon.disconnect('green', 'routed')
    assert.equal(await route(id), '')
    assert.equal((await reason()).Network, '')
  })

  it('announces its address three times to its neighbours, as gratuitous ARP', async () => {
    const neighbour = await daemon.run('listener', on('blue'))
    const capture = await Capture.start(daemon.place(neighbour), 'eth0', 'arp')
    const id = await daemon.run('newcomer', on('green'))
    await daemon.connect('blue', 'newcomer')
    const { IPAddress, MacAddress } = await daemon.endpoint('newcomer', 'blue')
    const request = new RegExp(
      `${MacAddress} > ff:ff:ff:ff:ff:ff, ethertype ARP .*Request who-has ${IPAddress} .*tell ${IPAddress}`,
      'g',
    )
    const announced = (): number => [...capture.text.matchAll(request)].length
    await until('three announcements', () => announced() >= 3)
    // A frame from the newcomer itself comes behind all of them.
    await inside(id, 'ping', '-n', '-c', '1', (await daemon.endpoint('listener', 'blue')).IPAddress)
    assert.equal(announced(), 3)
    await capture.stop()
  })

  it('announces an IPv6 address to all nodes', async () => {
    const neighbour = await daemon.run('listener6', on('red'))
    const capture = await Capture.start(daemon.place(neighbour), 'eth0', 'icmp6[icmp6type] == 136')
    await daemon.run('newcomer6', on('red'))
    const { GlobalIPv6Address, MacAddress } = await daemon.endpoint('newcomer6', 'red')
    await capture.has(
      `${MacAddress} > 33:33:00:00:00:01.*neighbor advertisement, tgt is ${GlobalIPv6Address}`,
    )
    await capture.stop()
  })

  it('finds its own new addresses in /etc/hosts', async () => {
    await daemon.run('hosted', on('blue'))
    const hosts = (): Promise<string> => daemon.inside('hosted', 'cat', '/etc/hosts')
    const hostname = (await daemon.inspect('hosted')).Config.Hostname
    const own = async (network: string): Promise<string> =>
      `${(await daemon.endpoint('hosted', network)).IPAddress}\t${hostname}`
    const blue = await own('blue')
    assert.ok((await hosts()).split('\n').includes(blue))
    await daemon.connect('green', 'hosted')
    const green = await own('green')
    assert.ok((await hosts()).split('\n').includes(green), await hosts())
    await daemon.disconnect('blue', 'hosted')
    const lines = (await hosts()).split('\n')
    assert.ok(lines.includes(green))
    assert.ok(!lines.includes(blue))
  })

  it('has IPv6 on an interface only where its network has', async () => {
    const id = await daemon.run('families', on('blue'))
    await daemon.connect('red', 'families')
    const six = (name: string): Promise<string> =>
      inside(id, 'ip', '-6', '-o', 'address', 'show', 'dev', name)
    assert.equal(await six('eth0'), '')
    const { GlobalIPv6Address, GlobalIPv6PrefixLen } = await daemon.endpoint('families', 'red')
    assert.match(await six('eth1'), new RegExp(`inet6 ${GlobalIPv6Address}/${GlobalIPv6PrefixLen} `))
  })
})
