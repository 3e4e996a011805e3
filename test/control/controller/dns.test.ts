import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  dnsAnswerSchema,
  dnsLogSchema,
  dnsRecordsSchema,
  dnsStatsSchema,
} from '../../../src/control/api/dns.ts'
import type { FabricDnsLog } from '../../../src/control/model/names.ts'
import { type Daemon, MemoryMachine, settled } from './memory-machine.ts'

const subnet = (text: string): object => ({ IPAM: { Config: [{ Subnet: text }] } })

async function booted(): Promise<{ machine: MemoryMachine; daemon: Daemon }> {
  const machine = new MemoryMachine()
  const daemon = await machine.boot()
  await daemon.controller.createNetwork({ Name: 'front', EnableIPv6: true, ...subnet('10.1.0.0/24') })
  const Options = { 'tapwire.dns-ttl': '60' }
  await daemon.controller.createNetwork({ Name: 'back', Options, ...subnet('10.2.0.0/24') })
  return { machine, daemon }
}

async function run(daemon: Daemon, name: string, HostConfig: object, more: object = {}): Promise<string> {
  const { Id } = await daemon.controller.createSandbox(name, { Cmd: ['serve'], HostConfig, ...more })
  await daemon.controller.startSandbox(Id)
  await settled()
  return Id
}

const resolverOf = ({ fabric }: Daemon, id: string): number =>
  [...fabric.resolvers].find(([, { ports }]) =>
    fabric.ports.get(ports[0]!)?.namespace.endsWith(id.slice(0, 12)),
  )![0]

describe('dns ls', () => {
  it('lists the names of all networks, or of one, by network and sandbox', async () => {
    const { daemon } = await booted()
    const web = await run(daemon, 'web', { NetworkMode: 'front', Links: ['db:store', 'nobody:else'] })
    const db = await run(daemon, 'db', { NetworkMode: 'front' })
    await run(daemon, 'plain', { NetworkMode: 'bridge' })
    await daemon.controller.createSandbox('idle', { HostConfig: { NetworkMode: 'front' } })
    await daemon.controller.connect('back', { Container: 'web', EndpointConfig: { Aliases: ['www'] } })
    const { records } = dnsRecordsSchema.parse(daemon.controller.dnsRecords(undefined))
    const [six] = daemon.controller
      .inspectNetwork('front')
      .IPAM.Config!.map(({ Subnet }) => Subnet)
      .slice(1)
    const prefix = six!.split('::')[0]
    const text = records.map((one) =>
      [
        one.network,
        one.name,
        one.kind,
        one.sandbox,
        one.from,
        one.ipv4,
        one.ipv6.replace(prefix!, ''),
        one.ttlS,
      ].join(' '),
    )
    const front = [
      'front db sandbox db  10.1.0.3 ::3 5',
      `front ${db.slice(0, 12)} short-id db  10.1.0.3 ::3 5`,
      'front web sandbox web  10.1.0.2 ::2 5',
      `front ${web.slice(0, 12)} short-id web  10.1.0.2 ::2 5`,
      'front store link db web 10.1.0.3 ::3 5',
      'front else link nobody web   5',
    ]
    assert.deepEqual(text, [
      'back web sandbox web  10.2.0.2  60',
      'back www alias web  10.2.0.2  60',
      `back ${web.slice(0, 12)} short-id web  10.2.0.2  60`,
      ...front,
    ])
    assert.equal(daemon.controller.dnsRecords('front').records.length, front.length)
  })

  it('says so of a network that has none, or is none', async () => {
    const { daemon } = await booted()
    assert.throws(() => daemon.controller.dnsRecords('bridge'), {
      code: 'NOT_CONNECTED',
      message: 'network bridge has no names',
      hint: /tapwire network create/,
    })
    assert.throws(() => daemon.controller.dnsRecords('nothing'), { code: 'NETWORK_UNKNOWN' })
  })
})

