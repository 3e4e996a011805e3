import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ErrorCode } from '../../../src/control/errors.ts'
import { ManualClock } from '../../../src/control/registry/manual-clock.ts'
import { type MemoryRegistry, MemoryRegistryServer } from '../../../src/control/registry/memory-registry.ts'
import { code, put, registryConformance, Told } from './registry.conformance.ts'

registryConformance('memory', async () => {
  const clock = new ManualClock()
  const server = new MemoryRegistryServer(clock)
  return {
    connect: () => server.connect(),
    compact: async (revision) => server.compact(revision),
    outlive: (ttlS) => clock.advance(ttlS * 1000),
    stop: async () => {},
  }
})

describe('the faults of the registry in memory', () => {
  const scene = () => {
    const clock = new ManualClock()
    const server = new MemoryRegistryServer(clock)
    return { clock, server, one: server.connect(), other: server.connect() }
  }
  const write = async (registry: MemoryRegistry, key: string, value: string): Promise<number> =>
    (await registry.commit({ when: [], do: [put(key, value)] })).revision

  it('unreachable: no call arrives; a watch goes on behind it', async () => {
    const { server, one, other, clock } = scene()
    const told = new Told()
    const health: boolean[] = []
    await one.list('/')
    one.onHealth(({ reachable }) => health.push(reachable))
    one.watch('/', 2, told.listener)
    one.fault = 'unreachable'
    await assert.rejects(write(one, '/a', '1'), code(ErrorCode.registryUnavailable))
    await write(other, '/b', '2')
    await clock.advance(0)
    assert.deepEqual([told.words, one.health.problem], [[], 'it does not answer'])
    one.fault = 'none'
    await told.until(() => told.changes.length > 0)
    assert.deepEqual([told.words, health, server.revision], [['put /b 2'], [false, true], 2])
  })

  it('answers lost: it is done, and who asked does not know', async () => {
    const { one, other } = scene()
    one.fault = 'answers-lost'
    await assert.rejects(write(one, '/a', '1'), code(ErrorCode.registryUnavailable))
    assert.equal((await other.list('/')).entries.length, 1)
  })

  it('slow: answers and changes take their time', async () => {
    const { server, one, clock } = scene()
    const told = new Told()
    server.delayMs = 100
    one.watch('/', 2, told.listener)
    let answered = 0
    void write(one, '/a', '1').then(() => answered++)
    await clock.advance(99)
    assert.deepEqual([answered, told.words], [0, []])
    await clock.advance(1)
    assert.deepEqual([answered, told.words], [1, []])
    await clock.advance(100)
    assert.deepEqual(told.words, ['put /a 1'])
  })

  it('compacted while a client is away', async () => {
    const { server, one, other } = scene()
    const told = new Told()
    one.watch('/', 2, told.listener)
    one.fault = 'unreachable'
    await write(other, '/a', '1')
    server.compact()
    one.fault = 'none'
    await told.until(() => told.lost !== '')
    assert.deepEqual([told.words, told.lost], [[], 'compacted'])
  })

  it('restored: who was told more is told so, also where others have written meanwhile', async () => {
    const { server, one, other, clock } = scene()
    const [told, quiet] = [new Told(), new Told()]
    const lease = await one.grantLease(5)
    await one.commit({ when: [], do: [put('/a', '1', lease)] })
    const copy = server.copy()
    other.watch('/', server.revision + 1, quiet.listener)
    await clock.advance(0)
    one.watch('/', server.revision + 1, told.listener)
    other.fault = 'unreachable'
    await one.revokeLease(lease)
    await told.until(() => told.changes.length > 0)
    one.fault = 'unreachable'
    server.restore(copy)
    const third = server.connect()
    await write(third, '/b', '2')
    await write(third, '/b', '3')
    one.fault = other.fault = 'none'
    await told.until(() => told.lost !== '')
    await quiet.until(() => quiet.changes.length > 0)
    assert.deepEqual([told.lost, quiet.lost, quiet.words], ['regressed', '', ['put /b 2', 'put /b 3']])
    // Its lease is back, with its whole time, and ends.
    assert.equal((await one.list('/a')).entries[0]!.lease, lease)
    await clock.advance(4999)
    assert.equal((await one.list('/a')).entries.length, 1)
    await clock.advance(1)
    assert.equal((await one.list('/a')).entries.length, 0)
  })

  it('a lease ends early', async () => {
    const { server, one } = scene()
    const lease = await one.grantLease(1000)
    await one.commit({ when: [], do: [put('/a', '1', lease)] })
    server.expireLease(lease)
    assert.deepEqual([await one.keepLeaseAlive(lease), (await one.list('/')).entries], [false, []])
    assert.deepEqual(server.leases, [])
  })

  it('away for all, like one that starts again: leases have their whole time once more', async () => {
    const { server, one, clock } = scene()
    const lease = await one.grantLease(10)
    await clock.advance(9000)
    server.fault = 'unreachable'
    await clock.advance(60_000)
    server.fault = 'none'
    await clock.advance(9999)
    assert.equal(await one.keepLeaseAlive(lease), true)
    await clock.advance(10_000)
    assert.equal(await one.keepLeaseAlive(lease), false)
  })
})
