import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { FRAME_PEN_SIZE_MAX, PORTS_MAX } from '../../src/limits.ts'
import { FramePen, type FramePenOptions } from '../../src/tables/frame-pen.ts'

const penOf = (options: Partial<FramePenOptions> = {}): FramePen =>
  new FramePen({ slotCount: 6, slotSize: 8, lists: 4, perList: 3, owners: 3, perOwner: 4, ...options })

interface HeldFrame {
  readonly list: number
  readonly bytes: number[]
  readonly tag1: number
  readonly tag2: number
  readonly owner: number
  readonly since: number
}

function frameIn(pen: FramePen, slot: number): HeldFrame {
  return {
    list: pen.list(slot),
    bytes: [...pen.bytes.subarray(pen.offset(slot), pen.offset(slot) + pen.length(slot))],
    tag1: pen.tag1(slot),
    tag2: pen.tag2(slot),
    owner: pen.owner(slot),
    since: pen.heldSinceS(slot),
  }
}

describe('FramePen', () => {
  it('keeps a copy of the bytes it was told, and nothing around them', () => {
    const pen = penOf()
    pen.bytes.fill(0xee)
    const from = Uint8Array.of(9, 9, 1, 2, 3, 9, 9)
    assert.equal(pen.hold(2, from, 2, 3, -5, 0x7fff_ffff, 1, 77), true)
    from.fill(0)
    const slot = pen.first(2)
    assert.deepEqual(frameIn(pen, slot), {
      list: 2,
      bytes: [1, 2, 3],
      tag1: -5,
      tag2: 0x7fff_ffff,
      owner: 1,
      since: 77,
    })
    assert.equal(pen.view.getUint16(pen.offset(slot)), 0x0102)
    assert.equal(pen.bytes.filter((byte) => byte !== 0xee).length, 3)
  })

  it('refuses a frame that is longer than a slot, and takes one that just fits', () => {
    const pen = penOf()
    assert.equal(pen.hold(0, new Uint8Array(9), 0, 9, 0, 0, 0, 0), false)
    assert.equal(pen.hold(0, new Uint8Array(8), 0, 8, 0, 0, 0, 0), true)
    assert.equal(pen.size, 1)
  })

  it('leaves the others their room when one list, or one owner, has its fill', () => {
    const pen = penOf()
    const frame = new Uint8Array(1)
    const hold = (list: number, owner: number): boolean => pen.hold(list, frame, 0, 1, 0, 0, owner, 0)
    assert.deepEqual([hold(0, 0), hold(0, 0), hold(0, 0), hold(0, 0)], [true, true, true, false])
    assert.deepEqual([hold(1, 0), hold(2, 0), hold(3, 0)], [true, false, false])
    assert.deepEqual([hold(0, 1), hold(1, 1), hold(1, 1), hold(2, 2)], [false, true, true, false])
    assert.equal(pen.size, pen.slotCount)
    assert.equal(pen.releaseAll(1), 3)
    assert.equal(hold(2, 2), true)
  })

  it('refuses options that make no sense', () => {
    const wrong: Partial<FramePenOptions>[] = [
      { slotCount: 0 },
      { slotSize: 0 },
      { perList: 1.5 },
      { slotCount: 2, slotSize: FRAME_PEN_SIZE_MAX / 2 + 1 },
      { owners: PORTS_MAX + 1 },
    ]
    for (const options of wrong) assert.throws(() => penOf(options), RangeError)
  })

  it('agrees with a naive model, which is an array of frames', () => {
    const list = fc.nat(3)
    const step = fc.oneof(
      {
        weight: 6,
        arbitrary: fc.record({
          call: fc.constant('hold' as const),
          list,
          bytes: fc.array(fc.nat(255), { maxLength: 9 }),
          tag1: fc.integer(),
          tag2: fc.integer(),
          owner: fc.nat(2),
        }),
      },
      { weight: 2, arbitrary: fc.record({ call: fc.constant('release' as const), list }) },
      { weight: 1, arbitrary: fc.record({ call: fc.constant('releaseAll' as const), list }) },
      { weight: 1, arbitrary: fc.record({ call: fc.constant('wait' as const), seconds: fc.nat(3) }) },
      { weight: 1, arbitrary: fc.record({ call: fc.constant('expire' as const), ageS: fc.nat(4) }) },
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const pen = penOf()
        let model: HeldFrame[] = []
        let now = 100
        for (const command of steps) {
          switch (command.call) {
            case 'hold': {
              const { list: to, bytes, tag1, tag2, owner } = command
              const hasRoom =
                bytes.length <= 8 &&
                model.length < 6 &&
                model.filter((frame) => frame.list === to).length < 3 &&
                model.filter((frame) => frame.owner === owner).length < 4
              const held = pen.hold(
                to,
                Uint8Array.from([7, ...bytes, 7]),
                1,
                bytes.length,
                tag1,
                tag2,
                owner,
                now,
              )
              assert.equal(held, hasRoom)
              if (held) model.push({ list: to, bytes, tag1, tag2, owner, since: now })
              break
            }
            case 'release': {
              const slot = pen.first(command.list)
              const first = model.findIndex((frame) => frame.list === command.list)
              assert.equal(slot === -1, first === -1)
              if (slot === -1) break
              pen.release(slot)
              model.splice(first, 1)
              break
            }
            case 'releaseAll': {
              const rest = model.filter((frame) => frame.list !== command.list)
              assert.equal(pen.releaseAll(command.list), model.length - rest.length)
              model = rest
              break
            }
            case 'wait':
              now += command.seconds
              break
            case 'expire': {
              const rest = model.filter((frame) => frame.since >= now - command.ageS)
              assert.equal(pen.expireBefore(now - command.ageS), model.length - rest.length)
              model = rest
            }
          }
          assert.equal(pen.size, model.length)
          if (model.length > 0) assert.deepEqual(frameIn(pen, pen.oldest()), model[0])
          else assert.equal(pen.oldest(), -1)
          for (let number = 0; number < 4; number++) {
            const expected = model.filter((frame) => frame.list === number)
            assert.equal(pen.countOf(number), expected.length)
            const slot = pen.first(number)
            assert.deepEqual(slot === -1 ? undefined : frameIn(pen, slot), expected[0])
          }
        }
      }),
      { numRuns: 300 },
    )
  })
})
