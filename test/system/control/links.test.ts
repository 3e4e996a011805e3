/** Links that are late, lossy or down, between real sandboxes, and a daemon that is killed beside them. */

import assert from 'node:assert/strict'
import { after, afterEach, before, describe, it } from 'node:test'
import type { Link, LinkSettings } from '../../../src/control/api/link.ts'
import type { Event } from '../../../src/control/api/system.ts'
import { needs, needsTap } from '../../support/requirements.ts'
import { ControlDaemon } from '../support/control-daemon.ts'
import { attempt, type Outcome, type Place, run } from '../support/program.ts'
import { until } from '../support/until.ts'

describe('links', { skip: needsTap() || needs('ip', 'ping') }, () => {
  let daemon: ControlDaemon
  const ids = new Map<string, string>()
  before(async () => {
    daemon = await ControlDaemon.start()
    await daemon.network('blue', '10.72.0.0/24')
    for (const name of ['web', 'db']) {
      ids.set(name, await daemon.run(name, { HostConfig: { NetworkMode: 'blue' } }))
    }
    // Nobody asks for addresses in between.
    await ping('web', 'db')
  })
  afterEach(() => daemon.call('DELETE', '/links'))
  after(() => daemon.stop())

  const placeOf = (name: string): Place => daemon.place(ids.get(name)!)
  const addressOf = async (name: string): Promise<string> => (await daemon.endpoint(name, 'blue')).IPAddress
  const ping = async (from: string, to: string, ...more: string[]): Promise<Outcome> =>
    attempt(placeOf(from), 'ping', '-c', '1', '-W', '45', ...more, await addressOf(to))
  const roundTripMs = ({ output }: Outcome): number => Number(/ time=([\d.]+) ms/.exec(output)?.[1])
  const show = (place: string): Promise<Link> => daemon.call('GET', `/links/${place}`)
  const adjust = (place: string, settings: LinkSettings, direction = 'both'): Promise<Link> =>
    daemon.call('POST', `/links/${place}?direction=${direction}`, settings)

  it('are late by what was asked for, each way', async () => {
    await daemon.do('link', 'set', 'web', '--direction', 'from', '--delay', '50ms')
    assert.ok(roundTripMs(await ping('web', 'db')) >= 50)
    assert.ok(roundTripMs(await ping('db', 'web')) >= 50)
    await adjust('web', { delay: '20ms' }, 'to')
    assert.ok(roundTripMs(await ping('web', 'db')) >= 70)
    assert.match(await daemon.do('link', 'show', 'web'), /^web@blue +from +delay 50ms +\d+ /m)
    const { from, to } = await show('web')
    assert.deepEqual([from.settings, to.settings], [{ delay: '50ms' }, { delay: '20ms' }])
    assert.ok(from.counts!.passed >= 3 && to.counts!.passed >= 1, JSON.stringify({ from, to }))
  })

  it('lose everything of one direction, and nothing of the other', async () => {
    await adjust('web', { loss: '100%' }, 'from')
    const heard = async (): Promise<number> => Number(await run(placeOf('db'), 'sh', '-c', IN_ECHOS))
    const before = await heard()
    assert.equal((await ping('web', 'db', '-W', '0.2')).code, 1)
    assert.equal(await heard(), before)
    // What db sends arrives, and web's answers are lost.
    assert.equal((await ping('db', 'web', '-W', '0.2')).code, 1)
    const { from, to } = await show('web')
    assert.ok(from.counts!.lost >= 2, JSON.stringify(from))
    assert.equal(from.counts!.passed, 0)
    assert.deepEqual(to, { settings: {} })
    assert.match(await daemon.do('stats'), /link-loss/)
    await adjust('web', { loss: '0' })
    assert.equal((await ping('web', 'db')).code, 0)
  })

  it('are taken down and up, and do then what they did before', async () => {
    await adjust('web@blue', { delay: '10ms' })
    await daemon.do('link', 'set', 'web', '--down')
    assert.equal((await ping('web', 'db', '-W', '0.2')).code, 1)
    assert.ok((await show('web')).from.counts!.down >= 1)
    await daemon.do('link', 'set', 'web', '--up')
    assert.ok(roundTripMs(await ping('web', 'db')) >= 20)
  })

  it('carry no more than their rate, and drop what finds no place in their queue', async () => {
    await adjust('web', { rate: '100kbit', queue: 3 }, 'from')
    // A frame of 1042 bytes takes 83 ms.
    await ping('web', 'db', '-s', '1000')
    assert.ok(roundTripMs(await ping('web', 'db', '-s', '1000')) >= 83)
    await until('one has found no place', async () => {
      await ping('web', 'db', '-q', '-s', '1000', '-c', '10', '-l', '10', '-W', '1')
      return (await show('web')).from.counts!.queueFull >= 1
    })
    const burst = (await show('web')).from.counts!
    assert.equal(burst.passed + burst.queueFull + burst.waiting >= 11, true, JSON.stringify(burst))
  })

  it('stay as they are when the daemon is killed, when the sandbox stops, and until it leaves the network', async () => {
    await adjust('web', { delay: '25ms', seed: 7 })
    const { settings } = (await show('web')).to
    await daemon.kill()
    await daemon.again()
    assert.deepEqual((await show('web')).to.settings, settings)
    assert.ok(roundTripMs(await ping('web', 'db')) >= 50)
    await daemon.do('stop', '-t', '0', 'web')
    assert.deepEqual((await show('web')).to, { settings })
    await daemon.do('start', 'web')
    assert.ok(roundTripMs(await ping('web', 'db')) >= 50)
    await daemon.do('network', 'disconnect', 'blue', 'web')
    await daemon.do('network', 'connect', 'blue', 'web')
    assert.deepEqual((await show('web')).to, { settings: {} })
    assert.equal((await ping('web', 'db')).code, 0)
  })

  it('tell those who watch what is done to them', async () => {
    await adjust('db', { rate: '10mbit' }, 'to')
    await daemon.do('link', 'reset', 'db')
    const lines = await daemon.do(
      'events',
      '--since',
      '10m',
      '--until',
      '0s',
      '--filter',
      'type=link',
      '--format',
      'json',
    )
    const told = lines.split('\n').map((line) => JSON.parse(line) as Event)
    assert.deepEqual(
      told.slice(-2).map(({ Action, Actor }) => [Action, Actor.Attributes['name'], Actor.Attributes['to']]),
      [
        ['set', 'db@blue', 'rate 10mbit'],
        ['reset', 'db@blue', 'none'],
      ],
    )
  })
})

/** Echo requests that the kernel has received. */
const IN_ECHOS =
  'awk \'/^Icmp:/ { if (at) print $at; else for (i = 1; i <= NF; i++) if ($i == "InEchos") at = i }\' /proc/net/snmp'
