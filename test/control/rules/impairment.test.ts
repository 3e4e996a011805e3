import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { ErrorCode, TapwireError } from '../../../src/control/errors.ts'
import type { ImpairmentWish } from '../../../src/control/model/records.ts'
import {
  changedWish,
  checkWish,
  fabricImpairment,
  impairmentText,
  normalImpairment,
  wishText,
} from '../../../src/control/rules/impairment.ts'

/** `message / hint` of what is refused. */
function refusal(wish: ImpairmentWish, before?: ImpairmentWish): string {
  try {
    changedWish(before, wish)
  } catch (error) {
    assert.ok(error instanceof TapwireError)
    assert.equal(error.code, ErrorCode.linkInvalid)
    return `${error.message} / ${error.hint}`
  }
  return ''
}

const normal = (wish: ImpairmentWish): ImpairmentWish => changedWish(undefined, wish)
const settings = (wish: ImpairmentWish) => fabricImpairment({ from: wish }, 'web@blue')?.from

describe('a delay', () => {
  for (const [text, us, shown = text] of [
    ['50ms', 50_000],
    ['1.5s', 1_500_000],
    ['200us', 200],
    ['1500us', 1500, '1.5ms'],
    ['0.0011s', 1100, '1.1ms'],
    ['1000ms', 1_000_000, '1s'],
    ['600s', 600_000_000],
    ['00.5ms', 500, '500us'],
  ] as const) {
    it(`of ${text} is ${us} µs`, () => {
      assert.deepEqual(normal({ delay: text }), { delay: shown })
      assert.equal(settings(normal({ delay: text }))?.delayUs, us)
    })
  }

  for (const [text, told] of [
    ['50', "delay '50' has no unit / Write 50ms, 50us or 50s."],
    ['1.5', "delay '1.5' has no unit / Write 1.5ms, 1.5us or 1.5s."],
    ['', "delay '' is no duration / Write it as in 50ms, 1.5s or 200us."],
    ['-1ms', "delay '-1ms' is no duration / Write it as in 50ms, 1.5s or 200us."],
    ['1e3ms', "delay '1e3ms' is no duration / Write it as in 50ms, 1.5s or 200us."],
    ['50 ms', "delay '50 ms' is no duration / Write it as in 50ms, 1.5s or 200us."],
    ['1min', "delay '1min' is no duration / Write it as in 50ms, 1.5s or 200us."],
    ['1ms\u0007', "delay '1ms\\x07' is no duration / Write it as in 50ms, 1.5s or 200us."],
    ['1.5us', "delay '1.5us' is finer than a microsecond / Write whole microseconds."],
    ['601s', "delay '601s' is longer than the 600s that a frame can be kept / Write less."],
  ] as const) {
    it(`of ${JSON.stringify(text)} is refused`, () => {
      assert.equal(refusal({ delay: text }), `invalid link: ${told}`)
    })
  }
})

describe('a percentage', () => {
  for (const [text, probability, shown = text] of [
    ['1%', 0.01],
    ['0.1%', 0.001],
    ['100%', 1],
    ['0.0001%', 1e-6],
    ['05.50%', 0.055, '5.5%'],
  ] as const) {
    it(`of ${text} is a probability of ${probability}`, () => {
      assert.deepEqual(normal({ loss: text }), { loss: shown })
      const given = settings(normal({ loss: text }))?.loss
      assert.ok(Math.abs(given! - probability) < 1e-12, String(given))
    })
  }

  for (const [text, told] of [
    ['0.01', "loss '0.01' is no percentage: it has no % / Write 1% or 0.01%."],
    ['.5', "loss '.5' is no percentage: it has no % / Write 50% or 0.5%."],
    ['1', "loss '1' is no percentage: it has no % / Write 100% or 1%."],
    ['25', "loss '25' is no percentage: it has no % / Write 25%."],
    ['101%', "loss '101%' is more than 100% / Write 100% for all frames."],
    [
      '-1%',
      "loss '-1%' is no percentage / Write it as in 1% or 0.1%, with at most 4 digits behind the point.",
    ],
    [
      '0.00001%',
      "loss '0.00001%' is no percentage / Write it as in 1% or 0.1%, with at most 4 digits behind the point.",
    ],
  ] as const) {
    it(`of ${text} is refused`, () => assert.equal(refusal({ loss: text }), `invalid link: ${told}`))
  }
})

describe('a rate', () => {
  for (const [text, bits, shown = text] of [
    ['10mbit', 10_000_000],
    ['1gbit', 1_000_000_000],
    ['500kbit', 500_000],
    ['1.5Mbit', 1_500_000, '1.5mbit'],
    ['1500bit', 1500, '1.5kbit'],
    ['1234567bit', 1_234_567, '1234.567kbit'],
    ['1000kbit', 1_000_000, '1mbit'],
  ] as const) {
    it(`of ${text} is ${bits} bits a second`, () => {
      assert.deepEqual(normal({ rate: text }), { rate: shown })
      assert.equal(settings(normal({ rate: text }))?.rate, bits)
    })
  }

  for (const [text, told] of [
    ['10', "rate '10' has no unit / Write 10bit, 10kbit or 10mbit."],
    ['10mbps', "rate '10mbps' may be bits or bytes a second / Write 10mbit for bits, 80mbit for bytes."],
    ['1.5kB/s', "rate '1.5kB/s' may be bits or bytes a second / Write 1.5kbit for bits, 12kbit for bytes."],
    ['fast', "rate 'fast' is no rate / Write it as in 10mbit, 500kbit or 1gbit: bits a second."],
    [
      '999bit',
      "rate '999bit' is not from 1kbit to 1000gbit / Leave the rate out for no limit, and say down for none at all.",
    ],
    [
      '1001gbit',
      "rate '1001gbit' is not from 1kbit to 1000gbit / Leave the rate out for no limit, and say down for none at all.",
    ],
    ['1000.5bit', "rate '1000.5bit' is no whole number of bits / Write it as in 1500bit."],
  ] as const) {
    it(`of ${text} is refused`, () => assert.equal(refusal({ rate: text }), `invalid link: ${told}`))
  }
})

