import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import * as dns from '../../src/wire/dns.ts'
import { assertWrites, hex, place } from '../support/wire-bytes.ts'

const HEADER = hex('1234 8583 0001 0002 0003 0004')

describe('the header of a DNS message', () => {
  it('is read field by field', () => {
    const { view, offset } = place(HEADER)
    assert.equal(dns.id(view, offset), 0x1234)
    assert.equal(dns.flags(view, offset), dns.FLAG_QR | dns.FLAG_AA | dns.FLAG_RD | dns.FLAG_RA | 3)
    assert.equal(dns.questionCount(view, offset), 1)
    assert.equal(dns.answerCount(view, offset), 2)
    assert.equal(dns.authorityCount(view, offset), 3)
    assert.equal(dns.additionalCount(view, offset), 4)
  })

  it('is written, and nothing else', () => {
    assertWrites(HEADER, (view, offset) => dns.setHeader(view, offset, 0x1234, 0x8583, 1, 2, 3, 4))
  })

  it('has flags that do not overlap', () => {
    const masks = [
      dns.FLAG_QR,
      dns.OPCODE_MASK,
      dns.FLAG_AA,
      dns.FLAG_TC,
      dns.FLAG_RD,
      dns.FLAG_RA,
      dns.FLAG_AD,
      dns.FLAG_CD,
      dns.RCODE_MASK,
    ]
    const z = 0x0040
    assert.equal(
      masks.reduce((sum, mask) => sum + mask, z),
      0xffff,
    )
  })
})

describe('names of types, classes and response codes', () => {
  it('are those of the registry', () => {
    assert.equal(dns.formatType(28), 'AAAA')
    assert.equal(dns.formatType(65), 'HTTPS')
    assert.equal(dns.formatType(65280), 'TYPE65280')
    assert.equal(dns.formatClass(1), 'IN')
    assert.equal(dns.formatClass(4660), 'CLASS4660')
    assert.equal(dns.formatRcode(3), 'NXDOMAIN')
    assert.equal(dns.formatRcode(16), 'BADVERS')
    assert.equal(dns.formatRcode(11), 'RCODE11')
  })

  it('are read in either case', () => {
    assert.equal(dns.parseType('aaaa'), 28)
    assert.equal(dns.parseType('Type28'), 28)
    assert.equal(dns.parseClass('ch'), 3)
    assert.equal(dns.parseClass('class3'), 3)
  })

  it('are read as they were written', () => {
    fc.assert(
      fc.property(fc.nat(0xffff), (number) => {
        assert.equal(dns.parseType(dns.formatType(number)), number)
        assert.equal(dns.parseClass(dns.formatClass(number)), number)
      }),
    )
    for (let type = 0; type < 300; type++) assert.equal(dns.parseType(dns.formatType(type)), type)
  })

  for (const text of ['', 'TYPE', 'TYPE65536', 'TYPE-1', 'TYPE01', 'TYPE1 ', 'QUUX', '1', 'CLASS1']) {
    it(`refuses ${JSON.stringify(text)} as a type`, () => assert.equal(dns.parseType(text), undefined))
  }
})
