import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { DNS_NAME_POINTERS_MAX } from '../../src/limits.ts'
import * as name from '../../src/wire/dns-name.ts'
import { readGuarded, wireName } from '../support/dns-wire.ts'
import { hex } from '../support/wire-bytes.ts'

const label = (size: number): string => 'x'.repeat(size)
const labelBytes = (size: number): number[] => [size, ...Buffer.alloc(size, 'x')]
/** 255 bytes, and one more. */
const LONGEST = Uint8Array.from([63, 63, 63, 61].flatMap(labelBytes).concat(0))
const TOO_LONG = Uint8Array.from([63, 63, 63, 62].flatMap(labelBytes).concat(0))

const sizeOf = (bytes: Uint8Array): number => readGuarded(bytes, name.nameSize)

/** The name `at` bytes into a message: bytes that it takes there, and what it is, as text. */
const read = (message: Uint8Array, at: number): { skipped: number; text: string | undefined } =>
  readGuarded(message, (view, offset, end) => {
    const to = new Uint8Array(name.NAME_SIZE_MAX)
    const size = name.readName(view, offset, offset + at, end, to)
    return {
      skipped: name.skipName(view, offset, offset + at, end),
      text: size === name.MALFORMED ? undefined : name.formatName(to.slice(0, size)),
    }
  })

describe('nameSize', () => {
  it('counts the root', () => {
    assert.equal(sizeOf(hex('00')), 1)
    assert.equal(sizeOf(hex('03776562 05 66726f6e74 00 ffff')), 11)
  })

  it('allows 255 bytes in labels of 63, and no more', () => {
    assert.equal(LONGEST.length, 255)
    assert.equal(sizeOf(LONGEST), 255)
    assert.equal(sizeOf(TOO_LONG), name.MALFORMED)
    assert.equal(sizeOf(Uint8Array.from([...labelBytes(63), 0])), 65)
    assert.equal(sizeOf(Uint8Array.from([...labelBytes(64), 0])), name.MALFORMED)
    const single = Uint8Array.from(
      Array.from({ length: 127 }, () => labelBytes(1))
        .flat()
        .concat(0),
    )
    assert.equal(sizeOf(single), 255)
  })

  it('takes neither pointers, nor reserved lengths, nor what does not end', () => {
    for (const bytes of ['', '03', '037765', '03776562', '03776562c000', '4000', '8000', 'c00c', 'ff']) {
      assert.equal(sizeOf(hex(bytes)), name.MALFORMED, bytes)
    }
  })
})

describe('readName and skipName', () => {
  it('read names with and without pointers', () => {
    //                   0             4          10 11           15    17
    const message = hex('03776562 05 66726f6e74 00 03617069 c004  c00b')
    assert.deepEqual(read(message, 0), { skipped: 11, text: 'web.front' })
    assert.deepEqual(read(message, 4), { skipped: 7, text: 'front' })
    assert.deepEqual(read(message, 10), { skipped: 1, text: '.' })
    assert.deepEqual(read(message, 11), { skipped: 6, text: 'api.front' })
    assert.deepEqual(read(message, 17), { skipped: 2, text: 'api.front' })
  })

  it('take no pointer that does not lead backwards', () => {
    assert.deepEqual(read(hex('c000'), 0), { skipped: name.MALFORMED, text: undefined })
    assert.deepEqual(read(hex('00 c003 00'), 1), { skipped: name.MALFORMED, text: undefined })
    // a, and then the name itself again: a.a.a.a...
    assert.deepEqual(read(hex('00 0161 c001'), 1), { skipped: name.MALFORMED, text: undefined })
    // Within the labels that it ends.
    assert.deepEqual(read(hex('00 0161 0162 c003'), 1), { skipped: name.MALFORMED, text: undefined })
  })

  it('take no loop of two pointers, nor one into labels that lead back', () => {
    // At 2, a pointer to 0; at 0, one to 2.
    assert.deepEqual(read(hex('c002 c000'), 2), { skipped: 2, text: undefined })
    // At 4: pointer to 0, `a` and then a pointer to 0.
    assert.deepEqual(read(hex('0161 c000 c000'), 4), { skipped: 2, text: undefined })
  })

  it('take a chain of pointers up to the maximum', () => {
    const chain = (pointers: number): Uint8Array =>
      Uint8Array.from(
        [
          0,
          0,
          ...Array.from({ length: pointers }, (_, index) => [0xc0 | ((index * 2) >> 8), (index * 2) & 0xff]),
        ].flat(),
      )
    const last = (pointers: number): string | undefined => read(chain(pointers), pointers * 2).text
    assert.equal(last(DNS_NAME_POINTERS_MAX), '.')
    assert.equal(last(DNS_NAME_POINTERS_MAX + 1), undefined)
  })

  it('take no name that only pointers make longer than 255 bytes', () => {
    const parts = (size: number): Uint8Array =>
      Uint8Array.from([...[63, 63, 63].flatMap(labelBytes), 0, ...labelBytes(size), 0xc0, 0])
    assert.deepEqual(read(parts(61), 193), {
      skipped: 64,
      text: [label(61), label(63), label(63), label(63)].join('.'),
    })
    assert.deepEqual(read(parts(62), 193), { skipped: 65, text: undefined })
  })

  it('take nothing that is cut short or reserved', () => {
    for (const bytes of ['', '03', '037765', '03776562', '03776562c0', 'c0', '4000', '8000', '40c000']) {
      assert.deepEqual(read(hex(bytes), 0), { skipped: name.MALFORMED, text: undefined }, bytes)
    }
  })

  it('agree with nameSize where there is no pointer, and do not throw on any bytes', () => {
    const bytes = fc.array(fc.oneof(fc.nat(255), fc.constantFrom(0, 0, 1, 2, 3, 0xc0)), { maxLength: 60 })
    fc.assert(
      fc.property(bytes, fc.nat(59), (values, at) => {
        const message = Uint8Array.from(values)
        const { skipped, text } = read(message, at)
        if (skipped === name.MALFORMED) assert.equal(text, undefined)
        const plain = sizeOf(message.slice(at))
        if (plain !== name.MALFORMED) {
          assert.equal(skipped, plain)
          assert.equal(text, name.formatName(message, at))
        }
      }),
      { numRuns: 500 },
    )
  })
})

