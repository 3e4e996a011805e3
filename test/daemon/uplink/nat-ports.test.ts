import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  type NatPortConflict,
  type NatPorts,
  type ReserveBlock,
  reserveNatPorts,
} from '../../../src/daemon/uplink/nat-ports.ts'

const FIRST = 61_000
const LAST = 65_095

/** A machine whose programs have some ports, and that has only so many descriptors. */
function machine(taken: readonly number[], descriptors = Number.POSITIVE_INFINITY): ReserveBlock {
  return (first, last): NatPorts | NatPortConflict => {
    const port = taken.find((one) => one >= first && one <= last)
    if (port !== undefined) return { port, descriptors: undefined, message: `0.0.0.0:${port}/tcp is in use` }
    const size = last - first + 1
    if (2 * size <= descriptors) return { first, last, close: () => undefined }
    return { port: first + descriptors, descriptors, message: 'too few file descriptors' }
  }
}

const block = (reserve: ReserveBlock): [number, number] => {
  const { first, last } = reserveNatPorts(reserve, FIRST, LAST)
  return [first, last]
}

describe('ports for connections to the outside', () => {
  it('are all of the block', () => {
    assert.deepEqual(block(machine([])), [FIRST, LAST])
  })

  it('are the largest piece between those that programs have', () => {
    assert.deepEqual(block(machine([FIRST])), [FIRST + 1, LAST])
    assert.deepEqual(block(machine([LAST])), [FIRST, LAST - 1])
    assert.deepEqual(block(machine([61_500, 62_000, 64_900])), [62_001, 64_899])
  })

  it('are fewer where descriptors are', () => {
    assert.deepEqual(block(machine([], 4000)), [FIRST, FIRST + 999])
  })

  it('are refused where too few are left', () => {
    const everyHundredth = Array.from({ length: 41 }, (_, index) => FIRST + index * 100)
    assert.throws(() => block(machine(everyHundredth)), {
      code: 'UPLINK_UNUSABLE',
      message:
        'fewer than 256 ports from 61000 to 65095 can be had for connections to the outside: 0.0.0.0:65000/tcp is in use',
    })
    assert.throws(() => block(machine([], 100)), { code: 'UPLINK_UNUSABLE' })
  })
})
