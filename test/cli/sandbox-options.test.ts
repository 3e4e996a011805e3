/** What options of run and of network create come to in the request. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, beforeEach, describe, it } from 'node:test'
import { environmentOf } from '../../src/cli/sandbox/environment.ts'
import { parseNetworkOption } from '../../src/cli/sandbox/network-option.ts'
import { parseExpose, parsePublish } from '../../src/cli/sandbox/publish.ts'
import { CliHarness, type CliResult } from './cli-harness.ts'
import { FakeControl, NETWORK, WEB_ID } from './fake-control.ts'

const harness = new CliHarness()
let control: FakeControl

before(async () => {
  control = await FakeControl.serve(join(harness.folder, 's'))
  control.answers.set('POST /sandboxes', () => ({ Id: WEB_ID, Warnings: [] }))
  control.answers.set('POST /networks', () => ({ Id: NETWORK.Id, Warning: '' }))
  control.answers.set('POST /networks/*/connect', () => undefined)
  control.answers.set('POST /networks/*/disconnect', () => undefined)
})

beforeEach(() => {
  control.seen.length = 0
})

after(async () => {
  await control.close()
  harness.remove()
})

function tapwire(...args: string[]): Promise<CliResult> {
  return harness.tapwire(['--host', control.socket, ...args])
}

async function body(...args: string[]): Promise<Record<string, unknown>> {
  const { code, err } = await tapwire(...args)
  assert.deepEqual([code, err], [0, ''])
  return control.seen.at(-1)!.body as Record<string, unknown>
}

async function refusal(...args: string[]): Promise<string> {
  const { code, err } = await tapwire(...args)
  assert.notEqual(code, 0)
  assert.deepEqual(control.seen, [])
  return err.split('\n', 1)[0]!.replace('tapwire: ', '')
}

describe('--publish', () => {
  it('has all of its forms', () => {
    const cases: [string, string][] = [
      ['80', '80/tcp <- :'],
      ['80/UDP', '80/udp <- :'],
      ['8080:80', '80/tcp <- :8080'],
      ['127.0.0.1:8080:80', '80/tcp <- 127.0.0.1:8080'],
      ['127.0.0.1::80', '80/tcp <- 127.0.0.1:'],
      ['[::1]:8080:80', '80/tcp <- ::1:8080'],
      ['::1:8080:80', '80/tcp <- ::1:8080'],
      ['8000-8010:80', '80/tcp <- :8000-8010'],
      ['8000-8001:90-91', '90-91/tcp <- :8000-8001'],
      ['3000-3001', '3000-3001/tcp <- :'],
      ['90-90', '90/tcp <- :'],
      ['target=80,published=8080,protocol=udp', '80/udp <- :8080'],
    ]
    for (const [spec, expected] of cases) {
      const { port, hostIp, hostPort } = parsePublish(spec)
      assert.equal(`${port} <- ${hostIp}:${hostPort}`, expected, spec)
    }
    assert.equal(parseExpose('80-81/udp'), '80-81/udp')
  })

  it("refuses what is none, in docker's words", () => {
    const cases: [string, RegExp][] = [
      ['', /^no port specified: <empty>$/],
      ['8080:', /^no port specified: 8080:<empty>$/],
      ['x', /^invalid containerPort: x$/],
      ['0', /^invalid containerPort: 0$/],
      ['70000', /^invalid containerPort: 70000$/],
      ['81-80', /^invalid containerPort: 81-80$/],
      ['x:80', /^invalid hostPort: x$/],
      ['1.2.3:80:80', /^invalid IP address: 1\.2\.3$/],
      ['80/icmp', /^invalid proto: icmp$/],
      ['8000-8002:80-81', /^invalid ranges specified for container and host Ports: 80-81 and 8000-8002$/],
    ]
    for (const [spec, expected] of cases) assert.throws(() => parsePublish(spec), { message: expected }, spec)
  })
})

describe('--network', () => {
  it('is a name, or fields', () => {
    assert.deepEqual(parseNetworkOption('blue'), { target: 'blue', endpoint: {} })
    assert.deepEqual(parseNetworkOption('container:web'), { target: 'container:web', endpoint: {} })
    assert.deepEqual(
      parseNetworkOption(
        'name=blue,alias=a,alias=b,ip=10.0.0.2,ip6=fd00::2,link-local-ip=169.254.1.1,mac-address=02:00:00:00:00:01,driver-opt=k=v=w,gw-priority=-1',
      ),
      {
        target: 'blue',
        endpoint: {
          Aliases: ['a', 'b'],
          IPAMConfig: { IPv4Address: '10.0.0.2', IPv6Address: 'fd00::2', LinkLocalIPs: ['169.254.1.1'] },
          MacAddress: '02:00:00:00:00:01',
          DriverOpts: { k: 'v=w' },
          GwPriority: -1,
        },
      },
    )
    assert.throws(() => parseNetworkOption('name=a,color=red'), /invalid field key color/)
    assert.throws(() => parseNetworkOption('alias=a'), /network name must be set/)
    assert.throws(() => parseNetworkOption('name=a,gw-priority=high'), /invalid gw-priority/)
  })

  it('goes together as in docker', async () => {
    const request = await body(
      'create',
      '--network',
      'blue',
      '--network-alias',
      'db',
      '--ip',
      '10.0.0.9',
      '--network',
      'name=green,alias=x',
      '--link',
      'web:w',
    )
    assert.equal((request['HostConfig'] as { NetworkMode: string }).NetworkMode, 'blue')
    assert.deepEqual(request['NetworkingConfig'], {
      EndpointsConfig: {
        blue: { Aliases: ['db'], Links: ['web:w'], IPAMConfig: { IPv4Address: '10.0.0.9' } },
        green: { Aliases: ['x'] },
      },
    })
    const plain = await body('create', '--link', 'web:w', '--dns', '10.0.0.1', '--add-host', 'a=10.0.0.2')
    assert.deepEqual(plain['HostConfig'], {
      NetworkMode: 'default',
      Dns: ['10.0.0.1'],
      ExtraHosts: ['a:10.0.0.2'],
      Links: ['web:w'],
    })
    assert.equal(plain['NetworkingConfig'], undefined)
  })

  it("refuses what does not go together, in docker's words", async () => {
    const cases: [string[], string][] = [
      [
        ['--network', 'a', '--network', 'bridge'],
        'conflicting options: cannot attach both user-defined and non-user-defined network-modes',
      ],
      [['--network', 'a', '--network', 'a'], 'network "a" is specified multiple times'],
      [
        ['--network', 'host', '--network-alias', 'x'],
        'network-scoped aliases are only supported for user-defined networks',
      ],
      [
        ['--network', 'name=a,ip=10.0.0.2', '--ip', '10.0.0.3'],
        'conflicting options: cannot specify both --ip and per-network IPv4 address',
      ],
      [['--add-host', 'nonsense'], 'bad format for add-host: "nonsense"'],
      [['--expose', '80:80'], 'invalid port format for --expose: 80:80'],
    ]
    for (const [args, expected] of cases) assert.equal(await refusal('create', ...args), expected)
  })
})

