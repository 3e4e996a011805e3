import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { TapwireError } from '../../src/control/errors.ts'
import type { Lab } from '../../src/control/lab.ts'
import { parseLab } from '../../src/control/lab-file.ts'
import { Fact, type RecordedFrame } from '../../src/datapath/capture/recorded-frame.ts'
import { DropReason } from '../../src/datapath/drop-reason.ts'
import { SimulatedLab } from '../../src/simulation/simulated-lab.ts'
import { address, packetFrame } from '../support/packet-text.ts'
import { filesBelow } from '../support/repository.ts'
import { exampleLab, SimulatedScene } from '../support/simulated-scene.ts'

const EXAMPLES = filesBelow('examples')
  .filter((path) => path.endsWith('.yaml'))
  .map((path) => path.replace(/^examples\/(.*)\.yaml$/, '$1'))

const frameOf = (packet: string, gateway = '10.1.0.1'): Uint8Array =>
  packetFrame(packet, address(gateway)).frame

/** What leaves when alice has answered that she has her address. */
const resolveArp = (scene: SimulatedScene): readonly RecordedFrame[] =>
  scene.lab.receive(scene.port('alice'), frameOf('arp 10.1.0.2 tells 10.1.0.1'), 0)

/** What the lab file says of endpoints, as the simulated lab's places say it. */
const endpointsOf = ({ sandboxes }: Lab): string[] =>
  sandboxes
    .flatMap(({ name, endpoints }) =>
      endpoints.map(({ network, interface: itself, address, ipv6, mac }) =>
        [name, network, itself, mac, address, ipv6].filter((text) => text !== undefined).join(' '),
      ),
    )
    .toSorted()

const placesOf = ({ places }: SimulatedLab): string[] =>
  [...places.values()]
    .filter(({ kind }) => kind === 'sandbox')
    .map(({ name, network, interface: itself, mac, addresses }) =>
      [name, network, itself, mac, ...addresses].join(' '),
    )
    .toSorted()

describe('a simulated lab', () => {
  for (const name of EXAMPLES.filter((one) => exampleLab(one).hosts.length === 0)) {
    it(`of examples/${name}.yaml has the endpoints that the file says`, async () => {
      const lab = await SimulatedLab.start(exampleLab(name))
      assert.deepEqual(placesOf(lab), endpointsOf(exampleLab(name)))
      assert.deepEqual(lab.warnings, [])
      assert.equal(lab.datapath.timeMs, 0)
    })
  }

  for (const name of EXAMPLES.filter((one) => exampleLab(one).hosts.length > 0)) {
    it(`of examples/${name}.yaml is one of its hosts'`, async () => {
      const lab = exampleLab(name)
      await assert.rejects(
        SimulatedLab.start(lab),
        (error: TapwireError) =>
          error.code === 'SIMULATION_IMPOSSIBLE' && error.message.includes(lab.hosts[0]!.name),
      )
      for (const host of lab.hosts) {
        const simulated = await SimulatedLab.start(lab, { host: host.name })
        assert.deepEqual(placesOf(simulated), endpointsOf({ ...lab, ...host, hosts: [], links: [] }))
      }
      await assert.rejects(SimulatedLab.start(lab, { host: 'nobody' }), { code: 'SIMULATION_IMPOSSIBLE' })
    })
  }

  it('knows the stations from the start, as they have announced themselves', async () => {
    const { lab } = await SimulatedScene.start('demo')
    const { stations } = await lab.control.fdb()
    const sandboxes = stations
      .filter(({ static: isStatic }) => !isStatic)
      .map(({ sandbox, mac }) => `${sandbox} ${mac}`)
    assert.deepEqual(
      sandboxes.toSorted(),
      [...lab.places.values()].map(({ name, mac }) => `${name} ${mac}`).toSorted(),
    )
  })

  it('has an uplink in memory where none of its networks plays the world, or the one that is asked for', async () => {
    const { lab } = await SimulatedScene.start('jumbo')
    assert.deepEqual(
      [...lab.places.values()]
        .filter(({ kind }) => kind === 'uplink')
        .map(({ name, addresses }) => [name, addresses]),
      [['uplink', ['203.0.113.1']]],
    )
    const other = await SimulatedScene.start('jumbo', { uplink: 'tap:wan,address=192.0.2.7/24' })
    assert.equal(other.lab.control.uplink().Address, '192.0.2.7/24')
    const none = await SimulatedScene.start('jumbo', { uplink: 'none' })
    assert.equal(none.lab.control.uplink().Up, false)
    await assert.rejects(SimulatedScene.start('jumbo', { uplink: 'nic:eth0' }), { code: 'UPLINK_UNUSABLE' })
  })

  it('of a host leads out by its end of a link', async () => {
    const { lab } = await SimulatedScene.start('two-hosts', { host: 'left' })
    assert.deepEqual([lab.control.uplink().Interface, lab.control.uplink().Address], ['eth0', '10.9.0.2/24'])
  })

  it('refuses what `tapwire up` would refuse', async () => {
    const text =
      'sandboxes:\n  one: { networks: [net], ports: ["80:80"] }\n  two: { networks: [net], ports: ["80:80"] }\nnetworks: { net: {} }\n'
    await assert.rejects(SimulatedLab.start(parseLab(text, 'twice.yaml', '/')), TapwireError)
  })

  it('ends', async () => {
    const { lab } = await SimulatedScene.start('demo')
    await lab.close()
  })
})

