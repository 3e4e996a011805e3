/** What every registry does. A file of each one runs this suite against it. */

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { ErrorCode, TapwireError } from '../../../src/control/errors.ts'
import type {
  Registry,
  RegistryChange,
  RegistryHealth,
  RegistryOperation,
} from '../../../src/control/registry/registry.ts'

export interface RegistryUnderTest {
  connect(): Registry
  compact(revision: number): Promise<void>
  /** Waits, or lets the clock go on, until leases of `ttlS` seconds that were not kept alive have ended. */
  outlive(ttlS: number): Promise<void>
  stop(): Promise<void>
}

/** Everything that a watch is told, and a way to wait for it. */
export class Told {
  readonly changes: RegistryChange[] = []
  readonly revisions: number[] = []
  lost = ''
  #wake = (): void => {}

  changed(changes: readonly RegistryChange[], revision: number): void {
    this.changes.push(...changes)
    this.revisions.push(revision)
    this.#wake()
  }

  lose(reason: string): void {
    assert.equal(this.lost, '', 'told once that it is lost')
    this.lost = reason
    this.#wake()
  }

  get listener() {
    return {
      changed: (changes: readonly RegistryChange[], revision: number) => this.changed(changes, revision),
      lost: (reason: 'compacted' | 'regressed') => this.lose(reason),
    }
  }

  /** As `put KEY VALUE` and `delete KEY`. */
  get words(): string[] {
    return this.changes.map((change) =>
      change.kind === 'put' ? `put ${change.entry.key} ${change.entry.value}` : `delete ${change.key}`,
    )
  }

