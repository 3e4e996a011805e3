import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { runName } from '../../../src/control/rules/port-runs.ts'
import {
  checkPortBindings,
  type PublishedPort,
  parseExpose,
  parsePorts,
  parsePublish,
  portLines,
  portRequest,
} from '../../../src/control/rules/publish.ts'
import { assertRefused } from './refusal.ts'

function published(spec: string): string[] {
  return parsePublish(spec).map(
    ({ hostIp, hostPort, containerPort, protocol }) => `${hostIp}|${hostPort}|${containerPort}|${protocol}`,
  )
}

describe('-p', () => {
  const forms: [string, string[]][] = [
    ['80', ['||80|tcp']],
    ['80/udp', ['||80|udp']],
    ['80/UDP', ['||80|udp']],
    ['80/sctp', ['||80|sctp']],
    ['8080:80', ['|8080|80|tcp']],
    ['0:80', ['||80|tcp']],
    [':80', ['||80|tcp']],
    ['127.0.0.1:8080:80', ['127.0.0.1|8080|80|tcp']],
    ['127.0.0.1::80', ['127.0.0.1||80|tcp']],
    ['[::1]:8080:80', ['::1|8080|80|tcp']],
    ['::1:8080:80', ['::1|8080|80|tcp']],
    ['[2001:db8::1]::53/udp', ['2001:db8::1||53|udp']],
    ['8000-8010:80', ['|8000-8010|80|tcp']],
    ['8000-8001:9000-9001', ['|8000|9000|tcp', '|8001|9001|tcp']],
    ['8000-8000:80', ['|8000|80|tcp']],
    ['3000-3002', ['||3000|tcp', '||3001|tcp', '||3002|tcp']],
    ['65535:65535', ['|65535|65535|tcp']],
    ['target=80', ['||80|tcp']],
    ['target=80,published=8080', ['|8080|80|tcp']],
    ['published=53,target=5353,protocol=udp', ['|53|5353|udp']],
    ['target=80,published=8080,mode=host', ['|8080|80|tcp']],
    ['target=80-81,published=8080-8081,mode=ingress', ['|8080|80|tcp', '|8081|81|tcp']],
  ]
  for (const [spec, expected] of forms) {
    it(`takes ${spec}`, () => assert.deepEqual(published(spec), expected))
  }

  const errors: [string, string][] = [
    ['', 'no port specified: <empty>'],
    ['8080:', 'no port specified: 8080:<empty>'],
    ['8080:/tcp', 'no port specified: 8080:/tcp<empty>'],
    ['http', 'invalid containerPort: http'],
    ['0', 'invalid containerPort: 0'],
    ['65536', 'invalid containerPort: 65536'],
    ['-1', 'invalid containerPort: -1'],
    ['90-80', 'invalid containerPort: 90-80'],
    ['80-90-100', 'invalid containerPort: 80-90-100'],
    [' 80', 'invalid containerPort:  80'],
    ['x:80', 'invalid hostPort: x'],
    ['8010-8000:80', 'invalid hostPort: 8010-8000'],
    ['65536:80', 'invalid hostPort: 65536'],
    ['1.2.3:8080:80', 'invalid IP address: 1.2.3'],
    ['localhost:8080:80', 'invalid IP address: localhost'],
    ['[]:8080:80', 'invalid IP address: '],
    ['[::1:8080:80', 'invalid IP address: [::1'],
    ['80/icmp', 'invalid proto: icmp'],
    ['80/tcp/udp', 'invalid proto: tcp/udp'],
    ['8000-8010:80-81', 'invalid ranges specified for container and host Ports: 80-81 and 8000-8010'],
    ['8000:80-81', 'invalid ranges specified for container and host Ports: 80-81 and 8000'],
    ['published=80', 'no port specified: 80:/tcp<empty>'],
    ['target=80,published', "invalid publish opts format (should be name=value but got 'published')"],
    ['target=80,=1', "invalid publish opts format (should be name=value but got '=1')"],
    ['target=80,host_ip=1.2.3.4', 'invalid field key: host_ip'],
    ['target=80,protocol=icmp', 'invalid protocol value icmp'],
    ['target=80,mode=both', 'invalid publish mode value both'],
    ['target=http', 'invalid containerPort: http'],
    ['target=80,published=1.2.3.4:5', 'invalid hostPort: 1.2.3.4:5'],
  ]
  for (const [spec, message] of errors) {
    it(`refuses '${spec}'`, () => assertRefused(() => parsePublish(spec), 'PORT_INVALID', message))
  }

  it('reads back what stands for one port', () => {
    const port = fc.integer({ min: 1, max: 65_535 })
    const hostPort = fc.oneof(
      fc.constant(''),
      port.map(String),
      fc
        .tuple(port, port)
        .filter(([a, b]) => a < b)
        .map(([a, b]) => `${a}-${b}`),
    )
    const spec: fc.Arbitrary<PublishedPort> = fc.record(
      {
        containerPort: port,
        protocol: fc.constantFrom('tcp', 'udp', 'sctp'),
        hostIp: fc.oneof(fc.constant(''), fc.ipV4(), fc.ipV6()),
        hostPort,
      },
      { noNullPrototype: true },
    )
    fc.assert(
      fc.property(spec, fc.boolean(), (wanted, brackets) => {
        const { hostIp, hostPort: outside, containerPort, protocol } = wanted
        const address = brackets && hostIp.includes(':') ? `[${hostIp}]` : hostIp
        const host = address === '' ? outside : `${address}:${outside}`
        const text = `${host}${host === '' ? '' : ':'}${containerPort}/${protocol}`
        assert.deepEqual(parsePublish(text), [wanted])
      }),
    )
  })

  it('never answers with a port that is none', () => {
    const text = fc.string({ unit: fc.constantFrom(...Array.from('0189:-/.[]=,tcpudsa')), maxLength: 24 })
    fc.assert(
      fc.property(text, (spec) => {
        try {
          for (const { containerPort } of parsePublish(spec))
            assert.ok(containerPort >= 1 && containerPort <= 65_535)
        } catch (error) {
          assert.equal((error as { code?: string }).code, 'PORT_INVALID')
        }
      }),
    )
  })
})

