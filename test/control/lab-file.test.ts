import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { ErrorCode, TapwireError } from '../../src/control/errors.ts'
import { type Lab, labSchema } from '../../src/control/lab.ts'
import { loadLab, parseLab } from '../../src/control/lab-file.ts'
import { formatLabProblem, LabFileError } from '../../src/control/lab-problem.ts'
import {
  DOMAINS_MAX,
  LAB_FILE_SIZE_MAX,
  LAB_PROBLEMS_MAX,
  LAB_VALUES_MAX,
  PORTS_MAX,
} from '../../src/limits.ts'

/** The problems of a text, one a line, without the file's name: `line:column: what; hint`. */
function problemsOf(text: string, file = 'demo.yaml'): string[] {
  try {
    parseLab(text, file)
  } catch (error) {
    assert.ok(error instanceof LabFileError, String(error))
    return error.problems.map((problem) => formatLabProblem(problem).slice(file.length + 1))
  }
  return []
}

/** `alice 10.1.0.2/24 02:42:0a:01:00:02`, for each endpoint. */
function endpointsOf(lab: Lab): string[] {
  return lab.sandboxes.flatMap(({ name, endpoints }) =>
    endpoints.map(
      (one) => `${name} ${one.interface} ${one.network} ${one.address}/${one.prefixLength} ${one.mac}`,
    ),
  )
}

const NO_OPTIONS = { internal: false, mtu: 1500, transparent: false, dnsTtlS: 5, options: {}, labels: {} }

const NO_SETTINGS = {
  environment: [],
  dns: [],
  dnsSearch: [],
  dnsOptions: [],
  extraHosts: [],
  labels: {},
  ports: [],
  expose: [],
  stopSignal: 'SIGTERM',
  stopTimeoutS: 10,
}

