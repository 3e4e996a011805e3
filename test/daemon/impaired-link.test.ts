/** Impaired links between real interfaces: that the data path's thread wakes when a frame is due, and not only when one arrives. */

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { Datapath } from '../../src/daemon/datapath.ts'
import {
  type ImpairmentSettings,
  LinkDirection,
  NO_IMPAIRMENT,
} from '../../src/datapath/impairment/impairment-settings.ts'
import { NetworkNamespace } from '../support/network-namespace.ts'
import { needs, needsTap } from '../support/requirements.ts'

const skip = needsTap() || needs('ip', 'ping', 'nsenter')

interface Pings {
  readonly received: number
  /** Milliseconds, of those that were answered. */
  readonly leastMs: number
}

for (const io of ['io_uring', 'epoll'] as const) {
  describe(`impaired links by ${io}`, { skip }, () => {
    let namespaces: readonly NetworkNamespace[] = []
    let datapath: Datapath

    beforeEach(async () => {
      namespaces = [new NetworkNamespace(), new NetworkNamespace()]
      datapath = await Datapath.start({ io })
      await datapath.addDomain({ id: 1 })
      for (const [port, namespace] of namespaces.entries()) {
        await datapath.addPort({ port, domain: 1, mtu: 1500, namespace: namespace.path, name: 'eth0' })
        namespace.ip('addr', 'add', `10.88.0.${port + 1}/24`, 'dev', 'eth0')
        namespace.ip('link', 'set', 'eth0', 'up')
      }
      // Both stations are known from here on.
      assert.equal(ping(2).received, 2)
    })

    afterEach(async () => {
      await datapath.stop()
      for (const namespace of namespaces) namespace.remove()
    })

    const impair = (port: number, direction: LinkDirection, settings: Partial<ImpairmentSettings>) =>
      datapath.setImpairment(port, direction, { ...NO_IMPAIRMENT, ...settings })

    /**
     * From the first namespace to the second, one by one: after a first answer ping waits for the last one twice as long as that took, and no
     * longer. `waitS`: for each.
     */
    function ping(count: number, waitS = 45): Pings {
      const times: number[] = []
      for (let i = 0; i < count; i++) {
        const args = ['-n', '-W', String(waitS), '-c', '1', '10.88.0.2']
        const { stdout } = spawnSync('nsenter', [`--net=${namespaces[0]!.path}`, 'ping', ...args], {
          encoding: 'utf8',
        })
        const time = / time=([\d.]+) ms/.exec(stdout)?.[1]
        if (time !== undefined) times.push(Number(time))
      }
      return { received: times.length, leastMs: Math.min(...times) }
    }

    it('delay in both directions of both ports, all added up', async () => {
      await impair(0, LinkDirection.from, { delayUs: 10_000 })
      await impair(0, LinkDirection.to, { delayUs: 5000 })
      await impair(1, LinkDirection.from, { delayUs: 2500 })
      await impair(1, LinkDirection.to, { delayUs: 1300 })
      const { received, leastMs } = ping(5)
      assert.equal(received, 5)
      assert.ok(leastMs >= 18.8, `${leastMs} ms`)
    })

    it('double, lose and are down, until they are reset', async () => {
      await impair(1, LinkDirection.to, { duplicate: 1 })
      assert.equal(ping(6).received, 6)
      // And whatever else the kernel had to say.
      assert.ok((await datapath.impairmentCounts(1, LinkDirection.to))!.duplicated >= 6)
      await impair(1, LinkDirection.to, { down: true })
      assert.equal(ping(2, 0.1).received, 0)
      const [{ port, direction, counts } = assert.fail()] = await datapath.impairments()
      assert.deepEqual([port, direction], [1, LinkDirection.to])
      assert.ok(counts.down >= 2)
      await datapath.setImpairment(1, LinkDirection.to, undefined)
      assert.equal(await datapath.impairmentCounts(1, LinkDirection.to), undefined)
      assert.equal(ping(2).received, 2)
    })

    it('change in the direction that is meant alone', async () => {
      await impair(0, LinkDirection.from, { delayUs: 2000 })
      assert.equal(ping(2).received, 2)
      const before = (await datapath.impairmentCounts(0, LinkDirection.from))!.passed
      await datapath.setLink(0, { to: { ...NO_IMPAIRMENT, down: true } }, 'to')
      assert.equal(ping(2, 0.1).received, 0)
      const counts = (await datapath.impairmentCounts(0, LinkDirection.from))!
      assert.ok(before >= 2 && counts.passed > before, JSON.stringify({ before, counts }))
      await datapath.setLink(0, undefined)
      assert.deepEqual(await datapath.impairments(), [])
    })

    it('refuse what means nothing', async () => {
      await assert.rejects(impair(0, LinkDirection.to, { loss: 2 }), /loss is 2/)
      await assert.rejects(impair(7, LinkDirection.to, {}), /port 7 does not exist/)
    })
  })
}
