import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  NAME_BYTES_MAX,
  NAMED_HOSTS_MAX,
  NAMED_SERVICES_MAX,
  NAMED_SERVICES_PER_HOST_MAX,
  NAMES_MAX,
  NAMES_PER_HOST_MAX,
} from '../../src/limits.ts'
import { NameTable, type NameTableOptions } from '../../src/tables/name-table.ts'
import type { NamedHost } from '../../src/tables/named-host.ts'
import { Random } from '../support/random.ts'
import { findName, hashOf, textOf, wireOf } from './name-table-model.ts'

const NONE = -1
const SCOPE = 7

function createTable(options: Partial<NameTableOptions> = {}): NameTable {
  return new NameTable({ hosts: 16, names: 64, nameBytes: 4096, services: 64, seed: 1, ...options })
}

function hostOf(names: readonly string[], more: Partial<NamedHost> = {}): NamedHost {
  return {
    scope: SCOPE,
    names: names.map((name) => ({ wire: wireOf(name), kind: 0 })),
    services: [],
    ...more,
  }
}

/** The hosts that have the name, in their order. */
function hostsOf(table: NameTable, text: string, scope = SCOPE): number[] {
  const name = findName(table, scope, text)
  const hosts: number[] = []
  if (name === NONE) return hosts
  for (let member = table.firstMember(name); member !== NONE; member = table.nextMember(member)) {
    hosts.push(table.hostOf(member))
  }
  return hosts
}

const isFull = { name: 'RangeError', message: /no room/ }

describe('NameTable: names', () => {
  it('finds a host by each of its names, in letters of any case, in its scope only', () => {
    const table = createTable()
    table.set(3, hostOf(['Web', 'web.example']))
    for (const text of ['web', 'WEB', 'wEb.EXAMPLE']) assert.deepEqual(hostsOf(table, text), [3])
    for (const text of ['we', 'webb', 'example', 'web.', 'web.example.a', 'veb'])
      assert.deepEqual(hostsOf(table, text), [])
    assert.deepEqual(hostsOf(table, 'web', SCOPE + 1), [])
    assert.equal(textOf(table.bytes, table.canonicalOffset(3), table.canonicalSize(3)), 'web')
  })

  it('tells names apart that have the same bytes in other labels, and bytes that are no letters', () => {
    const table = createTable()
    table.set(0, hostOf(['a.b']))
    assert.deepEqual(hostsOf(table, 'a\x01b'), [])
    table.set(1, hostOf(['@[`{', 'x\u00e9']))
    assert.deepEqual(hostsOf(table, '@[`{'), [1])
    assert.deepEqual(hostsOf(table, '`{@['), [])
    assert.deepEqual(hostsOf(table, 'x\u00c9'), [])
    assert.deepEqual(hostsOf(table, 'x\u00e9'), [1])
  })

  it('has several hosts by one name in the order in which they came, and begins with each in turn', () => {
    const table = createTable()
    for (const host of [4, 2, 9]) table.set(host, hostOf([`h${host}`, 'api']))
    const name = findName(table, SCOPE, 'api')
    const turns: number[] = []
    for (let answer = 0; answer < 5; answer++) {
      turns.push(table.turn(name, 0))
      assert.equal(table.turn(name, 0), turns.at(-1), 'looking changes nothing')
      table.advance(name, 0)
    }
    assert.deepEqual(turns, [0, 1, 2, 0, 1])
    assert.deepEqual(hostsOf(table, 'api'), [4, 2, 9])
    table.set(4, hostOf(['api']))
    assert.deepEqual(hostsOf(table, 'api'), [2, 9, 4])
    table.remove(9)
    table.remove(4)
    assert.deepEqual([table.turn(name, 0), table.countHosts(name)], [0, 1])
  })

  it('keeps the first kind of a name that a host has twice', () => {
    const table = createTable()
    const wire = wireOf('0123456789ab')
    const names = [
      { wire, kind: 2 },
      { wire: wireOf('0123456789AB'), kind: 3 },
    ]
    table.set(0, { scope: SCOPE, names, services: [] })
    const name = findName(table, SCOPE, '0123456789ab')
    assert.deepEqual([table.names, table.countHosts(name), table.kindOf(table.firstMember(name))], [1, 1, 2])
  })

  it('leads from an address to the host that was set last, and to the other when that is gone', () => {
    const table = createTable()
    const address = { ipv4: -1, ipv6: [0, 0, 0, -1] } as const
    table.set(1, hostOf(['old'], address))
    table.set(0, hostOf(['new'], address))
    const found = (): number[] => [table.findIpv4(SCOPE, -1), table.findIpv6(SCOPE, 0, 0, 0, -1)]
    assert.deepEqual(found(), [0, 0])
    table.remove(0)
    assert.deepEqual(found(), [1, 1])
    table.remove(1)
    assert.deepEqual(found(), [NONE, NONE])
  })

  it('has links apart from names, and follows one to a host', () => {
    const table = createTable()
    table.set(1, hostOf(['backend']))
    table.addLink(SCOPE, wireOf('DB'), wireOf('Backend'))
    assert.equal(findName(table, SCOPE, 'db'), NONE)
    assert.equal(findName(table, SCOPE, 'backend', true), NONE)
    assert.equal(findName(table, SCOPE + 1, 'db', true), NONE)
    const link = findName(table, SCOPE, 'db', true)
    const at = table.targetOffset(link)
    const size = table.targetSize(link)
    const hash = table.hashLabels(table.beginHash(), table.bytes, at, size)
    assert.equal(table.find(SCOPE, table.bytes, at, size, hash), findName(table, SCOPE, 'backend'))
    table.addLink(SCOPE, wireOf('db'), wireOf('other'))
    assert.equal(table.links, 1)
    table.removeScope(SCOPE)
    assert.equal(textOf(table.bytes, table.targetOffset(link), table.targetSize(link)), 'other')
    table.clearLinks(SCOPE)
    assert.deepEqual([table.links, table.names, table.hosts], [0, 0, 0])
  })
})

