/** Ranges of ports against each port by itself, which is what they stand for. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { PortBinding } from '../../../src/control/model/records.ts'
import { sortPorts } from '../../../src/control/rules/port.ts'
import {
  type Bindings,
  eachBinding,
  readBindings,
  writeBindings,
} from '../../../src/control/rules/port-bindings.ts'
import { remainingRanges, withBindings, withoutBindings } from '../../../src/control/rules/port-change.ts'
import { eachPort, isRunName, mergePorts, runOf } from '../../../src/control/rules/port-runs.ts'
import { checkPortBindings } from '../../../src/control/rules/publish.ts'
import { planPublishing, wantedBindings } from '../../../src/control/rules/publish-plan.ts'
import { config } from './records.ts'

const protocol = fc.constantFrom('tcp', 'udp')
const port = fc.tuple(fc.integer({ min: 80, max: 92 }), protocol).map(([number, name]) => `${number}/${name}`)

/** Many neighbours, so that there is something to fold, and many that only look like it. */
const offset = fc.constantFrom(0, 8000, 8001)
const hostIp = fc.constantFrom('', '192.0.2.1', '::')

interface Wish {
  readonly hostIp: string
  readonly kind: 'any' | 'fixed' | 'choice'
  readonly offset: number
}

const wish: fc.Arbitrary<Wish> = fc.record({
  hostIp,
  kind: fc.constantFrom('any' as const, 'fixed' as const, 'fixed' as const, 'choice' as const),
  offset,
})

/** Each port by itself. */
const single: fc.Arbitrary<Bindings> = fc
  .array(fc.tuple(port, fc.uniqueArray(wish, { maxLength: 2, selector: (one) => JSON.stringify(one) })), {
    maxLength: 14,
  })
  .map((list) => {
    const bindings = new Map(list.map(([name, wishes]) => [name, wishes.map((one) => boundTo(name, one))]))
    return Object.fromEntries(sortPorts([...bindings.keys()]).map((name) => [name, bindings.get(name)!]))
  })

function boundTo(name: string, { hostIp: address, kind, offset: distance }: Wish): PortBinding {
  const number = Number.parseInt(name, 10) + distance
  return {
    hostIp: address,
    hostPort: kind === 'any' ? '' : kind === 'fixed' ? String(number) : `${distance}-${distance + 7}`,
  }
}

function requested(bindings: Bindings) {
  return Object.fromEntries(
    Object.entries(bindings).map(([name, list]) => [
      name,
      list.map(({ hostIp: HostIp, hostPort: HostPort }) => ({ HostIp, HostPort })),
    ]),
  )
}

const folded = (bindings: Bindings): Bindings => writeBindings(readBindings(bindings))

describe('bindings as ranges', () => {
  it('stand for each port by itself', () => {
    fc.assert(
      fc.property(single, (bindings) => {
        const ranges = folded(bindings)
        assert.deepEqual(eachBinding(ranges), bindings)
        assert.deepEqual(Object.keys(eachBinding(ranges)), Object.keys(bindings))
        // And are in normal form, however they come.
        assert.deepEqual(folded(ranges), ranges)
        assert.deepEqual(checkPortBindings(requested(bindings)), ranges)
        assert.deepEqual(checkPortBindings(requested(ranges)), ranges)
      }),
    )
  })

  it('are as few as can be', () => {
    const bindings = Object.fromEntries(
      Array.from({ length: 10_000 }, (_, index) => [
        `${3000 + index}/tcp`,
        [
          { hostIp: '', hostPort: `${4000 + index}` },
          { hostIp: '::', hostPort: '' },
        ],
      ]),
    )
    assert.deepEqual(folded(bindings), {
      '3000-12999/tcp': [
        { hostIp: '', hostPort: '4000-13999' },
        { hostIp: '::', hostPort: '' },
      ],
    })
  })

  it('are planned like each port by itself', () => {
    fc.assert(
      fc.property(single, fc.array(port), fc.boolean(), (bindings, exposed, publishAll) => {
        const one = { portBindings: bindings, exposedPorts: sortPorts(exposed), publishAll }
        const many = { portBindings: folded(bindings), exposedPorts: mergePorts(exposed), publishAll }
        assert.deepEqual(planPublishing(many, '192.0.2.9'), planPublishing(one, '192.0.2.9'))
        const wanted = eachBinding(writeBindings(wantedBindings(many)))
        for (const name of new Set([...exposed, ...Object.keys(bindings)])) {
          const own = bindings[name] ?? []
          const expected = publishAll && own.length === 0 ? [{ hostIp: '', hostPort: '' }] : own
          const isExposed = exposed.includes(name) || !publishAll || own.length > 0
          if (isExposed && (publishAll || name in bindings)) assert.deepEqual(wanted[name], expected, name)
        }
      }),
    )
  })
})

