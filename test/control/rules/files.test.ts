import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  type HostsFile,
  hostsFile,
  hostsFileOfHost,
  parseExtraHost,
} from '../../../src/control/rules/hosts-file.ts'
import { type ResolvConf, resolvConf } from '../../../src/control/rules/resolv-conf.ts'
import { assertRefused } from './refusal.ts'

const HOSTS: HostsFile = {
  hostname: 'web',
  domainname: '',
  ipv6: false,
  extraHosts: [],
  hostGateway: ['172.17.0.1'],
  addresses: ['10.1.0.2'],
  links: [],
}

describe('/etc/hosts', () => {
  it('has localhost and the sandbox itself', () => {
    assert.equal(hostsFile(HOSTS), '127.0.0.1\tlocalhost\n10.1.0.2\tweb\n')
  })
  it('has the names of IPv6, extra hosts, links, and a line for each address', () => {
    const text = hostsFile({
      ...HOSTS,
      domainname: 'lab.example',
      ipv6: true,
      extraHosts: ['a:10.0.0.1', 'six:2001:db8::1', 'machine:host-gateway'],
      hostGateway: ['172.17.0.1', 'fd00::1'],
      addresses: ['10.1.0.2', 'fd01::2'],
      links: [
        { address: '10.1.0.3', alias: 'store', hostname: 'b2b2b2b2b2b2', name: 'db' },
        { address: '10.1.0.4', alias: 'db2', hostname: 'db2', name: 'db2' },
      ],
    })
    assert.equal(
      text,
      [
        '127.0.0.1\tlocalhost',
        '::1\tlocalhost ip6-localhost ip6-loopback',
        'fe00::\tip6-localnet',
        'ff00::\tip6-mcastprefix',
        'ff02::1\tip6-allnodes',
        'ff02::2\tip6-allrouters',
        '10.0.0.1\ta',
        '2001:db8::1\tsix',
        '172.17.0.1\tmachine',
        'fd00::1\tmachine',
        '10.1.0.3\tstore b2b2b2b2b2b2 db',
        '10.1.0.4\tdb2',
        '10.1.0.2\tweb.lab.example web',
        'fd01::2\tweb.lab.example web',
        '',
      ].join('\n'),
    )
  })
  it('is the machine’s in the mode host, and the extra hosts', () => {
    assert.equal(hostsFileOfHost('127.0.0.1 localhost\n', [], []), '127.0.0.1 localhost\n')
    assert.equal(
      hostsFileOfHost('127.0.0.1 localhost', ['a:10.0.0.1'], []),
      '127.0.0.1 localhost\n10.0.0.1\ta\n',
    )
    assert.equal(hostsFileOfHost('', ['a:10.0.0.1'], []), '10.0.0.1\ta\n')
  })
})

describe('--add-host', () => {
  const forms: [string, string][] = [
    ['a:10.0.0.1', 'a:10.0.0.1'],
    ['a=10.0.0.1', 'a:10.0.0.1'],
    ['a:::1', 'a:::1'],
    ['a=::1', 'a:::1'],
    ['a:[2001:db8::1]', 'a:2001:db8::1'],
    ['a=[10.0.0.1]', 'a:10.0.0.1'],
    ['a.b_c-d:host-gateway', 'a.b_c-d:host-gateway'],
  ]
  for (const [text, normal] of forms) it(`takes ${text}`, () => assert.equal(parseExtraHost(text), normal))

  const refused: [string, string][] = [
    ['', 'bad format for add-host: ""'],
    ['a', 'bad format for add-host: "a"'],
    [':10.0.0.1', 'bad format for add-host: ":10.0.0.1"'],
    ['=10.0.0.1', 'bad format for add-host: "=10.0.0.1"'],
    ['a b:10.0.0.1', 'bad format for add-host: "a b:10.0.0.1"'],
    ['a\n6.6.6.6 b:10.0.0.1', 'bad format for add-host: "a\\n6.6.6.6 b:10.0.0.1"'],
    ['a:', 'invalid IP address in add-host: ""'],
    ['a:10.0.0', 'invalid IP address in add-host: "10.0.0"'],
    ['a:[]', 'invalid IP address in add-host: "[]"'],
    ['a:10.0.0.1\n6.6.6.6 b', 'invalid IP address in add-host: "10.0.0.1\\n6.6.6.6 b"'],
  ]
  for (const [text, message] of refused) {
    it(`refuses ${JSON.stringify(text)}`, () =>
      assertRefused(() => parseExtraHost(text), 'SANDBOX_INVALID', message))
  }
})

const HOST_FILE = `# the machine's
nameserver 127.0.0.53
nameserver 192.0.2.1
nameserver 2001:db8::53
nameserver fe80::1%eth0
domain old.example
search corp.example example
options edns0
options ndots:1
; nameserver 6.6.6.6
`

const RESOLV: ResolvConf = {
  host: false,
  resolver: undefined,
  hostResolvConf: HOST_FILE,
  ipv6: false,
  dns: [],
  dnsSearch: [],
  dnsOptions: [],
}

function directives(file: Partial<ResolvConf>): string[] {
  return resolvConf({ ...RESOLV, ...file })
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
}

