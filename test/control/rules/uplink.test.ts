import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { UplinkSpec } from '../../../src/control/model/machine.ts'
import { formatUplink, parseUplink } from '../../../src/control/rules/uplink.ts'
import { MTU_MAX, MTU_MIN } from '../../../src/limits.ts'

const TAP: UplinkSpec = {
  kind: 'tap',
  name: 'up0',
  namespace: '',
  address: '203.0.113.1',
  prefixLength: 24,
  gateway: '',
  mtu: 1500,
}

describe('the text form of an uplink', () => {
  const FORMS: readonly [text: string, spec: UplinkSpec | undefined][] = [
    ['none', undefined],
    ['nic', { kind: 'nic', interface: '' }],
    ['nic:eth0', { kind: 'nic', interface: 'eth0' }],
    ['nic:eth0.7', { kind: 'nic', interface: 'eth0.7' }],
    ['tap:up0,address=203.0.113.1/24', TAP],
    [
      'tap:up0,address=203.0.113.1/31,gateway=203.0.113.0',
      { ...TAP, prefixLength: 31, gateway: '203.0.113.0' },
    ],
    [
      'tap:up0,address=203.0.113.1/24,gateway=203.0.113.254,namespace=/run/netns/x,mtu=9000',
      { ...TAP, gateway: '203.0.113.254', namespace: '/run/netns/x', mtu: 9000 },
    ],
  ]
  for (const [text, spec] of FORMS) {
    it(text, () => {
      assert.deepEqual(parseUplink(text), spec)
      assert.equal(formatUplink(spec), text)
    })
  }

  it('takes options in any order, and needs none that is as by default', () => {
    const spec = parseUplink('tap:up0,mtu=1500,namespace=/n,address=10.0.0.1/8')
    assert.equal(formatUplink(spec), 'tap:up0,address=10.0.0.1/8,namespace=/n')
  })

  it('comes back from any uplink as it was', () => {
    const name = fc
      .stringMatching(/^[a-z][a-z0-9_.-]{0,14}$/)
      .filter((text) => text !== 'all' && text !== 'default')
    const nic = fc.record(
      {
        kind: fc.constant('nic' as const),
        interface: fc.option(name, { nil: '' }),
      },
      { noNullPrototype: true },
    )
    const tap = fc
      .record({
        kind: fc.constant('tap' as const),
        name,
        namespace: fc.option(fc.stringMatching(/^\/[!-+.-~ ]{1,40}$/), { nil: '' }),
        prefixLength: fc.integer({ min: 8, max: 30 }),
        gateway: fc.boolean(),
        mtu: fc.integer({ min: MTU_MIN, max: MTU_MAX }),
      })
      // The first two hosts of 10/8, whatever its prefix.
      .map(({ gateway, ...rest }) => ({ ...rest, address: '10.0.0.1', gateway: gateway ? '10.0.0.2' : '' }))
    fc.assert(
      fc.property(fc.option(fc.oneof(nic, tap), { nil: undefined }), (spec) => {
        assert.deepEqual(parseUplink(formatUplink(spec)), spec)
      }),
    )
  })
})

