import assert from 'node:assert/strict'
import type { MacTable } from '../../src/tables/mac-table.ts'

interface Entry {
  readonly slot: number
  readonly top: number
  readonly lo: number
  readonly port: number
  readonly isStatic: boolean
  readonly seen: number
}

/** What must hold between two calls, whatever they were: looks into the table's own arrays. */
export function checkInvariants(table: MacTable): void {
  const entries = entriesOf(table)
  assert.equal(entries.size, table.size)
  assert.ok(table.size <= table.capacity)
  for (const { slot, top, lo } of entries.values()) {
    assert.equal(table['find'](top, lo), slot * 4, 'a key leads to its own entry')
  }

  const listed = new Set<number>()
  let holding = 0
  let most = 0
  for (let port = 0; port < table['ports']; port++) {
    const learned = slotsIn(table, port).map((slot) => entries.get(slot))
    const bound = slotsIn(table, table['ports'] + port).map((slot) => entries.get(slot))
    let last = 0
    for (const entry of learned) {
      assert.ok(entry && entry.port === port && !entry.isStatic)
      assert.ok(entry.seen >= last, 'oldest first')
      last = entry.seen
      listed.add(entry.slot)
    }
    for (const entry of bound) {
      assert.ok(entry && entry.port === port && entry.isStatic)
      listed.add(entry.slot)
    }
    assert.equal(table['learned'].countOf(port), learned.length)
    assert.equal(table.stationsOf(port), learned.length + bound.length)
    assert.ok(table.stationsOf(port) <= table['stationsPerPort'])
    if (table.stationsOf(port) > 0) holding++
    most = Math.max(most, learned.length)
    if (learned.length > 0) checkTimer(table, port, learned[0]!.seen)
  }
  assert.equal(listed.size, entries.size, 'each entry is in a list')
  assert.equal(table['portsHolding'], holding)
  assert.equal(table['learned'].countOf(table['learned'].richest()), most)
}

function checkTimer(table: MacTable, port: number, oldestSeen: number): void {
  const wheel = table['wheel']
  assert.ok(wheel.isRunning(port))
  assert.ok(wheel['deadlines'][port]! <= oldestSeen + table['ageingS'], 'awake when the oldest ages out')
}

function entriesOf(table: MacTable): Map<number, Entry> {
  const words = table['entries']
  const entries = new Map<number, Entry>()
  for (let slot = 0; slot * 4 < words.length; slot++) {
    const [lo, top, place, seen] = words.subarray(slot * 4, slot * 4 + 4) as unknown as [
      number,
      number,
      number,
      number,
    ]
    if (top === 0) continue
    entries.set(slot, { slot, top, lo, port: place & 0xffff, isStatic: (place & (1 << 16)) !== 0, seen })
  }
  return entries
}

/** The slots of a list, followed in both directions. */
function slotsIn(table: MacTable, list: number): number[] {
  const lists = table['lists']
  const links = lists['links']
  const ring = lists['nodes'] + list
  const slots: number[] = []
  for (let node = links[2 * ring + 1]!; node !== ring; node = links[2 * node + 1]!) {
    assert.equal(links[2 * links[2 * node]! + 1], node)
    assert.ok(slots.push(node) <= table.size, 'a list comes back to its beginning')
  }
  assert.equal(links[2 * ring], slots.at(-1) ?? ring)
  return slots
}
