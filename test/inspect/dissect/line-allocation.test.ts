/** Filters and lines allocate nothing for a packet: what a million of them would, the collector would have to stop for. */

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { it } from 'node:test'
import { accepts } from '../../../src/datapath/capture/frame-filter.ts'
import { LineWriter } from '../../../src/inspect/dissect/line-writer.ts'
import { compileFilter } from '../../../src/inspect/filter/compile-filter.ts'
import { readPcap } from '../../support/pcap.ts'
import { repositoryRoot } from '../../support/repository.ts'

const frames = readPcap(readFileSync(join(repositoryRoot, 'test/fixtures/lan.pcap')))
const packets = frames.map((frame, second) => ({
  view: new DataView(frame.buffer),
  packet: {
    seconds: 0,
    nanoseconds: second,
    offset: 0,
    capturedLength: frame.length,
    originalLength: frame.length,
  },
}))

const PASSES = 700
/** Most of them are needed only where the compiler, which has a thread of its own, is kept waiting by others on the machine. */
const MEASUREMENTS_MAX = 400
/** Bytes that some 100,000 packets may take, with the batches that lines are taken in: a byte for each, and no object is that small. */
const ALLOWED = PASSES * packets.length

/** The least that the heap grew by, of several measurements: a compiler at work, and a collection, are in some of them. */
function allocated(work: () => void): number {
  for (let i = 0; i < PASSES; i++) work()
  let least = Number.POSITIVE_INFINITY
  for (let i = 0; i < MEASUREMENTS_MAX && least > ALLOWED; i++) {
    const before = process.memoryUsage().heapUsed
    const own = process.memoryUsage().heapUsed - before
    const start = process.memoryUsage().heapUsed
    for (let pass = 0; pass < PASSES; pass++) work()
    const grown = process.memoryUsage().heapUsed - start - own
    if (grown > -ALLOWED) least = Math.min(least, grown)
  }
  return least
}

it('a filter allocates nothing', () => {
  const programs = [
    'tcp port 9999',
    'host 10.1.0.2 and tcp[tcpflags] & (tcp-syn|tcp-fin) != 0',
    'ip[0] + len > 1000',
  ].map((text) => compileFilter(text))
  let accepted = 0
  const used = allocated(() => {
    for (const program of programs) {
      for (const { view, packet } of packets)
        if (accepts(program, view, 0, packet.capturedLength)) accepted += 1
    }
  })
  assert.ok(accepted > 0)
  assert.ok(used <= ALLOWED, `${used} bytes`)
})

it('a line allocates nothing', () => {
  const writer = new LineWriter({ names: { byAddress: new Map() } })
  let taken = 0
  const used = allocated(() => {
    for (const { view, packet } of packets) {
      writer.write(view, packet, 9)
      if (writer.full) taken += writer.take().length
    }
  })
  assert.ok(taken > 0)
  assert.ok(used <= ALLOWED, `${used} bytes`)
})
