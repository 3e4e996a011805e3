/** Numbers in a filter: `tcp[tcpflags] & (tcp-syn | tcp-fin) != 0`. */

import { Operation, operate } from '../../datapath/capture/frame-filter.ts'
import {
  type Arithmetic,
  allOf,
  type Condition,
  equal,
  NO_HEADER,
  not,
  number,
  type Test,
} from './condition.ts'
import {
  etherProtocol,
  IPV4,
  IPV6,
  IPV6_HEADER_SIZE,
  type Layout,
  noLaterFragment,
  protocolCondition,
} from './primitives.ts'
import type { FilterProtocol } from './words.ts'

/** A number, and what a frame must be to have it. */
export interface Value {
  readonly arithmetic: Arithmetic
  readonly checks: readonly Condition[]
  /** Where it stands in the text as a number: mistakes with those are told at once. */
  readonly literal?: number
}

const IPV6_NEXT_HEADER = 6

/** `proto[index:size]`; undefined where the protocol has no header that can be indexed. */
export function loaded(
  layout: Layout,
  protocol: FilterProtocol,
  index: Value,
  size: 1 | 2 | 4,
): Value | undefined {
  const at = (base: number, header: number, checks: readonly Condition[]): Value => ({
    arithmetic: { kind: 'load', base, header, index: index.arithmetic, size },
    checks,
  })
  const { name, over } = protocol
  if (over === 'link') return at(0, NO_HEADER, index.checks)
  if (over === 'ethernet') {
    return at(layout.payload, NO_HEADER, [...index.checks, protocolCondition(layout, protocol)])
  }
  if (over === 'ipv6') {
    // Only where nothing stands between the headers: a fragment's would be read at the wrong place.
    const icmp6 = equal(layout.payload + IPV6_NEXT_HEADER, 1, protocol.number)
    return at(layout.payload + IPV6_HEADER_SIZE, NO_HEADER, [
      ...index.checks,
      etherProtocol(layout, IPV6),
      icmp6,
    ])
  }
  if (name === 'ah' || name === 'esp') return undefined
  // Of IPv4 alone, as libpcap does: behind IPv6 nothing matches.
  return at(layout.payload, layout.payload, [
    etherProtocol(layout, IPV4),
    ...index.checks,
    protocolCondition(layout, protocol),
    noLaterFragment(layout),
  ])
}

/** `undefined` where the text divides by 0. A zero that is only computed is met with the frame, which is then not accepted. */
export function combined(operation: Operation, left: Value, right: Value): Value | undefined {
  // As libpcap does: what the number to the right asks of the frame is not asked. Whoever wants it writes `tcp and …`.
  const { checks } = left
  const [a, b] = [left.arithmetic, right.arithmetic]
  const divides = operation === Operation.divide || operation === Operation.remainder
  if (divides && right.literal === 0) return undefined
  const zero = divides && b.kind === 'number' && b.value === 0
  if (a.kind === 'number' && b.kind === 'number' && !zero) {
    return { arithmetic: number(operate(operation, a.value, b.value)), checks }
  }
  return { arithmetic: { kind: 'binary', operation, left: a, right: b }, checks }
}

export function negated({ arithmetic, checks }: Value): Value {
  return arithmetic.kind === 'number'
    ? { arithmetic: number(-arithmetic.value), checks }
    : { arithmetic: { kind: 'negate', operand: arithmetic }, checks }
}

/** `=`, `!=`, `<`, `<=`, `>`, `>=`, of unsigned numbers. */
export type RelationSign = '=' | '!=' | '<' | '<=' | '>' | '>='

export const isRelationSign = (text: string): text is RelationSign =>
  ['=', '!=', '<', '<=', '>', '>='].includes(text)

export function related(sign: RelationSign, left: Value, right: Value): Condition {
  const [a, b] = [left.arithmetic, right.arithmetic]
  const [first, ...others] = [...left.checks, ...right.checks, relation(sign, a, b)]
  return allOf(first!, ...others)
}

function relation(sign: RelationSign, a: Arithmetic, b: Arithmetic): Condition {
  switch (sign) {
    case '=':
      return compared('equal', a, b)
    case '!=':
      return not(compared('equal', a, b))
    case '>=':
      return compared('atLeast', a, b)
    case '<':
      return not(compared('atLeast', a, b))
    case '<=':
      return compared('atLeast', b, a)
    case '>':
      return not(compared('atLeast', b, a))
  }
}

function compared(relation: 'equal' | 'atLeast', left: Arithmetic, right: Arithmetic): Condition {
  if (left.kind === 'number' && right.kind === 'number') {
    const holds = relation === 'equal' ? left.value === right.value : left.value >>> 0 >= right.value >>> 0
    return { kind: 'constant', holds }
  }
  return asTest(relation, left, right) ?? { kind: 'relation', left, right, relation }
}

/** The one instruction that bytes at a fixed place, under a mask or not, are compared with a number by. */
function asTest(relation: 'equal' | 'atLeast', left: Arithmetic, right: Arithmetic): Condition | undefined {
  if (left.kind === 'number') {
    // k >= bytes is not bytes >= k + 1, where there is such a number.
    if (relation === 'equal') return asTest(relation, right, left)
    const above = (left.value + 1) | 0
    const test = above === 0 ? undefined : asTest(relation, right, number(above))
    return test === undefined ? undefined : not(test)
  }
  if (right.kind !== 'number') return undefined
  const masked = left.kind === 'binary' && left.operation === Operation.and ? left : undefined
  const mask = masked?.right.kind === 'number' ? masked.right.value : undefined
  const load = masked === undefined ? left : mask === undefined ? undefined : masked.left
  if (load?.kind !== 'load' || load.index.kind !== 'number') return undefined
  // The header's length may make up for it, or not: who runs it judges that.
  if (load.index.value < 0) return undefined
  const test: Test = {
    kind: 'test',
    address: (load.base + load.index.value) | 0,
    header: load.header,
    size: load.size,
    mask: mask ?? -1,
    relation,
    value: right.value,
  }
  return test
}
