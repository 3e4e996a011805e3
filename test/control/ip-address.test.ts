import assert from 'node:assert/strict'
import { isIPv4 } from 'node:net'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import {
  contains,
  formatIpAddress,
  formatSubnet,
  lastAddress,
  overlap,
  parseCidr,
  parseIpAddress,
  subnetOf,
} from '../../src/control/ip-address.ts'

const addresses = fc.ipV4()
const prefixLengths = fc.integer({ min: 0, max: 32 })

function subnet(text: string) {
  const cidr = parseCidr(text)
  assert.ok(cidr !== undefined, text)
  return subnetOf(cidr.address, cidr.prefixLength)
}

describe('parseIpAddress', () => {
  it('reads what it writes', () => {
    fc.assert(
      fc.property(addresses, (text) => {
        const address = parseIpAddress(text)
        assert.ok(address !== undefined)
        assert.equal(formatIpAddress(address), text)
      }),
    )
  })

  it('takes what node:net takes, and nothing else', () => {
    const part = fc.oneof(
      fc.integer({ min: 0, max: 300 }).map(String),
      fc.constantFrom('', '00', '01', 'a', '-1', ' 1'),
    )
    fc.assert(
      fc.property(fc.array(part, { minLength: 3, maxLength: 5 }), (parts) => {
        const text = parts.join('.')
        assert.equal(parseIpAddress(text) !== undefined, isIPv4(text), text)
      }),
    )
  })
})

describe('parseCidr', () => {
  for (const text of [
    '10.1.0.0',
    '10.1.0.0/',
    '10.1.0.0/33',
    '10.1.0.0/08',
    '10.1.0.0/8/8',
    '/8',
    '10.1.0/8',
    '10.1.0.0/ 8',
  ]) {
    it(`refuses '${text}'`, () => assert.equal(parseCidr(text), undefined))
  }
})

describe('subnet', () => {
  const cases: [string, string, string][] = [
    ['10.1.2.3/24', '10.1.2.0/24', '10.1.2.255'],
    ['10.1.2.3/30', '10.1.2.0/30', '10.1.2.3'],
    ['10.1.2.3/8', '10.0.0.0/8', '10.255.255.255'],
    ['10.1.2.3/32', '10.1.2.3/32', '10.1.2.3'],
    ['255.255.255.255/0', '0.0.0.0/0', '255.255.255.255'],
  ]
  for (const [text, network, last] of cases) {
    it(`of ${text} is ${network} and ends with ${last}`, () => {
      assert.equal(formatSubnet(subnet(text)), network)
      assert.equal(formatIpAddress(lastAddress(subnet(text))), last)
    })
  }

  it('holds exactly the addresses with the same first bits', () => {
    fc.assert(
      fc.property(addresses, addresses, prefixLengths, (a, b, length) => {
        const bits = (text: string) =>
          text
            .split('.')
            .map((part) => Number(part).toString(2).padStart(8, '0'))
            .join('')
            .slice(0, length)
        assert.equal(contains(subnet(`${a}/${length}`), parseIpAddress(b)!), bits(a) === bits(b))
      }),
    )
  })

  it('overlaps another one exactly when an end of one lies in the other', () => {
    fc.assert(
      fc.property(addresses, prefixLengths, addresses, prefixLengths, (a, lengthA, b, lengthB) => {
        const [one, other] = [subnet(`${a}/${lengthA}`), subnet(`${b}/${lengthB}`)]
        const apart = lastAddress(one).value < other.value || lastAddress(other).value < one.value
        assert.equal(overlap(one, other), !apart)
        assert.equal(overlap(other, one), !apart)
      }),
    )
  })
})
