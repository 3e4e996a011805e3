/** Who may ask, and what may leave: nobody but sandboxes of the network, and nothing but by an uplink of the machine. */

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { needs, needsTap } from '../../support/requirements.ts'
import { FAR, FARTHER, HOST, INTERNET } from '../support/nat-scene.ts'
import { FRONT_GATEWAY, OF_FAR, OF_FARTHER, OutsideScene, SEALED_GATEWAY } from '../support/outside-scene.ts'
import { until } from '../support/until.ts'

const skip = needsTap() || needs('ip', 'nsenter', 'setpriv', 'dig', 'tcpdump')

describe('names, and who is not to have them', { skip }, () => {
  let scene: OutsideScene
  before(async () => {
    scene = await OutsideScene.start()
  })
  after(() => scene.stop())

  describe('who is on another network is nobody', () => {
    const dig = ['-r', '+tries=1', '+time=1', '+noedns'] as const

    it('a sandbox of another network, at this gateway and at its own', async () => {
      const { output } = await scene.nat.attempt('vault', 'dig', ...dig, `@${FRONT_GATEWAY}`, 'app')
      assert.match(output, /connection refused|timed out|unreachable/)
      assert.equal((await scene.ask('app A', 'vault', SEALED_GATEWAY)).status, 'NXDOMAIN')
    })

    it('the internet, at the machine’s address and at a gateway', async () => {
      scene.nat.internet.ip('route', 'add', '10.83.0.0/16', 'via', HOST)
      const ways = [[], ['+tcp']].flatMap((options) =>
        [HOST, FRONT_GATEWAY].map((server) => [...options, `@${server}`]),
      )
      await Promise.all(
        ways.map(async (way) => {
          const { code, output } = await scene.nat.attempt('internet', 'dig', ...dig, ...way, 'app')
          assert.notEqual(code, 0, output)
          assert.doesNotMatch(output, /status: /)
        }),
      )
    })
  })

  describe('where nothing may leave, nothing does', () => {
    /** Runs it, and says what the internet has been sent meanwhile by port 53. */
    async function leaves(questions: () => Promise<void>): Promise<string> {
      const capture = await scene.nat.capture('internet', 'port 53')
      try {
        await questions()
        // Frames arrive in order.
        await scene.nat.on('host', 'dig', '-r', '+tries=1', `@${FAR}`, 'marker.test', 'A')
        await capture.has('marker.test')
      } finally {
        await capture.stop()
      }
      return capture.text.slice(0, capture.text.indexOf('marker.test'))
    }

    it('from an internal network', async () => {
      const left = await leaves(async () => {
        assert.equal((await scene.ask('secret.test A', 'vault', SEALED_GATEWAY)).status, 'NXDOMAIN')
        assert.equal((await scene.ask('secret.test A +tcp', 'vault', SEALED_GATEWAY)).status, 'NXDOMAIN')
      })
      assert.doesNotMatch(left, /secret/)
      assert.equal((await scene.servers.call('asked', 'secret')).length, 0)
    })

    it('without an uplink', async () => {
      await scene.nat.daemon.call('PUT', '/uplink', { Uplink: 'none' })
      const left = await leaves(async () => {
        assert.equal((await scene.ask('secret.test A')).status, 'NXDOMAIN')
        assert.equal((await scene.ask('secret.test A +tcp')).status, 'NXDOMAIN')
      })
      assert.doesNotMatch(left, /secret/)
      assert.equal((await scene.servers.call('asked', 'secret')).length, 0)
      await scene.nat.daemon.call('PUT', '/uplink', { Uplink: 'nic:eth0' })
      await scene.answers('secret.test', OF_FAR)
    })

    it('by the machine, where the uplink is not one of the machine', async () => {
      const uplink = `tap:up0,address=198.18.0.2/24,gateway=198.18.0.1,namespace=${scene.nat.internet.path}`
      await scene.nat.daemon.call('PUT', '/uplink', { Uplink: uplink })
      scene.nat.internet.ip('link', 'set', 'up0', 'up')
      scene.nat.internet.ip('address', 'add', '198.18.0.1/24', 'dev', 'up0')
      const left = await leaves(async () => {
        assert.equal((await scene.ask('hidden.test A')).status, 'NXDOMAIN')
      })
      assert.doesNotMatch(left, /hidden/)
      // Who has named a server reaches it, as it reaches all else there.
      await scene.nat.sandbox('chosen', 'front', [], { HostConfig: { Dns: [FARTHER] } })
      await scene.answers('open.test', OF_FARTHER, 'chosen')
      await scene.nat.daemon.call('PUT', '/uplink', { Uplink: 'nic:eth0' })
    })
  })

  it('an uplink that is down for a while leaves nothing behind: the next question is answered', async () => {
    await scene.use(FAR)
    await scene.answers('known.test', OF_FAR)
    scene.nat.host.ip('link', 'set', 'eth0', 'down')
    await until('the uplink is down', async () => !(await scene.isUp()))
    for (const name of ['known.test', 'down.test']) {
      const { status, answer } = await scene.ask(`${name} A`)
      assert.deepEqual([status, answer], ['SERVFAIL', []])
    }
    assert.equal((await scene.ask('app A')).answer.length, 1)
    scene.nat.host.ip('link', 'set', 'eth0', 'up')
    scene.nat.host.ip('route', 'add', 'default', 'via', INTERNET)
    await until('the uplink is up', () => scene.isUp())
    await scene.answers('down.test', OF_FAR)
  })

  it('a daemon that ends does not wait for who has not answered', async () => {
    const asking = scene.begin('late.end.test A')
    await until('it is asked outside', async () => (await scene.askedOf(FAR, 'late.end.test')) === 1)
    await scene.nat.daemon.stop()
    await asking.stop('SIGKILL')
    await scene.nat.daemon.again()
  })
})
