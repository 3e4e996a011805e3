import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { accepts, checkProgram, type FilterProgram } from '../../../src/datapath/capture/frame-filter.ts'
import { compileFilter, type FilterNames } from '../../../src/inspect/filter/compile-filter.ts'
import { FilterError } from '../../../src/inspect/filter/filter-error.ts'
import { FILTER_DEPTH_MAX, FILTER_INSTRUCTIONS_MAX, FILTER_TEXT_MAX } from '../../../src/limits.ts'
import { wordSalad } from './expression-arbitrary.ts'

const SYN = bytesOf(
  '02420a0100020242 0a010001 0800',
  '4500 003c 1c46 4000 40 06 b1e6 0a010001 0a010002',
  '9c40 0050 0000 0001 0000 0000 a002 faf0 0000 0000',
)

const names: FilterNames = (name) =>
  ({ web: ['10.1.0.2', 'fd00::2'], db: ['10.9.0.9'], blue: ['10.1.0.0/16'] })[name] ?? []

const takes = (program: FilterProgram, frame: Uint8Array, wireLength?: number): boolean =>
  accepts(program, new DataView(frame.buffer, frame.byteOffset), 0, frame.length, wireLength)

describe('a filter', () => {
  const cases: readonly [text: string, accepted: boolean][] = [
    ['', true],
    ['  \n', true],
    ['tcp', true],
    ['udp', false],
    ['host web', true],
    ['src host web', false],
    ['host db or web', true],
    ['host \\web', true],
    ['ip6 host web', false],
    ['net blue', true],
    ['tcp dst port http', true],
    ['tcp[tcpflags] & (tcp-syn|tcp-ack) = tcp-syn', true],
    ['less 54', true],
    ['greater 55', false],
  ]
  for (const [text, accepted] of cases) {
    it(`${accepted ? 'accepts' : 'does not accept'} a SYN to web as '${text}'`, () =>
      assert.equal(takes(compileFilter(text, names), SYN), accepted))
  }

  it('judges the length that the frame had on the wire', () => {
    assert.ok(takes(compileFilter('greater 1000'), SYN, 1000))
  })

  it('reads nothing behind the end of the frame', () => {
    const memory = new Uint8Array(100).fill(1)
    const view = new DataView(memory.buffer)
    assert.ok(accepts(compileFilter('ether[59] = 1'), view, 0, 60))
    assert.ok(!accepts(compileFilter('ether[60] = 1'), view, 0, 60))
    assert.ok(!accepts(compileFilter('ether[57:4] != 1'), view, 0, 60))
  })

  it('is the same on another thread', () => {
    const program = compileFilter('tcp port 80 and len < ip[0] + 1')
    const { port1, port2 } = new MessageChannel()
    return new Promise<void>((resolve) => {
      port2.on('message', (arrived: FilterProgram) => {
        assert.deepEqual(arrived, program)
        assert.ok(checkProgram(arrived) && takes(arrived, SYN))
        port2.close()
        resolve()
      })
      port1.postMessage(program)
    })
  })

  it('costs few instructions where it matches nothing', () => {
    assert.ok(compileFilter('tcp port 9999').length <= 7 * 6)
  })
})

