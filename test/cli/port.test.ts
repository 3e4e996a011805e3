/** Ports that are published while a sandbox is there, on the command line. */
import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import type { CliResult } from './cli-harness.ts'
import { CliScene } from './cli-scene.ts'
import { Failure } from './fake-control.ts'

const cli = new CliScene()

const tapwire = (...args: readonly string[]): Promise<CliResult> => cli.tapwire(args)

describe('tapwire port add', () => {
  it('sends what -p means, and prints where it is', async () => {
    cli.control.answers.set('POST /sandboxes/*/ports', () => ({
      Ports: {
        '443/tcp': [{ HostIp: '192.0.2.1', HostPort: '443' }],
        '80/tcp': [
          { HostIp: '0.0.0.0', HostPort: '8080' },
          { HostIp: '::', HostPort: '8080' },
        ],
      },
    }))
    const { code, out, err } = await tapwire('port', 'add', 'web', '8080:80', '192.0.2.1:443:443', '53/udp')
    assert.deepEqual([code, err], [0, ''])
    assert.equal(out, '80/tcp -> 0.0.0.0:8080\n80/tcp -> [::]:8080\n443/tcp -> 192.0.2.1:443\n')
    assert.deepEqual(cli.control.seen[0]?.path, '/sandboxes/web/ports')
    assert.deepEqual(cli.control.seen[0]?.body, {
      PortBindings: {
        '80/tcp': [{ HostIp: '', HostPort: '8080' }],
        '443/tcp': [{ HostIp: '192.0.2.1', HostPort: '443' }],
        '53/udp': [{ HostIp: '', HostPort: '' }],
      },
    })
  })

  it('sends a range as one, and prints it so', async () => {
    cli.control.answers.set('POST /sandboxes/*/ports', () => ({
      Ports: { '3000-12999/tcp': [{ HostIp: '0.0.0.0', HostPort: '4000-13999' }] },
    }))
    const { out } = await tapwire('port', 'add', 'web', '4000-13999:3000-12999', '90-91/udp')
    assert.equal(out, '3000-12999/tcp -> 0.0.0.0:4000-13999\n')
    assert.deepEqual(cli.control.seen[0]?.body, {
      PortBindings: {
        '3000-12999/tcp': [{ HostIp: '', HostPort: '4000-13999' }],
        '90-91/udp': [{ HostIp: '', HostPort: '' }],
      },
    })
  })

  it('tells what is wrong without asking, and what the daemon says', async () => {
    const wrong = await tapwire('port', 'add', 'web', '8010-8000:80')
    assert.deepEqual([wrong.code, wrong.out], [1, ''])
    assert.match(wrong.err, /invalid hostPort: 8010-8000/)
    assert.deepEqual(cli.control.asked, [])
    const words = 'Bind for 0.0.0.0:80 failed: port is already allocated'
    cli.control.answers.set('POST /sandboxes/*/ports', () => new Failure(500, words))
    const refused = await tapwire('port', 'add', 'web', '80:80')
    assert.equal(refused.code, 1)
    assert.match(refused.err, new RegExp(words))
  })
})

describe('what is published without an uplink', () => {
  const NONE = { Uplink: 'none', Up: false }

  beforeEach(() => cli.control.answers.set('POST /sandboxes/*/ports', () => ({ Ports: {} })))

  it('is told to reach no further than the machine', async () => {
    cli.control.answers.set('GET /uplink', () => NONE)
    const { code, out, err } = await tapwire('port', 'add', 'web', '8080:80')
    assert.deepEqual([code, out], [0, ''])
    assert.match(err, /^note: there is no uplink, .*`tapwire uplink set nic` opens them to its network\.\n$/)
  })

  it('is not told about the loopback addresses, nor with an uplink, nor where the daemon does not say', async () => {
    cli.control.answers.set('GET /uplink', () => NONE)
    for (const spec of ['127.0.0.1:8080:80', '[::1]::80']) {
      assert.equal((await tapwire('port', 'add', 'web', spec)).err, '')
    }
    for (const uplink of [
      { Uplink: 'nic', Up: false },
      { Uplink: 'none', Up: true },
    ]) {
      cli.control.answers.set('GET /uplink', () => uplink)
      assert.equal((await tapwire('port', 'add', 'web', '8080:80')).err, '')
    }
    cli.control.answers.set('GET /uplink', () => new Failure(500, 'not now'))
    assert.equal((await tapwire('port', 'add', 'web', '8080:80')).err, '')
  })
})

describe('tapwire port rm', () => {
  it('takes bindings and ports', async () => {
    cli.control.answers.set('DELETE /sandboxes/*/ports', () => undefined)
    assert.deepEqual(await tapwire('port', 'rm', 'web', '8080:80', '53/udp', '90-91'), {
      code: 0,
      out: '',
      err: '',
    })
    assert.deepEqual(cli.control.seen.at(-1)?.body, {
      Ports: ['53/udp', '90-91/tcp'],
      PortBindings: { '80/tcp': [{ HostIp: '', HostPort: '8080' }] },
    })
  })
})

describe('tapwire port ls', () => {
  const ports = [
    { IP: '0.0.0.0', PrivatePort: 80, PublicPort: 8080, Type: 'tcp' },
    { IP: '::', PrivatePort: 80, PublicPort: 8080, Type: 'tcp' },
    { IP: '0.0.0.0', PrivatePort: 81, PublicPort: 8081, Type: 'tcp' },
    { PrivatePort: 99, Type: 'udp' },
  ]

  it('draws neighbours together, and leaves out what is only exposed', async () => {
    cli.control.answers.set('GET /sandboxes', () => [
      { Id: 'b'.repeat(64), Names: ['/web'], Ports: ports },
      { Id: 'a'.repeat(64), Names: ['/idle'], Ports: [] },
    ])
    const { out } = await tapwire('port', 'ls')
    assert.deepEqual(
      out.split('\n').map((line) => line.trimEnd().split(/ {2,}/)),
      [
        ['SANDBOX', 'PORT', 'PUBLISHED ON'],
        ['web', '80-81/tcp', '0.0.0.0:8080-8081'],
        ['web', '80/tcp', '[::]:8080'],
        [''],
      ],
    )
    const json = await tapwire('port', 'ls', '--json')
    assert.deepEqual(JSON.parse(json.out), [
      { Sandbox: 'idle', Ports: [] },
      { Sandbox: 'web', Ports: ports },
    ])
  })
})