describe('a frame in a simulated lab', () => {
  it('goes from sandbox to sandbox by the switch', async () => {
    const scene = await SimulatedScene.start('demo')
    assert.deepEqual(scene.send('alice', 'echo 10.1.0.2>10.1.0.3 id=7 via=10.1.0.3'), [
      'bob: echo 10.1.0.2>10.1.0.3 id=7 ttl=64',
    ])
  })

  it('of another address than its own goes nowhere', async () => {
    const scene = await SimulatedScene.start('demo')
    assert.deepEqual(scene.send('alice', 'echo 10.1.0.9>10.1.0.3 via=10.1.0.3 from=10.1.0.2'), [
      'address-spoofed',
    ])
  })

  it("waits for an answer to ARP, goes out with the router's address, and its answer comes back", async () => {
    const scene = await SimulatedScene.start('demo')
    const [request] = scene.send('alice', 'echo 10.1.0.2>203.0.113.2 id=7')
    assert.equal(request, 'erin: arp 203.0.113.1 asks 203.0.113.2')
    const [out] = scene.send('erin', 'arp 203.0.113.2 tells 203.0.113.1', { gateway: '203.0.113.1' })
    const [, id] = /^erin: echo 203\.0\.113\.1>203\.0\.113\.2 id=(\d+)/.exec(out ?? '') ?? []
    assert.ok(id !== undefined, out)
    const back = `reply 203.0.113.2>203.0.113.1 id=${id}`
    assert.deepEqual(
      scene.send('erin', back, { gateway: '203.0.113.1' }),
      ['alice', 'bob', 'carol'].map((name) => `${name}: arp 10.1.0.1 asks 10.1.0.2`),
    )
    assert.deepEqual(scene.send('alice', 'arp 10.1.0.2 tells 10.1.0.1'), [
      'alice: reply 203.0.113.2>10.1.0.2 id=7 from=10.1.0.1',
    ])
  })

  it('needs no answers to ARP where those are made up', async () => {
    const scene = await SimulatedScene.start('demo', { answersArp: true })
    const lines = scene.send('erin', 'tcp 203.0.113.2:4000>203.0.113.1:80 syn', { gateway: '203.0.113.1' })
    assert.ok(lines.includes('bob: arp 10.1.0.1 asks 10.1.0.3'))
    assert.match(lines.at(-1)!, /^bob: tcp 203\.0\.113\.2:4000>10\.1\.0\.3:80 syn/)
    const out = await SimulatedScene.start('jumbo', { answersArp: true })
    const beyond = out.send('alice', 'udp 10.1.0.2:4000>198.51.100.7:53')
    assert.match(beyond.at(-1)!, /^uplink: udp 203\.0\.113\.1:\d+>198\.51\.100\.7:53 .*via=203\.0\.113\.254/)
  })

  it('that nobody answers for is given up after some time, in the order of time', async () => {
    const scene = await SimulatedScene.start('demo')
    scene.send('alice', 'echo 10.1.0.2>203.0.113.9 id=7', { atMs: 500 })
    const { lab } = scene
    const times = lab.advance(20_000).map(({ timeMs }) => timeMs)
    assert.deepEqual(
      times,
      times.toSorted((a, b) => a - b),
    )
    assert.ok(times.length > 1 && times.every((timeMs) => timeMs > 500 && timeMs <= 20_000), times.join())
    assert.equal(lab.datapath.counters.total().held, 0)
  })

  it('to the name server is answered; beyond the networks nobody knows anything', async () => {
    const scene = await SimulatedScene.start('demo')
    const query = (name: string): string =>
      `udp 10.1.0.2:4000>10.1.0.1:53 data=000701000001000000000000${[...name.split('.'), '']
        .map((label) => label.length.toString(16).padStart(2, '0') + Buffer.from(label).toString('hex'))
        .join('')}00010001`
    const answer = (name: string): Buffer => {
      const records = scene.lab.receive(scene.port('alice'), frameOf(query(name)), 0)
      const replies = [...records, ...resolveArp(scene)].flatMap(({ departures }) => departures)
      return Buffer.from(replies.at(-1)!.bytes).subarray(42)
    }
    assert.equal(answer('bob').subarray(-4).join('.'), '10.1.0.3')
    assert.equal(answer('www.example.com')[3]! & 15, 3)
    const { entries } = await scene.lab.control.dnsLog({ after: 0, limit: 10 })
    assert.deepEqual(
      entries.map(({ name, verdict }) => [name, verdict]),
      [
        ['bob', 'answered'],
        ['www.example.com', 'nxdomain'],
      ],
    )
  })

  it('has a record with what was decided, where that is wanted', async () => {
    const scene = await SimulatedScene.start('demo', { explained: true })
    const { lab } = scene
    const [record] = lab.receive(
      scene.port('dave'),
      frameOf('tcp 10.2.0.2:1>10.1.0.3:80 syn', '10.2.0.1'),
      10,
    )
    assert.equal(record?.steps.at(-1)?.verdict, 'drop')
    assert.equal(record?.timeMs, 10)
    assert.deepEqual([...record!.arrival!.bytes], [...frameOf('tcp 10.2.0.2:1>10.1.0.3:80 syn', '10.2.0.1')])
    const spoken = frameOf('echo 10.1.0.77>10.1.0.2 via=10.1.0.2')
    assert.equal(lab.receive(scene.port('bob'), spoken, 20)[0]!.facts & Fact.learned, 0)
  })
})

