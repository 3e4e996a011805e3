import assert from 'node:assert/strict'
import { it } from 'node:test'
import { MemoryStore } from '../../../src/control/model/memory-store.ts'
import { modelRecord } from './records.ts'
import { itIsAStore } from './store.conformance.ts'

itIsAStore('MemoryStore', () => {
  const store = new MemoryStore()
  return { open: () => store, remove: () => undefined }
})

it('MemoryStore fails when told to, and keeps what it had', async () => {
  const store = new MemoryStore(modelRecord(1))
  store.failWith(new Error('disk full'))
  await assert.rejects(
    store.save(() => modelRecord(2)),
    /disk full/,
  )
  assert.deepEqual(store.load(), modelRecord(1))
  store.failWith(undefined)
  await store.save(() => modelRecord(2))
  assert.deepEqual(store.load(), modelRecord(2))
})