describe('parseLab', () => {
  it('fills in every default', () => {
    const lab = parseLab(
      'networks: { web: }\nsandboxes:\n  alice: { networks: [web] }\n',
      'some/where/my-lab.yaml',
    )
    assert.deepEqual(lab, {
      name: 'my-lab',
      networks: [
        {
          name: 'web',
          driver: 'bridge',
          subnets: [{ subnet: '10.1.0.0/24', gateway: '10.1.0.1', aux: {} }],
          internal: false,
          mtu: 1500,
          transparent: false,
          dnsTtlS: 5,
          options: {},
          labels: {},
        },
      ],
      sandboxes: [
        {
          name: 'alice',
          networkMode: 'networks',
          endpoints: [
            {
              network: 'web',
              interface: 'eth0',
              address: '10.1.0.2',
              prefixLength: 24,
              mac: '02:42:0a:01:00:02',
              aliases: [],
              gwPriority: 0,
              options: {},
            },
          ],
          hostname: 'alice',
          ...NO_SETTINGS,
        },
      ],
      hosts: [],
      links: [],
    })
  })

  it('takes every setting of a network', () => {
    const { networks } = parseLab(
      `networks:
  web:
    subnet: 192.168.7.0/28
    range: 192.168.7.8/29
    gateway: 192.168.7.14
    aux: { printer: 192.168.7.9 }
    subnets: [{ subnet: FD00:1::/64, gateway: fd00:1::ff }]
    mtu: 9000
    internal: true
    transparent: true
    dns: loopback
    dns_ttl: 0
    options: { tapwire.mac: random }
    labels: { tier: front }
  six: { ipv4: false, ipv6: true }
  lan: { driver: macvlan, subnets: [10.9.0.0/24, 10.10.0.0/24] }
  wide:
    driver: vxlan
    subnet: 10.11.0.0/24
    range: 10.11.0.128/25
    options: { vni: 42, remote: [192.0.2.2, 192.0.2.3], local: 192.0.2.1, learn: false }
`,
      'x.yaml',
    )
    assert.deepEqual(networks, [
      {
        name: 'web',
        driver: 'bridge',
        subnets: [
          {
            subnet: '192.168.7.0/28',
            range: '192.168.7.8/29',
            gateway: '192.168.7.14',
            aux: { printer: '192.168.7.9' },
          },
          { subnet: 'fd00:1::/64', gateway: 'fd00:1::ff', aux: {} },
        ],
        internal: true,
        mtu: 9000,
        transparent: true,
        dns: 'loopback',
        dnsTtlS: 0,
        options: { 'tapwire.mac': 'random' },
        labels: { tier: 'front' },
      },
      {
        name: 'six',
        driver: 'bridge',
        subnets: [{ subnet: 'fd00:10:1::/64', gateway: 'fd00:10:1::1', aux: {} }],
        ...NO_OPTIONS,
      },
      {
        name: 'lan',
        driver: 'macvlan',
        subnets: [
          { subnet: '10.9.0.0/24', aux: {} },
          { subnet: '10.10.0.0/24', aux: {} },
        ],
        ...NO_OPTIONS,
      },
      {
        name: 'wide',
        driver: 'vxlan',
        subnets: [{ subnet: '10.11.0.0/24', range: '10.11.0.128/25', gateway: '10.11.0.1', aux: {} }],
        ...NO_OPTIONS,
        options: { vni: '42', remote: '192.0.2.2,192.0.2.3', local: '192.0.2.1', learn: 'false' },
      },
    ])
  })

  it('takes every setting of a sandbox', () => {
    const lab = parseLab(
      `name: demo
networks: { web: { subnet: 192.168.7.0/28, ipv6: true } }
sandboxes:
  alice:
    networks:
      web:
        address: 192.168.7.2
        ipv6: FD00:10:1::00:7
        mac: 02:00:00:00:00:0A
        aliases: [www]
        gw_priority: -3
        options: { a: b }
    command: [sleep, '60']
    environment: { LANG: C }
    working_dir: www
    hostname: al
    domainname: example.org
    dns: [10.0.0.1, 'FD00::1']
    dns_search: [example.org]
    dns_opt: ['ndots:2']
    extra_hosts: { printer: 10.1.0.9 }
    labels: { tier: front }
    ports: ['8080:80']
    expose: ['53/udp']
    stop_signal: INT
    stop_timeout: 3
    offload: false
  bob: { networks: [], command: 'echo "$HOME"', environment: [A=b=c], extra_hosts: ['a:::1'] }
  carol: { network_mode: 'container:alice' }
  dave: { network_mode: host }
  erin: { network_mode: bridge }
`,
      'x.yaml',
      '/srv/labs',
    )
    const [alice, bob, carol, dave, erin] = lab.sandboxes
    assert.deepEqual(alice, {
      name: 'alice',
      networkMode: 'networks',
      endpoints: [
        {
          network: 'web',
          interface: 'eth0',
          address: '192.168.7.2',
          prefixLength: 28,
          ipv6: 'fd00:10:1::7',
          ipv6PrefixLength: 64,
          mac: '02:00:00:00:00:0a',
          aliases: ['www'],
          gwPriority: -3,
          options: { a: 'b', 'tapwire.offload': 'false' },
        },
      ],
      command: ['sleep', '60'],
      environment: ['LANG=C'],
      workingDirectory: '/srv/labs/www',
      hostname: 'al',
      domainname: 'example.org',
      dns: ['10.0.0.1', 'fd00::1'],
      dnsSearch: ['example.org'],
      dnsOptions: ['ndots:2'],
      extraHosts: ['printer:10.1.0.9'],
      labels: { tier: 'front' },
      ports: ['8080:80'],
      expose: ['53/udp'],
      stopSignal: 'SIGINT',
      stopTimeoutS: 3,
    })
    assert.deepEqual(bob, {
      name: 'bob',
      networkMode: 'none',
      endpoints: [],
      command: ['/bin/sh', '-c', 'echo "$HOME"'],
      workingDirectory: '/srv/labs',
      hostname: 'bob',
      ...NO_SETTINGS,
      environment: ['A=b=c'],
      extraHosts: ['a:::1'],
    })
    assert.deepEqual(carol, {
      name: 'carol',
      networkMode: 'container:alice',
      endpoints: [],
      ...NO_SETTINGS,
    })
    assert.deepEqual(dave, { name: 'dave', networkMode: 'host', endpoints: [], ...NO_SETTINGS })
    assert.deepEqual(erin, {
      name: 'erin',
      networkMode: 'networks',
      endpoints: [{ network: 'bridge', interface: 'eth0', aliases: [], gwPriority: 0, options: {} }],
      hostname: 'erin',
      ...NO_SETTINGS,
    })
    assert.deepEqual(labSchema.parse(JSON.parse(JSON.stringify(lab))), lab)
  })

  it('gives hosts networks of their own, and links between them', () => {
    const lab = parseLab(
      `hosts:
  left: { networks: { web: }, sandboxes: { alice: { networks: [web] } } }
  right: { networks: { web: }, sandboxes: { bob: { networks: [web] } } }
  far:
links:
  - between: [left, right]
  - { between: [right, far], subnet: 192.168.1.0/29, mtu: 9000 }
  - between: [left, right]
`,
      'two.yaml',
    )
    assert.deepEqual(
      lab.links.map(({ name, subnets, mtu }) => [name, subnets[0]?.subnet, mtu]),
      [
        ['left-right', '10.0.0.0/24', 1500],
        ['right-far', '192.168.1.0/29', 9000],
        ['left-right-2', '10.0.1.0/24', 1500],
      ],
    )
    assert.deepEqual(
      lab.hosts.map(({ name, endpoints }) => [
        name,
        ...endpoints.map((one) => `${one.interface} ${one.network} ${one.address}`),
      ]),
      [
        ['left', 'eth0 left-right 10.0.0.2', 'eth1 left-right-2 10.0.1.2'],
        ['right', 'eth0 left-right 10.0.0.3', 'eth1 right-far 192.168.1.2', 'eth2 left-right-2 10.0.1.3'],
        ['far', 'eth0 right-far 192.168.1.3'],
      ],
    )
    assert.deepEqual(
      lab.hosts.flatMap(({ networks, sandboxes }) => [
        ...networks.map(({ subnets }) => subnets[0]?.subnet),
        ...sandboxes.map(({ endpoints }) => endpoints[0]?.address),
      ]),
      ['10.1.0.0/24', '10.1.0.2', '10.1.1.0/24', '10.1.1.2'],
    )
  })

  it('gives out the lowest free addresses around those that are fixed, wherever these stand', () => {
    const lab = parseLab(
      `networks: { web: { gateway: 10.1.0.3 }, }
sandboxes:
 aa: { networks: [web] }
 bb: { networks: [web] }
 cc: { networks: { web: { address: 10.1.0.2 } } }
 dd: { networks: [web] }
`,
      'x.yaml',
    )
    assert.deepEqual(endpointsOf(lab), [
      'aa eth0 web 10.1.0.1/24 02:42:0a:01:00:01',
      'bb eth0 web 10.1.0.4/24 02:42:0a:01:00:04',
      'cc eth0 web 10.1.0.2/24 02:42:0a:01:00:02',
      'dd eth0 web 10.1.0.5/24 02:42:0a:01:00:05',
    ])
  })

  it('gives out the lowest free subnets around those that are fixed', () => {
    const lab = parseLab(
      `networks:
  a:
  b: { subnet: 10.1.1.128/25 }
  c: { subnet: 10.1.2.0/23 }
  e:
  f: { subnet: 10.1.0.0/30 }
  g:
sandboxes: {xx: { networks: [] } }
`,
      'x.yaml',
    )
    const subnets = lab.networks.map(({ name, subnets: [pool] }) => `${name} ${pool?.subnet}`)
    assert.deepEqual(subnets, [
      'a 10.1.4.0/24',
      'b 10.1.1.128/25',
      'c 10.1.2.0/23',
      'e 10.1.5.0/24',
      'f 10.1.0.0/30',
      'g 10.1.6.0/24',
    ])
  })

  it('numbers interfaces in the order of the file, in both forms', () => {
    const lab = parseLab(
      `networks: { a: , b: , c: }
sandboxes:
 xx: { networks: [c, a] }
 yy: { networks: { b: { mac: 02:00:00:00:00:01 }, c: } }
`,
      'x.yaml',
    )
    assert.deepEqual(endpointsOf(lab), [
      'xx eth0 c 10.1.2.2/24 02:42:0a:01:02:02',
      'xx eth1 a 10.1.0.2/24 02:42:0a:01:00:02',
      'yy eth0 b 10.1.1.2/24 02:00:00:00:00:01',
      'yy eth1 c 10.1.2.3/24 02:42:0a:01:02:03',
    ])
  })

  it('lets networks of several hosts have the same subnet, and isolated ones the same MAC address', () => {
    const text = `networks: { a: , b: }
sandboxes:
 xx: { networks: { a: { mac: 02:00:00:00:00:01 } } }
 yy: { networks: { b: { mac: 02:00:00:00:00:01 } } }
hosts:
  hh: { networks: { a: { subnet: 10.7.0.0/24 } } }
  ii: { networks: { a: { subnet: 10.7.0.0/24 } } }
`
    assert.deepEqual(endpointsOf(parseLab(text, 'x.yaml')), [
      'xx eth0 a 10.1.0.2/24 02:00:00:00:00:01',
      'yy eth0 b 10.1.1.2/24 02:00:00:00:00:01',
    ])
  })

  it('follows aliases', () => {
    const text = 'networks: { web: }\nsandboxes:\n aa: &one { networks: [web], command: [id] }\n bb: *one\n'
    const { sandboxes } = parseLab(text, 'x.yaml')
    assert.deepEqual(
      sandboxes.map((sandbox) => [sandbox.name, sandbox.endpoints[0]?.address, sandbox.command]),
      [
        ['aa', '10.1.0.2', ['id']],
        ['bb', '10.1.0.3', ['id']],
      ],
    )
  })

  it('fills a subnet to the last address, and the smallest has one', () => {
    const lab = parseLab(
      'networks: { a: { subnet: 10.1.0.0/30 } }\nsandboxes: {xx: { networks: [a] } }\n',
      'x.yaml',
    )
    assert.deepEqual(endpointsOf(lab), ['xx eth0 a 10.1.0.2/30 02:42:0a:01:00:02'])
  })

  it('builds the largest lab', () => {
    const sandboxes = Array.from(
      { length: PORTS_MAX },
      (_, index) => `  s-${index}: { networks: [n-${index % DOMAINS_MAX}] }\n`,
    )
    const networks = Array.from({ length: DOMAINS_MAX }, (_, index) => `  n-${index}:\n`)
    const lab = parseLab(`networks:\n${networks.join('')}sandboxes:\n${sandboxes.join('')}`, 'x.yaml')
    assert.equal(endpointsOf(lab).length, PORTS_MAX)
    assert.equal(lab.networks.at(-1)?.subnets[0]?.subnet, '10.16.255.0/24')
  })
})

