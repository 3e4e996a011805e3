import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import {
  RecordReader,
  SECTION_ADDITIONAL,
  SECTION_ANSWER,
  SECTION_AUTHORITY,
} from '../../src/wire/dns-records.ts'
import { damaged, QUERIES, readGuarded } from '../support/dns-wire.ts'
import { hex } from '../support/wire-bytes.ts'

/** web.front is an alias of api.front, which has an address; a server of the zone, its address, and OPT. */
const RESPONSE = hex(`1234 8180 0001 0002 0001 0002 03776562 0566726f6e74 00 0001 0001
  c00c 0005 0001 00000e10 0006 03617069 c010
  c027 0001 0001 0000003c 0004 0a000003
  c010 0002 0001 00015180 0005 026e73 c010
  c049 0001 0001 00015180 0004 0a000004
  00 0029 04d0 00008000 0000`)

/** One reader for all: nothing may be left of the message before. */
const reader = new RecordReader()
const read = (bytes: Uint8Array) =>
  readGuarded(bytes, (view, offset, end) => {
    const begun = reader.begin(view, offset, end)
    const records: { [field: string]: number }[] = []
    while (reader.next()) {
      const { section, nameOffset, type, recordClass, ttlOffset, rdataOffset, rdataLength } = reader
      records.push({
        section,
        nameOffset: nameOffset - offset,
        type,
        recordClass,
        ttl: view.getUint32(ttlOffset),
        rdataOffset: rdataOffset - offset,
        rdataLength,
      })
    }
    return { begun, malformed: reader.malformed, questionsEnd: reader.questionsEnd - offset, records }
  })

const counts = (bytes: Uint8Array): [begun: boolean, malformed: boolean, records: number] => {
  const { begun, malformed, records } = read(bytes)
  return [begun, malformed, records.length]
}

describe('RecordReader', () => {
  it('walks the sections', () => {
    const row = (
      section: number,
      nameOffset: number,
      type: number,
      recordClass: number,
      ttl: number,
      rdataOffset: number,
      rdataLength: number,
    ) => ({ section, nameOffset, type, recordClass, ttl, rdataOffset, rdataLength })
    assert.deepEqual(read(RESPONSE), {
      begun: true,
      malformed: false,
      questionsEnd: 27,
      records: [
        row(SECTION_ANSWER, 27, 5, 1, 3600, 39, 6),
        row(SECTION_ANSWER, 45, 1, 1, 60, 57, 4),
        row(SECTION_AUTHORITY, 61, 2, 1, 86_400, 73, 5),
        row(SECTION_ADDITIONAL, 78, 1, 1, 86_400, 90, 4),
        row(SECTION_ADDITIONAL, 94, 41, 1232, 0x8000, 105, 0),
      ],
    })
  })

  it('finds no records in a question', () => {
    assert.deepEqual(counts(QUERIES.muslA), [true, false, 0])
    assert.deepEqual(counts(QUERIES.dig), [true, false, 1])
  })

  it('skips questions, as many as there are', () => {
    const question = '03776562 00 0001 0001'
    assert.deepEqual(counts(hex(`1234 8180 0000 0000 0000 0000`)), [true, false, 0])
    assert.equal(read(hex(`1234 8180 0002 0000 0000 0000 ${question} ${question}`)).questionsEnd, 30)
    assert.deepEqual(counts(hex(`1234 8180 0003 0000 0000 0000 ${question} ${question}`)), [false, true, 0])
    assert.deepEqual(counts(hex(`1234 8180 ffff ffff ffff ffff`)), [false, true, 0])
  })

  it('stops where the message does', () => {
    const ends = new Set([45, 61, 78, 94, 105])
    for (let size = 0; size < RESPONSE.length; size++) {
      const [begun, malformed, records] = counts(RESPONSE.slice(0, size))
      assert.deepEqual([begun, malformed], [size >= 27, true], `${size} bytes`)
      assert.equal(records, [...ends].filter((end) => end <= size).length, `${size} bytes`)
    }
  })

  it('stops for good', () => {
    const bytes = RESPONSE.slice(0, 60)
    const view = new DataView(bytes.buffer)
    assert.ok(reader.begin(view, 0, bytes.length))
    assert.deepEqual(
      Array.from({ length: 4 }, () => reader.next()),
      [true, false, false, false],
    )
  })

  it('stops at an owner that leads forward', () => {
    assert.deepEqual(counts(hex('1234 8180 0000 0001 0000 0000 c00c 0001 0001 00000000 0000')), [
      true,
      true,
      0,
    ])
  })

  it('stays within the message, whatever the bytes', () => {
    fc.assert(
      fc.property(damaged([RESPONSE, ...Object.values(QUERIES)]), (bytes) => {
        const { records, questionsEnd } = read(bytes)
        let at = questionsEnd
        for (const record of records) {
          assert.equal(record.nameOffset, at)
          at = record.rdataOffset! + record.rdataLength!
          assert.ok(at <= bytes.length)
        }
      }),
      { numRuns: 500 },
    )
  })
})
