/** Any lab that can be written down: whatever is fixed in it, all its addresses fit together. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { stringify } from 'yaml'
import {
  contains,
  lastAddress,
  overlap,
  parseCidr,
  parseIpAddress,
  type Subnet,
  subnetOf,
} from '../../src/control/ip-address.ts'
import type { Lab, LabEndpoint } from '../../src/control/lab.ts'
import { parseLab } from '../../src/control/lab-file.ts'
import { LabFileError } from '../../src/control/lab-problem.ts'
import { randomRuns } from '../support/random-runs.ts'

const RUNS = randomRuns(150)

function subnetFrom(text: string): Subnet {
  const cidr = parseCidr(text)!
  return subnetOf(cidr.address, cidr.prefixLength)
}

const NETWORKS = ['a', 'b', 'c', 'd']

/** Mostly defaults; small subnets, near one another, so that now and then they fill, collide and overlap. */
const network = fc.oneof(
  { weight: 6, arbitrary: fc.constant({}) },
  {
    weight: 4,
    arbitrary: fc.constantFrom(
      { subnet: '10.1.0.0/24' },
      { subnet: '10.1.0.0/28', gateway: '10.1.0.3' },
      { subnet: '10.1.0.16/29' },
      { subnet: '10.1.1.0/25', gateway: '10.1.1.126' },
      { subnet: '10.1.0.0/16', gateway: '10.1.0.2' },
    ),
  },
)

const endpoint: fc.Arbitrary<{ address?: string; mac?: string }> = fc.oneof(
  { weight: 6, arbitrary: fc.constant({}) },
  {
    weight: 1,
    arbitrary: fc.integer({ min: 2, max: 40 }).map((last) => ({ address: `10.1.0.${last}` })),
  },
  {
    weight: 1,
    arbitrary: fc
      .nat({ max: 200 })
      .map((last) => ({ mac: `06:00:00:00:00:${last.toString(16).padStart(2, '0')}` })),
  },
  { weight: 1, arbitrary: fc.constant({ mac: '02:42:0a:01:00:04' }) },
)

const sandbox = fc.record({
  networks: fc.oneof(
    fc.subarray(NETWORKS, { maxLength: 2 }),
    fc.dictionary(fc.constantFrom(...NETWORKS), endpoint, { maxKeys: 2 }),
  ),
})

const labFile = fc.record({
  networks: fc.record(Object.fromEntries(NETWORKS.map((name) => [name, network]))),
  sandboxes: fc
    .array(sandbox, { minLength: 1, maxLength: 8 })
    .map((list) => Object.fromEntries(list.map((one, index) => [`s${index}`, one]))),
})

function labOf(file: unknown): Lab | undefined {
  try {
    return parseLab(stringify(file), 'x.yaml')
  } catch (error) {
    assert.ok(error instanceof LabFileError, String(error))
    assert.ok(error.problems.length > 0)
    return undefined
  }
}

