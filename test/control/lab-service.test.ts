/** What a lab file says of services, and what is wrong with it. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { LabService } from '../../src/control/lab.ts'
import { parseLab } from '../../src/control/lab-file.ts'
import { formatLabProblem, LabFileError } from '../../src/control/lab-problem.ts'
import { labText } from '../../src/control/lab-text.ts'

const LAB = `name: lab
networks: { web: { subnet: 10.1.0.0/24 }, back: { driver: vxlan, options: { vni: 7, remote: 192.0.2.1 } } }
sandboxes:
  alice: { networks: [web] }
  bob: { networks: [web], labels: { app: shop } }
  carol: { networks: [back], labels: { app: store } }
  dave: { network_mode: bridge, labels: { app: plain } }
`
const CLUSTER = `name: lab
networks: { own: }
hosts:
  left: { networks: { inner: }, sandboxes: { alice: { networks: [web], labels: { app: shop } }, andy: { networks: [inner] } } }
  right: { sandboxes: { bob: { networks: [web], labels: { app: shop } } } }
links: [{ between: [left, right] }]
cluster: { networks: { web: { subnet: 10.81.0.0/24 } } }
`

function read(text: string) {
  return parseLab(text, 'lab.yaml', '/srv')
}

function problemsOf(text: string): string[] {
  try {
    read(text)
  } catch (error) {
    assert.ok(error instanceof LabFileError, String(error))
    return error.problems.map((problem) => formatLabProblem(problem).slice('lab.yaml:'.length))
  }
  return []
}

/** `shop web 10.1.0.254`, and `-` for no address. */
const places = (services: readonly LabService[] = []): string[] =>
  services.map(({ name, network, address = '-' }) => `${name} ${network} ${address}`)

