import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { Random } from '../../support/random.ts'
import { randomRuns } from '../../support/random-runs.ts'
import { needs, needsTap } from '../../support/requirements.ts'
import { ControlDaemon } from '../support/control-daemon.ts'
import { checkMachine } from '../support/machine-check.ts'
import { RandomClient } from '../support/random-client.ts'
import { until } from '../support/until.ts'

const KILLS = randomRuns(4)
const CLIENTS = 3

describe('a daemon that is killed at any moment', { skip: needsTap() || needs('ip', 'ping') }, () => {
  const seed = Number(process.env['TAPWIRE_TEST_SEED'] ?? Date.now() % 1_000_000)
  let daemon: ControlDaemon
  after(() => daemon.stop())

  it(`keeps what it acknowledged, and has nothing by half (TAPWIRE_TEST_SEED=${seed})`, async (test) => {
    const random = new Random(seed)
    daemon = await ControlDaemon.start()
    await daemon.network('shared', '10.71.0.0/16')
    const clients = Array.from(
      { length: CLIENTS },
      (_, index) => new RandomClient(daemon, random, `c${index}-`, 'shared'),
    )
    const acknowledged = (): number =>
      clients.flatMap(({ history }) => history).filter((line) => line === '  done').length
    for (let round = 0; round < KILLS; round++) {
      const before = acknowledged()
      const work = Promise.all(clients.map((client) => client.work()))
      // Every other time something is acknowledged before, however slow the machine is.
      const begun = round % 2 === 0 && until('something is acknowledged', () => acknowledged() > before)
      await Promise.race([work, Promise.resolve(begun).then(() => pause(random.below(600)))])
      await Promise.all([daemon.kill(), work])
      // Sometimes also while it makes good what the last kill left.
      if (random.below(3) === 0) {
        const early = new ControlDaemon({ root: daemon.root })
        await pause(150 + random.below(250))
        await early.kill()
      }
      await daemon.again()
      for (const client of clients) await client.check()
      await checkMachine(daemon)
    }
    test.diagnostic(`${KILLS} kills, ${acknowledged()} acknowledged operations`)
    assert.ok(acknowledged() >= KILLS / 2)
  })
})