describe('what is wrong with a filter', () => {
  const cases: readonly [text: string, position: number, message: RegExp, hint?: RegExp][] = [
    ['tcp prot 80', 4, /'prot' stands where `and`, `or`, `host`/],
    ['tpc', 0, /'tpc' is no word/, /did you mean 'tcp'/],
    ['port htpt', 5, /no service 'htpt'/, /did you mean 'http'/],
    ['host wbe', 5, /nothing is called 'wbe'/],
    ['tcp and', 7, /it ends where an expression/],
    ['(tcp', 4, /it ends where '\)'/],
    ['tcp)', 3, /'\)' stands/],
    ['net 10.0.0.1/8', 4, /bits set/],
    ['tcp[0:3] = 1', 6, /1, 2 or 4 bytes/],
    ['ip[0] / 0 = 1', 6, /division by zero/],
    ['tcp host 10.0.0.1', 9, /'tcp' has no such hosts/, /`tcp and host …`/],
    ['inbound', 0, /not supported/],
    ['host 10.0.0.256', 5, /not an IPv4 address/],
    ['port 08', 5, /octal/],
    ['ip[0] = 99999999999', 8, /32 bits/],
    ['ip broadcast', 3, /cannot be asked/, /ether broadcast/],
    ['tcp and §', 8, /'§' has no meaning/],
    [`${'('.repeat(FILTER_DEPTH_MAX + 1)}tcp`, FILTER_DEPTH_MAX, /too deeply/],
    ['tcp '.repeat(FILTER_TEXT_MAX), FILTER_TEXT_MAX, /characters/],
    [
      Array.from({ length: 1400 }, () => 'len=len')
        .join('||')
        .slice(0, FILTER_TEXT_MAX),
      0,
      /too much/,
    ],
  ]
  for (const [text, position, message, hint] of cases) {
    it(`is told for ${text.slice(0, 40)}`, () => {
      assert.throws(
        () => compileFilter(text, names),
        (error: unknown) => {
          assert.ok(error instanceof FilterError)
          assert.match(error.message, message)
          assert.equal(error.position, position)
          if (hint !== undefined) assert.match(error.hint ?? '', hint)
          return true
        },
      )
    })
  }

  it('is pointed at', () => {
    const error = failureOf('tcp port 80 and host web or htps')
    assert.equal(error.excerpt, `tcp port 80 and host web or htps\n${' '.repeat(28)}^`)
  })

  it('is told in few words, and soon, of a long filter', () => {
    for (const text of [
      '0:'.repeat(8000),
      'a-'.repeat(8000),
      'f'.repeat(16_000),
      `host ${'1.'.repeat(8000)}`,
    ]) {
      assert.ok(failureOf(text).message.length < 250)
    }
  })

  it('is all that can happen, whatever the text', () => {
    fc.assert(
      fc.property(fc.oneof(wordSalad, fc.string({ unit: 'binary', maxLength: 40 })), (text) => {
        try {
          assert.ok(checkProgram(compileFilter(text, names)))
        } catch (error) {
          if (!(error instanceof FilterError)) throw error
        }
      }),
      { numRuns: 5000 },
    )
  })
})

describe('a program from elsewhere', () => {
  const jump = [0, 0, 0, 0, -1, -2]

  it('may be empty, or end', () => {
    assert.ok(checkProgram(new Int32Array(0)))
    assert.ok(checkProgram(Int32Array.from(jump)))
  })

  const bad: readonly [what: string, program: readonly number[]][] = [
    ['has a piece of an instruction', [...jump, 1]],
    ['jumps to itself', [0, 0, 0, 0, 0, -2]],
    ['jumps back', [...jump, 0, 0, 0, 0, 0, -1]],
    ['jumps behind its end', [0, 0, 0, 0, 6, -1]],
    ['jumps into an instruction', [0, 0, 0, 0, 7, -1, ...jump, ...jump]],
    ['ends in another way', [0, 0, 0, 0, -3, -1]],
    ['has an unknown operation', [37, 0, 0, 0, -1, -1]],
    ['has a negative operation', [-1, 0, 0, 0, -1, -1]],
    ['has a register too many', [14, 16, 0, 0, -1, -1]],
    ['has a negative register', [33, 0, -1, 0, -1, -1]],
    ['is too long', Array.from({ length: FILTER_INSTRUCTIONS_MAX + 1 }, () => jump).flat()],
  ]
  for (const [what, program] of bad) {
    it(`is refused where it ${what}`, () => assert.equal(checkProgram(Int32Array.from(program)), false))
  }

  it('never reads outside of the frame, whatever it does', () => {
    const word = fc.oneof(fc.integer({ min: -3, max: 60 }), fc.integer())
    const instruction = fc.tuple(fc.integer({ min: 0, max: 36 }), word, word, word, fc.nat(8), fc.nat(8))
    fc.assert(
      fc.property(fc.array(instruction, { maxLength: 12 }), (instructions) => {
        const { length } = instructions
        const target = (from: number, step: number): number =>
          step === 0 || from + step >= length ? -1 - (step % 2) : (from + step) * 6
        const program = Int32Array.from(
          instructions.flatMap(([operation, a, b, c, yes, no], at) => [
            operation | ((Math.abs(c) % 64) << 8),
            ...(operation >= 14 && operation <= 34 ? [a & 15, b & 15] : [a, b]),
            c,
            target(at, yes),
            target(at, no),
          ]),
        )
        assert.ok(checkProgram(program))
        // A DataView throws at a read outside of it, so its bounds are the frame's.
        takes(program, SYN)
      }),
      { numRuns: 3000 },
    )
  })
})

function failureOf(text: string): FilterError {
  try {
    compileFilter(text, names)
  } catch (error) {
    if (error instanceof FilterError) return error
  }
  throw new Error(`${text} is no mistake`)
}

function bytesOf(...hex: readonly string[]): Uint8Array {
  return Uint8Array.from(Buffer.from(hex.join('').replaceAll(' ', ''), 'hex'))
}