describe('the services of a lab', () => {
  it('have every default filled in', () => {
    assert.deepEqual(read(`${LAB}services: { shop: { replicas_of: app=shop } }\n`).services, [
      {
        name: 'shop',
        network: 'web',
        endpointMode: 'vip',
        address: '10.1.0.254',
        replicasOf: ['app=shop'],
        endpoints: [],
        ports: [],
        labels: {},
      },
    ])
    assert.equal(read(LAB).services, undefined)
  })

  it('take every setting', () => {
    const text = `${LAB}services:
  all:
    network: web
    replicas_of: [app=shop, app=store, app=shop]
    endpoints: [alice, alice]
    address: 10.1.0.9
    ports: ["8080:80", "53:53/udp", "90", "7000-7001:70-71", { target: 81 }, { target: 82, published: 8082, protocol: udp, mode: host }]
    labels: { tier: front }
  names: { endpoints: [alice], endpoint_mode: dnsrr, ports: [{ target: 80, published: 81, mode: host }] }
`
    const [all, names] = read(text).services!
    assert.deepEqual(all, {
      name: 'all',
      network: 'web',
      endpointMode: 'vip',
      address: '10.1.0.9',
      replicasOf: ['app=shop', 'app=store'],
      endpoints: ['alice'],
      ports: [
        { protocol: 'tcp', target: 80, published: 8080, mode: 'ingress' },
        { protocol: 'udp', target: 53, published: 53, mode: 'ingress' },
        { protocol: 'tcp', target: 90, mode: 'ingress' },
        { protocol: 'tcp', target: 70, published: 7000, mode: 'ingress' },
        { protocol: 'tcp', target: 71, published: 7001, mode: 'ingress' },
        { protocol: 'tcp', target: 81, mode: 'ingress' },
        { protocol: 'udp', target: 82, published: 8082, mode: 'host' },
      ],
      labels: { tier: 'front' },
    })
    assert.deepEqual([names!.network, names!.address], ['web', undefined])
  })

  it('have the highest free addresses, in the order of their names', () => {
    const text = LAB.replace(
      'alice: { networks: [web] }',
      'alice: { networks: { web: { address: 10.1.0.254 } } }',
    )
    const services = `services:
  c: { network: web, replicas_of: app }
  a: { network: web, replicas_of: app }
  b: { network: web, replicas_of: app, address: 10.1.0.252 }
`
    assert.deepEqual(places(read(text + services).services), [
      'c web 10.1.0.251',
      'a web 10.1.0.253',
      'b web 10.1.0.252',
    ])
    const more = text.replace('  bob', '  extra: { networks: [web] }\n  bob')
    assert.deepEqual(
      places(read(more + services).services),
      places(read(text + services).services),
      'a sandbox that is added changes none',
    )
  })

  it('are on the network that their sandboxes are on, or on the default bridge', () => {
    const on = (settings: string) => places(read(`${LAB}services: { it: { ${settings} } }\n`).services)
    assert.deepEqual(on('replicas_of: app=store'), ['it back 10.1.1.254'])
    assert.deepEqual(on('endpoints: [alice, bob]'), ['it web 10.1.0.254'])
    assert.deepEqual(on('replicas_of: app=plain'), ['it bridge -'])
    assert.deepEqual(on('network: bridge, replicas_of: nobody'), ['it bridge -'])
  })

  it("can be the cluster's, a host's, or of the hosts themselves", () => {
    const text = CLUSTER.replace('alice:', 'andrew: { networks: [inner] }, alice:').replace(
      'left: {',
      'left: { services: { near: { endpoints: [andy] } },',
    )
    const lab = read(`${text}services:
  shop: { replicas_of: app=shop, ports: ["80:80"] }
  front: { network: left-right, endpoints: [left, right], ports: ["80:80"] }
`)
    assert.deepEqual(places(lab.cluster!.services), ['shop web 10.81.0.254'])
    assert.deepEqual(places(lab.services), ['front left-right 10.0.0.253'])
    assert.deepEqual(places(lab.hosts[0]!.services), ['near inner 10.1.1.254'])
    assert.equal(lab.hosts[1]!.services, undefined)
  })

  it('are written as they are read', () => {
    for (const text of [
      `${LAB}services:
  a: { network: web, replicas_of: [app=shop, x], ports: ["80", "5:6/udp", { target: 7, protocol: udp, mode: host }, "8:9"] }
  b: { network: bridge, endpoints: [dave], endpoint_mode: dnsrr, labels: { z: "1", a: "2" } }
`,
      `${CLUSTER.replace('left: {', 'left: { services: { near: { endpoints: [andy] } },')}services: { shop: { replicas_of: app=shop } }\n`,
    ]) {
      const lab = read(text)
      const written = labText(lab, { named: true })
      const again = read(written)
      assert.deepEqual(
        [again.services, again.cluster?.services, again.hosts.map(({ services }) => services)],
        [lab.services, lab.cluster?.services, lab.hosts.map(({ services }) => services)],
      )
      assert.equal(labText(again, { named: true }), written)
    }
  })
})