/** A file that is wrong, and all that is said of it. */
const BAD: readonly { readonly what: string; readonly text: string; readonly says: readonly string[] }[] = [
  {
    what: 'an empty file',
    text: '',
    says: ['1:1: the file is empty; see examples/demo.yaml for a start'],
  },
  {
    what: 'a file of comments',
    text: '# nothing\n\n',
    says: ['1:1: the file is empty; see examples/demo.yaml for a start'],
  },
  {
    what: 'a text in place of a map',
    text: 'hello\n',
    says: ["1:1: the file must be a map with the keys networks and sandboxes, not 'hello'"],
  },
  {
    what: 'missing keys',
    text: 'name: x\n',
    says: ['1:1: the file has none of the keys networks, sandboxes, services, hosts'],
  },
  {
    what: 'empty maps',
    text: 'networks: {}\nsandboxes: {}\n',
    says: [
      '1:1: networks must be a map with at least one network, such as `web:`, not an empty map',
      '2:1: sandboxes must be a map with at least one sandbox, such as `alice: { networks: [web] }`, not an empty map',
    ],
  },
  {
    what: 'an open bracket',
    text: 'networks: [web\n',
    says: ['2:1: flow sequence in block collection must be sufficiently indented and end with a ]'],
  },
  {
    what: 'a tab as indentation, and what follows from it on other lines',
    text: 'networks:\n\tweb:\n',
    says: ['2:1: tabs are not allowed as indentation'],
  },
  {
    what: 'the first error of a line alone',
    text: '- a\nb: 1\n',
    says: ['2:1: unexpected scalar at node end'],
  },
  {
    what: 'keys that stand twice',
    text: 'networks:\n  web:\n  db:\n  web:\nsandboxes: {aa: { networks: [web], offload: true, offload: false } }\n',
    says: [
      "4:3: duplicate key 'web'; the first is in line 2",
      "5:51: duplicate key 'offload'; the first is in line 5",
    ],
  },
  {
    what: 'a key that is a map, and one that JavaScript objects lack',
    text: 'networks: { web: }\nsandboxes: {aa: { networks: [web] } }\n? { b: c }\n: 1\n__proto__: 1\n',
    says: ['3:3: a key must be plain text', '5:1: a key must be plain text'],
  },
  {
    what: 'a second document',
    text: 'networks: { web: }\nsandboxes: {aa: { networks: [web] } }\n---\nb: 1\n',
    says: ['3:1: a second document; a lab file holds one lab; split the file'],
  },
  {
    what: 'a tag',
    text: 'networks: { web: !special }\nsandboxes: {aa: { networks: [web] } }\n',
    says: ['1:18: unresolved tag: !special'],
  },
  {
    what: 'an alias of nothing',
    text: 'networks: { web: *web }\nsandboxes: {aa: { networks: [web] } }\n',
    says: ['1:18: the alias *web has no anchor &web before it'],
  },
  {
    what: 'an alias inside its own anchor',
    text: 'networks: &web { web: *web }\n',
    says: ['1:23: the file, with its aliases followed, has more than 32 collections inside one another'],
  },
  {
    what: 'an alias bomb',
    text: 'a: &a [x,x,x,x,x,x,x,x,x,x]\n'.concat(
      ...['b', 'c', 'd', 'e', 'f', 'g'].map((name, index) => {
        const alias = `*${'abcdef'[index]}`
        return `${name}: &${name} [${Array.from({ length: 10 }, () => alias).join(',')}]\n`
      }),
    ),
    says: [`6:8: the file, with its aliases followed, has more than ${LAB_VALUES_MAX} values`],
  },
  {
    what: 'a hundred thousand brackets',
    text: '['.repeat(100_000),
    says: ['1:35: more than 32 collections inside one another'],
  },
  {
    what: 'a hundred thousand dashes',
    text: '- '.repeat(100_000),
    says: ['1:68: more than 32 collections inside one another'],
  },
  {
    what: 'unknown keys at each level',
    text: `nam: x
networks: { web: { subnett: 10.1.0.0/24 } }
sandboxes:
 aa: { networks: { web: { adress: 10.1.0.5 } }, comand: [id] }
 bb: { networks: [web], zzzzzz: 1 }
`,
    says: [
      "1:1: unknown key 'nam'; did you mean 'name'?",
      "2:20: unknown key 'subnett'; did you mean 'subnet'?",
      "4:27: unknown key 'adress'; did you mean 'address'?",
      "4:49: unknown key 'comand'; did you mean 'command'?",
      "5:25: unknown key 'zzzzzz'; known: networks, network_mode, command, environment, working_dir, hostname, domainname, dns, dns_search, dns_opt, and 7 more",
    ],
  },
  {
    what: 'names that are none, and what is wrong inside',
    text: `name: My_Lab
networks: { We!: { mtu: 1 } }
sandboxes:
  -a: { networks: [We!], offload: maybe }
  ${'a'.repeat(64)}: { networks: [We!] }
`,
    says: [
      "1:7: name must be 1 to 32 small letters, digits and hyphens, no hyphen at either end, not 'My_Lab'",
      "2:13: 'We!' is no name for a network; it must be 1 to 63 letters, digits, dots, hyphens and underscores, a letter or digit first",
      '2:25: mtu must be a whole number from 576 to 65521, not 1',
      "4:3: '-a' is no name for a sandbox; it must be 2 to 63 letters, digits, dots, hyphens and underscores, a letter or digit first",
      "4:35: offload must be true or false, not 'maybe'",
      `5:3: '${'a'.repeat(60)}…' is no name for a sandbox; it must be 2 to 63 letters, digits, dots, hyphens and underscores, a letter or digit first`,
    ],
  },
  {
    what: 'names of one letter for sandboxes and hosts, which Docker has not either',
    text: 'networks: { w: }\nsandboxes: { a: { networks: [w] } }\nhosts: { h: { networks: { w: } } }\n',
    says: [
      "2:14: 'a' is no name for a sandbox; it must be 2 to 63 letters, digits, dots, hyphens and underscores, a letter or digit first",
      "3:10: 'h' is no name for a host; it must be 2 to 32 small letters, digits and hyphens, no hyphen at either end",
    ],
  },
  {
    what: 'values of the wrong kind',
    text: `name: 5
networks:
  web: { subnet: 10.1.0.0, mtu: 1500.5, gateway: 10.01.0.1, transparent: 1, dns: off, dns_ttl: -1 }
  db: 7
sandboxes:
 aa: { networks: web }
 bb: { networks: [web, 4], command: [sleep, 60] }
 cc: { networks: { web: [] }, command: [] }
 dd: { networks: { web: { address: 10.1.0, mac: 02-00 } }, command: '' }
 ee:
 ff: { command: { run: id } }
`,
    says: [
      '1:7: name must be 1 to 32 small letters, digits and hyphens, no hyphen at either end, not 5',
      "3:18: subnet must be an IPv4 subnet in CIDR notation, such as 10.1.0.0/24, not '10.1.0.0'",
      '3:33: mtu must be a whole number from 576 to 65521, not 1500.5',
      "3:50: gateway must be an IPv4 address, such as 10.1.0.10, not '10.01.0.1'",
      '3:74: transparent must be true or false, not 1',
      "3:82: dns must be gateway, loopback or none, not 'off'",
      '3:96: dns_ttl must be a whole number of seconds from 0 to 86400, not -1',
      "4:7: network 'db' must be a map of settings, such as { subnet: 10.1.0.0/24 }, or empty, not 7",
      "6:18: networks must be a list of network names, or a map from network names to their settings, not 'web'",
      "7:24: networks[1] must be a network's name, not 4",
      '7:45: command[1] must be text without NUL bytes, not 60; write "60"',
      "8:20: network 'web' must be a map of settings, such as { address: 10.1.0.10 }, or empty, not an empty list",
      '8:31: command must be a program and its arguments; leave it out to run none, not an empty list',
      "9:36: address must be an IPv4 address, such as 10.1.0.10, not '10.1.0'",
      "9:49: mac must be a MAC address of six bytes, such as 02:00:00:00:00:0a, not '02-00'",
      "9:69: command must be a command; leave it out to run none, not ''",
      "10:2: sandbox 'ee' must be a map of settings, such as { networks: [web] }, not empty",
      '11:2: networks is missing; it must be a list of network names, or a map from network names to their settings',
      '11:8: command must be a list of a program and its arguments, or one line for /bin/sh, not a map',
    ],
  },
  {
    what: 'MTUs beyond the bounds',
    text: 'networks: { a: { mtu: 575 }, b: { mtu: 65522 } }\nsandboxes: {xx: { networks: [a, b] } }\n',
    says: [
      '1:23: mtu must be a whole number from 576 to 65521, not 575',
      '1:40: mtu must be a whole number from 576 to 65521, not 65522',
    ],
  },
  {
    what: 'a NUL byte in a command',
    text: 'networks: { a: }\nsandboxes: {xx: { networks: [a], command: ["a\\0b"] } }\n',
    says: ["2:44: command[0] must be text without NUL bytes, not 'a?b'"],
  },
  {
    what: 'subnets that cannot be',
    text: `networks:
  a: { subnet: 10.1.0.5/24 }
  b: { subnet: 10.1.0.0/31 }
  c: { subnet: 8.0.0.0/7 }
  d: { subnet: 127.1.0.0/16 }
  e: { subnet: 224.0.0.0/24 }
  f: { subnet: 0.0.0.0/8 }
  g: { subnet: 255.0.0.0/8 }
sandboxes: {xx: { networks: [a, b, c, d, e, f, g] } }
`,
    says: [
      '2:16: subnet 10.1.0.5/24 has host bits set; it should be 10.1.0.0/24',
      '3:16: subnet 10.1.0.0/31 is too small; its prefix length can be at most 30',
      '4:16: subnet 8.0.0.0/7 is too large; its prefix length must be at least 8',
      '5:16: subnet 127.1.0.0/16 holds loopback addresses (RFC 1122, 3.2.1.3); take one from 10.0.0.0/8',
      '6:16: subnet 224.0.0.0/24 holds multicast addresses (RFC 5771); take one from 10.0.0.0/8',
      '7:16: subnet 0.0.0.0/8 holds addresses of "this network" (RFC 1122, 3.2.1.3); take one from 10.0.0.0/8',
      '8:16: subnet 255.0.0.0/8 holds reserved addresses (RFC 1112, 4); take one from 10.0.0.0/8',
    ],
  },
  {
    what: 'gateways that cannot be',
    text: `networks:
  a: { subnet: 10.1.0.0/24, gateway: 10.2.0.1 }
  b: { subnet: 10.1.1.0/24, gateway: 10.1.1.0 }
  c: { subnet: 10.1.2.0/24, gateway: 10.1.2.255 }
sandboxes: {xx: { networks: [] } }
`,
    says: [
      "2:38: gateway 10.2.0.1 is outside the subnet 10.1.0.0/24 of network 'a'; take one from 10.1.0.1 to 10.1.0.254",
      '3:38: gateway 10.1.1.0 is the network address of 10.1.1.0/24; take one from 10.1.1.1 to 10.1.1.254',
      '4:38: gateway 10.1.2.255 is the broadcast address of 10.1.2.0/24; take one from 10.1.2.1 to 10.1.2.254',
    ],
  },
  {
    what: 'addresses that cannot be',
    text: `networks: { web: { subnet: 10.1.0.0/24 } }
sandboxes:
 aa: { networks: { web: { address: 10.2.0.2 } } }
 bb: { networks: { web: { address: 10.1.0.0 } } }
 cc: { networks: { web: { address: 10.1.0.255 } } }
 dd: { networks: { web: { address: 10.1.0.1 } } }
 ee: { networks: { web: { address: 10.1.0.9 } } }
 ff: { networks: { web: { address: 10.1.0.9 } } }
`,
    says: [
      "3:36: address 10.2.0.2 is outside the subnet 10.1.0.0/24 of network 'web'; take one from 10.1.0.1 to 10.1.0.254",
      '4:36: address 10.1.0.0 is the network address of 10.1.0.0/24; take one from 10.1.0.1 to 10.1.0.254',
      '5:36: address 10.1.0.255 is the broadcast address of 10.1.0.0/24; take one from 10.1.0.1 to 10.1.0.254',
      "6:36: address 10.1.0.1 is the gateway of network 'web'; leave the address out to get the lowest free one",
      "8:36: address 10.1.0.9 is taken by sandbox 'ee'; leave the address out to get the lowest free one",
    ],
  },
  {
    what: 'MAC addresses that cannot be',
    text: `networks: { web: }
sandboxes:
 aa: { networks: { web: { mac: 01:00:5e:00:00:01 } } }
 bb: { networks: { web: { mac: FF:ff:ff:ff:ff:ff } } }
 cc: { networks: { web: { mac: 00:00:00:00:00:00 } } }
 dd: { networks: { web: { mac: 02:00:00:00:00:0a } } }
 ee: { networks: { web: { mac: 02:00:00:00:00:0A } } }
 ff: { networks: { web: { mac: 02:42:0a:01:00:08 } } }
 gg: { networks: [web] }
`,
    says: [
      '3:32: MAC address 01:00:5e:00:00:01 is a multicast address; make its first byte even',
      '4:32: MAC address ff:ff:ff:ff:ff:ff is a multicast address; make its first byte even',
      '5:32: MAC address 00:00:00:00:00:00 belongs to no station; leave it out to get one',
      "7:32: MAC address 02:00:00:00:00:0a is taken by sandbox 'dd' on network 'web'",
      "8:32: MAC address 02:42:0a:01:00:08 is what sandbox 'gg' gets by default for 10.1.0.8; choose another",
    ],
  },
  {
    what: 'networks that are unknown, joined twice, or overlap (each subnet told once)',
    text: `networks: { web: { subnet: 10.1.0.0/16 }, db: { subnet: 10.1.7.0/24 }, lan: }
sandboxes:
 aa: { networks: [wbe] }
 bb: { networks: { wan: { address: 10.1.0.5 } } }
 cc: { networks: [lan, web, lan] }
 dd: { networks: [db, lan, web] }
 ee: { networks: [web, lan] }
`,
    says: [
      "1:43: subnet 10.1.7.0/24 of network 'db' overlaps 10.1.0.0/16 of network 'web'; give one of them another subnet",
      "3:19: sandbox 'aa' joins an unknown network 'wbe'; did you mean 'web'?",
      "4:20: sandbox 'bb' joins an unknown network 'wan'; did you mean 'lan'?",
      "5:29: sandbox 'cc' joins network 'lan' twice",
    ],
  },
  {
    what: 'an unknown network where there is none to suggest',
    text: 'networks: {}\nsandboxes: {aa: { networks: [web] } }\n',
    says: [
      '1:1: networks must be a map with at least one network, such as `web:`, not an empty map',
      "2:30: sandbox 'aa' joins an unknown network 'web'",
    ],
  },
  {
    what: 'a subnet that is full, told once',
    text: `networks: { a: { subnet: 10.1.0.0/30 } }
sandboxes:
 xx: { networks: [a] }
 yy: { networks: [a] }
 zz: { networks: [a] }
`,
    says: ["4:19: network 'a' (10.1.0.0/30) has no address left for sandbox 'yy'; give it a larger subnet"],
  },
  {
    what: 'no subnet left to give out',
    text: 'networks: { a: { subnet: 10.0.0.0/8 }, b: }\nsandboxes: {xx: { networks: [a, b] } }\n',
    says: ["1:40: no default subnet is left for network 'b'; give it a subnet"],
  },
  {
    what: 'the same wrong thing by way of an alias, at the alias',
    text: `networks: { web: }
sandboxes:
 aa: &a { networks: { web: { address: 10.1.0.9 } } }
 bb: *a
`,
    says: [
      "4:6: address 10.1.0.9 is taken by sandbox 'aa'; leave the address out to get the lowest free one",
    ],
  },
  {
    what: 'lines that end with CR LF',
    text: 'networks: { web: }\r\nsandboxes:\r\n aa: { networks: [db] }\r\n',
    says: ["3:19: sandbox 'aa' joins an unknown network 'db'; known: web"],
  },
]

