/**
 * A daemon that was told of no interface of the machine: it sends nothing on any, listens on none, and changes none.
 *
 *     daemon, sandboxes, published ports ─ lan0 ── peer0 (who counts what comes)
 */

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, describe, it } from 'node:test'
import { NetworkNamespace } from '../../support/network-namespace.ts'
import { needs, needsTap } from '../../support/requirements.ts'
import { Capture } from '../support/capture.ts'
import { ControlDaemon } from '../support/control-daemon.ts'
import { attempt, run } from '../support/program.ts'
import { until } from '../support/until.ts'

describe('a daemon without an uplink', {
  skip: needsTap() || needs('ip', 'curl', 'nc', 'ping', 'tcpdump'),
}, () => {
  let home: NetworkNamespace
  let lan: NetworkNamespace
  let daemon: ControlDaemon
  let capture: Capture

  before(async () => {
    home = new NetworkNamespace()
    lan = new NetworkNamespace()
    home.ip('link', 'set', 'lo', 'up')
    home.ip('link', 'add', 'lan0', 'type', 'veth', 'peer', 'name', 'peer0', 'netns', lan.name)
    // The kernel itself has nothing to say on the cable.
    home.ip('link', 'set', 'lan0', 'addrgenmode', 'none', 'up')
    lan.ip('link', 'set', 'peer0', 'addrgenmode', 'none', 'up')
    home.ip('address', 'add', '203.0.113.7/24', 'dev', 'lan0')
    home.ip('route', 'add', 'default', 'via', '203.0.113.1')
    capture = await Capture.start({ namespace: lan.name }, 'peer0', '')
  })
  after(async () => {
    await daemon.stop()
    await capture.stop()
    home.remove()
    lan.remove()
  })

  /** What the machine's namespace is like, as far as a daemon could change it. */
  function machine(): unknown {
    const links = home.links().map(({ ifname, flags, address }) => ({ ifname, flags, address }))
    const sent = JSON.parse(home.ip('-j', '-s', 'link', 'show', 'lan0')) as [
      { readonly stats64: { readonly tx: { readonly packets: number } } },
    ]
    return {
      links,
      sent: sent[0].stats64.tx.packets,
      promiscuity: /promiscuity (\d+)/.exec(home.ip('-d', 'link', 'show', 'lan0'))?.[1],
      routes: home.ip('route', 'show', 'table', 'all'),
      rules: home.ip('rule'),
      neighbours: home.ip('neighbour', 'show', 'dev', 'lan0'),
    }
  }

  const packetSockets = (): string[] =>
    readFileSync(`/proc/${daemon.pid}/net/packet`, 'utf8').trim().split('\n').slice(1)

  it('touches no interface of the machine', async () => {
    const at = { namespace: home.name }
    const untouched = machine()
    daemon = await ControlDaemon.start({ place: at })
    await daemon.do('network', 'create', '--subnet=10.77.0.0/24', 'blue')
    const web = [
      process.execPath,
      '-e',
      "require('http').createServer((_, answer) => answer.end('page')).listen(80)",
    ]
    const id = await daemon.run('web', {
      Cmd: web,
      ExposedPorts: { '80/tcp': {}, '53/udp': {} },
      HostConfig: {
        NetworkMode: 'blue',
        PortBindings: { '80/tcp': [{ HostPort: '8080' }], '53/udp': [{ HostPort: '5300' }] },
      },
    })
    const other = await daemon.run('other')
    assert.deepEqual(packetSockets(), [])

    // From the machine: by the relay, which never leaves it.
    const page = async (): Promise<boolean> =>
      (await attempt(at, 'curl', '-s', '-m', '2', 'http://localhost:8080/')).code === 0
    await until('the page is there', page)
    await run(at, 'curl', '-s', '-m', '45', '-o', '/dev/null', 'http://203.0.113.7:8080/')
    await run(at, 'curl', '-s', '-g', '-m', '45', '-o', '/dev/null', 'http://[::1]:8080/')
    await run(at, 'sh', '-c', 'echo hello | nc -u -w 1 127.0.0.1 5300')

    // From the sandboxes to all sorts of places.
    for (const place of [daemon.place(id), daemon.place(other)]) {
      for (const target of ['203.0.113.1', '203.0.113.7', '198.51.100.9', '10.77.0.2', '224.0.0.251']) {
        await attempt(place, 'ping', '-n', '-c', '1', '-W', '0.2', target)
        await attempt(place, 'curl', '-s', '-m', '0.2', `http://${target}:8080/`)
      }
    }
    await daemon.do('port', 'add', 'web', '9000-9009:9000-9009')
    await daemon.do('stats')
    await daemon.do('rm', '-f', 'other')

    assert.deepEqual(packetSockets(), [])
    assert.deepEqual(machine(), untouched)
    assert.doesNotMatch(capture.text, /ethertype/)
  })

  it('is on an interface from when it is told of it', async () => {
    await daemon.do('uplink', 'set', 'nic:lan0')
    assert.equal(packetSockets().length, 1)
    const { Id } = await daemon.inspect('web')
    await attempt(daemon.place(Id), 'ping', '-n', '-c', '1', '-W', '0.2', '203.0.113.9')
    await capture.has('who-has 203.0.113.9 tell 203.0.113.7')
    await daemon.do('uplink', 'set', 'none')
    assert.deepEqual(packetSockets(), [])
  })
})