describe('simulated time', () => {
  it('forgets what is old, also in a gap that is cut short', async () => {
    const scene = await SimulatedScene.start('demo')
    const tenYears = 10 * 365 * 86_400_000
    scene.pass(tenYears)
    assert.equal(scene.lab.datapath.timeMs, tenYears)
    assert.deepEqual(
      (await scene.lab.control.fdb()).stations.filter(({ static: isStatic }) => !isStatic),
      [],
    )
    const [record] = scene.lab.receive(
      scene.port('alice'),
      frameOf('echo 10.1.0.2>10.1.0.3 via=10.1.0.3'),
      tenYears + 1,
    )
    assert.equal(record?.timeMs, tenYears + 1)
    assert.equal((record?.facts ?? 0) & Fact.flooded, Fact.flooded)
  })

  it('never goes back', async () => {
    const scene = await SimulatedScene.start('demo')
    scene.pass(5000)
    scene.pass(Number.NaN)
    const [record] = scene.lab.receive(
      scene.port('alice'),
      frameOf('echo 10.1.0.2>10.1.0.3 via=10.1.0.3'),
      10,
    )
    assert.equal(record?.timeMs, 5000)
  })
})

describe('impaired links of a simulated lab', () => {
  const lab = (link: string): Lab =>
    parseLab(
      `networks: { lan: { subnet: 10.1.0.0/24 } }\nsandboxes:\n  alice: { networks: { lan: { link: ${link} } } }\n  bob: { networks: [lan] }\n`,
      'late.yaml',
      '/',
    )

  it('are late by as much as they are told, in the order of time', async () => {
    const scene = new SimulatedScene(await SimulatedLab.start(lab('{ delay: 50ms }')))
    const request = frameOf('echo 10.1.0.2>10.1.0.3 id=7 via=10.1.0.3')
    const answer = frameOf('reply 10.1.0.3>10.1.0.2 id=7 via=10.1.0.2')
    const timesOf = (records: readonly RecordedFrame[]): number[] =>
      records.filter(({ departures }) => departures.length > 0).map(({ timeMs }) => timeMs)
    assert.deepEqual(timesOf(scene.lab.receive(scene.port('alice'), request, 10)), [])
    assert.deepEqual(timesOf(scene.lab.advance(59)), [])
    assert.deepEqual(timesOf(scene.lab.receive(scene.port('bob'), answer, 100)), [60])
    assert.deepEqual(timesOf(scene.lab.advance(10_000)), [150])
  })

  it('lose the same frames each time', async () => {
    const fates = async (): Promise<boolean[]> => {
      const scene = new SimulatedScene(await SimulatedLab.start(lab('{ loss: 50%, seed: 3 }')))
      return Array.from({ length: 64 }, () => {
        const frame = frameOf('echo 10.1.0.2>10.1.0.3 via=10.1.0.3')
        const [record, ...others] = scene.lab.receive(scene.port('alice'), frame, 10)
        assert.deepEqual(others, [])
        const isLost = record!.reason === DropReason.linkLoss
        assert.equal(record!.departures.length, isLost ? 0 : 1)
        return isLost
      })
    }
    const first = await fates()
    assert.deepEqual(await fates(), first)
    assert.ok(first.includes(true) && first.includes(false))
  })
})