/** What the settings beyond addresses can get wrong. */
const BAD_SETTINGS: typeof BAD = [
  {
    what: 'networks behind a tunnel that lead nowhere',
    text: `networks:
  a: { driver: vxlan }
  b: { driver: vxlan, subnets: [10.1.0.0/24, 10.2.0.0/24], options: { vni: 16777216, remote: 192.0.2 } }
  c: { driver: vxlan, options: { vni: 1, remote: [192.0.2.1, 'fd00::1'], local: 192.0.2.1 } }
`,
    says: [
      '2:3: a vxlan network has a number that all of its hosts know it by: give it with -o vni=',
      '2:3: a vxlan network needs another host: give its address with -o remote=, or say -o learn-peers=true',
      "3:23: network 'b' has 2 IPv4 subnets, and the vxlan driver takes one",
      '3:60: failed to parse vni value: 16777216 (must be from 0 to 16777215)',
      '3:60: failed to parse remote value: 192.0.2 (not an IP address)',
      '4:23: the addresses of a tunnel are all IPv4, or all IPv6',
      "4:23: failed to parse remote value: 192.0.2.1 (this host's own address)",
    ],
  },
  {
    what: 'subnets of a network that do not go together',
    text: `networks:
  a: { subnets: [10.1.0.0/24, 10.2.0.0/24] }
  b: { ipv4: false }
  c: { ipv4: false, subnet: 10.3.0.0/24 }
  d: { subnets: [{ subnet: fd00:1::/64, range: fd00:2::/80 }, fe80::/64], ipv6: false }
  e: { subnet: 10.4.0.0/24, range: 10.4.0.9/29 }
  f: { subnet: 10.5.0.0/24, aux: { x: 10.5.0.1, y: 10.6.0.1 } }
`,
    says: [
      "2:8: network 'a' has 2 IPv4 subnets, and the bridge driver takes one",
      "3:3: network 'b' has neither IPv4 nor IPv6; set ipv6: true",
      "4:14: network 'c' has an IPv4 subnet, and ipv4 is false",
      "5:8: network 'd' has 2 IPv6 subnets, and the bridge driver takes one",
      "5:48: range fd00:2::/80 is not inside the subnet fd00:1::/64 of network 'd'",
      '5:63: subnet fe80::/64 holds link-local addresses (RFC 4291, 2.5.6); take one from fd00::/8',
      "5:81: network 'd' has an IPv6 subnet, and ipv6 is false",
      '6:36: range 10.4.0.9/29 has host bits set; it should be 10.4.0.8/29',
      "7:39: address 10.5.0.1 is the gateway of network 'f'; leave the address out to get the lowest free one",
      "7:52: address 10.6.0.1 is outside the subnet 10.5.0.0/24 of network 'f'; take one from 10.5.0.1 to 10.5.0.254",
    ],
  },
  {
    what: 'IPv6 where there is none, and an address that is kept for another',
    text: `networks: { web: { aux: { printer: 10.1.0.9 } } }
sandboxes:
 aa: { networks: { web: { ipv6: 'fd00::1' } } }
 bb: { networks: { web: { address: 10.1.0.9 } } }
`,
    says: [
      "3:33: network 'web' has no IPv6",
      "4:36: address 10.1.0.9 is taken by 'printer'; leave the address out to get the lowest free one",
    ],
  },
  {
    what: 'modes that exclude other settings',
    text: `networks: { web: }
sandboxes:
 aa: { networks: [web], network_mode: none }
 bb: { network_mode: 'container:cc', hostname: x, dns: [10.0.0.1] }
 cc: { network_mode: 'container:cc' }
 dd: { network_mode: macvlan }
 ee: { network_mode: host, ports: ['80'] }
 ff: {}
`,
    says: [
      "3:39: sandbox 'aa' has networks, and so no network_mode",
      "4:48: sandbox 'bb' cannot have hostname with network_mode container:cc",
      "4:51: sandbox 'bb' cannot have dns with network_mode container:cc",
      "5:22: sandbox 'cc' cannot share its own network",
      "6:22: network_mode must be none, host, bridge, or container:NAME, not 'macvlan'",
      "7:28: sandbox 'ee' cannot have ports with network_mode host",
      '8:2: networks is missing; it must be a list of network names, or a map from network names to their settings',
    ],
  },
  {
    what: 'lists and maps of settings',
    text: `networks: { web: { options: { a: {} }, labels: [x] } }
sandboxes:
 aa: { networks: [web], environment: [A], extra_hosts: [b], dns: [x], ports: ['80:x'], expose: [80] }
 bb: { networks: [web], environment: 7, stop_timeout: -1, stop_signal: FOO }
`,
    says: [
      '1:31: a must be a text, a number, true, false, or a list of texts, not an empty map',
      '1:40: labels must be a map from texts to texts, not a list',
      "3:39: environment[0] must be text of the form NAME=value, not 'A'",
      "3:57: extra_hosts[0] must be text of the form name:address, not 'b'",
      "3:67: dns[0] must be an IPv4 or IPv6 address, not 'x'",
      '3:79: invalid containerPort: x',
      '3:97: expose[0] must be text without NUL bytes, not 80; write "80"',
      '4:38: environment must be a map from names to values, or a list of NAME=value, not 7',
      '4:55: stop_timeout must be a whole number of seconds, not -1',
      '4:72: invalid signal: FOO',
    ],
  },
  {
    what: 'hosts and links that cannot be',
    text: `sandboxes: { left: { networks: [] } }
hosts:
  left: { networks: { web: { mtuu: 1 } }, sandboxes: {aa: { networks: [wbe] } } }
  Right:
links:
  - between: [left, middle]
  - between: [left, left]
  - between: [left]
`,
    says: [
      "3:3: host 'left' has the name of a sandbox",
      "3:30: unknown key 'mtuu'; did you mean 'mtu'?",
      "3:72: sandbox 'aa' joins an unknown network 'wbe'; did you mean 'web'?",
      "4:3: 'Right' is no name for a host; it must be 2 to 32 small letters, digits and hyphens, no hyphen at either end",
      "6:21: there is no host 'middle'; known: left, Right",
      "7:21: host 'left' is linked to itself",
      '8:5: between must be a list of two hosts or more, not a list',
    ],
  },
  {
    what: 'a name that a built-in network has',
    text: 'networks: { bridge: , host: }\n',
    says: [
      "1:13: network 'bridge' is there already, and no one's to make",
      "1:23: network 'host' is there already, and no one's to make",
    ],
  },
]