describe('/etc/resolv.conf', () => {
  const rest = ['search corp.example example', 'options edns0 ndots:1']
  const cases: [string, Partial<ResolvConf>, string[]][] = [
    ['is the machine’s, as far as it can be reached', {}, ['nameserver 192.0.2.1', ...rest]],
    [
      'has the machine’s IPv6 servers where the sandbox has IPv6',
      { ipv6: true },
      ['nameserver 192.0.2.1', 'nameserver 2001:db8::53', ...rest],
    ],
    [
      'falls back on public servers',
      { hostResolvConf: 'nameserver 127.0.0.1\nnameserver ::1\n' },
      ['nameserver 8.8.8.8', 'nameserver 8.8.4.4'],
    ],
    [
      'falls back on public servers of both families',
      { hostResolvConf: '', ipv6: true },
      [
        'nameserver 8.8.8.8',
        'nameserver 8.8.4.4',
        'nameserver 2001:4860:4860::8888',
        'nameserver 2001:4860:4860::8844',
      ],
    ],
    [
      'names our server alone where a network has names',
      { resolver: { address: '10.1.0.1', upstream: 'machine' }, ipv6: true },
      ['nameserver 10.1.0.1', ...rest],
    ],
    [
      'leaves the user’s servers to ours where a network has names',
      { resolver: { address: '127.0.0.11', upstream: ['1.1.1.1'] }, dns: ['1.1.1.1'] },
      ['nameserver 127.0.0.11', ...rest],
    ],
    [
      'has names asked for as they stand first where a network has names, and nobody says otherwise',
      { resolver: { address: '10.1.0.1', upstream: 'none' }, dnsOptions: ['rotate'] },
      ['nameserver 10.1.0.1', 'search corp.example example', 'options rotate ndots:0'],
    ],
    [
      'has the user’s number of dots where a network has names',
      { resolver: { address: '10.1.0.1', upstream: 'none' }, dnsOptions: ['ndots:2'] },
      ['nameserver 10.1.0.1', 'search corp.example example', 'options ndots:2'],
    ],
    [
      'has the user’s words in place of the machine’s',
      { dns: ['1.1.1.1'], dnsSearch: ['lab'], dnsOptions: ['ndots:2', 'rotate'] },
      ['nameserver 1.1.1.1', 'search lab', 'options ndots:2 rotate'],
    ],
    [
      'has no search domain for a dot',
      { dnsSearch: ['.'] },
      ['nameserver 192.0.2.1', 'options edns0 ndots:1'],
    ],
    [
      'of the mode host has the user’s words too',
      { host: true, dnsSearch: ['lab'] },
      [
        'nameserver 127.0.0.53',
        'nameserver 192.0.2.1',
        'nameserver 2001:db8::53',
        'nameserver fe80::1%eth0',
        'search lab',
        'options edns0 ndots:1',
      ],
    ],
  ]
  for (const [title, file, expected] of cases) it(title, () => assert.deepEqual(directives(file), expected))

  it('is a plain copy in the mode host', () => {
    assert.equal(resolvConf({ ...RESOLV, host: true }), HOST_FILE)
  })
  it('says where its lines are from', () => {
    assert.equal(
      resolvConf({ ...RESOLV, hostResolvConf: '', dnsSearch: ['lab'], dnsOptions: ['ndots:2'] }),
      [
        '# Generated by Tapwire.',
        '# This file can be edited; Tapwire will not make further changes once it',
        '# has been modified.',
        '',
        'nameserver 8.8.8.8',
        'nameserver 8.8.4.4',
        'search lab',
        'options ndots:2',
        '',
        "# Based on host file: '/etc/resolv.conf'",
        '# Used default nameservers.',
        '# Overrides: [search options]',
        '',
      ].join('\n'),
    )
    assert.doesNotMatch(resolvConf(RESOLV), /Overrides|default|internal|ndots from|ExtServers/)
  })
  it('is as Docker’s but for the header and the address, where a network has names', () => {
    // test/fixtures/docker/files-and-routes.json, c4
    assert.equal(
      resolvConf({
        ...RESOLV,
        resolver: { address: '127.0.0.11', upstream: ['9.9.9.9'] },
        dns: ['9.9.9.9'],
        dnsSearch: ['a.test', 'b.test'],
        dnsOptions: ['ndots:3'],
      }),
      [
        '# Generated by Tapwire.',
        '# This file can be edited; Tapwire will not make further changes once it',
        '# has been modified.',
        '',
        'nameserver 127.0.0.11',
        'search a.test b.test',
        'options ndots:3',
        '',
        "# Based on host file: '/etc/resolv.conf' (internal resolver)",
        '# ExtServers: [9.9.9.9]',
        '# Overrides: [nameservers search options]',
        '# Option ndots from: override',
        '',
      ].join('\n'),
    )
  })
  it('says whom our server asks, and who has said how many dots there are', () => {
    const comments = (file: Partial<ResolvConf>): string[] =>
      resolvConf({ ...RESOLV, ...file })
        .split('\n')
        .filter((line) => /ExtServers|ndots from/.test(line))
    const resolver = { address: '10.1.0.1', upstream: 'machine' } as const
    const servers = 'host(127.0.0.53) host(192.0.2.1) host(2001:db8::53) host(fe80::1%eth0)'
    assert.deepEqual(comments({ resolver }), [`# ExtServers: [${servers}]`, '# Option ndots from: host'])
    assert.deepEqual(comments({ resolver, hostResolvConf: '' }), ['# Option ndots from: internal'])
    assert.deepEqual(comments({ resolver: { ...resolver, upstream: 'none' } }), ['# Option ndots from: host'])
  })
})