describe('a text that is no uplink', () => {
  const REFUSED: readonly [text: string, why: string][] = [
    ['', "invalid uplink '': it begins with no kind"],
    ['nci:eth0', "invalid uplink 'nci:eth0': unknown kind 'nci'; did you mean 'nic'?"],
    ['bridge', "invalid uplink 'bridge': unknown kind 'bridge'; known: nic, tap, none"],
    ['none:x', "invalid uplink 'none:x': none takes no options"],
    ['nic,mtu=9000', "invalid uplink 'nic,mtu=9000': nic takes no options"],
    ['nic:', "invalid uplink 'nic:': it lacks the name of an interface"],
    ['nic:a/b', "invalid uplink 'nic:a/b': 'a/b' is no name of an interface"],
    ['nic:\u001B[2J', String.raw`invalid uplink 'nic:\x1b[2J': '\x1b[2J' is no name of an interface`],
    ['nic:eth0,mtu=1', "invalid uplink 'nic:eth0,mtu=1': 'eth0,mtu=1' is no name of an interface"],
    ['tap', "invalid uplink 'tap': it needs a name and an address"],
    ['tap:', "invalid uplink 'tap:': it lacks the name of an interface"],
    ['tap:up0', "invalid uplink 'tap:up0': a tap needs its address, as in address=203.0.113.1/24"],
  ]
  for (const [text, message] of REFUSED) {
    it(JSON.stringify(text), () =>
      assert.throws(() => parseUplink(text), { code: 'UPLINK_INVALID', message }),
    )
  }

  const OPTIONS: readonly [options: string, why: string][] = [
    ['address=203.0.113.1', "address must be an IPv4 address with its prefix length, not '203.0.113.1'"],
    ['address=fd00::1/64', "address must be an IPv4 address with its prefix length, not 'fd00::1/64'"],
    ['address=10.0.0.1/7', 'the prefix length must be from 8 to 31, not 7'],
    ['address=10.0.0.1/32', 'the prefix length must be from 8 to 31, not 32'],
    ['address=203.0.113.0/24', 'address is the address of its whole network'],
    ['address=203.0.113.255/24', 'address is the broadcast address of its network'],
    ['address=127.0.0.1/8', "address is no host's address"],
    ['address=224.0.0.1/24', "address is no host's address"],
    ['address=203.0.113.1/24,gateway=203.0.114.1', 'gateway 203.0.114.1 is not on the link of the address'],
    ['address=203.0.113.1/24,gateway=203.0.113.1', 'gateway is the address itself'],
    ['address=203.0.113.1/24,gateway=203.0.113.255', 'gateway is the broadcast address of its network'],
    ['address=203.0.113.1/24,gateway=x', "gateway must be an IPv4 address, not 'x'"],
    ['address=203.0.113.1/24,mtu=70000', "mtu must be from 576 to 65521, not '70000'"],
    ['address=203.0.113.1/24,mtu=1e3', "mtu must be from 576 to 65521, not '1e3'"],
    [
      'address=203.0.113.1/24,namespace=run',
      "namespace must be a path from the root, as in /run/netns/x, not 'run'",
    ],
    ['address=203.0.113.1/24,mtu', 'mtu has no value'],
    ['address=203.0.113.1/24,mtu=', 'mtu has no value'],
    ['address=203.0.113.1/24,mtu=1500,mtu=1500', 'mtu is given twice'],
    ['adress=203.0.113.1/24', "unknown option 'adress'; did you mean 'address'?"],
    ['address=203.0.113.1/24,', "unknown option ''; known: address, gateway, namespace, mtu"],
  ]
  for (const [options, why] of OPTIONS) {
    it(options, () =>
      assert.throws(() => parseUplink(`tap:up0,${options}`), {
        message: `invalid uplink 'tap:up0,${options}': ${why}`,
      }),
    )
  }

  it('is refused with nothing but UPLINK_INVALID, and never taken for another one', () => {
    const word = fc.constantFrom(
      'nic',
      'tap',
      'none',
      ':',
      ',',
      '=',
      'address',
      'mtu',
      '10.0.0.1/24',
      '1500',
      'a',
      ' ',
    )
    const text = fc.oneof(
      fc.string(),
      fc.array(word, { maxLength: 12 }).map((words) => words.join('')),
    )
    fc.assert(
      fc.property(text, (given) => {
        let spec: UplinkSpec | undefined
        try {
          spec = parseUplink(given)
        } catch (error) {
          assert.equal((error as { code?: string }).code, 'UPLINK_INVALID')
          return
        }
        assert.deepEqual(parseUplink(formatUplink(spec)), spec)
      }),
    )
  })
})