describe('a lab that parses', () => {
  it('has addresses in their subnets, each once, and none the network, broadcast or gateway address', () => {
    let parsed = 0
    fc.assert(
      fc.property(labFile, (file) => {
        const lab = labOf(file)
        if (lab === undefined) return
        parsed += 1
        for (const { name, subnets } of lab.networks) {
          const { subnet, gateway = '' } = subnets[0]!
          const range = subnetFrom(subnet)
          const endpoints: LabEndpoint[] = lab.sandboxes
            .flatMap((one) => one.endpoints)
            .filter((one) => one.network === name)
          const all: string[] = [gateway, ...endpoints.map((one) => one.address!)]
          assert.equal(new Set(all).size, all.length, `addresses of ${name}: ${all.join(' ')}`)
          for (const text of all) {
            const address = parseIpAddress(text)!
            assert.ok(contains(range, address), `${text} in ${subnet}`)
            assert.notEqual(address.value, range.value)
            assert.notEqual(address.value, lastAddress(range).value)
          }
          const macs = endpoints.map((one) => one.mac)
          assert.equal(new Set(macs).size, macs.length, `MAC addresses of ${name}: ${macs.join(' ')}`)
        }
      }),
      { numRuns: RUNS },
    )
    assert.ok(parsed >= RUNS / 5, `only ${parsed} of ${RUNS} files made a lab`)
  })

  it('keeps what is fixed, takes the lowest free address for the rest, and joins no overlapping networks', () => {
    fc.assert(
      fc.property(labFile, (file) => {
        const lab = labOf(file)
        if (lab === undefined) return
        const subnetOfNetwork = new Map(
          lab.networks.map((one) => [one.name, subnetFrom(one.subnets[0]!.subnet)]),
        )
        const free = new Map(lab.networks.map(({ name }) => [name, freeAddresses(lab, name, file)]))
        for (const { name, endpoints } of lab.sandboxes) {
          const { networks } = file.sandboxes[name]!
          for (const one of endpoints) {
            const fixed = Array.isArray(networks) ? undefined : networks[one.network]
            assert.equal(one.address, fixed?.address ?? free.get(one.network)!.next().value)
            if (fixed?.mac !== undefined) assert.equal(one.mac, fixed.mac)
          }
          const subnets = endpoints.map((one) => subnetOfNetwork.get(one.network)!)
          for (const [index, one] of subnets.entries()) {
            assert.ok(!subnets.slice(index + 1).some((other) => overlap(one, other)))
          }
        }
      }),
      { numRuns: RUNS },
    )
  })
})

/** By trying each address of the subnet in turn. */
function* freeAddresses(
  lab: Lab,
  name: string,
  file: { sandboxes: Record<string, unknown> },
): Generator<string> {
  const { subnet, gateway } = lab.networks.find((one) => one.name === name)!.subnets[0]!
  const range = subnetFrom(subnet)
  const written = JSON.stringify(
    Object.values(file.sandboxes).map((one) => (one as { networks: object }).networks),
  )
  const pattern = new RegExp(`"${name}":\\{[^}]*"address":"([^"]+)"`, 'g')
  const fixed = new Set([...written.matchAll(pattern)].map((match) => match[1]))
  for (let value = range.value + 1n; value < lastAddress(range).value; value += 1n) {
    const text = [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 255n).join('.')
    if (text !== gateway && !fixed.has(text)) yield text
  }
}

describe('a lab file', () => {
  it('never makes the reader throw anything but a LabFileError, whatever is in it', () => {
    const value = fc.letrec((tie) => ({
      any: fc.oneof(
        { maxDepth: 4 },
        fc.constantFrom(null, true, 0, 1500, 'web', '10.1.0.0/24', '10.1.0.2', '', '\0', '02:00:00:00:00:01'),
        fc.array(tie('any'), { maxLength: 3 }),
        fc.dictionary(
          fc.constantFrom(
            'name',
            'networks',
            'sandboxes',
            'web',
            'mtu',
            'subnet',
            'address',
            'mac',
            'command',
            'constructor',
          ),
          tie('any'),
          { maxKeys: 4 },
        ),
      ),
    })).any
    fc.assert(
      fc.property(value, (file) => void labOf(file)),
      { numRuns: RUNS },
    )
  })

  it('nor whatever text it is', () => {
    const piece = fc.constantFrom(
      'a',
      ': ',
      '- ',
      '\n',
      '  ',
      '[',
      ']',
      '{',
      '}',
      ', ',
      '&a ',
      '*a',
      '!',
      '"',
      "'",
      '|',
      '>',
      '#',
      '? ',
      '%',
      '\t',
      '---\n',
      '@',
      '\u0000',
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
        try {
          parseLab(pieces.join(''), 'x.yaml')
        } catch (error) {
          assert.ok(error instanceof LabFileError, String(error))
        }
      }),
      { numRuns: 3 * RUNS },
    )
  })
})
