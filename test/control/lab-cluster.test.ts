/** What a lab file says of its cluster, and what is wrong with it. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseLab } from '../../src/control/lab-file.ts'
import { formatLabProblem, LabFileError } from '../../src/control/lab-problem.ts'
import { labText } from '../../src/control/lab-text.ts'
import { labDot } from '../../src/control/labs/graph/dot.ts'

const HOSTS = 'hosts: { left: , right: }\n'
const LINK = 'links: [{ between: [left, right] }]\n'

function problemsOf(text: string): string[] {
  try {
    parseLab(text, 'lab.yaml')
  } catch (error) {
    assert.ok(error instanceof LabFileError, String(error))
    return error.problems.map((problem) => formatLabProblem(problem).slice('lab.yaml:'.length))
  }
  return []
}

describe('the cluster of a lab', () => {
  const text = `name: lab
sandboxes:
  client: { networks: { lan: { address: 10.9.0.254 } } }
hosts:
  one: { sandboxes: { alice: { networks: [web] }, andy: { networks: [web, more] } } }
  two: { networks: { own: }, sandboxes: { bob: { networks: [web, own] }, ben: { networks: { web: { address: 10.1.0.2 } } } } }
  three: { uplink: nic:eth0 }
links:
  - { name: lan, between: [one, two, three], subnet: 10.9.0.0/24, link: { delay: 5ms } }
cluster:
  networks:
    web: { subnet: 10.1.0.0/24 }
    more: { options: { vni: 4096, flood: false } }
`
  const lab = parseLab(text, 'lab.yaml', '/srv')

  it('gives networks VNIs, subnets and, over all hosts, addresses', () => {
    assert.deepEqual(
      lab.cluster!.networks.map(({ name, driver, subnets, options }) => [
        name,
        driver,
        subnets[0]!.subnet,
        options,
      ]),
      [
        ['web', 'overlay', '10.1.0.0/24', { 'com.docker.network.driver.overlay.vxlanid_list': '4097' }],
        [
          'more',
          'overlay',
          '10.1.1.0/24',
          { flood: 'false', 'com.docker.network.driver.overlay.vxlanid_list': '4096' },
        ],
      ],
    )
    assert.deepEqual(
      lab.hosts.flatMap(({ sandboxes }) =>
        sandboxes.map(({ name, endpoints }) => [name, ...endpoints.map(({ address }) => address)].join(' ')),
      ),
      ['alice 10.1.0.3', 'andy 10.1.0.4 10.1.1.2', 'bob 10.1.0.5 10.1.2.2', 'ben 10.1.0.2'],
    )
    assert.deepEqual(
      lab.hosts[1]!.networks.map(({ name }) => name),
      ['own'],
    )
  })

  it('has its registry at the highest free address of the link', () => {
    assert.equal(lab.cluster!.registry, 'etcd://10.9.0.253:2379')
    assert.deepEqual(
      lab.cluster!.sandbox?.endpoints.map(({ address, mac }) => [address, mac]),
      [['10.9.0.253', '02:42:0a:09:00:fd']],
    )
    assert.deepEqual(
      lab.hosts.map(({ advertise }) => advertise),
      ['10.9.0.2', '10.9.0.3', '10.9.0.4'],
    )
    assert.deepEqual(
      lab.hosts.map(({ endpoints }) => endpoints[0]!.link),
      Array.from({ length: 3 }, () => ({ from: { delay: '5ms' } })),
    )
  })

  it('is written as it is read', () => {
    const written = labText(lab, { named: true })
    assert.deepEqual(parseLab(written, 'lab.yaml', '/srv').cluster, {
      ...lab.cluster,
      networks: lab.cluster!.networks.toReversed(),
    })
    assert.equal(labText(parseLab(written, 'lab.yaml', '/srv'), { named: true }), written)
    const plain = labText(parseLab(`${HOSTS}${LINK}cluster:\n`, 'lab.yaml'), { named: true })
    assert.match(plain, /\ncluster: null\n$/)
    assert.match(
      labText(parseLab(`${HOSTS}${LINK}cluster:\n`, 'lab.yaml'), { named: false }),
      /\n {2}name: lab\n$/,
    )
  })

  it('may have its registry elsewhere', () => {
    const at = (registry: string) =>
      parseLab(`${HOSTS}${LINK}cluster: { registry: ${registry} }\n`, 'lab.yaml').cluster
    const elsewhere = at('"etcds://a.example,[2001:db8::1]:99/blue"')
    assert.equal(elsewhere!.registry, 'etcds://a.example:2379,[2001:db8::1]:99')
    assert.equal(elsewhere!.name, 'blue')
    assert.equal(elsewhere!.sandbox, undefined)
    assert.equal(at('{ sandbox: store }')!.sandbox!.name, 'store')
  })

  it('is drawn with a piece of its networks in each host that uses them', () => {
    const dot = labDot(lab)
    assert.match(dot, /"one\/network\/more" .*overlay/)
    assert.match(dot, /"two\/network\/web" /)
    assert.doesNotMatch(dot, /"two\/network\/more"/)
    assert.match(dot, /"\/sandbox\/etcd" .*registry of cluster lab/)
  })
})

const WRONG: readonly { what: string; text: string; says: readonly string[] }[] = [
  {
    what: 'no hosts',
    text: 'networks: { a: }\ncluster:\n',
    says: [
      '2:1: the lab has a cluster, and no hosts',
      "2:1: the cluster's hosts have no link by which they reach one another",
    ],
  },
  {
    what: 'several links',
    text: `${HOSTS}links: [{ between: [left, right] }, { name: b, between: [left, right] }]\ncluster:\n`,
    says: ['3:1: link is missing; it must be one of left-right, b'],
  },
  {
    what: 'a link that there is not',
    text: `${HOSTS}${LINK}cluster: { link: left-rigth }\n`,
    says: ["3:18: there is no link 'left-rigth'; did you mean 'left-right'?"],
  },
  {
    what: 'a host that is not on the link',
    text: `hosts: { left: , right: , far: }\n${LINK}cluster:\n`,
    says: ["1:27: host 'far' is not on link 'left-right', by which the cluster's hosts reach one another"],
  },
  {
    what: "a name that the registry's sandbox has",
    text: `sandboxes: { etcd: { networks: [] } }\n${HOSTS}${LINK}cluster:\n`,
    says: [
      "4:1: the registry's sandbox 'etcd' has the name of a sandbox; give it another one with `registry: { sandbox: NAME }`",
    ],
  },
  {
    what: 'networks that cannot be',
    text: `hosts: { left: { networks: { web: , far: { driver: overlay } } }, right: }
links: [{ between: [left, right], subnet: 10.0.0.0/24 }]
cluster:
  networks:
    web: { driver: bridge }
    a: { options: { vni: 7 } }
    b: { options: { vni: 7 } }
    c: { options: { vni: x } }
    d: { subnet: 10.0.0.0/16 }
`,
    says: [
      "1:30: network 'web' has the name of a network of the cluster",
      "1:52: network 'far' is on all hosts; say it once, in the networks of the cluster",
      "5:20: network 'web' is the cluster's, and its driver is overlay",
      "7:10: network 'b' has VNI 7, which network 'a' has",
      '8:10: failed to parse vni value: x (strconv.Atoi: parsing "x": invalid syntax)',
      "9:5: subnet 10.0.0.0/16 of network 'd' overlaps 10.0.0.0/24 of network 'left-right'; give one of them another subnet",
    ],
  },
  {
    what: 'an address that two sandboxes have',
    text: `hosts:
  left: { sandboxes: { aa: { networks: { web: { address: 10.1.0.9 } } } } }
  right: { sandboxes: { bb: { networks: { web: { address: 10.1.0.9 } } } } }
${LINK}cluster: { networks: { web: { subnet: 10.1.0.0/24 } } }
`,
    says: [
      "3:59: address 10.1.0.9 is taken by sandbox 'aa'; leave the address out to get the lowest free one",
    ],
  },
  {
    what: 'a registry that is none',
    text: `${HOSTS}${LINK}cluster: { registry: consul://a }\n`,
    says: [
      "3:22: registry must be etcd, an address such as etcd://10.9.0.9:2379, or a map of the setting sandbox, not 'consul://a'",
    ],
  },
  {
    what: 'two names',
    text: `${HOSTS}${LINK}cluster: { registry: etcd://a/blue, name: red }\n`,
    says: ['3:43: the cluster has a name, and the address of its registry another one'],
  },
  {
    what: 'links that cannot be',
    text: `networks: { lan: }
hosts: { left: , right: , far: }
links:
  - { name: lan, between: [left, right, far] }
  - { between: [left, right, left] }
  - { name: x, between: [left, right, far], link: { from: { loss: 1% }, delay: 1ms } }
`,
    says: [
      "4:13: link 'lan' has the name of another network",
      "5:30: host 'left' is linked to itself",
      '6:53: a link between 3 hosts is the same for all of them; leave the direction out',
    ],
  },
]

describe('a lab file tells of a cluster', () => {
  for (const { what, text, says } of WRONG) it(what, () => assert.deepEqual(problemsOf(text), says))
})