describe('a change of ranges', () => {
  it('adds to each port what is added to it', () => {
    fc.assert(
      fc.property(single, single, (first, second) => {
        const known = config({ portBindings: folded(first), exposedPorts: mergePorts(Object.keys(first)) })
        const isTwice = Object.entries(second).some(([name, list]) =>
          list.some((one) => (first[name] ?? []).some((other) => key(one) === key(other))),
        )
        if (isTwice) {
          assert.throws(() => withBindings(known, folded(second)), { code: 'PORT_IN_USE' })
          return
        }
        const after = withBindings(known, folded(second))
        const names = sortPorts([...Object.keys(first), ...Object.keys(second)])
        const expected = names.map((name) => [name, [...(first[name] ?? []), ...(second[name] ?? [])]])
        assert.deepEqual(eachBinding(after.portBindings), Object.fromEntries(expected))
        assert.deepEqual(eachPort(after.exposedPorts), names)
      }),
    )
  })

  it('takes from each port what is meant of it', () => {
    const some = fc.uniqueArray(port, { maxLength: 5, minLength: 1 })
    fc.assert(
      fc.property(single, some, some, (bindings, bound, ports) => {
        const known = config({ portBindings: folded(bindings) })
        // Of these, what is at a host port of its own.
        const meant = folded(
          Object.fromEntries(
            bound.map((name) => [name, [boundTo(name, { hostIp: '', kind: 'fixed', offset: 8000 })]]),
          ),
        )
        const selection = { bindings: meant, ports: ports.map(runOf) }
        const expected = new Map(Object.entries(bindings))
        for (const name of new Set([...bound, ...ports])) {
          const own = expected.get(name) ?? []
          const hostPort = String(Number.parseInt(name, 10) + 8000)
          const left = ports.includes(name) ? [] : own.filter((one) => one.hostPort !== hostPort)
          if (left.length === own.length) {
            const sandbox = { name: 'c1', ports: {} }
            assert.throws(() => withoutBindings(known, selection, sandbox), { code: 'PORT_NOT_PUBLISHED' })
            return
          }
          if (left.length === 0) expected.delete(name)
          else expected.set(name, left)
        }
        const { portBindings } = withoutBindings(known, selection, { name: 'c1', ports: {} })
        assert.deepEqual(eachBinding(portBindings), Object.fromEntries(expected))
      }),
    )
  })

  it('leaves of what is published the ports that are not meant', () => {
    const range = fc.record({
      protocol: fc.constantFrom('tcp' as const, 'udp' as const),
      first: fc.integer({ min: 75, max: 85 }),
      length: fc.integer({ min: 1, max: 12 }),
      hostIp: fc.constantFrom('', '192.0.2.1'),
      distance: fc.constantFrom(0, 8000),
    })
    fc.assert(
      fc.property(fc.array(range, { maxLength: 4 }), single, fc.array(port), (list, bindings, ports) => {
        const ranges = list.map(({ length, distance, ...rest }) => ({
          ...rest,
          last: rest.first + length - 1,
          hostFirst: rest.first + distance,
        }))
        const meant = Object.fromEntries(Object.entries(bindings).filter(([, some]) => some.length > 0))
        const remaining = remainingRanges({ bindings: folded(meant), ports: ports.map(runOf) }, ranges)
        for (const one of ranges) {
          const left = remaining
            .get(one)!
            .flatMap(({ first, last, hostFirst }) =>
              Array.from({ length: last - first + 1 }, (_, index) => [first + index, hostFirst + index]),
            )
          const expected: number[][] = []
          for (let number = one.first; number <= one.last; number++) {
            const name = `${number}/${one.protocol}`
            const host = number + one.hostFirst - one.first
            const isMeant =
              ports.includes(name) || (meant[name] ?? []).some((each) => isBoundTo(each, one.hostIp, host))
            if (!isMeant) expected.push([number, host])
          }
          assert.deepEqual(left, expected)
        }
      }),
    )
  })
})

function isBoundTo({ hostIp: address, hostPort }: PortBinding, at: string, host: number): boolean {
  if (address !== '' && address !== at) return false
  const [first, last = first] = hostPort.split('-').map(Number)
  return hostPort === '' || (first! <= host && host <= last!)
}

const key = ({ hostIp: address, hostPort }: PortBinding): string => `${address} ${hostPort}`

describe('ports as runs', () => {
  it('stand for each port once', () => {
    fc.assert(
      fc.property(fc.array(port), (ports) => {
        const runs = mergePorts(ports)
        assert.deepEqual(eachPort(runs), sortPorts(ports))
        assert.deepEqual(mergePorts(runs), runs)
        assert.ok(runs.every(isRunName))
      }),
    )
  })

  it('have one name each', () => {
    for (const text of ['80', '80/TCP', '080/tcp', '80-80/tcp', '81-80/tcp', '0/tcp', '80/x', '80-90', '']) {
      assert.equal(isRunName(text), false, text)
    }
  })
})
