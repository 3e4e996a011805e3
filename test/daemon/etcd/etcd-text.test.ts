import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import {
  decodeText,
  EtcdGarbage,
  encodeText,
  idOf,
  numberOf,
  parseJson,
  prefixEnd,
} from '../../../src/daemon/etcd/etcd-text.ts'
import { JsonLines } from '../../../src/daemon/etcd/json-lines.ts'

const bytes = (...values: readonly number[]): Uint8Array => Uint8Array.from(values)

describe('the end of what begins with a prefix', () => {
  it('counts the last byte up that can be', () => {
    assert.deepEqual(prefixEnd(bytes(0x61)), bytes(0x62))
    assert.deepEqual(prefixEnd(bytes(0x61, 0xff)), bytes(0x62))
    assert.deepEqual(prefixEnd(bytes(0x61, 0xff, 0x00, 0xff, 0xff)), bytes(0x61, 0xff, 0x01))
    assert.deepEqual(prefixEnd(bytes(0xff, 0xff)), bytes(0))
    assert.deepEqual(prefixEnd(bytes()), bytes(0))
  })

  it('has before it exactly what begins with it', () => {
    const key = fc.array(fc.constantFrom(0, 1, 0x61, 0x62, 0xfe, 0xff), { maxLength: 5 })
    fc.assert(
      fc.property(key, key, (prefix, other) => {
        const end = Buffer.from(prefixEnd(Uint8Array.from(prefix)))
        const candidate = Buffer.from(other)
        const open = end.length === 1 && end[0] === 0
        const inRange =
          Buffer.compare(candidate, Buffer.from(prefix)) >= 0 && (open || Buffer.compare(candidate, end) < 0)
        assert.equal(
          inRange,
          prefix.every((byte, at) => other[at] === byte),
        )
      }),
    )
  })
})

describe("etcd's JSON", () => {
  it('has numbers of 64 bits as text, which are exact or refused', () => {
    assert.equal(numberOf('9007199254740991', 'x'), 9_007_199_254_740_991)
    assert.equal(numberOf(7, 'x'), 7)
    assert.equal(numberOf(undefined, 'x'), 0)
    for (const wrong of [
      '9007199254740992',
      9_007_199_254_740_992,
      '-1',
      -1,
      '1.5',
      1.5,
      '',
      ' 1',
      '0x1',
      null,
      {},
      true,
    ]) {
      assert.throws(() => numberOf(wrong, 'x'), EtcdGarbage)
    }
    assert.equal(idOf('18446744073709551615', 'x'), '18446744073709551615')
    assert.equal(idOf('0', 'x'), '')
    for (const wrong of [1, '', 'a', '1'.repeat(21), null]) assert.throws(() => idOf(wrong, 'x'), EtcdGarbage)
  })

  it('has bytes as base64', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        assert.equal(decodeText(encodeText(text), 'x'), text)
      }),
    )
    for (const wrong of ['*', 'YQ=a', 1, null]) assert.throws(() => decodeText(wrong, 'x'), EtcdGarbage)
  })

  it('is an object', () => {
    assert.deepEqual(parseJson('{"a":1}'), { a: 1 })
    for (const wrong of ['', '[]', 'null', '1', '{', '<html>'])
      assert.throws(() => parseJson(wrong), EtcdGarbage)
  })

  it('comes in lines, wherever chunks end', () => {
    const line = fc.string({ unit: 'grapheme', maxLength: 20 }).map((text) => JSON.stringify(text))
    fc.assert(
      fc.property(fc.array(line), fc.array(fc.nat(30)), (wanted, cuts) => {
        const all = Buffer.from(wanted.map((one) => `${one}\n`).join(''))
        const lines = new JsonLines(1000)
        const read: string[] = []
        let from = 0
        for (const cut of cuts) {
          read.push(...lines.push(all.subarray(from, from + cut)))
          from += cut
        }
        read.push(...lines.push(all.subarray(from)))
        assert.deepEqual(read, wanted)
      }),
    )
  })

  it('has no line without an end', () => {
    const lines = new JsonLines(10)
    assert.deepEqual(lines.push(Buffer.from('0123456789\n\n \n01234')), ['0123456789', '01234'].slice(0, 1))
    assert.deepEqual(lines.push(Buffer.from('56789')), [])
    assert.throws(() => lines.push(Buffer.from('x')), EtcdGarbage)
    assert.throws(() => new JsonLines(10).push(Buffer.from('0123456789x\n')), EtcdGarbage)
  })
})