describe('portRequest', () => {
  it('exposes what is published, each once and in order', () => {
    assert.deepEqual(portRequest(['8080:80', '8443:443', '8081:80', '8080:80'], ['53/udp', '80', '53']), {
      ExposedPorts: { '53/tcp': {}, '53/udp': {}, '80/tcp': {}, '443/tcp': {} },
      PortBindings: {
        '80/tcp': [
          { HostIp: '', HostPort: '8080' },
          { HostIp: '', HostPort: '8081' },
        ],
        '443/tcp': [{ HostIp: '', HostPort: '8443' }],
      },
    })
  })
})

describe('--expose', () => {
  it('takes ports and ranges', () => {
    assert.deepEqual(parseExpose('80'), ['80/tcp'])
    assert.deepEqual(parseExpose('80-82/udp'), ['80/udp', '81/udp', '82/udp'])
  })
  const errors: [string, string][] = [
    ['8080:80', 'invalid port format for --expose: 8080:80'],
    ['', 'invalid range format for --expose: , error: empty string specified for ports'],
    ['x', 'invalid range format for --expose: x, error: strconv.ParseUint: parsing "x": invalid syntax'],
    ['90-80', 'invalid range format for --expose: 90-80, error: invalid range specified for port: 90-80'],
    [
      '70000',
      'invalid range format for --expose: 70000, error: strconv.ParseUint: parsing "70000": value out of range',
    ],
    ['80/x', 'invalid proto: x'],
  ]
  for (const [spec, message] of errors) {
    it(`refuses '${spec}'`, () => assertRefused(() => parseExpose(spec), 'PORT_INVALID', message))
  }
})

describe('parsePorts', () => {
  it('gives the normal form', () => {
    const texts = ['80', '80/UDP', '80-80', '080-089/tcp']
    assert.deepEqual(texts.map(parsePorts).map(runName), ['80/tcp', '80/udp', '80/tcp', '80-89/tcp'])
  })
  it('refuses what is none', () => {
    assertRefused(() => parsePorts('81-80/tcp'), 'PORT_INVALID', 'invalid port specification: "81-80"')
    assertRefused(() => parsePorts('0'), 'PORT_INVALID', 'invalid port specification: "0"')
    assertRefused(() => parsePorts('0-9'), 'PORT_INVALID', 'invalid port specification: "0-9"')
  })
})

