/**
 * Names that no network has, asked of name servers outside: of dnsmasq, and of servers that are slow, silent, or gone.
 */

import assert from 'node:assert/strict'
import { renameSync, writeFileSync } from 'node:fs'
import { after, before, describe, it } from 'node:test'
import type { DnsLog } from '../../../src/control/api/dns.ts'
import { needs, needsTap } from '../../support/requirements.ts'
import { told } from '../support/name-scene.ts'
import { NameServer } from '../support/name-server.ts'
import { FAR, FARTHER, INTERNET } from '../support/nat-scene.ts'
import { OF_FAR, OF_FARTHER, OutsideScene, SEALED_GATEWAY, TTL_S } from '../support/outside-scene.ts'
import type { Program } from '../support/program.ts'
import { until } from '../support/until.ts'

const skip = needsTap() || needs('ip', 'nsenter', 'setpriv', 'dig', 'dnsmasq')

/** RFC 9460: `1 . alpn=h2`. */
const HTTPS_DATA = '00010000010003026832'
const LONG_TEXT = 't'.repeat(250)

describe('names outside', { skip }, () => {
  let scene: OutsideScene
  let dnsmasq: Program

  before(async () => {
    scene = await OutsideScene.start()
    dnsmasq = await startDnsmasq()
    await scene.use(INTERNET)
  })
  after(async () => {
    await dnsmasq.stop()
    await scene.stop()
  })

  async function startDnsmasq(): Promise<Program> {
    const program = scene.nat.begin('internet', 'dnsmasq', ...DNSMASQ)
    await program.printed(/started, version/)
    return program
  }

  const verdictOf = async (name: string): Promise<string | undefined> => {
    const { entries } = await scene.nat.daemon.call<DnsLog>('GET', '/dns/log')
    return entries.findLast((entry) => entry.name === name)?.verdict
  }

  describe('of dnsmasq', () => {
    it('records of every type, by UDP and TCP', async () => {
      for (const options of ['', ' +tcp', ' +bufsize=1232']) {
        await scene.nat.daemon.do('dns', 'flush')
        const is = async (question: string, ...expected: readonly string[]): Promise<void> => {
          const { status, answer, flags } = await scene.ask(question + options)
          assert.deepEqual({ status, answer }, { status: 'NOERROR', answer: expected }, question)
          assert.match(flags, /^qr (?:aa )?rd ra$/)
        }
        await is('one.test A', 'one.test. 60 IN A 192.0.2.1')
        await is('one.test AAAA', 'one.test. 60 IN AAAA 2001:db8::1')
        await is('one.test MX', 'one.test. 60 IN MX 10 mail.test.')
        await is('one.test TXT', 'one.test. 60 IN TXT "a text" "another"')
        await is('one.test HTTPS', 'one.test. 60 IN HTTPS 1 . alpn="h2"')
        await is('_sip._udp.one.test SRV', '_sip._udp.one.test. 60 IN SRV 1 2 5060 one.test.')
        await is('alias.test A', 'alias.test. 60 IN CNAME one.test.', 'one.test. 60 IN A 192.0.2.1')
        await is('1.2.0.192.in-addr.arpa PTR', '1.2.0.192.in-addr.arpa. 60 IN PTR one.test.')
      }
      assert.equal((await scene.ask('nobody.test A')).status, 'NXDOMAIN')
    })

    it('as programs ask', async () => {
      const found = await scene.nat.daemon.inside('app', 'getent', 'ahosts', 'one.test')
      assert.match(found, /^192\.0\.2\.1 +STREAM one\.test$/m)
    })

    it('what is longer than a datagram may be is asked for by TCP, and cut to what the client takes', async () => {
      const cut = await scene.ask('long.test TXT +ignore')
      assert.match(cut.flags, /\btc\b/)
      const cases = { '': 'long', ' +bufsize=1232': 'long', ' +tcp': 'long', ' +tcp ': 'longest' }
      for (const [options, name] of Object.entries(cases)) {
        const { answer, flags } = await scene.ask(`${name}.test TXT${options}`)
        const texts = Array.from({ length: name === 'long' ? 4 : 12 }, () => `"${LONG_TEXT}"`)
        const [record = '', ...others] = answer
        assert.equal(record.replace(/ \d+ IN/, ''), `${name}.test. TXT ${texts.join(' ')}`)
        assert.deepEqual(others, [])
        assert.doesNotMatch(flags, /\btc\b/)
      }
      // 1,232 bytes are the most, whatever the client says. It asks by TCP then.
      assert.match((await scene.ask('longest.test TXT +bufsize=4096 +ignore')).flags, /\btc\b/)
      assert.equal((await scene.ask('longest.test TXT +bufsize=4096')).answer.length, 1)
      assert.doesNotMatch((await scene.ask('long.test TXT +bufsize=1232 +ignore')).flags, /\btc\b/)
    })

    it('that is started again is asked again', async () => {
      await dnsmasq.stop()
      assert.equal((await scene.ask('three.test A')).status, 'SERVFAIL')
      dnsmasq = await startDnsmasq()
      assert.equal(told(await scene.ask('two.test A')), 'NOERROR; two.test. 60 IN A 192.0.2.2')
    })
  })

  describe('what is kept', () => {
    before(() => scene.use(FAR))

    it('an answer for its time, less what is over of it', async () => {
      await scene.answers('kept.test', OF_FAR)
      await until('its time is running', async () => {
        const [record = ''] = (await scene.ask('KEPT.test A')).answer
        const [, ttl] = /^KEPT\.test\. (\d+) IN A 192\.0\.2\.7$/.exec(record) ?? assert.fail(record)
        return Number(ttl) < TTL_S
      })
      assert.equal(await verdictOf('KEPT.test'), 'cached')
      assert.equal(await scene.askedOf(FAR, 'kept.test'), 1)
      await scene.nat.daemon.do('dns', 'flush')
      await scene.answers('kept.test', OF_FAR)
      assert.equal(await scene.askedOf(FAR, 'kept.test'), 2)
    })

    it('that there is no such name, and no such record', async () => {
      for (const [name, status] of [
        ['absent.test', 'NXDOMAIN'],
        ['empty.test', 'NOERROR'],
      ] as const) {
        for (let i = 0; i < 3; i++) {
          const answer = await scene.ask(`${name} A`)
          assert.equal(told(answer), status)
          assert.match(answer.authority.join(), /^test\. \d+ IN SOA ns\.test\. root\.test\. 1 1 1 1 60$/)
        }
        assert.equal(await scene.askedOf(FAR, name), 1)
        assert.equal(await verdictOf(name), 'cached')
      }
    })

    it('not who has failed', async () => {
      assert.equal((await scene.ask('servfail.test A')).status, 'SERVFAIL')
      await until('it is asked again', async () => {
        await scene.ask('servfail.test A')
        return (await scene.askedOf(FAR, 'servfail.test')) > 1
      })
    })
  })

  describe('the machine’s servers', () => {
    it('are followed where the file is written, replaced, and gone', async () => {
      await scene.use(FARTHER)
      await scene.answers('written.test', OF_FARTHER)
      writeFileSync(`${scene.resolvConf}.new`, `# Another one.\nnameserver ${FAR}\nsearch test\n`)
      renameSync(`${scene.resolvConf}.new`, scene.resolvConf)
      await scene.follows([FAR])
      // Also, what the servers before have answered is forgotten.
      await scene.answers('written.test', OF_FAR)
      renameSync(scene.resolvConf, `${scene.resolvConf}.old`)
      await scene.follows([])
      assert.equal((await scene.ask('gone.test A')).status, 'SERVFAIL')
      renameSync(`${scene.resolvConf}.old`, scene.resolvConf)
      await scene.follows([FAR])
      await scene.answers('back.test', OF_FAR)
    })

    it('one that fails, refuses or cannot be reached is not the last word', async () => {
      await scene.use(FAR, FARTHER)
      await scene.answers('servfail.two.test', OF_FARTHER)
      await scene.answers('refused.two.test', OF_FARTHER)
      await scene.answers('absent-minded.two.test', OF_FAR)
      assert.equal((await scene.ask('absent.two.test A')).status, 'NXDOMAIN')
      assert.equal(await scene.askedOf(FARTHER, 'absent.two.test'), 0)
      // The machine has no IPv6; and nobody listens at its own address.
      await scene.use('2001:db8::53', '127.0.0.1', FARTHER)
      await scene.answers('unreachable.test', OF_FARTHER)
    })

    it('one that is silent costs its time once; one that is late still has its say', async () => {
      await scene.use(FAR, FARTHER)
      const [silent, late] = [scene.answers('silent.test', OF_FARTHER), scene.answers('late.test', OF_FAR)]
      await until('the second one is asked', async () => (await scene.askedOf(FARTHER, 'late.test')) === 1)
      // Both have the question now: that the first one took longer than it might is no reason not to take its answer.
      assert.equal(await scene.askedOf(FAR, 'late.test'), 1)
      await scene.servers.call('release', 'late.test')
      await Promise.all([silent, late])
      for (const name of ['next.test', 'after.test']) {
        await scene.answers(name, OF_FARTHER)
        assert.equal(await scene.askedOf(FAR, name), 0)
      }
      const [first] = (await scene.stats()).servers
      assert.equal(first?.timeouts, 2)
    })

    it('several may ask the same at a time: one question goes out', async () => {
      await scene.use(FAR)
      const all = Array.from({ length: 8 }, () => scene.answers('late.shared.test', OF_FAR))
      await until('all of them wait', async () => (await scene.stats()).pending === all.length)
      assert.equal(await scene.askedOf(FAR, 'late.shared.test'), 1)
      await scene.servers.call('release', 'late.shared.test')
      await Promise.all(all)
    })
  })

  describe('who no longer waits', () => {
    before(() => scene.use(FAR))

    it('is not answered, nor is the next one that has its place', async () => {
      await scene.nat.sandbox('gone', 'front')
      const asked = scene.begin('late.gone.test A', 'gone')
      await until('it is asked outside', async () => (await scene.askedOf(FAR, 'late.gone.test')) === 1)
      await scene.nat.daemon.do('rm', '-f', 'gone')
      await scene.nat.sandbox('gone', 'front')
      assert.equal(await scene.servers.call('release', 'late.gone.test'), 1)
      assert.equal(told(await scene.ask('gone.front A', 'gone')).slice(0, 7), 'NOERROR')
      await until('nobody waits', async () => (await scene.stats()).pending === 0)
      await asked.stop('SIGKILL')
    })

    it('is told by nobody’s fault that there is no answer, where the server has come and gone', async () => {
      const waiting = scene.ask('late.moved.test A')
      await until('it is asked outside', async () => (await scene.askedOf(FAR, 'late.moved.test')) === 1)
      await scene.use(FARTHER)
      await scene.answers('moved.test', OF_FARTHER)
      // Who was asked may still answer.
      await scene.servers.call('release', 'late.moved.test')
      assert.equal(told(await waiting), `NOERROR; late.moved.test. ${TTL_S} IN A ${OF_FAR}`)
    })
  })

  describe('servers that a sandbox has chosen', () => {
    it('are asked from its own namespace: one in another sandbox, without a way out', async () => {
      await scene.nat.sandbox('resolver', 'sealed')
      const address = await scene.nat.address('resolver', 'sealed')
      const server = await NameServer.start(scene.nat.place('resolver'))
      try {
        await server.call('serve', address, '192.0.2.99')
        await scene.nat.sandbox('own', 'sealed', [], { HostConfig: { Dns: [address] } })
        const gateway = SEALED_GATEWAY
        const expected = 'NOERROR; chosen.test. 300 IN A 192.0.2.99'
        assert.equal(told(await scene.ask('chosen.test A', 'own', gateway)), expected)
        assert.equal(
          told(await scene.ask('truncated.chosen.test A +tcp', 'own', gateway)).slice(-10),
          '192.0.2.99',
        )
        const asked = await server.call('asked', 'chosen.test')
        assert.deepEqual(
          [...new Set(asked.map(({ from }) => from))],
          [await scene.nat.address('own', 'sealed')],
        )
        // What it is answered is not for others, and names of networks come first.
        assert.equal((await scene.ask('chosen.test A', 'vault', gateway)).status, 'NXDOMAIN')
        assert.equal((await scene.ask('vault A', 'own', gateway)).answer.length, 1)
        assert.equal((await server.call('asked', 'vault')).length, 0)
      } finally {
        await server.stop()
      }
    })

    it('are asked through the NAT, with a way out', async () => {
      await scene.nat.sandbox('chosen', 'front', [], { HostConfig: { Dns: [FARTHER] } })
      const answer = told(await scene.ask('through.test A', 'chosen'))
      assert.equal(answer, `NOERROR; through.test. ${TTL_S} IN A ${OF_FARTHER}`)
      assert.equal(await scene.askedOf(FAR, 'through.test'), 0)
    })
  })

  it('is all as it was when a daemon follows one that was killed', async () => {
    await scene.use(FAR)
    await scene.nat.daemon.kill()
    await scene.nat.daemon.again()
    await until('the uplink is up', () => scene.isUp())
    await scene.answers('again.test', OF_FAR)
    const answer = told(await scene.ask('again.test A', 'chosen'))
    assert.equal(answer, `NOERROR; again.test. ${TTL_S} IN A ${OF_FARTHER}`)
    assert.equal((await scene.ask('again.test A', 'vault', SEALED_GATEWAY)).status, 'NXDOMAIN')
  })
})

/** Nothing but what is said here: it asks nobody. */
const DNSMASQ: readonly string[] = [
  '--no-daemon',
  '--conf-file=/dev/null',
  '--pid-file',
  '--user=root',
  '--no-resolv',
  '--no-hosts',
  '--bind-interfaces',
  `--listen-address=${INTERNET}`,
  '--except-interface=lo',
  '--local=/test/',
  '--local-ttl=60',
  '--host-record=one.test,192.0.2.1,2001:db8::1',
  '--host-record=two.test,192.0.2.2',
  '--host-record=three.test,192.0.2.3',
  '--cname=alias.test,one.test',
  '--mx-host=one.test,mail.test,10',
  '--txt-record=one.test,a text,another',
  '--srv-host=_sip._udp.one.test,one.test,5060,1,2',
  `--dns-rr=one.test,65,${HTTPS_DATA}`,
  `--txt-record=long.test${`,${LONG_TEXT}`.repeat(4)}`,
  `--txt-record=longest.test${`,${LONG_TEXT}`.repeat(12)}`,
]
