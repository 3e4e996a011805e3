/** The way out fails, changes and comes back, and so does the daemon: what is published and who talks get along with it. */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { Uplink } from '../../../src/control/api/uplink.ts'
import { repositoryRoot } from '../../support/repository.ts'
import { needs, needsTap } from '../../support/requirements.ts'
import { FAR, HOST, NatScene } from '../support/nat-scene.ts'
import type { Program } from '../support/program.ts'
import type { Station } from '../support/station.ts'
import { until } from '../support/until.ts'

const STREAM = join(repositoryRoot, 'dist/test/system/support/numbered-stream.js')
/** Between one piece of a stream and the next. */
const PAUSE_MS = '10'
const MOVED = '203.0.113.99'
const ping = ['ping', '-n', '-c', '1'] as const

const skip = needsTap() || needs('ip', 'ping', 'nsenter', 'setpriv', 'ss')

for (const io of ['io_uring', 'epoll'] as const) {
  describe(`an uplink over ${io}`, { skip }, () => {
    let scene: NatScene
    const stations = new Map<string, Station>()
    const station = (name: string): Station => stations.get(name)!
    before(async () => {
      scene = await NatScene.start({ io })
      await scene.sandbox('web', 'bridge', ['8080:80', '8081:81'])
      await scene.sandbox('red')
      for (const name of ['host', 'internet', 'red', 'web']) stations.set(name, await scene.station(name))
      for (const name of ['web', 'internet']) {
        await begin(name, 'echo', '80')
        await station(name).call('mirrorLines', await station(name).call('listen', '0.0.0.0:81'))
      }
    })
    after(() => scene.stop())

    async function begin(place: string, ...args: readonly string[]): Promise<Program> {
      const program = scene.begin(place, process.execPath, STREAM, ...args)
      await program.printed(args[0] === 'echo' ? /listening/ : /\.{8}/)
      return program
    }
    const uplink = (): Promise<Uplink> => scene.daemon.call('GET', '/uplink')
    const isDown = (reason: RegExp) => async (): Promise<boolean> => {
      const { Up, Reason } = await uplink()
      return !Up && reason.test(Reason)
    }
    const isUp = async (): Promise<boolean> => (await uplink()).Up
    const reachesOut = async (): Promise<boolean> =>
      (await scene.attempt('red', ...ping, '-W', '1', FAR)).code === 0
    /** A new connection, and a line there and back. */
    const passes = async (from: string, to: string): Promise<void> => {
      const { handle } = await station(from).call('connect', to, '0.0.0.0:0')
      await station(from).call('write', handle, 'there')
      assert.match(await station(from).call('read', handle), /^there /)
      await station(from).call('close', handle)
    }
    /** Bytes that the client on the internet has sent to the machine's port and would send again. */
    const unacknowledged = async (port: string): Promise<number> => {
      const { output } = await scene.attempt('internet', 'ss', '-Htn', 'dst', `${HOST}:${port}`)
      const [, , sendQueue] = output.trim().split(/\s+/)
      return Number(sendQueue)
    }
    const end = async (talk: Program): Promise<void> => {
      const { code, output, errors } = await talk.stop('SIGTERM')
      assert.equal(code, 0, errors)
      assert.match(output, /every byte came back on one connection/)
    }
    const move = (from: string, to: string): void => {
      scene.host.ip('address', 'delete', `${from}/24`, 'dev', 'eth0')
      scene.host.ip('address', 'add', `${to}/24`, 'dev', 'eth0')
      scene.host.ip('route', 'add', 'default', 'via', '203.0.113.1')
    }
    const grown = async (talk: Program): Promise<void> => {
      const before = talk.output.length
      await until('the stream goes on', () => talk.output.length > before + 64)
    }

    it('that is down says so, and who sends is told; connections outlive it', async () => {
      const [out, into] = await Promise.all([
        begin('red', 'talk', FAR, '80', PAUSE_MS),
        begin('internet', 'talk', HOST, '8080', PAUSE_MS),
      ])
      const before = await scene.drops()
      scene.host.ip('link', 'set', 'eth0', 'down')
      await until('it says that it is down', isDown(/eth0 is down/))
      assert.match(await scene.daemon.do('uplink', 'ls'), /nic:eth0 +down .*eth0 is down/)
      const { output } = await scene.attempt('red', ...ping, '-W', '45', FAR)
      assert.match(output, /Net Unreachable/)
      await scene.dropped('uplink-down', before)
      scene.host.ip('link', 'set', 'eth0', 'up')
      // Routes go with the interface, and whoever has set them sets them again.
      scene.host.ip('route', 'add', 'default', 'via', '203.0.113.1')
      await until('it is up', isUp)
      await until('the internet is reached', reachesOut)
      await Promise.all([grown(out), grown(into)])
      await Promise.all([end(out), end(into)])
    })

    it('that is gone says so, and is taken up when there is one of its name again', async () => {
      const into = await begin('internet', 'talk', HOST, '8080', PAUSE_MS)
      scene.host.ip('link', 'delete', 'eth0')
      await until('it says that it is gone', isDown(/there is no interface eth0/))
      scene.plug()
      await until('it is up', isUp)
      await until('the internet is reached', reachesOut)
      await passes('red', `${FAR}:81`)
      await passes('internet', `${HOST}:8081`)
      await grown(into)
      await end(into)
    })

    it('that has another address uses it, for what goes out and for published ports', async () => {
      move(HOST, MOVED)
      await until('it has the new address', async () => (await uplink()).Address.startsWith(`${MOVED}/`))
      await until('the internet is reached', reachesOut)
      await passes('internet', `${MOVED}:8081`)
      await passes('red', `${FAR}:81`)
      move(MOVED, HOST)
      await until('it has the old address', async () => (await uplink()).Address.startsWith(`${HOST}/`))
      await passes('internet', `${HOST}:8081`)
    })

    it('is there again with the next daemon, as are published ports and the connections to them', async () => {
      const [internet, web] = [station('internet'), station('web')]
      await scene.daemon.do('port', 'add', 'web', '8090:90')
      const listener = await web.call('listen', '0.0.0.0:90')
      const client = await internet.call('connect', `${HOST}:8090`, '0.0.0.0:0')
      const server = await web.call('accept', listener)
      await internet.call('write', client.handle, 'before')
      assert.equal(await web.call('read', server.handle), 'before')
      await until('the client knows that it has arrived', async () => (await unacknowledged('8090')) === 0)
      await scene.daemon.kill()
      await scene.daemon.again()
      await until('it is up', isUp)
      await until('the internet is reached', reachesOut)
      // While no daemon is there, the machine's kernel resets what arrives. This one had nothing to send, not even once more, and goes on.
      await internet.call('write', client.handle, 'after')
      assert.equal(await web.call('read', server.handle), 'after')
      await web.call('write', server.handle, 'back')
      assert.equal(await internet.call('read', client.handle), 'back')
      await passes('internet', `${HOST}:8081`)
      await passes('host', '127.0.0.1:8081')
      await passes('red', `${FAR}:81`)
    })
  })
}