describe('NameTable: maxima', () => {
  /** A change that does not fit leaves everything as it was. */
  function refuses(
    table: NameTable,
    change: () => void,
    error: { name: string; message: RegExp } = isFull,
  ): void {
    const before = [table.hosts, table.names, table.links, table['index'].bytesUsed]
    assert.throws(change, error)
    assert.deepEqual([table.hosts, table.names, table.links, table['index'].bytesUsed], before)
  }

  it('holds as many names as it may, links among them, and has room again when some are gone', () => {
    const table = createTable({ names: 4 })
    table.set(0, hostOf(['a', 'b']))
    table.set(1, hostOf(['a']))
    table.addLink(1, wireOf('l'), wireOf('a'))
    refuses(table, () => table.set(2, hostOf(['a'])))
    refuses(table, () => table.addLink(1, wireOf('m'), wireOf('a')))
    refuses(table, () => table.set(1, hostOf(['c', 'd'])))
    assert.deepEqual(hostsOf(table, 'a'), [0, 1], 'it has kept its names')
    table.addLink(1, wireOf('l'), wireOf('b'))
    table.set(0, hostOf(['x', 'y']))
    table.clearLinks(1)
    table.set(2, hostOf(['z']))
    assert.equal(table.names, 4)
  })

  it('holds as many bytes as it may, a shared name counted once', () => {
    const table = createTable({ nameBytes: 20 })
    table.set(0, hostOf(['abcd.efgh']))
    table.set(1, hostOf(['abcd.efgh']))
    table.set(2, hostOf(['ijkl', 'mnop']))
    refuses(table, () => table.set(3, hostOf(['q'])))
    refuses(table, () => table.set(2, hostOf(['ijkl', 'mnopq'])))
    refuses(table, () => table.set(1, hostOf(['q'])))
    refuses(table, () => table.addLink(1, wireOf('q'), wireOf('q')))
    table.set(2, hostOf(['mnop', 'ijkl']))
    table.set(1, hostOf([]))
    table.set(0, hostOf(['qrst.uvwx']))
    assert.deepEqual([hostsOf(table, 'qrst.uvwx'), hostsOf(table, 'mnop')], [[0], [2]])
  })

  it('holds as many ranges of ports as it may, in all and of one host', () => {
    const table = createTable({ services: 3 })
    const ranges = (count: number): NamedHost => {
      const services = Array.from({ length: count }, () => ({ protocol: 6, first: 80, last: 80 }))
      return hostOf([], { services })
    }
    table.set(0, ranges(2))
    refuses(table, () => table.set(1, ranges(2)))
    assert.equal(table.has(1), false)
    table.set(0, ranges(3))
    const wide = createTable({ services: NAMED_SERVICES_MAX })
    wide.set(0, ranges(NAMED_SERVICES_PER_HOST_MAX))
    refuses(wide, () => wide.set(0, ranges(NAMED_SERVICES_PER_HOST_MAX + 1)))
    assert.equal(wide.offers(0, 6, 80), true)
  })

  it('takes the longest name there is, and refuses what is none', () => {
    const table = createTable()
    const longest = ['a', 'b', 'c'].map((letter) => letter.repeat(63)).join('.')
    table.set(0, hostOf([`${longest}.${'d'.repeat(61)}`]))
    assert.equal(table.canonicalSize(0), 254)
    table.addLink(0, wireOf(`${longest}.${'d'.repeat(61)}`), wireOf(`${longest}.${'e'.repeat(61)}`))
    const link = findName(table, 0, `${longest}.${'D'.repeat(61)}`, true)
    assert.equal(textOf(table.bytes, table.targetOffset(link), table.targetSize(link)).at(-1), 'e')

    const malformed = { name: 'RangeError', message: /not in wire form/ }
    const wrong = [
      [],
      [0],
      [1, 0x61],
      [2, 0x61, 0],
      [1, 0x61, 0, 0],
      [0xc0, 0x0c, 0],
      [64, ...Array<number>(64).fill(0x61), 0],
      [...wireOf(`${longest}.${'d'.repeat(62)}`)],
    ]
    for (const bytes of wrong) {
      const wire = Uint8Array.from(bytes)
      refuses(table, () => table.set(0, { ...hostOf([]), names: [{ wire, kind: 0 }] }), malformed)
      refuses(table, () => table.addLink(0, wire, wireOf('a')), malformed)
      refuses(table, () => table.addLink(0, wireOf('a'), wire), malformed)
    }
  })

  it('refuses what is out of range, and names it', () => {
    const table = createTable()
    const many = Array.from({ length: NAMES_PER_HOST_MAX + 1 }, (_, index) => `n${index}`)
    const wrong: [() => unknown, RegExp][] = [
      [() => createTable({ hosts: NAMED_HOSTS_MAX + 1 }), /hosts is 16385/],
      [() => createTable({ names: NAMES_MAX + 1 }), /names is 131073/],
      [() => createTable({ nameBytes: NAME_BYTES_MAX + 1 }), /nameBytes is 4194305/],
      [() => createTable({ services: 0 }), /services is 0/],
      [() => table.set(16, hostOf([])), /host is 16/],
      [() => table.set(-1, hostOf([])), /host is -1/],
      [() => table.set(0, hostOf([], { scope: -1 })), /scope is -1/],
      [() => table.addLink(2 ** 31, wireOf('a'), wireOf('b')), /scope is 2147483648/],
      [() => table.set(0, hostOf(many)), /257 names; 256 are the most/],
      [() => table.set(0, { ...hostOf([]), names: [{ wire: wireOf('a'), kind: 256 }] }), /kind is 256/],
      [() => table.set(0, hostOf([], { services: [{ protocol: 6, first: 9, last: 8 }] })), /last is 8/],
      [
        () => table.set(0, hostOf([], { services: [{ protocol: 6, first: 0, last: 65_536 }] })),
        /last is 65536/,
      ],
      [() => table.set(0, hostOf([], { services: [{ protocol: -6, first: 0, last: 1 }] })), /protocol is -6/],
    ]
    for (const [call, message] of wrong) refuses(table, call, { name: 'RangeError', message })
    assert.equal(table.remove(99), false)
  })

  it('is full at its largest only with all that it may hold', () => {
    const options = { hosts: NAMED_HOSTS_MAX, names: NAMES_MAX, nameBytes: NAME_BYTES_MAX }
    const table = createTable({ ...options, services: NAMED_SERVICES_MAX })
    const perHost = NAMES_MAX / NAMED_HOSTS_MAX
    const size = NAME_BYTES_MAX / NAMES_MAX
    const nameOf = (host: number, index: number): string => `${host}-${index}`.padEnd(size - 1, 'x')
    for (let host = 0; host < NAMED_HOSTS_MAX; host++) {
      const names = Array.from({ length: perHost }, (_, index) => nameOf(host, index))
      table.set(host, hostOf(names, { ipv4: host, scope: host & 1 }))
    }
    assert.deepEqual([table.hosts, table.names], [NAMED_HOSTS_MAX, NAMES_MAX])
    assert.equal(table['index'].bytesUsed, NAME_BYTES_MAX)
    refuses(table, () => table.addLink(0, wireOf('a'), wireOf('b')))
    for (let host = 0; host < NAMED_HOSTS_MAX; host += 97) {
      assert.deepEqual(hostsOf(table, nameOf(host, host % perHost), host & 1), [host])
    }
    assert.equal(table.removeScope(0), NAMED_HOSTS_MAX / 2)
    assert.deepEqual(hostsOf(table, nameOf(1, 0), 1), [1])
    assert.equal(table.removeScope(1), NAMED_HOSTS_MAX / 2)
    assert.deepEqual([table.hosts, table.names, table['index'].bytesUsed], [0, 0, 0])
  })
})

