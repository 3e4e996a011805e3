import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { after, before, describe, it } from 'node:test'
import { needs, needsTap } from '../../support/requirements.ts'
import { ControlDaemon } from '../support/control-daemon.ts'
import { run } from '../support/program.ts'
import { newNamespaceName } from '../support/scene.ts'

describe('network modes', { skip: needsTap() || needs('ip', 'ping') }, () => {
  /** The machine that the daemon believes to be on. */
  const machine = newNamespaceName()
  let daemon: ControlDaemon
  before(async () => {
    execFileSync('ip', ['netns', 'add', machine])
    execFileSync('ip', ['-n', machine, 'tuntap', 'add', 'outside0', 'mode', 'tap'])
    daemon = await ControlDaemon.start({ place: { namespace: machine } })
  })
  after(() => daemon.stop())

  const links = async (sandbox: string): Promise<string[]> => {
    const shown = JSON.parse(await daemon.inside(sandbox, 'ip', '-j', 'link')) as { ifname: string }[]
    return shown.map(({ ifname }) => ifname).toSorted()
  }
  const mode = (NetworkMode: string): object => ({ HostConfig: { NetworkMode } })

  it("host: shares the daemon's namespace, and its host name", async () => {
    await daemon.run('host', mode('host'))
    assert.deepEqual(await links('host'), ['lo', 'outside0'])
    assert.equal(
      await daemon.inside('host', 'hostname'),
      execFileSync('hostname', { encoding: 'utf8' }).trim(),
    )
    const { NetworkSettings } = await daemon.inspect('host')
    assert.deepEqual(Object.keys(NetworkSettings.Networks), ['host'])
    assert.equal(NetworkSettings.Networks['host']!.IPAddress, '')
    await daemon.do('rm', '-f', 'host')
    assert.match(await run({ namespace: machine }, 'ip', 'link'), /outside0/)
  })

  it('none: has a loopback interface that is up, and nothing else', async () => {
    await daemon.run('none', mode('none'))
    assert.deepEqual(await links('none'), ['lo'])
    await daemon.inside('none', 'ping', '-n', '-c', '1', '127.0.0.1')
    const { code, errors } = await daemon.attempt('network', 'connect', 'bridge', 'none')
    assert.equal(code, 1)
    assert.match(errors, /private \(none\) mode/)
    await daemon.do('network', 'disconnect', 'none', 'none')
    await daemon.do('network', 'connect', 'bridge', 'none')
    assert.deepEqual(await links('none'), ['eth0', 'lo'])
  })

  it('container: shares interface, hosts, resolv.conf and host name, also what changes later', async () => {
    await daemon.network('shared', '10.74.0.0/24')
    await daemon.network('second', '10.75.0.0/24')
    await daemon.run('owner', mode('shared'))
    const id = await daemon.run('guest', mode('container:owner'))
    assert.deepEqual(await links('guest'), ['eth0', 'lo'])
    const same = async (...command: [string, ...string[]]): Promise<string> => {
      const guests = await daemon.inside('guest', ...command)
      assert.equal(guests, await daemon.inside('owner', ...command))
      return guests
    }
    await same('hostname')
    await same('cat', '/etc/resolv.conf')
    await same('cat', '/etc/hostname')
    await same('readlink', '/proc/self/ns/net')
    assert.match(await same('cat', '/etc/hosts'), /^10\.74\.0\.2\t/m)

    await daemon.connect('second', 'owner')
    assert.deepEqual(await links('guest'), ['eth0', 'eth1', 'lo'])
    assert.match(await same('cat', '/etc/hosts'), /^10\.75\.0\.2\t/m)

    const { code, errors } = await daemon.attempt('network', 'connect', 'bridge', 'guest')
    assert.equal(code, 1)
    assert.match(errors, /container sharing network namespace with another container or host/)

    // The guest goes on in the namespace that it has, and cannot come into one that is not there.
    await daemon.do('stop', 'owner')
    assert.equal((await daemon.inspect(id)).State.Status, 'running')
    await daemon.do('stop', 'guest')
    const start = await daemon.attempt('start', 'guest')
    assert.equal(start.code, 1)
    assert.match(start.errors, /cannot join network namespace of a non running container/)
    await daemon.do('start', 'owner')
    await daemon.do('start', 'guest')
    assert.deepEqual(await links('guest'), ['eth0', 'eth1', 'lo'])
    await same('readlink', '/proc/self/ns/net')
  })

  it('container: a guest is in the network of its owner also under the next daemon', async () => {
    await daemon.run('keeper', mode('bridge'))
    await daemon.run('lodger', mode('container:keeper'))
    await daemon.kill()
    await daemon.again()
    const namespaces = await Promise.all(
      ['keeper', 'lodger'].map((name) => daemon.inside(name, 'readlink', '/proc/self/ns/net')),
    )
    assert.equal(namespaces[0], namespaces[1])
    assert.deepEqual(await links('lodger'), ['eth0', 'lo'])
    await daemon.inside(
      'lodger',
      'ping',
      '-n',
      '-c',
      '1',
      (await daemon.endpoint('keeper', 'bridge')).IPAddress,
    )
  })
})
