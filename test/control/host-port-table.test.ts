import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { type HostPortRange, HostPortTable } from '../../src/control/host-port-table.ts'

const ADDRESSES = ['', '0.0.0.0', '::', '127.0.0.1', '192.0.2.1', '::1'] as const
const EPHEMERAL = { first: 1000, last: 1019, reserved: [[1003, 1005]] as const }

/** The addresses that one stands for, on a machine that has these four. */
const MEMBERS: Readonly<Record<string, readonly string[]>> = {
  '': ['127.0.0.1', '192.0.2.1', '::1', '2001:db8::1'],
  '0.0.0.0': ['127.0.0.1', '192.0.2.1'],
  '::': ['::1', '2001:db8::1'],
}

const socketsOf = ({ protocol, hostIp, first, last }: HostPortRange): string[] =>
  (MEMBERS[hostIp] ?? [hostIp]).flatMap((address) =>
    Array.from({ length: last - first + 1 }, (_, index) => `${protocol} ${address} ${first + index}`),
  )

const range = fc
  .record({
    protocol: fc.constantFrom('tcp' as const, 'udp' as const),
    hostIp: fc.constantFrom(...ADDRESSES),
    first: fc.integer({ min: 995, max: 1025 }),
    length: fc.integer({ min: 0, max: 5 }),
  })
  .map(({ length, ...rest }): HostPortRange => ({ ...rest, last: rest.first + length }))

const step = fc.oneof(
  range.map((value) => ({ kind: 'take' as const, value })),
  range.map((value) => ({ kind: 'next' as const, value })),
  fc.nat().map((value) => ({ kind: 'give back' as const, value })),
)

describe('the table of host ports', () => {
  it('gives no socket to two, and gives out again what came back', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const table = new HostPortTable()
        const held: HostPortRange[] = []
        const taken = new Set<string>()
        const hold = (value: HostPortRange): void => {
          held.push(value)
          for (const socket of socketsOf(value)) {
            assert.ok(!taken.has(socket), `${socket} has two`)
            taken.add(socket)
          }
        }
        for (const { kind, value } of steps) {
          if (kind === 'give back') {
            const [given] = held.splice(value % Math.max(1, held.length), 1)
            if (given === undefined) continue
            table.giveBack(given)
            for (const socket of socketsOf(given)) taken.delete(socket)
          } else if (kind === 'take') {
            const isTaken = (port: number): boolean =>
              socketsOf({ ...value, first: port, last: port }).some((socket) => taken.has(socket))
            const ports = Array.from({ length: value.last - value.first + 1 }, (_, at) => value.first + at)
            assert.equal(table.conflict(value), ports.find(isTaken))
            if (ports.some(isTaken)) continue
            table.take(value)
            hold(value)
          } else {
            const { protocol, hostIp, first, last } = value
            const next = table.takeNext(protocol, hostIp, last - first + 1, EPHEMERAL)
            if (next === undefined) {
              for (let port = EPHEMERAL.first; port <= EPHEMERAL.last; port++) {
                if (port >= 1003 && port <= 1005) continue
                const sockets = socketsOf({ ...value, first: port, last: port })
                assert.ok(
                  sockets.some((socket) => taken.has(socket)),
                  `${port} is free`,
                )
              }
              continue
            }
            assert.ok(next.first >= EPHEMERAL.first && next.last <= EPHEMERAL.last)
            assert.ok(next.last < 1003 || next.first > 1005, 'what is reserved stays')
            hold(next)
          }
        }
      }),
      { numRuns: 200 },
    )
  })

  it('gives out one behind the other, and wraps', () => {
    const table = new HostPortTable()
    const next = (count: number): string => {
      const given = table.takeNext('tcp', '', count, EPHEMERAL)
      if (given === undefined) return 'none'
      table.giveBack(given)
      return `${given.first}-${given.last}`
    }
    assert.deepEqual(
      [next(1), next(1), next(9), next(9), next(9), next(1)],
      ['1000-1000', '1001-1001', '1002-1002', '1006-1014', '1015-1019', '1000-1000'],
    )
  })
})
