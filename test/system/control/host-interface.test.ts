/** The machine's own end of a network: a TAP in the daemon's namespace, as docker0 is. */

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { NetworkNamespace } from '../../support/network-namespace.ts'
import { needs, needsTap } from '../../support/requirements.ts'
import { ControlDaemon } from '../support/control-daemon.ts'
import { attempt, run } from '../support/program.ts'
import { until } from '../support/until.ts'

describe("the machine's own end of a network", { skip: needsTap() || needs('ip', 'ping') }, () => {
  let home: NetworkNamespace
  let daemon: ControlDaemon
  let id: string

  before(async () => {
    home = new NetworkNamespace()
    home.ip('link', 'set', 'lo', 'up')
    daemon = await ControlDaemon.start({ place: { namespace: home.name } })
    await daemon.do(
      'network',
      'create',
      '-o',
      'tapwire.host=true',
      '-o',
      'com.docker.network.bridge.name=br-open',
      '--subnet=10.81.0.0/24',
      'open',
    )
    id = await daemon.run('one', { HostConfig: { NetworkMode: 'open' } })
  })
  after(async () => {
    await daemon.stop()
    home.remove()
  })

  const ping = ['ping', '-n', '-c', '1', '-W', '45'] as const
  const addresses = (): string[] => {
    const [link] = JSON.parse(home.ip('-j', '-4', 'address', 'show', 'dev', 'br-open')) as {
      addr_info: { local: string; prefixlen: number }[]
    }[]
    return link!.addr_info.map(({ local, prefixlen }) => `${local}/${prefixlen}`)
  }

  it("has the gateway's address and MAC address", () => {
    assert.deepEqual(addresses(), ['10.81.0.1/24'])
    assert.equal(home.link('br-open')!.address, '02:42:0a:51:00:01')
  })

  it('reaches sandboxes by their addresses, and they reach it', async () => {
    await run({ namespace: home.name }, ...ping, '10.81.0.2')
    await run(daemon.place(id), ...ping, '10.81.0.1')
  })

  it('is made anew where somebody deletes it', async () => {
    home.ip('link', 'delete', 'br-open')
    await until('it is there again', () => home.link('br-open')?.flags.includes('UP') === true)
    await until('it has its address', () => addresses().length === 1)
    await run({ namespace: home.name }, ...ping, '10.81.0.2')
  })

  it('is there again when the daemon is, whose end takes it away', async () => {
    await daemon.kill()
    await until('it is gone', () => home.link('br-open') === undefined)
    await daemon.again()
    assert.deepEqual(addresses(), ['10.81.0.1/24'])
    await run({ namespace: home.name }, ...ping, '10.81.0.2')
  })

  it('is waited for where another interface has its name', async () => {
    await daemon.stop()
    home.ip('link', 'add', 'br-open', 'type', 'veth', 'peer', 'name', 'other')
    await daemon.again()
    home.ip('link', 'delete', 'br-open')
    await until('it is there', () => home.link('br-open')?.linkinfo?.info_kind === 'tun')
  })

  it('is refused where its name is taken, and goes with its network', async () => {
    const taken = ['-o', 'tapwire.host=true', '-o', 'com.docker.network.bridge.name=br-open'] as const
    const { code, errors } = await daemon.attempt('network', 'create', ...taken, 'second')
    assert.equal(code, 1)
    assert.match(errors, /the interface name br-open is taken/)
    await daemon.do('rm', '-f', 'one')
    await daemon.do('network', 'rm', 'open')
    assert.equal(home.link('br-open'), undefined)
    assert.equal((await attempt({ namespace: home.name }, 'ip', 'route', 'get', '10.81.0.2')).code, 2)
  })
})
