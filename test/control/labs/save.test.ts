/** What is there, saved as a lab file, makes the same again, and that is saved as the same file. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { stringify } from 'yaml'
import { parseLab } from '../../../src/control/lab-file.ts'
import { LabFileError } from '../../../src/control/lab-problem.ts'
import { randomRuns } from '../../support/random-runs.ts'
import { LabBench, StepList } from './lab-bench.ts'

const RUNS = randomRuns(30)

describe('save', () => {
  it('writes the shortest file that says it, addresses and all', async () => {
    const bench = await LabBench.start()
    await bench.up(
      `
networks:
  web: { subnet: 10.1.0.0/24, mtu: 9000, aux: { printer: 10.1.0.9 }, labels: { b: '2', a: '1' } }
  six: { ipv6: true, internal: true, options: { tapwire.mac: random } }
sandboxes:
  bob: { networks: { web: { aliases: [www], mac: 02:00:00:00:00:01 } }, command: sleep 1, environment: { A: b }, ports: ['8080:80', '53/udp'], expose: ['90'] }
  alice: { networks: [six], hostname: al, offload: false }
  carol: { network_mode: 'container:bob' }
  dave: { network_mode: none, dns: [10.1.0.9], extra_hosts: { printer: 10.1.0.9 } }
  erin: { network_mode: host }
`,
      'lab',
    )
    const text = await bench.labs.save('lab')
    const alice = bench.labs.status('lab').sandboxes.find(({ name }) => name === 'alice')!.endpoints[0]!
    assert.equal(
      text,
      `name: lab
networks:
  six:
    subnet: 10.1.1.0/24
    subnets:
      - subnet: fd00:10:1::/64
    internal: true
    options:
      tapwire.mac: random
  web:
    subnet: 10.1.0.0/24
    aux:
      printer: 10.1.0.9
    mtu: 9000
    labels:
      a: "1"
      b: "2"
sandboxes:
  alice:
    networks:
      six:
        address: 10.1.1.2
        ipv6: fd00:10:1::2
        mac: ${alice.mac}
        options:
          tapwire.offload: "false"
    hostname: al
  bob:
    networks:
      web:
        address: 10.1.0.2
        mac: 02:00:00:00:00:01
        aliases:
          - www
    command:
      - /bin/sh
      - -c
      - sleep 1
    environment:
      - A=b
    working_dir: /srv
    ports:
      - 53/udp
      - 8080:80/tcp
    expose:
      - 90/tcp
  carol:
    network_mode: container:bob
  dave:
    network_mode: none
    dns:
      - 10.1.0.9
    extra_hosts:
      - printer:10.1.0.9
  erin:
    network_mode: host
`,
    )
  })

  it('takes up what was made one by one', async () => {
    const bench = await LabBench.start()
    const { controller } = bench.daemon
    await controller.createNetwork({ Name: 'front' })
    await controller.createSandbox('a_1', { HostConfig: { NetworkMode: 'front' }, Cmd: ['id'] })
    await controller.startSandbox('a_1')
    await controller.createSandbox('a.2', { HostConfig: { NetworkMode: 'front' } })
    await controller.createSandbox('b-3', {})
    await controller.startSandbox('b-3')
    const text = await bench.labs.save(undefined)
    assert.equal(
      text,
      `networks:
  front:
    subnet: 172.18.0.0/16
sandboxes:
  a.2:
    networks:
      front:
        address: 172.18.0.3
  a_1:
    networks:
      front:
        address: 172.18.0.2
    command:
      - id
    working_dir: /
  b-3:
    networks:
      bridge: null
`,
    )
    const other = await LabBench.start()
    await other.up(text)
    assert.equal(await other.labs.save(undefined), text)
  })

  it('leaves out what a lab file cannot say, and names it', async () => {
    const bench = await LabBench.start()
    const { controller } = bench.daemon
    await controller.createNetwork({ Name: 'pair', IPAM: { Config: [{ Subnet: '10.5.0.0/31' }] } })
    await controller.createNetwork({ Name: 'front', IPAM: { Config: [{ Subnet: '10.6.0.0/24' }] } })
    for (const NetworkMode of ['pair', 'front']) {
      await controller.createSandbox(`on-${NetworkMode}`, { HostConfig: { NetworkMode } })
      await controller.startSandbox(`on-${NetworkMode}`)
    }
    const text = await bench.labs.save(undefined)
    const warnings = text.split('\n').filter((line) => line.startsWith('#'))
    assert.equal(warnings.length, 2)
    assert.match(warnings[0]!, /^# WARNING: Network pair is left out: .*10\.5\.0\.0\/31/)
    assert.equal(warnings[1], '# WARNING: Sandbox on-pair is left off network pair.')
    assert.doesNotMatch(text, /saved\.yaml|:\d+:\d+/)
    const other = await LabBench.start()
    await other.up(text)
    assert.deepEqual(other.sandboxes().sort(), [
      'on-front idle eth0 front 10.6.0.2/24 02:42:0a:06:00:02',
      'on-pair idle',
    ])
  })

  it('is no error where a lab file can say nothing of what is there', async () => {
    const bench = await LabBench.start()
    await bench.daemon.controller.createNetwork({
      Name: 'pair',
      IPAM: { Config: [{ Subnet: '10.5.0.0/31' }] },
    })
    assert.match(await bench.labs.save(undefined), /^# WARNING: Network pair is left out: [^\n]*\n\{\}\n$/)
  })

  it('saves the rest where a host does not answer', async () => {
    const bench = await LabBench.start()
    await bench.up('networks: { web: }\nhosts: { left: { networks: { inner: } } }\n')
    bench.hosts.silent = true
    const text = await bench.labs.save('lab')
    assert.match(text, /^# WARNING: left: What is in it is not known: It does not answer\.\nname: lab\n/)
    assert.match(text, /hosts:\n {2}left: null/)
  })

  it('saves hosts with what is in them, and their links', async () => {
    const bench = await LabBench.start()
    const text = `name: lab
networks:
  lan:
    subnet: 10.5.0.0/24
hosts:
  left:
    networks:
      web:
        subnet: 10.1.0.0/24
    sandboxes:
      alice:
        networks:
          web:
            address: 10.1.0.2
    uplink: nic:eth0
  right: null
links:
  - between:
      - left
      - right
    subnet: 10.0.0.0/24
    mtu: 9000
`
    await bench.up(text)
    assert.equal(await bench.labs.save('lab'), text)
  })

  it('of a lab, brought up on an empty daemon, is the same file', async () => {
    let made = 0
    await fc.assert(
      fc.asyncProperty(labFile, async (file) => {
        const text = stringify(file)
        try {
          parseLab(text, 'lab.yaml')
        } catch (error) {
          assert.ok(error instanceof LabFileError)
          return
        }
        made += 1
        const first = await LabBench.start()
        await first.up(text)
        const saved = await first.labs.save('lab')
        assert.deepEqual(await first.up(saved), [], 'the saved file is what is there')
        const second = await LabBench.start()
        await second.up(saved)
        assert.equal(await second.labs.save('lab'), saved)
        assert.equal(await second.labs.save(undefined), saved.replace('name: lab\n', ''))
        await second.down('lab')
        assert.deepEqual(second.labs.list(), [])
      }),
      { numRuns: RUNS },
    )
    assert.ok(made >= RUNS / 3, `only ${made} of ${RUNS} files made a lab`)
  })
})

describe('any lab', () => {
  it('becomes any other one, and then has nothing left to do', async () => {
    let changed = 0
    await fc.assert(
      fc.asyncProperty(fc.array(labFile, { minLength: 2, maxLength: 3 }), async (files) => {
        const bench = await LabBench.start()
        for (const file of files) {
          const text = stringify(file)
          let lab
          try {
            lab = parseLab(text, 'lab.yaml', '/srv')
          } catch {
            continue
          }
          const planned = await bench.labs.plan(lab)
          assert.deepEqual(await bench.labs.up(lab, new StepList()), planned)
          assert.deepEqual(await bench.plan(text), [])
          const { sandboxes, networks } = bench.labs.status('lab')
          assert.deepEqual(
            networks.map(({ name }) => name).toSorted(),
            lab.networks.map(({ name }) => name).toSorted(),
          )
          for (const wanted of lab.sandboxes) {
            const have = sandboxes.find(({ name }) => name === wanted.name)!
            assert.notEqual(have.state, 'created')
            assert.deepEqual(
              have.endpoints
                .filter(isOwn)
                .map(({ network, address, mac }) => `${network} ${address} ${mac}`)
                .toSorted(),
              wanted.endpoints
                .filter(isOwn)
                .map(({ network, address = '', mac }) => `${network} ${address} ${mac}`)
                .toSorted(),
            )
          }
          changed += 1
        }
      }),
      { numRuns: RUNS },
    )
    assert.ok(changed >= (2 * RUNS) / 3, `only ${changed} labs came up`)
  })
})

/** On the default bridge the daemon chooses the addresses. */
function isOwn(endpoint: { readonly network: string }): boolean {
  return endpoint.network !== 'bridge'
}