describe('--env-file', () => {
  it('gives variables that -e may override', () => {
    const path = join(harness.folder, 'env')
    writeFileSync(path, '\uFEFF# comment\r\nA=1\r\n\n  B=x=y\nC\n')
    const env = { C: 'caller', PATH: '/bin', TERM: 'vt100', OTHER: 'x' }
    assert.deepEqual(environmentOf(env, { envFile: [path], env: ['A=2'] }, false), [
      'PATH=/bin',
      'A=2',
      'B=x=y',
      'C=caller',
    ])
    assert.deepEqual(environmentOf(env, {}, true), ['PATH=/bin', 'TERM=vt100'])
    writeFileSync(path, 'A B=1\n')
    assert.throws(() => environmentOf(env, { envFile: [path] }, false), /variable 'A B' contains whitespaces/)
    assert.throws(
      () => environmentOf(env, { envFile: ['/nowhere'] }, false),
      /open \/nowhere: no such file or directory/,
    )
    assert.throws(() => environmentOf(env, { env: ['=x'] }, false), /invalid environment variable: =x/)
  })
})

describe('tapwire network create', () => {
  it('puts ranges, gateways and addresses to their subnets', async () => {
    const args =
      'network create --subnet 10.1.0.0/16 --subnet fd00::/64 --ip-range 10.1.2.0/24 --gateway fd00::1,10.1.0.1 ' +
      '--aux-address printer=10.1.0.5 --ipv6 --ipv4=false --internal -o com.docker.network.driver.mtu=9000 ' +
      '--label a --label b=c=d blue'
    const request = await body(...args.split(' '))
    assert.deepEqual(request, {
      Name: 'blue',
      Driver: 'bridge',
      EnableIPv4: false,
      EnableIPv6: true,
      Internal: true,
      IPAM: {
        Driver: 'default',
        Config: [
          {
            Subnet: '10.1.0.0/16',
            IPRange: '10.1.2.0/24',
            Gateway: '10.1.0.1',
            AuxiliaryAddresses: { printer: '10.1.0.5' },
          },
          { Subnet: 'fd00::/64', Gateway: 'fd00::1' },
        ],
      },
      Options: { 'com.docker.network.driver.mtu': '9000' },
      Labels: { a: '', b: 'c=d' },
    })
  })

  it("refuses what lies in no subnet, in docker's words", async () => {
    const create = ['network', 'create', '--subnet', '10.1.0.0/16', 'blue']
    assert.equal(await refusal(...create, '--gateway', '10.2.0.1'), 'no matching subnet for gateway 10.2.0.1')
    assert.equal(
      await refusal(...create, '--ip-range', '10.2.0.0/24'),
      'no matching subnet for range 10.2.0.0/24',
    )
    assert.equal(
      await refusal(...create, '--aux-address', 'a=10.2.0.1'),
      'no matching subnet for aux-address 10.2.0.1',
    )
    assert.equal(
      await refusal('network', 'create', '--gateway', '10.2.0.1', 'blue'),
      'every ip-range or gateway must have a corresponding subnet',
    )
  })
})

describe('tapwire network connect and disconnect', () => {
  it('send the wishes for the endpoint', async () => {
    assert.deepEqual(
      await body(
        ...'network connect --alias a,b --ip 10.0.0.2 --gw-priority -5 --driver-opt k=v blue web'.split(' '),
      ),
      {
        Container: 'web',
        EndpointConfig: {
          IPAMConfig: { IPv4Address: '10.0.0.2' },
          Aliases: ['a', 'b'],
          DriverOpts: { k: 'v' },
          GwPriority: -5,
        },
      },
    )
    assert.deepEqual(await body('network', 'disconnect', '-f', 'blue', 'web'), {
      Container: 'web',
      Force: true,
    })
    assert.deepEqual(control.asked, ['POST /networks/blue/connect', 'POST /networks/blue/disconnect'])
  })
})
