/** Services on the command line. */
import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import type { ServiceInspect } from '../../src/control/api/service.ts'
import type { CliResult } from './cli-harness.ts'
import { CliScene } from './cli-scene.ts'

const cli = new CliScene()

const WEB: ServiceInspect = {
  ID: '5e'.repeat(32),
  Name: 'web',
  CreatedAt: '2026-01-02T03:04:05.678901234Z',
  Scope: 'swarm',
  Network: { ID: 'ab'.repeat(32), Name: 'blue' },
  EndpointMode: 'vip',
  VirtualIP: '10.1.0.9/24',
  ReplicasOf: ['app=web'],
  Endpoints: [],
  Ports: [
    { Protocol: 'tcp', TargetPort: 80, PublishedPort: 5000, PublishMode: 'ingress' },
    { Protocol: 'udp', TargetPort: 53, PublishedPort: 53, PublishMode: 'host' },
  ],
  Tasks: [
    { ID: 'c1'.repeat(32), Name: 'a1', EndpointID: '', Node: 'one', Address: '10.1.0.2', State: 'running' },
    { ID: 'c2'.repeat(32), Name: 'a2', EndpointID: '', Node: 'two', Address: '10.1.0.3', State: 'running' },
  ],
  Labels: {},
  Problem: '',
}

beforeEach(() => {
  cli.control.answers.set('POST /services', () => ({ ID: WEB.ID }))
  cli.control.answers.set('POST /services/*/update', () => undefined)
  cli.control.answers.set('GET /services', () => [
    { ...WEB, Name: 'www', EndpointMode: 'dnsrr', VirtualIP: '' },
    WEB,
  ])
  cli.control.answers.set('GET /services/*/tasks', () => WEB.Tasks)
})

const tapwire = (...args: readonly string[]): Promise<CliResult> => cli.tapwire(args)

const create = (...ports: readonly string[]): Promise<CliResult> =>
  tapwire(
    'service',
    'create',
    '--name',
    'web',
    '--replicas-of',
    'app=web',
    ...ports.flatMap((port) => ['-p', port]),
  )

describe('tapwire service', () => {
  it('create sends what its options say, ports in either syntax', async () => {
    const { out, code } = await create('published=5000,target=80', '53:53/udp', 'target=443,mode=host')
    assert.deepEqual([code, out], [0, `${WEB.ID}\n`])
    assert.deepEqual(cli.control.seen[0]?.body, {
      Name: 'web',
      ReplicasOf: ['app=web'],
      Ports: [
        { Protocol: 'tcp', TargetPort: 80, PublishedPort: 5000, PublishMode: 'ingress' },
        { Protocol: 'udp', TargetPort: 53, PublishedPort: 53, PublishMode: 'ingress' },
        { Protocol: 'tcp', TargetPort: 443, PublishedPort: 0, PublishMode: 'host' },
      ],
    })
  })
  for (const [port, words] of [
    ['127.0.0.1:5000:80', 'hostip is not supported'],
    ['published=5000', "missing mandatory field 'target'"],
    ['target=80,mode=all', "invalid publish mode value (all): must be either 'ingress' or 'host'"],
    ['target=80,host=1.2.3.4', 'invalid field key: host'],
    ['target=x', 'invalid target port (x): value must be an integer'],
    ['target', 'invalid containerPort: target'],
    ['target=80,oops', 'invalid field: oops'],
  ] as const) {
    it(`create refuses ${port} without asking`, async () => {
      const { code, err } = await create(port)
      assert.equal(code, 1)
      assert.ok(err.includes(words), err)
      assert.deepEqual(cli.control.asked, [])
    })
  }
  it('update sends what changes', async () => {
    await tapwire(
      'service',
      'update',
      '--publish-add',
      '81:81',
      '--publish-rm',
      '53/udp',
      '--label-rm',
      'x',
      'web',
    )
    assert.equal(cli.control.seen[0]?.path, '/services/web/update')
    assert.deepEqual(cli.control.seen[0]?.body, {
      PublishAdd: [{ Protocol: 'tcp', TargetPort: 81, PublishedPort: 81, PublishMode: 'ingress' }],
      PublishRm: [{ Protocol: 'udp', TargetPort: 53 }],
      LabelRm: ['x'],
    })
  })
  it('ls and ps are tables', async () => {
    assert.equal(
      (await tapwire('service', 'ls')).out,
      [
        'ID             NAME      MODE      REPLICAS   NETWORK   ADDRESS    PORTS',
        '5e5e5e5e5e5e   web       vip       2          blue      10.1.0.9   *:5000->80/tcp, *:53->53/udp (host)',
        '5e5e5e5e5e5e   www       dnsrr     2          blue      -          *:5000->80/tcp, *:53->53/udp (host)',
        '',
      ].join('\n'),
    )
    assert.equal(
      (await tapwire('service', 'ps', 'web')).out,
      [
        'ID             NAME      NODE      ADDRESS    CURRENT STATE',
        'c1c1c1c1c1c1   a1        one       10.1.0.2   running',
        'c2c2c2c2c2c2   a2        two       10.1.0.3   running',
        '',
      ].join('\n'),
    )
  })
})