describe('the text of names', () => {
  it('has no dot at its end, and may be read with it', () => {
    assert.deepEqual(wireName('web.front'), hex('03776562 05 66726f6e74 00'))
    assert.deepEqual(wireName('web.front.'), hex('03776562 05 66726f6e74 00'))
    assert.equal(name.formatName(hex('03776562 05 66726f6e74 00')), 'web.front')
    assert.equal(name.formatName(hex('ffff 03776562 00'), 2), 'web')
  })

  it('of the root is a dot', () => {
    assert.deepEqual(wireName('.'), hex('00'))
    assert.equal(name.formatName(hex('00')), '.')
  })

  it('escapes what has a meaning in zone files', () => {
    assert.deepEqual(wireName(String.raw`a\.b.c`), hex('03612e62 0163 00'))
    assert.deepEqual(wireName(String.raw`\009\255\\\"`), hex('0409ff5c22 00'))
    assert.equal(name.formatName(hex('03612e62 0163 00')), String.raw`a\.b.c`)
    assert.equal(name.formatName(hex('0609ff5c224020 00')), String.raw`\009\255\\\"\@\032`)
  })

  it('is read as it was written, whatever the bytes', () => {
    const labels = fc.array(fc.uint8Array({ minLength: 1, maxLength: 63 }), { maxLength: 3 })
    fc.assert(
      fc.property(labels, (parts) => {
        const bytes = Uint8Array.from([...parts.flatMap((part) => [part.length, ...part]), 0])
        const text = name.formatName(bytes)
        assert.match(text, /^[!-~]+$/)
        assert.deepEqual(wireName(text), bytes)
      }),
    )
  })

  it('has labels of 63 characters and 255 bytes in all, at most', () => {
    assert.equal(name.encodeName(label(63))?.length, 65)
    assert.equal(name.encodeName(label(64)), undefined)
    const longest = [label(63), label(63), label(63), label(61)].join('.')
    assert.deepEqual(name.encodeName(longest), LONGEST)
    assert.deepEqual(name.encodeName(`${longest}.`), LONGEST)
    assert.equal(name.encodeName(`${longest}x`), undefined)
    // An escape is one byte.
    assert.equal(name.encodeName(String.raw`\120`.repeat(63))?.length, 65)
  })

  for (const text of [
    '',
    '..',
    '.a',
    'a..b',
    'a..',
    '\\',
    'a\\',
    String.raw`\25`,
    String.raw`\256`,
    String.raw`\1a`,
    'bücher',
    'a\nb',
    'a\u007f',
  ]) {
    it(`refuses ${JSON.stringify(text)}`, () => assert.equal(name.encodeName(text), undefined))
  }
})

describe('the case of names', () => {
  it('is folded for ASCII letters only', () => {
    for (let byte = 0; byte < 256; byte++) {
      const letter = byte >= 0x41 && byte <= 0x5a
      assert.equal(name.fold(byte), letter ? byte + 32 : byte)
    }
  })

  it('makes no difference between names', () => {
    const a = hex('ff 03576562 05 46726f6e54 00')
    const b = hex('03776542 05 66526f6e74 00')
    assert.ok(name.equalNames(a, 1, b, 0, 11))
    assert.ok(!name.equalNames(a, 1, hex('03776542 05 66526f6e75 00'), 0, 11))
    assert.ok(!name.equalNames(hex('015b 00'), 0, hex('017b 00'), 0, 3))
  })
})
