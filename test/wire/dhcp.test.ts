import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as dhcp from '../../src/wire/dhcp.ts'
import { hex, place } from '../support/wire-bytes.ts'

const HEAD = '01010600 01020304 0005 8000 0a000001 0a000002 0a000003 0a000004 0242ac120002'
const message = (options: string): Uint8Array => hex(`${HEAD} ${'00'.repeat(236 - 34)} 63825363 ${options}`)

describe('dhcp', () => {
  it('reads each field', () => {
    const { view, offset, end } = place(message('350101 ff'))
    assert.equal(dhcp.check(view, offset, end), true)
    assert.equal(dhcp.operation(view, offset), dhcp.OPERATION_REQUEST)
    assert.equal(dhcp.hardwareLength(view, offset), 6)
    assert.equal(dhcp.transaction(view, offset), 0x01020304)
    assert.equal(dhcp.flags(view, offset), dhcp.FLAG_BROADCAST)
    assert.equal(dhcp.clientAddress(view, offset), 0x0a000001)
    assert.equal(dhcp.yourAddress(view, offset), 0x0a000002)
    assert.equal(dhcp.messageType(view, offset, end), 1)
  })

  it('refuses what is too short or has no cookie', () => {
    const { view, offset } = place(message(''))
    assert.equal(dhcp.check(view, offset, offset + 240), true)
    assert.equal(dhcp.check(view, offset, offset + 239), false)
    view.setUint8(offset + 236, 0)
    assert.equal(dhcp.check(view, offset, offset + 240), false)
  })

  it('walks over options', () => {
    const size = (options: string): number => {
      const { view, offset, end } = place(hex(options))
      return dhcp.optionSize(view, offset, end)
    }
    assert.equal(size('00 35'), 1)
    assert.equal(size('ff'), 1)
    assert.equal(size('0c 03 616263'), 5)
    assert.equal(size('0c 04 616263'), dhcp.NO_OPTION)
    assert.equal(size('0c'), dhcp.NO_OPTION)
    assert.equal(size(''), dhcp.NO_OPTION)
  })

  it('finds the type behind other options, and not behind the end', () => {
    const type = (options: string): number => {
      const { view, offset, end } = place(message(options))
      return dhcp.messageType(view, offset, end)
    }
    assert.equal(type('0000 0c0161 350105 ff'), 5)
    assert.equal(type('ff 350105'), 0)
    assert.equal(type('0c0161'), 0)
    assert.equal(type('3504 01020304 ff'), 0)
  })
})