const NETWORKS = ['front', 'back', 'third'] as const

const network = fc.constantFrom<object>(
  {},
  { subnet: '10.1.0.0/24' },
  { ipv6: true },
  { mtu: 9000, transparent: true },
  { dns: 'loopback', dns_ttl: 60 },
  { dns: 'none' },
  { internal: true, labels: { tier: 'x' } },
  { subnet: '10.3.0.0/24', range: '10.3.0.128/25', gateway: '10.3.0.254', aux: { printer: '10.3.0.129' } },
  { ipv4: false, subnets: ['fd00:9::/64'] },
)

const endpoint = fc.constantFrom<object>(
  {},
  { aliases: ['www'] },
  { gw_priority: 7 },
  { mac: '06:00:00:00:00:01' },
  { options: { 'tapwire.offload': 'false' } },
  { address: '10.1.0.77' },
)

const sandbox = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record(
      {
        networks: fc.dictionary(fc.constantFrom(...NETWORKS), endpoint, { maxKeys: 3 }),
        command: fc.constantFrom<string | string[]>('id', ['sleep', '1'], ['sleep', '2']),
        environment: fc.constantFrom<object>({ A: 'b' }, ['A=c', 'D=']),
        labels: fc.constantFrom({ tier: 'y' }, {}),
        hostname: fc.constantFrom('one', 'two'),
        // Host ports are in the hundred of the sandbox: no two have the same one.
        ports: fc.constantFrom(['8@80:80'], ['127.0.0.1:8@53:53/udp', '[::1]:8@99:99', '8@00-8@01:90-91']),
        expose: fc.constantFrom(['80'], ['53/udp', '90-92']),
        dns: fc.constantFrom(['10.0.0.1'], []),
        extra_hosts: fc.constantFrom<object>({ printer: '10.1.0.9' }, ['x:::1']),
        stop_signal: fc.constantFrom('SIGINT', 'SIGTERM'),
        stop_timeout: fc.constantFrom(1, 10),
      },
      { requiredKeys: ['networks'] },
    ),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom<object>(
      { network_mode: 'none' },
      { network_mode: 'host' },
      { network_mode: 'bridge' },
      { network_mode: 'container:s-0' },
    ),
  },
)

const labFile = fc.record({
  networks: fc.record(Object.fromEntries(NETWORKS.map((name) => [name, network]))),
  sandboxes: fc
    .array(sandbox, { minLength: 1, maxLength: 5 })
    .map((list) => Object.fromEntries(list.map((one, index) => [`s-${index}`, numbered(one, index)]))),
})

function numbered(one: { readonly ports?: readonly string[] } | object, index: number): object {
  if (!('ports' in one) || one.ports === undefined) return one
  return { ...one, ports: one.ports.map((port) => port.replaceAll('@', String(index))) }
}
