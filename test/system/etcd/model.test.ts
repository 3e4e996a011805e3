import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import fc from 'fast-check'
import { ErrorCode, TapwireError } from '../../../src/control/errors.ts'
import { ManualClock } from '../../../src/control/registry/manual-clock.ts'
import { MemoryRegistryServer } from '../../../src/control/registry/memory-registry.ts'
import type {
  Registry,
  RegistryChange,
  RegistryCondition,
  RegistryEntry,
  RegistryOperation,
} from '../../../src/control/registry/registry.ts'
import { EtcdRegistry } from '../../../src/daemon/etcd/etcd-registry.ts'
import { Told } from '../../control/registry/registry.conformance.ts'
import { insideNamespace } from '../../support/inside-namespace.ts'
import { type Etcd, needsEtcd, startEtcd } from '../support/etcd.ts'

const KEYS = ['a', 'a/', 'a/b', 'a/c', 'b', 'ä', '\u{1f40b}']
const LEASES = 2

/** Leases by their number, 1 and up, and revisions by how far behind the present they are: those of the two registries differ. */
type Operation =
  | { readonly put: string; readonly value: string; readonly lease: number }
  | { readonly delete: string }
  | { readonly deletePrefix: string }
type Condition =
  | Exclude<RegistryCondition, { revision: number }>
  | { readonly key: string; readonly ago: number }
type Step =
  | { readonly kind: 'commit'; readonly when: readonly Condition[]; readonly do: readonly Operation[] }
  | { readonly kind: 'revoke'; readonly lease: number }

const key = fc.constantFrom(...KEYS)
const value = fc.constantFrom('', 'x', 'ü"\n')
const is = fc.constantFrom('absent' as const, 'present' as const)
const condition: fc.Arbitrary<Condition> = fc.oneof(
  fc.record({ key, is }),
  fc.record({ key, ago: fc.nat(4) }),
  fc.record({ key, value }),
  fc.record({ prefix: key, is: fc.constant('absent' as const) }),
)
const operation: fc.Arbitrary<Operation> = fc.oneof(
  { arbitrary: fc.record({ put: key, value, lease: fc.nat(LEASES) }), weight: 3 },
  fc.record({ delete: key }),
  fc.record({ deletePrefix: key }),
)
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    arbitrary: fc.record({
      kind: fc.constant('commit' as const),
      when: fc.array(condition, { maxLength: 2 }),
      do: fc.array(operation, { maxLength: 4 }),
    }),
    weight: 8,
  },
  fc.record({ kind: fc.constant('revoke' as const), lease: fc.integer({ min: 1, max: LEASES }) }),
)

let places = 0

/** Of all that happens in a registry, without the numbers that it alone has. */
async function story(registry: Registry, at: string, steps: readonly Step[]): Promise<unknown[]> {
  const base = (await registry.list(at)).revision
  const leases = await Promise.all(Array.from({ length: LEASES }, () => registry.grantLease(600)))
  const told = new Told()
  const watch = registry.watch(at, base + 1, told.listener)
  const happened: unknown[] = []
  for (const one of steps) happened.push(await take(registry, at, one, leases, base))
  const last = await registry.commit({ when: [], do: [{ put: `${at}end`, value: '' }] })
  await told.until(() => told.revisions.at(-1) === last.revision)
  watch.close()
  for (const lease of leases) await registry.revokeLease(lease)
  const plain = (entry: RegistryEntry): unknown => ({
    ...entry,
    key: entry.key.slice(at.length),
    revision: entry.revision - base,
    created: entry.created - base,
    lease: leases.indexOf(entry.lease) + 1,
  })
  // Of one revision in any order: what is there at its end is the same.
  const changes = told.changes.map((change: RegistryChange) =>
    change.kind === 'put'
      ? { at: change.entry.revision - base, key: change.entry.key.slice(at.length), put: plain(change.entry) }
      : { at: change.revision - base, key: change.key.slice(at.length), put: undefined },
  )
  const ordered = changes.toSorted((a, b) => a.at - b.at || Number(a.key > b.key) - Number(a.key < b.key))
  assert.deepEqual(
    changes.map((change) => change.at),
    ordered.map((change) => change.at),
  )
  return [happened, ordered, (await registry.list(at)).entries.map(plain)]
}

async function take(
  registry: Registry,
  at: string,
  one: Step,
  leases: readonly string[],
  base: number,
): Promise<unknown> {
  if (one.kind === 'revoke') return await registry.revokeLease(leases[one.lease - 1]!)
  const { revision } = await registry.list(at)
  const conditions = one.when.map((given): RegistryCondition => {
    if ('prefix' in given) return { ...given, prefix: at + given.prefix }
    if ('ago' in given) return { key: at + given.key, revision: revision - given.ago }
    return { ...given, key: at + given.key }
  })
  const operations = one.do.map((given): RegistryOperation => {
    if ('delete' in given) return { delete: at + given.delete }
    if ('deletePrefix' in given) return { deletePrefix: at + given.deletePrefix }
    return { put: at + given.put, value: given.value, lease: leases[given.lease - 1] }
  })
  try {
    const answer = await registry.commit({ when: conditions, do: operations })
    return { ...answer, revision: answer.revision - base }
  } catch (error) {
    // What names a key twice is refused before it is asked for.
    if (error instanceof RangeError) return error.message.replaceAll(at, '')
    assert.ok(error instanceof TapwireError && error.code === ErrorCode.registryLeaseUnknown)
    return error.code
  }
}

insideNamespace(
  import.meta.url,
  () => {
    describe('the registry in memory and etcd', () => {
      let etcd: Etcd
      let real: EtcdRegistry
      const memory = new MemoryRegistryServer(new ManualClock()).connect()
      before(async () => {
        etcd = await startEtcd()
        real = new EtcdRegistry({ servers: [etcd] })
      })
      after(async () => {
        real.close()
        await etcd.stop()
      })

      it('do the same, and tell the same, whatever they are asked for', async () => {
        await fc.assert(
          fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
            const at = `/m${++places}/`
            assert.deepEqual(await story(real, at, steps), await story(memory, at, steps))
          }),
          { numRuns: 15 },
        )
      })
    })
  },
  needsEtcd(),
)