describe('checkPortBindings', () => {
  const folds: readonly (readonly [Record<string, string[]>, Record<string, string[]>])[] = [
    [{ '80-81/tcp': ['8080-8081'] }, { '80-81/tcp': ['8080-8081'] }],
    [{ '80/tcp': ['8080'], '81/tcp': ['8081'] }, { '80-81/tcp': ['8080-8081'] }],
    [{ '80/tcp': [''], '81-82/tcp': [''] }, { '80-82/tcp': [''] }],
    [{ '80/tcp': ['0-9'] }, { '80/tcp': ['0-9'] }],
    [{ '80-82/tcp': ['0-2'] }, { '80/tcp': [''], '81-82/tcp': ['1-2'] }],
    [
      { '80/tcp': ['90-99'], '81/tcp': ['90-99'] },
      { '80/tcp': ['90-99'], '81/tcp': ['90-99'] },
    ],
    [
      { '80-89/tcp': ['80-89'], '85/TCP': ['1085'], '80-89/udp': [] },
      {
        '80-84/tcp': ['80-84'],
        '80-89/udp': [],
        '85/tcp': ['85', '1085'],
        '86-89/tcp': ['86-89'],
      },
    ],
  ]
  for (const [given, expected] of folds) {
    it(`makes ${JSON.stringify(expected)} of ${JSON.stringify(given)}`, () => {
      const request = Object.entries(given).map(([port, list]) => [
        port,
        list.map((HostPort) => ({ HostPort })),
      ])
      const checked = checkPortBindings(Object.fromEntries(request) as Record<string, { HostPort: string }[]>)
      const shown = Object.entries(checked).map(([port, list]) => [
        port,
        list.map(({ hostPort }) => hostPort),
      ])
      assert.deepEqual(shown, Object.entries(expected))
    })
  }

  it('refuses a range at more or fewer host ports, and more bindings than there may be', () => {
    for (const HostPort of ['80', '80-88', '80-90']) {
      const message = `invalid ranges specified for container and host Ports: 80-89 and ${HostPort}`
      assertRefused(() => checkPortBindings({ '80-89/tcp': [{ HostPort }] }), 'PORT_INVALID', message)
    }
    const all = Array.from({ length: 5 }, (_, index) => ({ HostIp: `192.0.2.${index}` }))
    assert.equal(Object.keys(checkPortBindings({ '1-65535/tcp': all.slice(1) })).length, 1)
    const message = 'too many published ports: 327675, at most 262144 are possible'
    assertRefused(() => checkPortBindings({ '1-65535/tcp': all }), 'LIMIT_REACHED', message)
  })

  it('puts them in normal form and order', () => {
    const bindings = checkPortBindings({
      '443': [{ HostPort: '8443' }],
      '80/TCP': [{ HostIp: '[::1]', HostPort: '0' }, {}],
      '53/udp': null,
    })
    assert.deepEqual(bindings, {
      '53/udp': [],
      '80/tcp': [
        { hostIp: '::1', hostPort: '' },
        { hostIp: '', hostPort: '' },
      ],
      '443/tcp': [{ hostIp: '', hostPort: '8443' }],
    })
    assert.deepEqual(Object.keys(bindings), ['53/udp', '80/tcp', '443/tcp'])
  })
  it('refuses what is no port and no address', () => {
    const refused = (HostIp: string, HostPort: string, message: string) =>
      assertRefused(() => checkPortBindings({ '80/tcp': [{ HostIp, HostPort }] }), 'PORT_INVALID', message)
    refused('', 'x', 'invalid port specification: "x"')
    refused('', '90-80', 'invalid port specification: "90-80"')
    refused('host', '80', 'invalid IP address: host')
  })
})

describe('port', () => {
  const ports = {
    '443/tcp': [{ HostIp: '0.0.0.0', HostPort: '8443' }],
    '53/udp': null,
    '80/tcp': [
      { HostIp: '0.0.0.0', HostPort: '8080' },
      { HostIp: '::', HostPort: '8080' },
    ],
  }
  it('lists what is published', () => {
    assert.deepEqual(portLines(ports, 'c1'), [
      '80/tcp -> 0.0.0.0:8080',
      '80/tcp -> [::]:8080',
      '443/tcp -> 0.0.0.0:8443',
    ])
  })
  it('tells the addresses of one port', () => {
    assert.deepEqual(portLines(ports, 'c1', '80'), ['0.0.0.0:8080', '[::]:8080'])
  })
  it('takes one port', () => {
    for (const port of ['x', '80-81']) {
      assertRefused(
        () => portLines(ports, 'c1', port),
        'PORT_INVALID',
        `invalid port (${port}): strconv.ParseUint: parsing "${port}": invalid syntax`,
      )
    }
  })
  it('knows which one is not published', () => {
    for (const port of ['53/udp', '80/udp', '81/tcp']) {
      assertRefused(
        () => portLines(ports, 'c1', port),
        'PORT_NOT_PUBLISHED',
        `no public port '${port}' published for c1`,
      )
    }
  })
})