describe('dns query', () => {
  it('asks as the sandbox would, and tells why with names', async () => {
    const { daemon } = await booted()
    const id = await run(daemon, 'web', { NetworkMode: 'front' })
    const [domain] = [...daemon.fabric.zones].find(([, { name }]) => name === 'front')!
    const db = await run(daemon, 'db', { NetworkMode: 'front' })
    const [host] = [...daemon.fabric.namedHosts].find(([, { names }]) => names[0]?.text === 'db')!
    assert.notEqual(resolverOf(daemon, db), resolverOf(daemon, id))
    const resolver = resolverOf(daemon, id)
    const answer = { name: 'web', type: 'A', ttlS: 5, data: '10.1.0.2' }
    daemon.fabric.resolution = {
      rcode: 'NOERROR',
      verdict: 'answered',
      answers: [answer],
      additionals: [],
      steps: [
        { stage: 'names', verdict: 'search', values: { name: 'web', type: 'A' } },
        { stage: 'names', verdict: 'match', values: { domain, host, name: 'web' } },
      ],
      server: '',
      durationMs: 0.5,
    }
    const told = await daemon.controller.dnsQuery({ name: 'web', type: 'txt', from: 'web' })
    assert.deepEqual(told, {
      name: 'web',
      type: 'TXT',
      sandbox: 'web',
      rcode: 'NOERROR',
      verdict: 'answered',
      answers: [answer],
      additionals: [],
      steps: [
        { stage: 'names', verdict: 'search', values: { name: 'web', type: 'A' } },
        { stage: 'names', verdict: 'match', values: { network: 'front', sandbox: 'db', name: 'web' } },
      ],
      server: '',
      durationMs: 0.5,
    })
    dnsAnswerSchema.omit({ steps: true }).parse({ ...told, steps: undefined })
    await run(daemon, 'guest', { NetworkMode: 'container:web' })
    await daemon.controller.dnsQuery({ name: 'a.example.', from: 'guest' })
    await daemon.controller.dnsQuery({ name: 'x', type: '65', from: 'web' })
    await daemon.controller.dnsQuery({ name: 'x', type: 'TYPE65280', from: 'web' })
    assert.deepEqual(daemon.fabric.questions, [
      { resolver, name: 'web', type: 16 },
      { resolver, name: 'a.example.', type: 1 },
      { resolver, name: 'x', type: 65 },
      { resolver, name: 'x', type: 65_280 },
    ])
  })

  it('refuses what cannot be asked', async () => {
    const { daemon } = await booted()
    await run(daemon, 'web', { NetworkMode: 'front' })
    await run(daemon, 'plain', { NetworkMode: 'bridge' })
    await run(daemon, 'machine', { NetworkMode: 'host' })
    await daemon.controller.createSandbox('idle', { HostConfig: { NetworkMode: 'front' } })
    const refused = (query: object, code: string, message: string, hint?: RegExp): Promise<void> =>
      assert.rejects(daemon.controller.dnsQuery({ name: 'web', from: 'web', ...query }), {
        code,
        message,
        ...(hint && { hint }),
      })
    await refused({ from: 'nobody' }, 'SANDBOX_UNKNOWN', 'No such container: nobody')
    await refused({ from: 'idle' }, 'NOT_RUNNING', 'container idle is not running', /tapwire start idle/)
    const none = 'container plain is on no network that has names'
    await refused({ from: 'plain' }, 'NOT_CONNECTED', none, /network connect NETWORK plain/)
    await refused(
      { from: 'machine' },
      'NOT_CONNECTED',
      'container machine is on no network that has names',
      /host/,
    )
    await refused({ name: 'a..b' }, 'NAME_INVALID', 'a..b is no name that DNS can carry')
    await refused({ name: 'x'.repeat(64) }, 'NAME_INVALID', `${'x'.repeat(64)} is no name that DNS can carry`)
    for (const type of ['NONE', '65536', 'TYPE65536', '-1', '1.5', '']) {
      await refused({ type }, 'BAD_REQUEST', `${type} is no type of record`)
    }
    assert.deepEqual(daemon.fabric.questions, [])
  })
})

