import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { ErrorCode } from '../../../src/control/errors.ts'
import { ETCD_TIMES, type EtcdTimes } from '../../../src/daemon/etcd/etcd-client.ts'
import { EtcdRegistry } from '../../../src/daemon/etcd/etcd-registry.ts'
import { code, put, Told } from '../../control/registry/registry.conformance.ts'
import { insideNamespace } from '../../support/inside-namespace.ts'
import { type Etcd, needsEtcd, startEtcd } from '../support/etcd.ts'
import { TcpProxy } from '../support/tcp-proxy.ts'
import { until } from '../support/until.ts'

const TIMES: EtcdTimes = { ...ETCD_TIMES, pulseMs: 100, retryMs: [5, 50] }
/** Where nothing answers for as long as the test waits for that to be found. */
const SILENCE: EtcdTimes = { ...TIMES, callMs: 400 }

insideNamespace(
  import.meta.url,
  () => {
    describe('etcd that fails', () => {
      let etcd: Etcd
      let proxy: TcpProxy
      const open: EtcdRegistry[] = []
      let places = 0
      const place = (): string => `/f${++places}/`
      const connect = (
        servers: readonly { host: string; port: number }[] = [etcd],
        times: EtcdTimes = TIMES,
      ): EtcdRegistry => {
        const registry = new EtcdRegistry({ servers, times })
        open.push(registry)
        return registry
      }
      const write = async (registry: EtcdRegistry, key: string, value: string): Promise<number> =>
        (await registry.commit({ when: [], do: [put(key, value)] })).revision

      before(async () => {
        etcd = await startEtcd({ args: ['--experimental-watch-progress-notify-interval=100ms'] })
        proxy = await TcpProxy.start(etcd.port)
      })
      after(async () => {
        for (const registry of open) registry.close()
        proxy.stop()
        await etcd.stop()
      })

      it('a killed one, started again on its data, goes on without a gap', async () => {
        const [registry, at, told] = [connect(), place(), new Told()]
        const first = await write(registry, `${at}a`, '1')
        const lease = await registry.grantLease(60)
        registry.watch(at, first, told.listener)
        await told.until(() => told.changes.length === 1)
        await etcd.kill9()
        await until('it is found to be away', () => !registry.health.reachable)
        assert.match(registry.health.problem, /^http:\/\/127\.0\.0\.1:2379: nobody listens there$/)
        await assert.rejects(write(registry, `${at}b`, '2'), code(ErrorCode.registryUnavailable))
        await assert.rejects(registry.list(at), code(ErrorCode.registryUnavailable))
        await etcd.restart()
        await until('it is found to be back', () => registry.health.reachable)
        assert.equal(await registry.keepLeaseAlive(lease), true)
        await write(registry, `${at}c`, '3')
        await told.until(() => told.changes.length === 2)
        assert.deepEqual([told.words, told.lost], [[`put ${at}a 1`, `put ${at}c 3`], ''])
        registry.close()
      })

      it('a stopped one is noticed, and what was under leases has ended when it goes on', async () => {
        const [registry, at, told] = [connect([etcd], SILENCE), place(), new Told()]
        const lease = await registry.grantLease(1)
        const { revision } = await registry.commit({ when: [], do: [put(`${at}a`, '1', lease)] })
        registry.watch(at, revision, told.listener)
        await told.until(() => told.changes.length === 1)
        etcd.pause()
        try {
          await until('it is found to be away', () => !registry.health.reachable)
          assert.match(registry.health.problem, /: it does not answer$/)
          await assert.rejects(registry.keepLeaseAlive(lease), code(ErrorCode.registryUnavailable))
          // What the time is for: the lease ends by the clock of etcd, which goes on.
          await pause(1000)
        } finally {
          etcd.resume()
        }
        await told.until(() => told.changes.length === 2)
        assert.deepEqual([told.words, told.lost], [[`put ${at}a 1`, `delete ${at}a`], ''])
        await until('it is found to be back', () => registry.health.reachable)
        assert.equal(await registry.keepLeaseAlive(lease), false)
        registry.close()
      })

      it('compacted during a cut, ends the watch with that word', async () => {
        const [direct, registry, at] = [connect(), connect([proxy]), place()]
        const told = new Told()
        const revision = await write(direct, `${at}a`, '1')
        registry.watch(at, revision, told.listener)
        await told.until(() => told.changes.length === 1)
        proxy.cut()
        await write(direct, `${at}a`, '2')
        await etcd.compact((await direct.commit({ when: [], do: [{ delete: `${at}a` }] })).revision)
        proxy.open = true
        await told.until(() => told.lost !== '')
        assert.deepEqual([told.words, told.lost], [[`put ${at}a 1`], 'compacted'])
        registry.close()
      })

      it('compacted behind what was told, during a cut, goes on', async () => {
        const [direct, registry, at] = [connect(), connect([proxy]), place()]
        const told = new Told()
        const revision = await write(direct, `${at}a`, '1')
        registry.watch(at, revision, told.listener)
        await told.until(() => told.changes.length === 1)
        // Of another prefix: the watch knows of it by the word that etcd says from time to time.
        const elsewhere = await write(direct, place(), '1')
        let heard = false
        proxy.heard = (text) => {
          const line = new RegExp(`"revision":"${elsewhere}","raft_term":"\\d+"}}}\\s*$`, 'm')
          heard ||= line.test(text)
        }
        await until('etcd says how far it is', () => heard)
        proxy.heard = () => {}
        await pause(0)
        proxy.cut()
        await etcd.compact(elsewhere)
        await write(direct, `${at}a`, '2')
        proxy.open = true
        await told.until(() => told.changes.length === 2)
        assert.deepEqual([told.words, told.lost], [[`put ${at}a 1`, `put ${at}a 2`], ''])
        registry.close()
      })

      it('restored from a backup, ends the watch with that word', async () => {
        const [registry, at] = [connect(), place()]
        const told = new Told()
        const revision = await write(registry, `${at}a`, '1')
        const backup = await etcd.snapshot()
        await write(registry, `${at}a`, '2')
        registry.watch(at, revision, told.listener)
        await told.until(() => told.changes.length === 2)
        await etcd.restore(backup)
        await etcd.restart()
        await told.until(() => told.lost !== '')
        assert.equal(told.lost, 'regressed')
        const { revision: now, entries } = await registry.list(at)
        assert.equal(entries[0]!.value, '1')
        const again = new Told()
        registry.watch(at, now + 1, again.listener)
        await write(registry, `${at}a`, '3')
        await again.until(() => again.changes.length > 0)
        assert.deepEqual(again.words, [`put ${at}a 3`])
        registry.close()
      })

      it('restored from a backup, is found out when others have written more than was lost, too', async () => {
        const [direct, registry, at] = [connect(), connect([proxy]), place()]
        const told = new Told()
        const backup = await etcd.snapshot()
        const revision = await write(direct, `${at}a`, '1')
        registry.watch(at, revision, told.listener)
        await told.until(() => told.changes.length === 1)
        proxy.cut()
        await etcd.restore(backup)
        await etcd.restart()
        await etcd.restart()
        for (let round = 0; round < 5; round++) await write(direct, `${at}b`, String(round))
        proxy.open = true
        await told.until(() => told.lost !== '')
        assert.deepEqual([told.words, told.lost], [[`put ${at}a 1`], 'regressed'])
        registry.close()
      })

      it('tells all, once and in order, over connections that are cut anywhere', async () => {
        const [direct, at, told] = [connect(), place(), new Told()]
        const registry = connect([proxy])
        proxy.pieceLength = 7
        proxy.cutBehind = 1500
        const before = proxy.cuts
        const { revision } = await direct.list(at)
        registry.watch(at, revision + 1, told.listener)
        const expected: string[] = []
        for (let round = 0; round < 60; round++) {
          await write(direct, `${at}${round % 7}`, 'ü'.repeat(round))
          expected.push(`put ${at}${round % 7} ${'ü'.repeat(round)}`)
          if (round % 10 === 9) await told.until(() => told.changes.length > round - 5)
        }
        await told.until(() => told.changes.length >= expected.length)
        assert.deepEqual(told.words, expected)
        assert.equal(told.lost, '')
        assert.ok(proxy.cuts > before + 2)
        proxy.cutBehind = proxy.pieceLength = Number.POSITIVE_INFINITY
        registry.close()
      })

      it('of several servers, goes on with another one, and so do the watches', async () => {
        const [at, told] = [place(), new Told()]
        const gone = { host: '127.0.0.1', port: 1 }
        const held = await TcpProxy.start(etcd.port)
        const registry = connect([gone, held, etcd], SILENCE)
        // Nothing has left before a connection is there: also what must not happen twice is tried elsewhere.
        const revision = await write(registry, `${at}a`, '1')
        registry.watch(at, revision, told.listener)
        await told.until(() => told.changes.length === 1)
        held.hold()
        // What the watch asks for from time to time stays without an answer.
        await write(connect(), `${at}a`, '2')
        await told.until(() => told.changes.length === 2)
        assert.deepEqual([told.words, told.lost], [[`put ${at}a 1`, `put ${at}a 2`], ''])
        assert.equal((await registry.status()).server, `http://${etcd.host}:${etcd.port}`)
        registry.close()
        held.stop()
      })

      it('says what it is', async () => {
        const { server, version, revision, latencyMs, size } = await connect().status()
        assert.equal(server, 'http://127.0.0.1:2379')
        assert.match(version, /^3\.\d+\.\d+/)
        assert.ok(revision > 0 && latencyMs > 0 && size > 0)
      })
    })
  },
  needsEtcd(),
)