describe('NameTable: for months', () => {
  const HOSTS = 32
  const NAME_BYTES = 1024
  const OPERATIONS = 250_000

  /** What one host may be: one name or two, short ones mostly. No two hosts share a name. */
  function variantsOf(host: number): { settings: NamedHost; size: number }[] {
    return Array.from({ length: 24 }, (_, variant) => {
      const text = `${host}${'x'.repeat(variant % 3 === 0 ? 2 * variant : variant >>> 2)}`
      const names = variant % 4 === 0 ? [text, `${text}.${'y'.repeat(63)}`] : [text]
      return { settings: hostOf(names), size: names.reduce((sum, name) => sum + name.length + 1, 0) }
    })
  }

  it('takes whatever fits, however names of all sizes come and go, and moves no more than is written', () => {
    const table = createTable({ hosts: HOSTS, names: 96, nameBytes: NAME_BYTES })
    const { bytes } = table
    const index = table['index']
    const compact = index['compact'].bind(index)
    let compactions = 0
    index['compact'] = () => {
      compactions++
      compact()
    }

    const random = new Random(20_240)
    const variants = Array.from({ length: HOSTS }, (_, host) => variantsOf(host))
    const now: ((typeof variants)[number][number] | undefined)[] = Array(HOSTS).fill(undefined)
    const hasItsName = (host: number): boolean => {
      const wire = now[host]?.settings.names[0]?.wire
      if (wire === undefined) return !table.has(host)
      const at = table.canonicalOffset(host)
      return Buffer.compare(bytes.subarray(at, at + wire.length - 1), wire.subarray(0, -1)) === 0
    }
    let used = 0
    let written = 0
    let refused = 0
    for (let operation = 0; operation < OPERATIONS; operation++) {
      const host = random.below(HOSTS)
      const before = now[host]?.size ?? 0
      const variant = variants[host]![random.below(24)]!
      if (random.oneIn(8)) {
        if (table.remove(host) !== before > 0) assert.fail(`operation ${operation}`)
        now[host] = undefined
        used -= before
      } else if (used - before + variant.size <= NAME_BYTES) {
        table.set(host, variant.settings)
        now[host] = variant
        used += variant.size - before
        written += variant.size
      } else {
        refused++
        // An error costs as much as fifty of the others.
        if (refused % 64 === 0) assert.throws(() => table.set(host, variant.settings), isFull)
      }
      if (!hasItsName(host) || !hasItsName(operation % HOSTS)) assert.fail(`operation ${operation}`)
    }
    assert.ok(refused > OPERATIONS / 100, `${refused} were refused`)
    assert.ok(
      compactions > 1000 && compactions <= written / NAME_BYTES,
      `${compactions} for ${written} bytes`,
    )
    assert.equal(table.bytes, bytes)
    assert.equal(bytes.length, 2 * NAME_BYTES)
    assert.equal(index.bytesUsed, used)
    table.removeScope(SCOPE)
    assert.deepEqual([index.bytesUsed, index['free'].left, table['freeMembers'].left], [0, 96, 96])
  })

  it('gives ranges and links back', () => {
    const table = createTable({ names: 8, services: 8 })
    const services = Array.from({ length: 8 }, (_, port) => ({ protocol: 17, first: port, last: port }))
    for (let round = 0; round < 200; round++) {
      table.set(0, hostOf([], { services }))
      for (let link = 0; link < 8; link++) table.addLink(link & 1, wireOf(`l${link}`), wireOf('target'))
      table.clearLinks(round & 1)
      table.clearLinks(~round & 1)
      assert.equal(table.links, 0)
      assert.equal(table.remove(0), true)
    }
  })
})

