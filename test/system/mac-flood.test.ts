/**
 * More source addresses from one sandbox than the switch has room for do not make the switch forget where the others are:
 *
 *     flooder ──┐
 *               ├── switch ──┬── left
 *               │            └── right
 *
 * The flood goes to left's address. A switch that had forgotten left would flood it to right, too. TAPWIRE_FLOOD_PACKETS says how many
 * addresses.
 */

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { Stats } from '../../src/control/api/switch.ts'
import { STATIONS_PER_PORT_DEFAULT } from '../../src/limits.ts'
import { needs, needsTap } from '../support/requirements.ts'
import { FrameSender } from './support/frames.ts'
import { UNGUARDED } from './support/lab-plan.ts'
import { LiveLab } from './support/live-lab.ts'

/** Several times the whole table. */
const SOURCES = Number(process.env['TAPWIRE_FLOOD_PACKETS'] ?? 100_000)
/** The interface's queue may drop some: as many rounds as it takes, each with sources of its own. */
const ROUND = 25_000

const skip = needsTap() || needs('ip', 'ping', 'cc', 'nsenter', 'setpriv')

describe('a MAC flood', { skip }, () => {
  let lab: LiveLab
  before(async () => {
    const sandboxes = { flooder: { on: ['red'] }, left: { on: ['red'] }, right: { on: ['red'] } }
    lab = await LiveLab.up({ networks: { red: UNGUARDED }, sandboxes })
  })
  after(() => lab.down())

  it("leaves the other ports' stations in place", async () => {
    await lab.exec('left', 'ping', '-q', '-c', '1', lab.address('right'))
    const known = await stationsOf(lab, 'left', 'right')
    const start = await lab.accounted()

    const frames = new FrameSender()
    let stats = start
    for (let round = 0; received(stats) - received(start) < SOURCES; round++) {
      await frames.flood(lab.place('flooder'), 'eth0', lab.mac('left'), ROUND, round * ROUND)
      const before = received(stats)
      stats = await lab.accounted()
      assert.ok(received(stats) > before, `nothing of round ${round} has arrived`)
    }

    assert.deepEqual(await stationsOf(lab, 'left', 'right'), known)
    const { stations } = await lab.fdb()
    const flooder = stations.filter(({ sandbox }) => sandbox === 'flooder')
    assert.equal(flooder.length, STATIONS_PER_PORT_DEFAULT)
    // Sandboxes say a word of IPv6 now and then, which is flooded, as is theirs.
    const toRight = transmitted(stats, 'right') - transmitted(start, 'right')
    assert.ok(toRight < 100, `${toRight} frames went to right`)
    await lab.exec('left', 'ping', '-q', '-c', '1', lab.address('right'))
  })
})

/** The own addresses of these sandboxes, as the switch knows them. */
async function stationsOf(lab: LiveLab, ...sandboxes: readonly string[]): Promise<string[]> {
  const { stations } = await lab.fdb()
  return sandboxes.map((sandbox) => {
    const station = stations.find(({ mac }) => mac === lab.mac(sandbox))
    assert.equal(station?.sandbox, sandbox, `the station of ${sandbox}`)
    return `${station.mac} on port ${station.port}`
  })
}

const received = (stats: Stats): number =>
  stats.ports.find(({ sandbox }) => sandbox === 'flooder')!.received.frames

const transmitted = (stats: Stats, to: string): number =>
  stats.ports.find(({ sandbox }) => sandbox === to)!.transmitted.frames