/** `says` counts lines from the one behind `services:`, or from the top for other texts. */
const WRONG: readonly { what: string; text: string; says: readonly string[] }[] = [
  {
    what: 'a network that is not there',
    text: `${LAB}services: { it: { network: wbe, replicas_of: app } }\n`,
    says: ["8:28: service 'it' is on an unknown network 'wbe'; did you mean 'web'?"],
  },
  {
    what: 'a network whose driver has no services',
    text: 'networks:\n  lan: { driver: macvlan }\n  shut: { internal: true, options: { com.docker.network.bridge.gateway_mode_ipv4: isolated } }\n  six: { ipv4: false, ipv6: true }\nservices:\n  a: { network: lan, replicas_of: app }\n  b: { network: shut, replicas_of: app }\n  c: { network: six, replicas_of: app }\n',
    says: ['6:17', '7:17', '8:17'].map(
      (place, index) =>
        `${place}: network '${['lan', 'shut', 'six'][index]}' cannot have services: it has no IPv4 gateway of Tapwire's; ` +
        'networks of the drivers bridge, vxlan and overlay have one, unless they are isolated',
    ),
  },
  {
    what: 'no network that would follow, or several',
    text: `${LAB}services:\n  a: { replicas_of: nobody }\n  b: { replicas_of: app }\n`,
    says: [
      '9:3: network is missing; no sandbox serves of which it would follow',
      '10:3: network is missing; sandboxes that serve are on web, back, bridge',
    ],
  },
  {
    what: 'nobody who serves, once where that is not said at all',
    text: `${LAB}services:\n  a: { network: web }\n  b:\n  c: { network: web, endpoints: [], replicas_of: [] }\n`,
    says: [
      "9:3: service 'a' has no sandboxes that serve; say whose with replicas_of or endpoints",
      "10:3: service 'b' must be a map of settings, such as { network: web, replicas_of: app=web }, not empty",
      "11:3: service 'c' has no sandboxes that serve; say whose with replicas_of or endpoints",
    ],
  },
  {
    what: 'sandboxes that are not there, but any label',
    text: `${LAB}services: { it: { network: web, replicas_of: nobody, endpoints: [alcie, carol] } }\n`,
    says: ["8:66: there is no sandbox 'alcie'; did you mean 'alice'?"],
  },
  {
    what: 'ports that cannot be',
    text: `${LAB}services:\n  a:\n    network: web\n    replicas_of: app\n    ports:\n      - 127.0.0.1:80:80\n      - "5/sctp"\n      - "x"\n      - 80=80\n`,
    says: [
      '13:9: hostip is not supported',
      '14:9: port 5/sctp cannot be published: only TCP and UDP are forwarded to sandboxes',
      '15:9: invalid containerPort: x',
      '16:9: invalid field key: 80',
    ],
  },
  {
    what: 'ports of the wrong form',
    text: `${LAB}services:\n  a: { network: web, replicas_of: app, ports: [80] }\n  b: { network: web, replicas_of: app, ports: [{ target: 0, mode: all, protocol: sctp, port: 1 }, { published: 1 }] }\n`,
    says: [
      '9:48: ports[0] must be text such as "8080:80", or a map of the settings target, published, protocol and mode, not 80; write "80"',
      '10:58: target must be a port from 1 to 65535, not 0',
      "10:67: mode must be ingress or host, not 'all'",
      "10:82: protocol must be tcp or udp, not 'sctp'",
      "10:88: unknown key 'port'; known: target, published, protocol, mode",
      '10:99: target is missing; it must be a port from 1 to 65535',
    ],
  },
  {
    what: 'a port that is published twice, by each protocol for itself',
    text: `${LAB}services:\n  a: { network: web, replicas_of: app, ports: ["80:80", "80:80/udp", "80:81"] }\n  b: { network: back, replicas_of: app, ports: [{ target: 1, published: 80, mode: host }, "90", "90"] }\n`,
    says: [
      "9:70: service 'a' publishes port 80/tcp twice",
      "10:49: service 'a' publishes port 80/tcp already",
    ],
  },
  {
    what: 'more ports than a service can have, of a range of a few letters, once',
    text: `${LAB}services:\n${['a', 'b']
      .map(
        (name) =>
          `  ${name}: { network: web, replicas_of: app, ports: ["80:80", "1-65535:1-65535", "1-65535:1-65535"] }\n`,
      )
      .join('')}`,
    says: [
      "9:57: service 'a' publishes more ports than the 1024 that one service can have; publish a smaller range, or make several services",
      "10:48: service 'a' publishes port 80/tcp already",
      "10:57: service 'b' publishes more ports than the 1024 that one service can have; publish a smaller range, or make several services",
    ],
  },
  {
    what: 'what does not go with dnsrr',
    text: `${LAB}services:\n  a: { network: web, replicas_of: app, endpoint_mode: dnsrr, address: 10.1.0.9, ports: ["80:80"] }\n`,
    says: [
      "9:71: service 'a' has the endpoint_mode dnsrr, and so no address",
      "9:89: service 'a' has the endpoint_mode dnsrr, and so no port of the mode ingress; write it as { published: 8080, target: 80, mode: host }",
    ],
  },
  {
    what: 'addresses that others have, or nobody can have',
    text: `${LAB.replace('alice: { networks: [web] }', 'alice: { networks: { web: { address: 10.1.0.9 } } }')}services:\n${[
      '10.1.0.9',
      '10.1.0.1',
      '10.1.0.8',
      '10.1.0.8',
      '10.2.0.1',
      'x',
    ]
      .map((address, index) => `  s${index}: { network: web, replicas_of: app, address: ${address} }\n`)
      .join('')}`,
    says: [
      "9:50: address 10.1.0.9 is taken by sandbox 'alice'; leave it out to get the highest free one",
      "10:50: address 10.1.0.1 is the gateway of network 'web'; leave it out to get the highest free one",
      "12:50: address 10.1.0.8 is taken by service 's2'; leave it out to get the highest free one",
      "13:50: address 10.2.0.1 is outside the subnet 10.1.0.0/24 of network 'web'; take one from 10.1.0.1 to 10.1.0.254",
      "14:50: address must be an IPv4 address, such as 10.1.0.10, not 'x'",
    ],
  },
  {
    what: 'a subnet without an address that is left',
    text: 'networks: { web: { subnet: 10.1.0.0/29 } }\nsandboxes:\n  alice: { networks: [web] }\nservices:\n  a: { network: web, replicas_of: app }\n  b: { network: web, replicas_of: app }\n  c: { network: web, replicas_of: app }\n  d: { network: web, replicas_of: app }\n  e: { network: web, replicas_of: app }\n  f: { network: web, replicas_of: app }\n',
    says: ["9:3: network 'web' (10.1.0.0/29) has no address left for service 'e'; give it a larger subnet"],
  },
  {
    what: 'names, labels and keys that are none',
    text: `${LAB}services:\n  a.b: { network: web, replicas_of: app }\n  c: { network: web, replicas_of: =x, netwrk: web }\n  d: { network: web, endpoints: [x], labels: { tapwire.lab: x } }\n`,
    says: [
      "9:3: 'a.b' is no name for a service; it must be 1 to 63 letters, digits, hyphens and underscores, a letter or digit at either end",
      "10:35: replicas_of must be a label of sandboxes, such as app=web, or app for any value, not '=x'",
      "10:39: unknown key 'netwrk'; did you mean 'network'?",
      "11:34: endpoints[0] must be 2 to 63 letters, digits, dots, hyphens and underscores, a letter or digit first, not 'x'",
      '11:38: labels must be a map of labels whose names do not begin with tapwire.lab, which are those of labs, not a map',
    ],
  },
  {
    what: 'an empty map of them',
    text: `${LAB}services: {}\n`,
    says: [
      '8:1: services must be a map with at least one service, such as `web: { network: web, replicas_of: app=web }`, not an empty map',
    ],
  },
  {
    what: "a cluster's network in a host, and names and ports that the cluster has",
    text: `${CLUSTER.replace(
      'left: {',
      'left: { services: { a: { network: web, replicas_of: app }, b: { endpoints: [andy], ports: ["80:1"] } },',
    ).replace(
      'networks: { own: }',
      'networks: { own: , web: }',
    )}services:\n  b: { replicas_of: app, ports: ["80:80"] }\n  c: { network: web, replicas_of: app }\n`,
    says: [
      "4:37: network 'web' is on all hosts; say the service once, in the services of the lab",
      "4:62: service 'b' has the name of a service of the cluster",
      "4:94: service 'b' publishes port 80/tcp already",
      "10:17: network 'web' is one of the lab and one of its cluster; give one another name",
    ],
  },
]

describe('the services of a lab: it is told', () => {
  for (const { what, text, says } of WRONG) it(what, () => assert.deepEqual(problemsOf(text), says))
})