describe('dns stats and the log', () => {
  it('name the sandboxes', async () => {
    const { daemon } = await booted()
    const web = await run(daemon, 'web', { NetworkMode: 'front', Dns: ['192.0.2.9'] })
    const common = { asked: 2, answered: 1, timeouts: 1, failures: 0, rejected: 0 }
    daemon.fabric.dnsCounts = {
      ...daemon.fabric.dnsCounts,
      verdicts: { answered: 3 },
      cache: { entries: 7, capacity: 10, hits: 1, misses: 2, evicted: 0 },
      servers: [
        { address: '192.0.2.53', resolver: undefined, ...common, roundTripMs: 1.5 },
        { address: '192.0.2.9', resolver: resolverOf(daemon, web), ...common, roundTripMs: undefined },
      ],
    }
    const stats = await daemon.controller.dnsStats()
    assert.deepEqual(dnsStatsSchema.parse(stats), stats)
    assert.equal(stats.endpoints, 1)
    assert.deepEqual(stats.servers, [
      { address: '192.0.2.53', sandbox: '', ...common, roundTripMs: 1.5 },
      { address: '192.0.2.9', sandbox: 'web', ...common },
    ])
    assert.deepEqual(await daemon.controller.flushDnsCache(), { Answers: 7 })
  })

  it('tell what was asked, of one sandbox too, and of one that has ended', async () => {
    const { daemon } = await booted()
    const web = await run(daemon, 'web', { NetworkMode: 'front' })
    const db = await run(daemon, 'db', { NetworkMode: 'front' })
    await run(daemon, 'guest', { NetworkMode: 'container:web' })
    const resolvers = [resolverOf(daemon, web), resolverOf(daemon, db), 4000]
    const entry = (sequence: number, resolver: number): FabricDnsLog['entries'][number] => ({
      sequence,
      atMs: Date.UTC(2026, 0, 2, 3, 4, 5, 67),
      resolver,
      name: 'x',
      type: 'A',
      verdict: 'nxdomain',
      rcode: 'NXDOMAIN',
      answers: 0,
      waitedMs: 0,
      server: '',
    })
    for (let sequence = 1; sequence <= 9; sequence++) {
      daemon.fabric.dnsEntries.push(entry(sequence, resolvers[sequence % 3]!))
    }
    await daemon.controller.renameSandbox('db', 'data')
    await daemon.controller.removeSandbox('web', { force: true })
    const ask = async (options: object) => {
      const log = await daemon.controller.dnsLog({ after: 0, limit: 100, ...options })
      assert.deepEqual(dnsLogSchema.parse(log), log)
      return { ...log, entries: log.entries.map(({ sequence, sandbox }) => `${sequence} ${sandbox}`) }
    }
    assert.deepEqual((await ask({ after: 5 })).entries, ['6 web', '7 data', '8 ', '9 web'])
    assert.deepEqual(await ask({ limit: 2 }), { entries: ['1 data', '2 '], last: 9, lost: 0 })
    assert.deepEqual(await ask({ sandbox: 'data' }), {
      entries: ['1 data', '4 data', '7 data'],
      last: 9,
      lost: 0,
    })
    assert.deepEqual((await ask({ sandbox: 'data', after: 1, limit: 1 })).entries, ['4 data'])
    const [first] = (await daemon.controller.dnsLog({ after: 0, limit: 1 })).entries
    assert.equal(first?.at, '2026-01-02T03:04:05.067Z')
    await assert.rejects(daemon.controller.dnsLog({ after: 0, limit: 1, sandbox: 'web' }), {
      code: 'SANDBOX_UNKNOWN',
    })
  })
})