describe('parseLab tells', () => {
  for (const { what, text, says } of [...BAD, ...BAD_SETTINGS]) {
    it(what, () => assert.deepEqual(problemsOf(text), says))
  }

  it('a file whose name cannot name the lab', () => {
    const text = 'networks: { web: }\nsandboxes: {aa: { networks: [web] } }\n'
    assert.deepEqual(problemsOf(text, 'labs/My Lab (2).yaml'), [
      "1:1: the lab has no name, and the file's name 'My Lab (2)' cannot be one; add the line `name: my-lab-2`",
    ])
    assert.deepEqual(problemsOf(text, '___.yml'), [
      "1:1: the lab has no name, and the file's name '___' cannot be one; add the line `name: lab`",
    ])
    assert.deepEqual(problemsOf(`name: x\n${text}`, 'labs/My Lab (2).yaml'), [])
  })

  it('one endpoint and one network too many, where they stand', () => {
    const sandboxes = Array.from({ length: PORTS_MAX + 1 }, (_, index) => `  s${index}: { networks: [a] }\n`)
    const many = `networks:\n  a: { subnet: 10.0.0.0/8 }\nsandboxes:\n${sandboxes.join('')}`
    assert.deepEqual(problemsOf(many), [
      `${3 + PORTS_MAX + 1}:23: the lab has ${PORTS_MAX + 1} endpoints, and one switch takes ${PORTS_MAX}`,
    ])
    const networks = Array.from({ length: DOMAINS_MAX + 1 }, (_, index) => `  n${index}:\n`)
    assert.deepEqual(problemsOf(`networks:\n${networks.join('')}sandboxes: {aa: { networks: [] } }\n`), [
      `${DOMAINS_MAX + 2}:3: the lab has ${DOMAINS_MAX + 1} networks, and one switch takes ${DOMAINS_MAX}`,
    ])
  })

  it('a bounded number of problems, and counts the others', () => {
    const keys = Array.from({ length: LAB_PROBLEMS_MAX + 7 }, (_, index) => `key-${index}: 1\n`)
    const text = `networks: { web: }\nsandboxes: {aa: { networks: [web] } }\n${keys.join('')}`
    assert.throws(
      () => parseLab(text, 'x.yaml'),
      (error) => {
        assert.ok(error instanceof LabFileError)
        assert.equal(error.code, ErrorCode.labFileInvalid)
        assert.equal(error.problems.length, LAB_PROBLEMS_MAX)
        assert.equal(error.unlisted, 7)
        assert.equal(error.message, `x.yaml has ${LAB_PROBLEMS_MAX + 7} problems.`)
        return true
      },
    )
  })
})