describe('a queue and a seed', () => {
  it('are whole numbers within their ranges', () => {
    assert.deepEqual(normal({ queue: 1, seed: -(2 ** 31) }), { queue: 1, seed: -(2 ** 31) })
    assert.deepEqual(normal({ queue: 100_000, seed: 2 ** 31 - 1 }), { queue: 100_000, seed: 2 ** 31 - 1 })
    const queue = 'no whole number from 1 to 100000 / It counts frames; leave it out for 1000.'
    for (const wrong of [0, -1, 1.5, 100_001, Number.NaN]) {
      assert.equal(refusal({ queue: wrong }), `invalid link: queue ${wrong} is ${queue}`)
    }
    for (const wrong of [2 ** 31, 0.5])
      assert.match(refusal({ seed: wrong }), /no whole number from -2147483648/)
  })

  it('do nothing alone', () => {
    assert.equal(settings({ queue: 5, seed: 7 }), undefined)
    assert.equal(settings({}), undefined)
  })

  it('are otherwise 1000 frames, and made of the place and direction', () => {
    const both = fabricImpairment({ from: { loss: '1%' }, to: { loss: '1%' } }, 'web@blue')!
    assert.equal(both.from!.queue, 1000)
    assert.notEqual(both.from!.seed, both.to!.seed)
    assert.deepEqual(both, fabricImpairment({ from: { loss: '1%' }, to: { loss: '1%' } }, 'web@blue'))
    assert.notEqual(both.from!.seed, fabricImpairment({ from: { loss: '1%' } }, 'web@red')!.from!.seed)
    for (const { seed } of [both.from!, both.to!]) assert.equal(seed, seed | 0)
    assert.equal(settings({ loss: '1%', seed: 7 })?.seed, 7)
  })
})

describe('values together', () => {
  it('that contradict are refused with what would do', () => {
    assert.equal(
      refusal({ delay: '5ms', jitter: '6ms' }),
      'invalid link: jitter 6ms is above the delay of 5ms: no frame can leave before it has come / Make the delay 6ms at least, or the jitter 5ms at most.',
    )
    assert.equal(
      refusal({ reorder: '25%' }),
      'invalid link: reorder 25% needs a delay: a frame overtakes only those that wait / Give a delay as well, 10ms for example.',
    )
    assert.match(refusal({ delay: '0' }, { delay: '5ms', jitter: '5ms' }), /above the delay of 0/)
  })

  it('change those that were there, and 0 takes them back', () => {
    const before = normal({ delay: '50ms', jitter: '5ms', loss: '1%', queue: 7 })
    assert.deepEqual(changedWish(before, { loss: '2%', rate: '1mbit', delay: undefined }), {
      ...before,
      loss: '2%',
      rate: '1mbit',
    })
    assert.deepEqual(changedWish(before, { delay: '0', jitter: '0ms', loss: '0%' }), { queue: 7 })
    assert.deepEqual(changedWish({ down: true, rate: '1mbit' }, { down: false, rate: '0' }), {})
  })

  it('all of which are wrong are all told', () => {
    const { problems } = checkWish({ delay: '5', loss: '5', rate: '5' })
    assert.deepEqual(
      problems.map(({ key }) => key),
      ['delay', 'loss', 'rate'],
    )
  })
})

describe('an impairment', () => {
  it('without anything is none', () => {
    assert.equal(normalImpairment({ from: { delay: '0' }, to: {} }), undefined)
    assert.equal(normalImpairment(undefined), undefined)
    assert.deepEqual(normalImpairment({ from: {}, to: { down: true } }), { to: { down: true } })
    assert.deepEqual(fabricImpairment({ to: { down: true }, from: { queue: 1 } }, 'x')?.from, undefined)
    assert.equal(fabricImpairment(undefined, 'x'), undefined)
  })

  it('is told in a line', () => {
    const from = { delay: '50ms', jitter: '5ms', loss: '1%', down: true, seed: 7 }
    assert.equal(wishText(from), 'down, delay 50ms ±5ms, loss 1%, seed 7')
    assert.equal(impairmentText({ from, to: from }), wishText(from))
    assert.equal(impairmentText({ to: { rate: '1mbit' } }), 'from: none; to: rate 1mbit')
    assert.equal(impairmentText(undefined), 'none')
  })

  it('in normal form is its own, and no text makes it throw anything but what is wrong', () => {
    const text = fc.oneof(
      fc.string({ maxLength: 12 }),
      fc
        .tuple(
          fc.double({ min: 0, max: 1e6, noNaN: true }),
          fc.constantFrom('us', 'ms', 's', '%', 'kbit', 'mbit', ''),
        )
        .map(([number, unit]) => `${number}${unit}`),
    )
    const wish = fc.record(
      {
        delay: text,
        jitter: text,
        loss: text,
        reorder: text,
        rate: text,
        queue: fc.integer(),
        down: fc.boolean(),
        seed: fc.integer(),
      },
      { requiredKeys: [] },
    )
    fc.assert(
      fc.property(wish, (given) => {
        const { wish: found, problems } = checkWish(given)
        if (problems.length > 0) return
        assert.deepEqual(checkWish(found), { wish: found, problems: [] })
        assert.deepEqual(settings(found), settings(given))
      }),
      { numRuns: 500 },
    )
  })
})