  async until(done: () => boolean): Promise<void> {
    while (!done()) {
      assert.equal(this.lost, '', 'the watch is lost, and nothing more will be told')
      await new Promise<void>((resolve) => (this.#wake = resolve))
    }
  }
}

export const put = (key: string, value: string, lease?: string): RegistryOperation => ({
  put: key,
  value,
  lease,
})

export const code =
  (wanted: string) =>
  (error: unknown): boolean =>
    error instanceof TapwireError && error.code === wanted

let places = 0

export function registryConformance(name: string, start: () => Promise<RegistryUnderTest>): void {
  describe(`${name} as a registry`, () => {
    let under: RegistryUnderTest
    const open: Registry[] = []
    /** A client, and a prefix that no other test has. */
    const fresh = (): { registry: Registry; at: string } => {
      const registry = under.connect()
      open.push(registry)
      return { registry, at: `/t${++places}/` }
    }
    before(async () => {
      under = await start()
    })
    after(async () => {
      for (const registry of open) registry.close()
      await under.stop()
    })

    it('lists what was put, in the order of the keys, with the revisions', async () => {
      const { registry, at } = fresh()
      const first = await registry.commit({ when: [], do: [put(`${at}b`, 'two'), put(`${at}a`, 'one')] })
      assert.equal(first.succeeded, true)
      const second = await registry.commit({ when: [], do: [put(`${at}b`, 'zwei')] })
      assert.equal(second.revision, first.revision + 1)
      assert.deepEqual(await registry.list(at), {
        revision: second.revision,
        entries: [
          { key: `${at}a`, value: 'one', revision: first.revision, created: first.revision, lease: '' },
          { key: `${at}b`, value: 'zwei', revision: second.revision, created: first.revision, lease: '' },
        ],
      })
      assert.deepEqual(await registry.list(`${at}none`), { revision: second.revision, entries: [] })
    })

    it('sorts by bytes, and takes every text', async () => {
      const { registry, at } = fresh()
      const keys = ['\u0001', 'A', 'a', 'a/', 'a0', 'ä', '\uffff', '\u{1f40b}', '\u{10ffff}']
      const shuffled = [...keys.slice(4), ...keys.slice(0, 4)]
      const value = '{"quote": "\\" \u2028 \u0000 ü"}\n'
      await registry.commit({ when: [], do: shuffled.map((key) => put(at + key, value)) })
      const { entries } = await registry.list(at)
      assert.deepEqual(
        entries.map(({ key }) => key),
        keys.map((key) => at + key),
      )
      assert.ok(entries.every((entry) => entry.value === value))
      assert.equal((await registry.list(`${at}\u{10ffff}`)).entries.length, 1)
    })

    it('lists more than one page holds, as it was at one revision', async () => {
      const { registry, at } = fresh()
      const keys = Array.from({ length: 1200 }, (_, number) => `${at}${String(number).padStart(5, '0')}`)
      for (let from = 0; from < keys.length; from += 100) {
        const steps = keys.slice(from, from + 100).map((key) => put(key, key))
        await registry.commit({ when: [], do: steps })
      }
      // A writer beside it: two keys far apart always have the same value.
      const writing = new AbortController()
      const writer = (async () => {
        for (let round = 0; !writing.signal.aborted; round++) {
          const steps = [put(keys[0]!, `round ${round}`), put(keys.at(-1)!, `round ${round}`)]
          await registry.commit({ when: [], do: steps })
        }
      })()
      try {
        for (let round = 0; round < 3; round++) {
          const { entries } = await registry.list(at)
          assert.deepEqual(
            entries.map(({ key }) => key),
            keys,
          )
          if (round > 0) assert.equal(entries[0]!.value, entries.at(-1)!.value)
        }
      } finally {
        writing.abort()
        await writer
      }
    })

    it('commits all or nothing, and counts no revision for nothing', async () => {
      const { registry, at } = fresh()
      const key = `${at}x`
      const create = { when: [{ key, is: 'absent' }], do: [put(key, 'mine')] } as const
      const first = await registry.commit(create)
      assert.equal(first.succeeded, true)
      assert.deepEqual(await registry.commit(create), { succeeded: false, revision: first.revision })
      assert.deepEqual(await registry.commit({ when: [], do: [{ delete: `${at}none` }] }), first)
      assert.deepEqual(await registry.commit({ when: [], do: [{ deletePrefix: `${at}none` }] }), first)
      assert.deepEqual(await registry.commit({ when: [{ key, is: 'present' }], do: [] }), first)
      assert.equal((await registry.list(at)).revision, first.revision)
    })

    it('knows the conditions', async () => {
      const { registry, at } = fresh()
      const [here, gone] = [`${at}here`, `${at}gone`]
      const { revision } = await registry.commit({ when: [], do: [put(here, 'v')] })
      const holds = async (condition: Parameters<Registry['commit']>[0]['when'][number]): Promise<boolean> =>
        (await registry.commit({ when: [condition], do: [] })).succeeded
      assert.equal(await holds({ key: here, is: 'present' }), true)
      assert.equal(await holds({ key: here, is: 'absent' }), false)
      assert.equal(await holds({ key: gone, is: 'present' }), false)
      assert.equal(await holds({ key: gone, is: 'absent' }), true)
      assert.equal(await holds({ key: here, revision }), true)
      assert.equal(await holds({ key: here, revision: revision - 1 }), false)
      assert.equal(await holds({ key: gone, revision }), false)
      assert.equal(await holds({ key: gone, revision: 0 }), true)
      assert.equal(await holds({ key: here, value: 'v' }), true)
      assert.equal(await holds({ key: here, value: '' }), false)
      assert.equal(await holds({ key: gone, value: '' }), false)
      assert.equal(await holds({ prefix: at, is: 'absent' }), false)
      assert.equal(await holds({ prefix: gone, is: 'absent' }), true)
      const both = [
        { key: here, is: 'present' },
        { key: gone, is: 'present' },
      ] as const
      assert.equal((await registry.commit({ when: both, do: [] })).succeeded, false)
    })

    it('gives a key to one of many that want it at once', async () => {
      const { at } = fresh()
      const clients = Array.from({ length: 8 }, () => fresh().registry)
      const key = `${at}address`
      const answers = await Promise.all(
        clients.map((client, number) =>
          client.commit({ when: [{ key, is: 'absent' }], do: [put(key, String(number))] }),
        ),
      )
      const winners = answers.flatMap(({ succeeded }, number) => (succeeded ? [String(number)] : []))
      assert.equal(winners.length, 1)
      assert.equal((await clients[0]!.list(key)).entries[0]!.value, winners[0])
    })

    it('deletes what begins with a prefix, and nothing beside it', async () => {
      const { registry, at } = fresh()
      await registry.commit({
        when: [],
        do: ['a', 'a/1', 'a/2', 'a0', 'b'].map((key) => put(at + key, '')),
      })
      await registry.commit({ when: [], do: [{ deletePrefix: `${at}a/` }, put(`${at}c`, '')] })
      const { entries } = await registry.list(at)
      assert.deepEqual(
        entries.map(({ key }) => key.slice(at.length)),
        ['a', 'a0', 'b', 'c'],
      )
    })

    it('refuses a transaction that names a key twice, or is too large', async () => {
      const { registry, at } = fresh()
      const twice = [put(`${at}a`, '1'), { delete: `${at}a` }]
      await assert.rejects(registry.commit({ when: [], do: twice }), /names .* twice/)
      const below = [put(`${at}a/b`, '1'), { deletePrefix: `${at}a/` }]
      await assert.rejects(registry.commit({ when: [], do: below }), /and all below/)
      const many = Array.from({ length: 129 }, (_, number) => put(`${at}${number}`, ''))
      await assert.rejects(registry.commit({ when: [], do: many }), code(ErrorCode.limitReached))
      const large = [put(`${at}a`, 'x'.repeat(1024 * 1024))]
      await assert.rejects(registry.commit({ when: [], do: large }), code(ErrorCode.limitReached))
      await assert.rejects(registry.commit({ when: [], do: [put('', '1')] }), RangeError)
      await assert.rejects(registry.commit({ when: [], do: [put('\ud800', '1')] }), RangeError)
      await assert.rejects(registry.list(''), RangeError)
      assert.deepEqual((await registry.list(at)).entries, [])
      const largest = 'x'.repeat(1024 * 1024 - at.length - 1)
      assert.equal((await registry.commit({ when: [], do: [put(`${at}a`, largest)] })).succeeded, true)
      assert.equal((await registry.list(at)).entries[0]!.value, largest)
    })

    it('removes what is under a lease that ends, at one revision', async () => {
      const { registry, at } = fresh()
      const told = new Told()
      const lease = await registry.grantLease(1)
      assert.notEqual(lease, '')
      const steps = [put(`${at}b`, '1', lease), put(`${at}a`, '2', lease), put(`${at}c`, 'stays')]
      const { revision } = await registry.commit({ when: [], do: steps })
      assert.equal((await registry.list(at)).entries[0]!.lease, lease)
      const watch = registry.watch(at, revision + 1, told.listener)
      await under.outlive(1)
      await told.until(() => told.changes.length >= 2)
      watch.close()
      assert.deepEqual(
        told.changes.map((change) => (change.kind === 'delete' ? change.key : '')),
        [`${at}a`, `${at}b`],
      )
      assert.equal(told.revisions.length, 1)
      assert.equal(await registry.keepLeaseAlive(lease), false)
      await registry.revokeLease(lease)
      await assert.rejects(
        registry.commit({ when: [], do: [put(`${at}d`, '', lease), put(`${at}e`, '')] }),
        code(ErrorCode.registryLeaseUnknown),
      )
      const { entries } = await registry.list(at)
      assert.deepEqual(
        entries.map(({ key }) => key),
        [`${at}c`],
      )
    })

    it('keeps a lease that is kept alive, and revokes one', async () => {
      const { registry, at } = fresh()
      const lease = await registry.grantLease(30)
      const other = await registry.grantLease(30)
      assert.notEqual(lease, other)
      await registry.commit({
        when: [],
        do: [put(`${at}a`, '', lease), put(`${at}b`, '', lease), put(`${at}c`, '', other)],
      })
      // Put again without a lease, or under another, it is under the first one no more.
      await registry.commit({ when: [], do: [put(`${at}a`, '')] })
      assert.equal(await registry.keepLeaseAlive(lease), true)
      await registry.revokeLease(lease)
      assert.equal(await registry.keepLeaseAlive(lease), false)
      const { entries } = await registry.list(at)
      assert.deepEqual(
        entries.map((entry) => [entry.key.slice(at.length), entry.lease]),
        [
          ['a', ''],
          ['c', other],
        ],
      )
      assert.equal(await registry.keepLeaseAlive('7fffffff'), false)
    })

    it('tells of changes from a revision on, each once, in order, and whole', async () => {
      const { registry, at } = fresh()
      const { registry: other } = fresh()
      await registry.commit({ when: [], do: [put(`${at}old`, '')] })
      const from = await registry.commit({ when: [], do: [put(`${at}a`, '1')] })
      await registry.commit({
        when: [],
        do: [put(`${at}b`, '2'), { delete: `${at}a` }, put(`/elsewhere${at}`, '')],
      })
      const told = new Told()
      const watch = other.watch(at, from.revision, told.listener)
      await told.until(() => told.changes.length >= 3)
      await registry.commit({ when: [], do: [put(`/elsewhere${at}`, '')] })
      const last = await registry.commit({ when: [], do: [put(`${at}b`, '3')] })
      await told.until(() => told.changes.length >= 4)
      assert.deepEqual(told.words.slice(0, 1), [`put ${at}a 1`])
      assert.deepEqual(told.words.slice(1, 3).toSorted(), [`delete ${at}a`, `put ${at}b 2`])
      assert.deepEqual(told.words.slice(3), [`put ${at}b 3`])
      assert.deepEqual(told.changes.at(-1), {
        kind: 'put',
        entry: { key: `${at}b`, value: '3', revision: last.revision, created: from.revision + 1, lease: '' },
      })
      assert.equal(told.revisions.at(-1), last.revision)
      watch.close()
      await registry.commit({ when: [], do: [put(`${at}b`, '4')] })
      await registry.list(at)
      assert.equal(told.changes.length, 4)
      assert.equal(told.lost, '')
    })

    it('tells that it is lost where what it was to tell of is compacted', async () => {
      const { registry, at } = fresh()
      const { revision } = await registry.commit({ when: [], do: [put(`${at}a`, '1')] })
      const { revision: deleted } = await registry.commit({ when: [], do: [{ delete: `${at}a` }] })
      await under.compact(deleted)
      const told = new Told()
      registry.watch(at, revision + 1, told.listener)
      await told.until(() => told.lost !== '')
      assert.equal(told.lost, 'compacted')
      const next = new Told()
      const watch = registry.watch(at, deleted + 1, next.listener)
      await registry.commit({ when: [], do: [put(`${at}a`, '2')] })
      await next.until(() => next.changes.length > 0)
      watch.close()
      assert.deepEqual([told.words, next.words], [[], [`put ${at}a 2`]])
    })

    it('tells that it is lost where it was to go on behind what there is', async () => {
      const { registry, at } = fresh()
      const { revision } = await registry.commit({ when: [], do: [put(`${at}a`, '1')] })
      const told = new Told()
      registry.watch(at, revision + 100, told.listener)
      await told.until(() => told.lost !== '')
      assert.equal(told.lost, 'regressed')
    })

    it('tells of its health', async () => {
      const { registry, at } = fresh()
      assert.deepEqual(registry.health, { reachable: false, problem: '' })
      const told: RegistryHealth[] = []
      const end = registry.onHealth((health) => told.push(health))
      await registry.list(at)
      await registry.list(at)
      assert.equal(told.length, 1)
      assert.equal(told[0]!.reachable, true)
      assert.equal(told[0]!.problem, '')
      assert.ok(Number.isInteger(told[0]!.sinceMs))
      assert.equal(registry.health, told[0])
      end()
    })

    it('ends with its watches and calls', async () => {
      const { registry, at } = fresh()
      const { registry: other } = fresh()
      const told = new Told()
      const { revision } = await registry.commit({ when: [], do: [put(`${at}a`, '1')] })
      registry.watch(at, revision, told.listener)
      await told.until(() => told.changes.length === 1)
      const waiting = registry.list(at)
      registry.close()
      registry.close()
      await assert.rejects(waiting, code(ErrorCode.registryUnavailable))
      await assert.rejects(registry.list(at), code(ErrorCode.registryUnavailable))
      const watched = new Told()
      other.watch(at, revision + 1, watched.listener)
      await other.commit({ when: [], do: [put(`${at}a`, '2')] })
      await watched.until(() => watched.changes.length > 0)
      assert.equal(told.changes.length, 1)
    })
  })
}