describe('loadLab', () => {
  const folder = mkdtempSync(join(tmpdir(), 'lab-file-'))
  after(() => rmSync(folder, { recursive: true }))

  function unreadable(path: string, message: string): void {
    assert.throws(
      () => loadLab(path),
      (error) => {
        assert.ok(error instanceof TapwireError)
        assert.deepEqual([error.code, error.message], [ErrorCode.labFileUnreadable, message])
        return true
      },
    )
  }

  it('reads a file with a byte order mark, and counts columns without it', () => {
    const path = join(folder, 'bom.yaml')
    writeFileSync(path, '\uFEFFnetworks: { web: { foo: 1 } }\nsandboxes: {aa: { networks: [web] } }\n')
    assert.throws(
      () => loadLab(path),
      (error) => {
        assert.ok(error instanceof LabFileError)
        assert.deepEqual(error.problems.map(formatLabProblem), [
          `${path}:1:20: unknown key 'foo'; known: driver, subnet, range, gateway, aux, subnets, ipv4, ipv6, internal, mtu, and 5 more`,
        ])
        return true
      },
    )
  })

  it('tells files that cannot be read', () => {
    const missing = join(folder, 'missing.yaml')
    unreadable(missing, `Cannot read ${missing}: there is no such file.`)
    unreadable(folder, `Cannot read ${folder}: it is a folder.`)
    const binary = join(folder, 'binary.yaml')
    writeFileSync(binary, Uint8Array.of(0x61, 0xff))
    unreadable(binary, `${binary} is not UTF-8 text.`)
    const large = join(folder, 'large.yaml')
    writeFileSync(large, Buffer.alloc(LAB_FILE_SIZE_MAX + 1, 0x23))
    unreadable(large, `${large} is larger than the ${LAB_FILE_SIZE_MAX} bytes that a lab file may have.`)
  })
})
