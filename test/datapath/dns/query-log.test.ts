import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { QueryLog } from '../../../src/datapath/dns/query-log.ts'
import { DNS_LOG_ENTRIES } from '../../../src/limits.ts'
import { encodeName } from '../../../src/wire/dns-name.ts'

function filled(count: number): QueryLog {
  const log = new QueryLog()
  for (let index = 1; index <= count; index++) {
    const name = encodeName(`n${index}`)!
    log.add(index + 0.5, 7, name, 0, name.length, 28, 1, 0, 3, 12.5, -1)
  }
  return log
}
const sequences = (log: QueryLog, after: number, limit: number): number[] =>
  log.list(after, limit).entries.map(({ sequence }) => sequence)

describe('QueryLog', () => {
  it('tells what was written down', () => {
    assert.deepEqual(filled(1).list(0, 10), {
      entries: [
        {
          sequence: 1,
          atMs: 1.5,
          resolver: 7,
          name: 'n1',
          type: 28,
          verdict: 'empty',
          rcode: 0,
          answers: 3,
          waitedMs: 12.5,
          server: -1,
        },
      ],
      last: 1,
      lost: 0,
    })
  })

  it('lists from where its reader is, and no more than is wanted', () => {
    const log = filled(10)
    assert.deepEqual(sequences(log, 0, 3), [1, 2, 3])
    assert.deepEqual(sequences(log, 3, 3), [4, 5, 6])
    assert.deepEqual(sequences(log, 8, 100), [9, 10])
    assert.deepEqual(sequences(log, 10, 100), [])
    assert.deepEqual(sequences(log, 99, 100), [])
    assert.deepEqual(sequences(log, 0, 0), [])
  })

  it('says how many were overwritten', () => {
    const log = filled(DNS_LOG_ENTRIES + 5)
    assert.deepEqual({ ...log.list(0, 1), entries: [] }, { entries: [], last: DNS_LOG_ENTRIES + 5, lost: 5 })
    assert.equal(log.list(2, 1).lost, 3)
    assert.equal(log.list(5, 1).lost, 0)
    assert.deepEqual(sequences(log, 0, 2), [6, 7])
    assert.equal(log.list(0, 9999).entries.length, DNS_LOG_ENTRIES)
    assert.equal(log.list(0, 1).entries[0]!.name, 'n6')
  })

  it('has no name where none could be read, whatever stood there before', () => {
    const log = filled(DNS_LOG_ENTRIES)
    log.add(0, 1, new Uint8Array(), 0, 0, 0, 7, 1, 0, 0, -1)
    assert.equal(log.list(DNS_LOG_ENTRIES, 1).entries[0]!.name, '')
  })
})
