/**
 * Much of everything: bytes, connections, and packets of one sandbox that wants to disturb the others. TAPWIRE_FLOOD_PACKETS says how
 * many packets.
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

const FILE = '1000000000'
const CONNECTIONS = 2000
const FLOOD = Number(process.env['TAPWIRE_FLOOD_PACKETS'] ?? 250_000)

const skip = needsTap() || needs('ip', 'cc', 'nsenter', 'setpriv')

describe('much at once', { skip }, () => {
  let scene: NatScene
  before(async () => {
    scene = await NatScene.start()
    await scene.daemon.do('network', 'create', 'blue')
    await scene.sandbox('web', 'blue', ['9000:9000', '8080:80'])
    await scene.sandbox('red')
    await scene.sandbox('rogue')
  })
  after(() => scene.stop())

  const gigabyte = (from: string, to: string, address: string): Promise<string> => {
    const ends = [from, to].map((name) => namespacePath(scene.place(name).namespace!))
    return run({}, compile('transfer'), '-l', '9000', 'tcp', ...ends, address, '9000', FILE)
  }

  it('a gigabyte goes out, byte for byte', () => gigabyte('red', 'internet', FAR).then(() => undefined))
  it('a gigabyte comes in, byte for byte', () => gigabyte('internet', 'web', HOST).then(() => undefined))

  it(`${CONNECTIONS} connections at once, each way, are all answered`, async () => {
    const [red, internet, web] = await Promise.all([
      scene.station('red'),
      scene.station('internet'),
      scene.station('web'),
    ])
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
      const [red, internet] = await Promise.all([scene.station('red'), scene.station('internet')])
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
      const stats = await scene.daemon.call<NatStats>('GET', '/nat/stats')
      const flood = scene.begin('rogue', compile('flood'), kind, FAR, String(FLOOD))
      const flooding = { goesOn: true }
      void flood.ended.then(() => (flooding.goesOn = false))
      let rounds = 0
      do {
        await speak(`while ${rounds}`)
        const next = await red.call('connect', `${INTERNET}:${port}`, '0.0.0.0:0')
        const accepted = await internet.call('accept', listener)
        assert.match(accepted.from, new RegExp(`^${HOST}:`))
        await red.call('close', next.handle)
        await internet.call('close', accepted.handle)
        rounds++
      } while (flooding.goesOn)
      assert.equal((await flood.end()).code, 0)
      await speak('after')
      // Its connections are as many as one sandbox may have: another one ends an unanswered one of its own, or is dropped.
      const now = await scene.daemon.call<NatStats>('GET', '/nat/stats')
      const { flows, perOwner } = now
      assert.equal(perOwner, CONNECTIONS_PER_OWNER_DEFAULT)
      assert.ok(flows < perOwner + 3 * rounds + 100, `${flows} connections`)
      const refused = now.refusedQuota - stats.refusedQuota
      // Those that ask one port of one server have taken one another's ports there before they met the quota.
      const ended = now.created - stats.created - (flows - stats.flows)
      assert.ok(ended + refused > perOwner, `${ended} ended for others, ${refused} were refused`)
      const dropped = (await scene.drops())['connection-quota'] ?? 0
      assert.equal(dropped - (before['connection-quota'] ?? 0), refused)
      await scene.daemon.call('DELETE', '/nat/flows?sandbox=rogue')
    })
  }
})