describe('NameTable: hashing', () => {
  it('has the same hash for labels one by one and all at once, and for capitals', () => {
    const table = createTable()
    const wire = wireOf('_http._tcp.Web.FRONT')
    const whole = table.hashLabels(table.beginHash(), wire, 0, wire.length - 1)
    assert.equal(hashOf(table, wire), whole)
    assert.equal(hashOf(table, wireOf('_HTTP._tcp.wEB.front')), whole)
    assert.notEqual(hashOf(createTable({ seed: 2 }), wire), whole)
  })

  const patterns: Record<string, (index: number) => readonly [text: string, scope: number]> = {
    'counted-up names': (index) => [`web-${index}`, 1],
    'names of one letter more': (index) => [`${'a'.repeat(index % 60)}b${(index / 60) | 0}`, 1],
    'short ids': (index) => [index.toString(16).padStart(12, '0'), 1],
    'first letters': (index) => [`${index.toString(36)}.example.internal`, 1],
    'one name in many scopes': (index) => ['web', index],
  }
  for (const [what, pattern] of Object.entries(patterns)) {
    it(`spreads ${what} under any seed`, () => {
      const names = 4096
      for (let seed = 0; seed < 12; seed++) {
        const table = createTable({ seed: Math.imul(seed, 7919) })
        const chains = new Uint8Array(names)
        for (let index = 0; index < names; index++) {
          const [text, scope] = pattern(index)
          chains[table['hash'].key(hashOf(table, wireOf(text)), scope) >>> 20]!++
        }
        // With as many chains as names, their lengths are Poisson of mean 1: one of 13 comes once in four million such tables.
        assert.ok(
          Math.max(...chains) < 13,
          `${Math.max(...chains)} in a chain under seed ${Math.imul(seed, 7919)}`,
        )
      }
    })
  }
})
