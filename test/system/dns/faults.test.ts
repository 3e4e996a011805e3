/**
 * What is done to the name server, by chance or on purpose, is not to be felt by who asks it for what it is there for.
 *
 *     web, app   ask each other's names, and names outside          server   198.51.100.7, 192.0.2.7 for every name
 *     hostile    does what it can to keep them from it
 */

import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { DnsStats } from '../../../src/control/api/dns.ts'
import { DNS_CACHE_PER_RESOLVER_MAX, DNS_FORWARDS_PER_RESOLVER_MAX } from '../../../src/limits.ts'
import { repositoryRoot } from '../../support/repository.ts'
import { needs, needsTap } from '../../support/requirements.ts'
import { digArguments, readDig } from '../support/docker/dig.ts'
import { descriptors } from '../support/leftovers.ts'
import { told } from '../support/name-scene.ts'
import { NameServer } from '../support/name-server.ts'
import { FAR, NatScene } from '../support/nat-scene.ts'
import type { Program } from '../support/program.ts'
import { newFolder } from '../support/scene.ts'
import { until } from '../support/until.ts'

const skip = needsTap() || needs('ip', 'nsenter', 'setpriv', 'dig', 'dnsperf')

const SLOW_CLIENT = join(repositoryRoot, 'dist/test/system/support/slow-client.js')
const GATEWAY = '10.86.1.1'
const MEBIBYTE = 1024 * 1024

