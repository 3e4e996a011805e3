/** The examples do what the commands at their ends say. */

import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { after, afterEach, before, describe, it } from 'node:test'
import { repositoryRoot } from '../../support/repository.ts'
import { needs, needsTap } from '../../support/requirements.ts'
import { ControlDaemon } from '../support/control-daemon.ts'
import { newFolder } from '../support/scene.ts'
import { until } from '../support/until.ts'

const EXAMPLES = join(repositoryRoot, 'examples')
const FILES = readdirSync(EXAMPLES).filter((name) => name.endsWith('.yaml'))

const skip =
  needsTap() || needs('etcd', 'ip', 'ping', 'curl', 'iperf3', 'busybox', 'python3', 'dig', 'dnsmasq')

/** Each question is a program that starts. */
const PAUSE_MS = 100

describe('examples', { skip }, () => {
  let daemon: ControlDaemon
  before(async () => {
    daemon = await ControlDaemon.start()
  })
  afterEach(async () => {
    await daemon.do('down', '--all')
    assert.deepEqual(daemon.traces(), { folders: [], links: [], shims: [], processes: [] })
  })
  after(() => daemon.stop())

  const exec = (...line: string[]): Promise<string> => daemon.do('exec', ...line)
  /** Once its program listens: a lab is up when its commands have started. */
  const answers = async (...line: string[]): Promise<string> => {
    let output = ''
    const asked = async (): Promise<boolean> => {
      const outcome = await daemon.attempt('exec', ...line)
      output = outcome.output
      return outcome.code === 0
    }
    await until(`${line.join(' ')} gets an answer`, asked, PAUSE_MS)
    return output
  }
  const code = async (...line: string[]): Promise<number | null> =>
    (await daemon.attempt('exec', ...line)).code

  const tried: Record<string, () => Promise<void>> = {
    'demo.yaml': async () => {
      await exec('alice', 'ping', '-c', '1', '10.1.0.3')
      assert.match(
        await answers('carol', 'curl', '-s', 'http://10.1.0.3/'),
        /^Hello 10\.1\.0\.4, this is bob/,
      )
      assert.match(
        await answers('alice', 'curl', '-s', 'http://203.0.113.2/'),
        /^Hello 203\.0\.113\.1, this is erin/,
      )
      assert.match(
        await answers('erin', 'curl', '-s', 'http://203.0.113.1/'),
        /^Hello 203\.0\.113\.2, this is bob/,
      )
      assert.notEqual(await code('dave', 'ping', '-c', '1', '-W', '0.3', '10.1.0.3'), 0)
      const outside = await daemon.attempt('explain', '198.51.100.1', '203.0.113.1:80')
      assert.match(outside.errors, /the way out is a network: packets come from its sandboxes/)
      assert.match(
        (await daemon.attempt('explain', 'dave', 'bob')).output,
        /\nDropped: network-isolated\.\n$/,
      )
    },
    'jumbo.yaml': async () => {
      await exec('alice', 'ping', '-c', '1', '-M', 'do', '-s', '8972', '10.1.0.3')
      assert.equal(await code('alice', 'ping', '-c', '1', '-M', 'do', '-s', '8973', '10.1.0.3'), 1)
      await answers('alice', 'iperf3', '--client', '10.1.0.3', '-n', '1M')
    },
    'no-offload.yaml': async () => {
      await answers('fast-1', 'iperf3', '--client', '10.1.0.3', '-n', '1M')
      await answers('slow-1', 'iperf3', '--client', '10.1.0.5', '-n', '1M')
    },
    'two-networks.yaml': async () => {
      assert.notEqual(await code('client', 'ping', '-c', '1', '-W', '0.3', '10.2.0.2'), 0)
      await exec('router', 'sysctl', '-w', 'net.ipv4.ip_forward=1')
      await exec('client', 'ip', 'route', 'add', '10.2.0.0/24', 'via', '10.1.0.9')
      await exec('server', 'ip', 'route', 'add', '10.1.0.0/24', 'via', '10.2.0.9')
      assert.match(
        await answers('client', 'curl', '-s', 'http://10.2.0.2/'),
        /^Hello 10\.1\.0\.2, this is server/,
      )
    },
    'three-tier.yaml': async () => {
      assert.match(
        await answers('client', 'curl', '-sf', 'http://10.1.0.8/three-tier.yaml'),
        /^name: three-tier$/m,
      )
      assert.equal(await answers('app', 'busybox', 'nc', '10.2.0.5', '5432'), '42 apples\n')
      assert.notEqual(await code('client', 'ping', '-c', '1', '-W', '0.3', '10.2.0.5'), 0)
      await daemon.do('network', 'connect', 'private-net', 'client')
      assert.equal(await answers('client', 'busybox', 'nc', '10.2.0.5', '5432'), '42 apples\n')
      await daemon.do('up', join(EXAMPLES, 'three-tier.yaml'))
      assert.notEqual(await code('client', 'ping', '-c', '1', '-W', '0.3', '10.2.0.5'), 0)
      assert.match(await daemon.do('graph', 'three-tier'), /^<svg /)
    },
    'published.yaml': async () => {
      assert.match(await daemon.do('port', 'ls'), /\nweb +8080\/tcp +203\.0\.113\.1:80$/m)
      const apples = (port: string): Promise<string> =>
        answers('client', 'busybox', 'nc', '-w', '1', '203.0.113.1', port)
      assert.equal(await apples('80'), '42 apples\n')
      assert.notEqual(await code('client', 'busybox', 'nc', '-w', '1', '203.0.113.1', '8888'), 0)
      await daemon.do('explain', 'client', '203.0.113.1:80')
      assert.match((await daemon.attempt('explain', 'client', 'db:5432')).output, /network-internal/)
      assert.notEqual(await code('app', 'ping', '-c', '1', '-W', '0.3', '203.0.113.2'), 0)
      await daemon.do('port', 'add', 'web', '203.0.113.1:8888:8080')
      assert.equal(await apples('8888'), '42 apples\n')
      await daemon.do('port', 'rm', 'web', '203.0.113.1:8888:8080')
      assert.match(await daemon.do('nat', 'ls'), /203\.0\.113\.1:80 +→ 10\.1\.0\.2:8080 /)
    },
    'names.yaml': async () => {
      const query = async (...line: string[]): Promise<string> =>
        (await daemon.attempt('dns', 'query', ...line)).output
      const addresses = async (...line: string[]): Promise<string[]> =>
        (await exec(...line)).trim().split('\n').toSorted()
      assert.match(await daemon.do('dns', 'ls', 'back'), /^back +postgres +alias +db +10\.2\.0\.5 /m)
      assert.deepEqual(await addresses('client', 'dig', '+short', 'web'), ['10.1.0.2', '10.1.0.3'])
      assert.deepEqual(await addresses('client', 'dig', '+short', '+tcp', 'web'), ['10.1.0.2', '10.1.0.3'])
      assert.match(await exec('client', 'getent', 'ahostsv4', 'web-2'), /^10\.1\.0\.3 /)
      assert.match(await query('web', '--from', 'client'), /\nNOERROR: answered, /)
      assert.match(await query('db', '--from', 'client'), /\nNXDOMAIN: /)
      assert.match(await query('db', '--from', 'app'), /^db\. .* IN A +10\.2\.0\.5$/m)
      assert.match(await query('postgres.back', '--from', 'app'), /^postgres\.back\. .* 10\.2\.0\.5$/m)
      assert.match(await query('_80._tcp.web', 'SRV', '--from', 'client'), / IN SRV +0 0 80 /)
      const isForwarded = async (): Promise<boolean> =>
        (await query('printer.example', '--from', 'client')).includes('forwarded by 10.1.0.53')
      await until('ns answers', isForwarded, PAUSE_MS)
      assert.match(await query('printer.example', '--from', 'app'), /\nNXDOMAIN: /)
      await daemon.do('network', 'disconnect', 'front', 'web-2')
      assert.deepEqual(await addresses('client', 'dig', '+short', 'web'), ['10.1.0.2'])
      assert.deepEqual(await addresses('client', 'dig', '+short', 'printer.example'), ['10.1.0.200'])
      const log = await daemon.do('dns', 'log', '--from', 'client')
      assert.match(log, / client +printer\.example +A +forwarded +NOERROR +1 answer .* 10\.1\.0\.53$/m)
    },
    'routed.yaml': async () => {
      assert.match(await exec('client', 'ping', '-c', '1', '10.2.0.2'), / ttl=63 /)
      assert.match(
        await answers('client', 'curl', '-s', 'http://10.2.0.2/'),
        /^Hello 10\.1\.0\.2, this is server/,
      )
      const long = await daemon.attempt(
        'exec',
        'client',
        'ping',
        '-c',
        '1',
        '-M',
        'do',
        '-s',
        '1400',
        '10.2.0.2',
      )
      assert.match(long.output, /^From 10\.1\.0\.1 .*\(mtu = 1000\)$/m)
      assert.match(await exec('client', 'ip', 'route', 'get', '10.2.0.2'), / mtu 1000\b/)
      await exec('client', 'ping', '-c', '1', '-M', 'dont', '-s', '1400', '10.2.0.2')
      assert.equal((await daemon.attempt('explain', 'client', 'server:81')).code, 1)
      await exec('remote', 'ip', 'route', 'add', '10.2.0.0/24', 'via', '203.0.113.1')
      assert.match(
        await answers('remote', 'curl', '-s', 'http://10.2.0.2/'),
        /^Hello 203\.0\.113\.2, this is server/,
      )
      assert.match(await daemon.do('neigh', 'ls'), /^servers +10\.2\.0\.2 /m)
    },
    'macvlan.yaml': async () => {
      const inHost = ['-H', 'macvlan/host', 'exec'] as const
      assert.match(await daemon.do(...inHost, 'alice', 'ping', '-c', '1', '10.9.0.3'), / ttl=64 /)
      await exec('printer', 'ping', '-c', '1', '10.9.0.10')
      assert.match(await exec('printer', 'ip', 'neigh'), /^10\.9\.0\.10 .* 02:42:0a:09:00:0a /m)
      await daemon.do(...inHost, 'bob', 'ping', '-c', '1', '10.9.0.10')
      const host = await daemon.attempt(...inHost, 'alice', 'ping', '-c', '1', '-W', '0.3', '10.9.0.2')
      assert.notEqual(host.code, 0)
    },
    'impaired.yaml': async () => {
      const roundTrip = (output: string): number => Number(/ time=([\d.]+) ms/.exec(output)?.[1])
      // One of a hundred frames is lost each way: a second question may have to be asked.
      const lossy = await answers('phone', 'ping', '-c', '1', '-W', '2', '10.1.0.2')
      assert.ok(roundTrip(lossy) >= 30, lossy)
      assert.match(
        await answers('phone', 'curl', '-s', 'http://10.1.0.2/'),
        /^Hello 10\.1\.0\.9, this is server/,
      )
      assert.match(
        await daemon.do('link', 'show', 'phone'),
        /^phone@web +from +delay 20ms ±5ms, loss 1%, rate 2mbit, seed 7 +\d+ /m,
      )
      const far = await daemon.do('-H', 'impaired/north', 'exec', 'ann', 'ping', '-c', '1', '10.9.0.3')
      assert.ok(roundTrip(far) >= 80, far)
      assert.match(
        await daemon.do('-H', 'impaired/south', 'link', 'show', 'uplink'),
        /^uplink +from +rate 512kbit /m,
      )
      await daemon.do('link', 'set', 'phone', '--direction', 'to', '--loss', '100%')
      assert.notEqual(await code('phone', 'ping', '-c', '1', '-W', '0.3', '10.1.0.2'), 0)
      const again = await daemon.do('up', '--dry-run', join(EXAMPLES, 'impaired.yaml'))
      assert.match(again, /^change link phone@web \(delay 20ms ±5ms, loss 1%, rate 2mbit, seed 7\)$/)
    },
    'overlay.yaml': async () => {
      const inside = (host: string, ...line: string[]): Promise<string> =>
        daemon.do('-H', `overlay/${host}`, ...line)
      const alice = (...line: string[]): Promise<string> => inside('one', 'exec', 'alice', ...line)
      const curl = ['curl', '-s', '--retry', '5', '--retry-connrefused']
      const tunnelled = join(newFolder(), 'lan.pcapng')
      const between = daemon.beginOwn(
        'capture',
        'lan',
        '--filter',
        'udp port 4789 and greater 140',
        '-c',
        '4',
      )
      const written = daemon.beginOwn(
        'capture',
        'lan',
        '--filter',
        'udp port 4789',
        '-c',
        '2',
        '-w',
        tunnelled,
      )
      await Promise.all([between, written].map((program) => program.printed(/^Capturing at lan/)))
      assert.match(await alice('ping', '-c', '1', 'carol'), / ttl=64 /)
      const lines = (await between.end()).output
      assert.match(lines, / VXLAN vni 4096: 10\.1\.0\.2 > 10\.1\.0\.4: ICMP echo request/)
      await written.end()
      assert.match(await daemon.do('dissect', tunnelled, '--tree'), /^Virtual Extensible LAN, network 4096$/m)
      assert.equal(await alice('cat', '/sys/class/net/eth0/mtu'), '1450')
      assert.match(await alice(...curl, 'http://bob/'), /^Hello 10\.1\.0\.2, this is bob at 10\.1\.0\.3/)
      assert.match(
        await inside('one', 'overlay', 'peers'),
        /^three +10\.9\.0\.5 +web +1450 .*\n^two +10\.9\.0\.4 /m,
      )
      assert.match(await inside('one', 'dns', 'ls', 'web'), /^web +carol +sandbox +carol +10\.1\.0\.4 /m)
      const doctor = await daemon.attempt('-H', 'overlay/one', 'doctor')
      assert.match(doctor.output, /^ok +daemon in cluster +one reaches the registry since /m)
      assert.doesNotMatch(doctor.output, /^fail +registry/m)
      const explained = await daemon.attempt('-H', 'overlay/one', 'explain', 'alice', 'carol')
      assert.equal(explained.code, 0)
      assert.match(
        explained.output,
        / into the tunnel to the host three at 10\.9\.0\.5, with network identifier 4096/,
      )
      assert.match(await alice(...curl, 'http://hello/'), /^Hello 10\.1\.0\.2, this is (?:bob|carol) /)
      assert.match(
        await answers('client', ...curl, 'http://10.9.0.3:8080/'),
        /^Hello 10\.9\.0\.2, this is (?:bob|carol) at 10\.1\.0\.[34]/,
      )
      assert.match(await inside('two', 'service', 'ps', 'hello'), / bob +two +10\.1\.0\.3 +running/)
      await daemon.do('stop', 'etcd')
      assert.match(await inside('two', 'exec', 'bob', 'ping', '-c', '1', 'alice'), / ttl=64 /)
      await daemon.do('start', 'etcd')
    },
    'two-hosts.yaml': async () => {
      await exec('left', 'ping', '-c', '1', '10.9.0.3')
      assert.match(await daemon.do('-H', 'two-hosts/left', 'ps'), /alice/)
      await daemon.do('-H', 'two-hosts/right', 'exec', 'bob', 'ip', '-brief', 'address')
      const alice = ['-H', 'two-hosts/left', 'exec', 'alice'] as const
      await daemon.do(...alice, 'ping', '-c', '1', '10.9.0.3')
      const retry = ['--retry', '5', '--retry-connrefused']
      const page = await daemon.do(...alice, 'curl', '-s', ...retry, 'http://10.9.0.3:8080/')
      assert.match(page, /^Hello 10\.9\.0\.2, this is bob at 10\.1\.0\.2/)
      assert.match(await answers('right', 'curl', '-s', 'http://localhost:8080/'), /this is bob/)
      assert.match(await daemon.do('-H', 'two-hosts/left', 'nat', 'ls'), / 10\.9\.0\.2:\d+ → /)
      assert.match(await daemon.do('-H', 'two-hosts/right', 'nat', 'ls'), / → 10\.1\.0\.2:80 /)
    },
  }

  for (const file of FILES) {
    it(file, async () => {
      await daemon.do('validate', join(EXAMPLES, file))
      await daemon.do('up', join(EXAMPLES, file))
      assert.ok(tried[file] !== undefined, `nobody tries what ${file} says`)
      await tried[file]()
    })
  }
})
