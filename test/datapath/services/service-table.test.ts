import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import {
  pickBackend,
  rankBackends,
  type Service,
  ServiceTable,
} from '../../../src/datapath/services/service-table.ts'
import { SERVICE_BACKENDS_MAX, SERVICES_MAX } from '../../../src/limits.ts'

const TCP = 6
const service = (backends: readonly number[], seed = 7): Service => ({
  id: 1,
  domain: 1,
  address: 0x0a010064,
  seed,
  backends: Int32Array.from(backends),
  owners: new Int32Array(backends.length),
})

const flow = fc.record({ source: fc.integer(), ports: fc.integer() })
const backends = fc.uniqueArray(fc.integer(), { minLength: 1, maxLength: 20 })

const chosen = (of: Service, { source, ports }: { source: number; ports: number }): number =>
  of.backends[pickBackend(of, TCP, source, ports)]!

describe('the backend of a flow', () => {
  it('is the same in whatever order they stand', () => {
    fc.assert(
      fc.property(backends, flow, fc.infiniteStream(fc.nat()), (all, each, order) => {
        const keys = new Map(all.map((backend) => [backend, order.next().value as number]))
        const shuffled = all.toSorted((a, b) => keys.get(a)! - keys.get(b)!)
        assert.equal(chosen(service(shuffled), each), chosen(service(all), each))
      }),
    )
  })
  it('moves only to one that comes, and only from one that goes', () => {
    fc.assert(
      fc.property(backends, fc.array(flow, { minLength: 1, maxLength: 50 }), fc.nat(), (all, flows, at) => {
        fc.pre(all.length > 1)
        const gone = all[at % all.length]!
        const rest = service(all.filter((backend) => backend !== gone))
        for (const each of flows) {
          const before = chosen(service(all), each)
          const after = chosen(rest, each)
          if (before !== gone) assert.equal(after, before)
          else assert.notEqual(after, gone)
        }
      }),
    )
  })
  it('is each of them for its share of clients', () => {
    const all = [1, 2, 3, 4, 5]
    const counts = new Map<number, number>()
    for (let port = 0; port < 10_000; port++) {
      const backend = chosen(service(all), { source: 0x0a010002, ports: (port << 16) | 80 })
      counts.set(backend, (counts.get(backend) ?? 0) + 1)
    }
    // Six standard deviations of a binomial distribution.
    for (const backend of all)
      assert.ok(Math.abs(counts.get(backend)! - 2000) < 240, String(counts.get(backend)))
  })
  it('is the first of all by their scores', () => {
    fc.assert(
      fc.property(backends, flow, (all, each) => {
        const ranked = rankBackends(service(all), TCP, each.source, each.ports)
        assert.equal(ranked[0]!.address, chosen(service(all), each))
        assert.deepEqual(
          ranked.map(({ address }) => address).toSorted((a, b) => a - b),
          all.toSorted((a, b) => a - b),
        )
        for (const [index, { score }] of ranked.entries()) {
          assert.ok(score >= 0 && score < 2 ** 32)
          if (index > 0) assert.ok(score <= ranked[index - 1]!.score)
        }
      }),
    )
  })
  it('is none where there is none', () => {
    assert.equal(pickBackend(service([]), TCP, 1, 2), -1)
  })
})

describe('the table of services', () => {
  const settings = (id: number, address: number, count = 1) => ({
    id,
    domain: 1,
    address,
    seed: 1,
    backends: Array.from({ length: count }, (_, index) => ({ address: index + 1, owner: 0 })),
  })
  it('finds them by address, and answers for those that packets can have', () => {
    const table = new ServiceTable()
    table.set(settings(1, 0x0a010064))
    table.set(settings(2, 2))
    assert.equal(table.find(0x0a010064)?.id, 1)
    assert.equal(table.find(2)?.id, 2)
    assert.deepEqual(
      [table.isVirtual(1, 0x0a010064), table.isVirtual(2, 0x0a010064), table.isVirtual(1, 2)],
      [true, false, false],
    )
    table.set(settings(1, 0x0a010065))
    assert.deepEqual([table.find(0x0a010064), table.find(0x0a010065)?.id], [undefined, 1])
    assert.ok(table.hasBackend(1, 1) && !table.hasBackend(1, 9) && !table.hasBackend(3, 1))
    assert.deepEqual([table.remove(1), table.remove(1), table.size], [true, false, 1])
  })
  it('refuses what is out of its range, and stays as it was', () => {
    const table = new ServiceTable()
    table.set(settings(1, 100))
    for (const wrong of [
      settings(0, 5),
      settings(SERVICES_MAX + 1, 5),
      settings(2, 100),
      settings(1, 7, SERVICE_BACKENDS_MAX + 1),
    ]) {
      assert.throws(() => table.set(wrong), RangeError)
    }
    assert.equal(table.find(100)?.id, 1)
    assert.equal(table.size, 1)
  })
})