describe('a name server that is ill-treated', { skip }, () => {
  const folder = newFolder()
  const resolvConf = join(folder, 'resolv.conf')
  let scene: NatScene
  let outside: NameServer

  before(async () => {
    writeFileSync(resolvConf, `nameserver ${FAR}\n`)
    scene = await NatScene.start({ args: ['--resolv-conf', resolvConf] })
    await scene.daemon.network('front', '10.86.1.0/24')
    for (const name of ['web', 'app', 'hostile']) await scene.sandbox(name, 'front')
    outside = await NameServer.start(scene.place('internet'))
    await outside.call('serve', FAR, '192.0.2.7')
  })
  after(async () => {
    await outside.stop()
    await scene.stop()
  })

  const stats = (): Promise<DnsStats> => scene.daemon.call('GET', '/dns/stats')
  const answers = async (question: string, ...expected: readonly string[]): Promise<void> => {
    const { output } = await scene.attempt('app', 'dig', ...digArguments(GATEWAY, question))
    assert.equal(told(readDig(output, new Map())), ['NOERROR', ...expected].join('; '))
  }

  /** dnsperf with these questions, each `NAME TYPE`. */
  function perf(from: string, questions: readonly string[], ...options: readonly string[]): Program {
    const file = join(folder, `${from}-${++files}`)
    writeFileSync(file, `${questions.join('\n')}\n`)
    return scene.begin(from, 'dnsperf', '-s', GATEWAY, '-d', file, ...options)
  }
  let files = 0

  /** Memory of the daemon that is not shared, in bytes. */
  const memory = (): number => {
    const [, kilobytes] = /^RssAnon:\s+(\d+) kB$/m.exec(
      readFileSync(`/proc/${scene.daemon.pid}/status`, 'utf8'),
    )!
    return Number(kilobytes) * 1024
  }

  it('answers again as soon as a daemon that follows one that was killed is ready', async () => {
    await answers('web A', 'web. 5 IN A 10.86.1.2')
    await answers('web A +tcp', 'web. 5 IN A 10.86.1.2')
    await scene.daemon.kill()
    await scene.daemon.again()
    await answers('web A', 'web. 5 IN A 10.86.1.2')
    await answers('web A +tcp', 'web. 5 IN A 10.86.1.2')
    await answers('2.1.86.10.in-addr.arpa PTR', '2.1.86.10.in-addr.arpa. 5 IN PTR web.front.')
  })

  it('answers all of 4,000 questions a second', async () => {
    const questions = ['web A', 'app.front A', 'hostile AAAA', '2.1.86.10.in-addr.arpa PTR', 'web HTTPS']
    const { output } = await perf('app', questions, '-Q', '4000', '-l', '1', '-t', '20').end()
    assert.match(output, /Queries completed: +\d+ \(100\.00%\)/)
    assert.match(output, /Response codes: +NOERROR \d+ \(100\.00%\)/)
  })

  it('answers every question while what is asked for comes and goes', async () => {
    const questions = ['web A', '2.1.86.10.in-addr.arpa PTR', 'app A']
    // Nobody's name meanwhile: the server outside knows it. It is asked, and what it says is kept.
    const isKnownOutside = async (): Promise<boolean> => {
      const { forwarded, cached } = (await stats()).verdicts
      return forwarded! > 0 && cached! > 0
    }
    do {
      const { udp } = await stats()
      const asking = perf('app', questions, '-Q', '2000', '-l', '1', '-t', '20')
      await until('it has begun to ask', async () => (await stats()).udp > udp)
      while (asking.child.exitCode === null) {
        await scene.daemon.disconnect('front', 'web')
        await scene.daemon.connect('front', 'web', { IPAMConfig: { IPv4Address: '10.86.1.2' } })
      }
      const { output } = await asking.end()
      assert.match(output, /Queries completed: +\d+ \(100\.00%\)/)
      assert.match(output, /Response codes: +NOERROR \d+ \(100\.00%\)/)
    } while (!(await isKnownOutside()))
    await answers('web A', 'web. 5 IN A 10.86.1.2')
  })

  it('hundreds of slow connections of one sandbox do not keep another one from its answers', async () => {
    const sockets = (): number =>
      descriptors(scene.daemon.pid).filter((path) => path.startsWith('socket:')).length
    const before = { sockets: sockets(), memory: memory() }
    const slow = scene.begin('hostile', process.execPath, SLOW_CLIENT, GATEWAY, '200')
    await slow.printed(/sent/)
    for (let i = 0; i < 10; i++) {
      await answers('web A +tcp', 'web. 5 IN A 10.86.1.2')
      await answers(`slow${i}.test A +tcp`, `slow${i}.test. 300 IN A 192.0.2.7`)
    }
    assert.ok(sockets() - before.sockets <= 16 + 8, `${sockets() - before.sockets} sockets more`)
    assert.ok(memory() - before.memory < 100 * MEBIBYTE)
    await slow.stop('SIGKILL')
    await until('they are gone', () => sockets() <= before.sockets)
  })

  it('what one sandbox has asked for does not push out what is kept for another one', async () => {
    const kept = Array.from({ length: 200 }, (_, i) => `kept${i}.test A`)
    const ask = async (from: string, questions: readonly string[]): Promise<void> => {
      const { output } = await perf(from, questions, '-n', '1', '-q', '50', '-t', '20').end()
      assert.match(output, /Queries lost: +0 /)
    }
    await ask('app', kept)
    const { cache: before } = await stats()
    await ask('hostile', randomNames(1.25 * DNS_CACHE_PER_RESOLVER_MAX, ['absent', 'some']))
    const { cache: full } = await stats()
    assert.ok(full.evicted > 0)
    assert.ok(full.entries - before.entries <= DNS_CACHE_PER_RESOLVER_MAX, `${full.entries} are kept`)
    await ask('app', kept)
    const { cache: after } = await stats()
    assert.equal(after.hits - full.hits, kept.length)
  })

  it('100,000 random names of one sandbox do not keep another one from its answers', async () => {
    const before = memory()
    const names = randomNames(100_000, ['silent', 'absent', 'some'])
    const flood = perf('hostile', names, '-n', '1', '-Q', '40000', '-q', '800', '-t', '40', '-c', '20')
    await until('the flood has come', async () => (await stats()).verdicts['refused']! > 1000)
    const questions = Array.from({ length: 400 }, (_, i) => ['web A', 'web.front AAAA', `fine${i}.test A`])
    const { output } = await perf('app', questions.flat(), '-n', '1', '-t', '20').end()
    assert.match(output, /Queries completed: +1200 \(100\.00%\)/)
    assert.match(output, /Response codes: +NOERROR 1200 \(100\.00%\)/)
    const { output: said } = await flood.end()
    assert.match(said, /Queries sent: +100000$/m)
    assert.match(said, /REFUSED \d{5,}/)
    // Those that wait for the silent server are answered in the end, as not known.
    assert.match(said, /Queries lost: +0 /)
    const { pending } = await stats()
    assert.ok(pending <= DNS_FORWARDS_PER_RESOLVER_MAX, `${pending} wait`)
    assert.ok(memory() - before < 100 * MEBIBYTE, `${(memory() - before) / MEBIBYTE} MiB more`)
  })

  it('every question is accounted for', async () => {
    await until('nobody waits', async () => (await stats()).pending === 0)
    const { udp, other, verdicts } = await stats()
    assert.equal(
      Object.values(verdicts).reduce((sum, count) => sum + count, 0),
      udp + other,
    )
  })
})

/** Each begins with one of these labels, in turn. */
const randomNames = (count: number, labels: readonly string[]): string[] =>
  Array.from({ length: count }, (_, i) => {
    const random = Math.trunc(Math.random() * 1e12).toString(36)
    return `${labels[i % labels.length]}.${random}-${i}.test A`
  })
