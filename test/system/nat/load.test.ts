/**
 * Much of everything: bytes, connections, and packets of one sandbox that wants to disturb the others. TAPWIRE_TRANSFER_MB says how
 * many megabytes.
 */

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { NatFlows, NatStats } from '../../../src/control/api/nat.ts'
import { CONNECTIONS_PER_OWNER_DEFAULT } from '../../../src/limits.ts'
import { needs, needsTap } from '../../support/requirements.ts'
import { compile } from '../support/compile.ts'
import { FAR, HOST, INTERNET, NatScene } from '../support/nat-scene.ts'
import { run } from '../support/program.ts'
import { namespacePath } from '../support/scene.ts'
import type { Station } from '../support/station.ts'
import { until } from '../support/until.ts'

const MEGABYTES = Number(process.env['TAPWIRE_TRANSFER_MB'] ?? 100)
const CONNECTIONS = 1000
/** Words that the others exchange, and connections that they open, while a flood goes on: so many at least. */
const ROUNDS = 10

const skip = needsTap() || needs('ip', 'cc', 'nsenter', 'setpriv')

describe('much at once', { skip }, () => {
  let scene: NatScene
  let red: Station
  let internet: Station
  let web: Station
  before(async () => {
    scene = await NatScene.start()
    await scene.daemon.do('network', 'create', 'blue')
    await scene.sandbox('web', 'blue', ['9000:9000', '8080:80'])
    await scene.sandbox('red')
    await scene.sandbox('rogue')
    ;[red, internet, web] = await Promise.all([
      scene.station('red'),
      scene.station('internet'),
      scene.station('web'),
    ])
  })
  after(() => scene.stop())
  const natStats = (): Promise<NatStats> => scene.daemon.call('GET', '/nat/stats')

  it(`${MEGABYTES} megabytes go out and come in, byte for byte`, async () => {
    const transfer = compile('transfer')
    for (const [from, to, address] of [
      ['red', 'internet', FAR],
      ['internet', 'web', HOST],
    ] as const) {
      const ends = [from, to].map((name) => namespacePath(scene.place(name).namespace!))
      await run({}, transfer, '-l', '9000', 'tcp', ...ends, address, '9000', `${MEGABYTES}000000`)
    }
  })

  it(`${CONNECTIONS} connections at once, each way, are all answered`, async () => {
    await internet.call('mirrorLines', await internet.call('listen', `${FAR}:80`))
    await web.call('mirrorLines', await web.call('listen', '0.0.0.0:80'))
    assert.equal(await red.call('many', `${FAR}:80`, CONNECTIONS), CONNECTIONS)
    assert.equal(await internet.call('many', `${HOST}:8080`, CONNECTIONS), CONNECTIONS)
    const { total } = await scene.daemon.call<NatFlows>('GET', '/nat/flows?protocol=tcp&limit=1')
    assert.ok(total >= 2 * CONNECTIONS)
    await scene.daemon.call('DELETE', '/nat/flows')
  })

  for (const [name, kind] of [
    ['a flood of SYN segments', 'syn'],
    ['a scan of UDP ports', 'udp'],
  ] as const) {
    it(`${name} from one sandbox leaves the others' connections, old and new`, async () => {
      const port = kind === 'syn' ? 7000 : 7001
      const listener = await internet.call('listen', `${INTERNET}:${port}`)
      const old = await red.call('connect', `${INTERNET}:${port}`, '0.0.0.0:0')
      const server = await internet.call('accept', listener)
      const speak = async (text: string): Promise<void> => {
        await red.call('write', old.handle, text)
        assert.equal(await internet.call('read', server.handle), text)
      }
      await speak('before')
      const before = await scene.drops()
      const stats = await natStats()
      /** How often the quota was met: by connections that ended an unanswered one of the same sandbox, and by those refused. */
      const met = async (): Promise<{ ended: number; refused: number }> => {
        const { flows, created, refusedQuota } = await natStats()
        const ended = created - stats.created - (flows - stats.flows)
        return { ended, refused: refusedQuota - stats.refusedQuota }
      }
      const flood = scene.begin('rogue', compile('flood'), kind, FAR)
      let rounds = 0
      // Those that ask one port of one server have taken one another's ports there before they meet the quota.
      await until('the quota is met, again and again', async () => {
        await speak(`while ${rounds}`)
        const next = await red.call('connect', `${INTERNET}:${port}`, '0.0.0.0:0')
        const accepted = await internet.call('accept', listener)
        assert.match(accepted.from, new RegExp(`^${HOST}:`))
        await red.call('close', next.handle)
        await internet.call('close', accepted.handle)
        rounds++
        const { ended, refused } = await met()
        return rounds >= ROUNDS && ended + refused > stats.perOwner
      })
      assert.equal(flood.child.exitCode, null, flood.said)
      await flood.stop()
      await speak('after')
      const { total } = await scene.daemon.call<NatFlows>('GET', '/nat/flows?sandbox=rogue&limit=1')
      assert.equal(stats.perOwner, CONNECTIONS_PER_OWNER_DEFAULT)
      assert.ok(total <= stats.perOwner, `${total} connections`)
      // The last packets of the flood may still be on their way.
      await until('each that was refused is a packet that was dropped', async () => {
        const dropped = ((await scene.drops())['connection-quota'] ?? 0) - (before['connection-quota'] ?? 0)
        return dropped === (await met()).refused
      })
      await scene.daemon.call('DELETE', '/nat/flows?sandbox=rogue')
    })
  }
})
