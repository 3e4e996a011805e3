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
  /** Numbers of requests, from 1, in the order of their answers. */
  readonly answered: readonly number[]
  /** Of requests that had been answered before. */
  readonly duplicates: readonly number[]
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
      assert.deepEqual(ping(2).answered, [1, 2])
    })

    afterEach(async () => {
      await datapath.stop()
      for (const namespace of namespaces) namespace.remove()
    })

    const impair = (port: number, direction: LinkDirection, settings: Partial<ImpairmentSettings>) =>
      datapath.setImpairment(port, direction, { ...NO_IMPAIRMENT, ...settings })

    /** From the first namespace to the second, up to the answer to number `count`. */
    function ping(count: number): Pings {
      // Without a deadline ping waits for the last answer no longer than twice the time of those before it.
      const answers = runPing('-w', '5', '-c', String(count)).match(/icmp_seq=.*/g) ?? []
      const numbers = answers.map((line) => Number(/\d+/.exec(line)))
      const upTo = numbers.indexOf(count) + 1
      const isDuplicate = (index: number): boolean => answers[index]!.endsWith('(DUP!)')
      return {
        answered: numbers.filter((_, index) => index < upTo && !isDuplicate(index)),
        duplicates: numbers.filter((_, index) => index < upTo && isDuplicate(index)),
        leastMs: Math.min(...answers.map((line) => Number(/time=([\d.]+)/.exec(line)?.[1]))),
      }
    }

    /** Whether any of two is answered. */
    const isAnswered = (): boolean => /icmp_seq=/.test(runPing('-W', '0.1', '-c', '2'))

    function runPing(...options: readonly string[]): string {
      const args = ['ping', '-n', '-i', '0.01', ...options, '10.88.0.2']
      return spawnSync('nsenter', [`--net=${namespaces[0]!.path}`, ...args], { encoding: 'utf8' }).stdout
    }

    it('delay in both directions of both ports, all added up', async () => {
      await impair(0, LinkDirection.from, { delayUs: 10_000 })
      await impair(0, LinkDirection.to, { delayUs: 5000 })
      await impair(1, LinkDirection.from, { delayUs: 2500 })
      await impair(1, LinkDirection.to, { delayUs: 1300 })
      const { answered, leastMs } = ping(5)
      assert.deepEqual(answered, [1, 2, 3, 4, 5])
      assert.ok(leastMs >= 18.8, `${leastMs} ms`)
    })

    it('double, lose and are down, until they are reset', async () => {
      await impair(1, LinkDirection.to, { duplicate: 1 })
      const { answered, duplicates } = ping(3)
      assert.deepEqual(
        [answered, duplicates],
        [
          [1, 2, 3],
          [1, 2],
        ],
      )
      // And whatever else the kernel had to say.
      assert.ok((await datapath.impairmentCounts(1, LinkDirection.to))!.duplicated >= 3)
      await impair(1, LinkDirection.to, { down: true })
      assert.equal(isAnswered(), false)
      const [{ port, direction, counts } = assert.fail()] = await datapath.impairments()
      assert.deepEqual([port, direction], [1, LinkDirection.to])
      assert.ok(counts.down >= 2)
      await datapath.setImpairment(1, LinkDirection.to, undefined)
      assert.equal(await datapath.impairmentCounts(1, LinkDirection.to), undefined)
      assert.deepEqual(ping(2).answered, [1, 2])
    })

    it('refuse what means nothing', async () => {
      await assert.rejects(impair(0, LinkDirection.to, { loss: 2 }), /loss is 2/)
      await assert.rejects(impair(7, LinkDirection.to, {}), /port 7 does not exist/)
    })
  })
}
