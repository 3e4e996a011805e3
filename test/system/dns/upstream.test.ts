/**
 * Names that no network has, asked of name servers outside: of dnsmasq, and of servers that answer ill.
 *
 *     app ── front ─ gateway ─ daemon ── eth0 ─── internet: 203.0.113.1    dnsmasq
 *     own ──┘                                               198.51.100.7   all manners of answers     192.0.2.7 for every name
 *     vault ── sealed (internal) ── resolver                198.51.100.8   well-behaved, or late      192.0.2.8 for every name
 */

import assert from 'node:assert/strict'
import { renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { DnsLog, DnsStats } from '../../../src/control/api/dns.ts'
import type { Uplink } from '../../../src/control/api/uplink.ts'
import { needs, needsTap } from '../../support/requirements.ts'
import { digArguments, type NameAnswer, readDig } from '../support/docker/dig.ts'
import { told } from '../support/name-scene.ts'
import { NameServer } from '../support/name-server.ts'
import { FAR, FARTHER, HOST, INTERNET, NatScene } from '../support/nat-scene.ts'
import { Program } from '../support/program.ts'
import { newFolder } from '../support/scene.ts'
import { until } from '../support/until.ts'

const skip = needsTap() || needs('ip', 'nsenter', 'setpriv', 'dig', 'dnsmasq', 'tcpdump')

const GATEWAY = '10.83.1.1'
const OF_FAR = '192.0.2.7'
const OF_FARTHER = '192.0.2.8'
const TTL_S = 300
/** RFC 9460: `1 . alpn=h2`. */
const HTTPS_DATA = '000100000100030268 32'.replace(' ', '')
const LONG_TEXT = 't'.repeat(250)

describe('names outside', { skip }, () => {
  const resolvConf = join(newFolder(), 'resolv.conf')
  let scene: NatScene
  let outside: NameServer
  let dnsmasq: Program

  before(async () => {
    writeFileSync(resolvConf, 'nameserver 203.0.113.1\n')
    scene = await NatScene.start({ args: ['--resolv-conf', resolvConf] })
    await scene.daemon.network('front', '10.83.1.0/24')
    await scene.daemon.network('sealed', '10.83.2.0/24', { Internal: true })
    await scene.sandbox('app', 'front')
    await scene.sandbox('vault', 'sealed')
    outside = await NameServer.start(scene.place('internet'))
    await outside.call('serve', FAR, OF_FAR)
    await outside.call('serve', FARTHER, OF_FARTHER, ['late'])
    dnsmasq = await startDnsmasq()
  })
  after(async () => {
    await dnsmasq.stop()
    await outside.stop()
    await scene.stop()
  })

  async function startDnsmasq(): Promise<Program> {
    const program = scene.begin('internet', 'dnsmasq', ...DNSMASQ)
    await program.printed(/started, version/)
    return program
  }

  const stats = (): Promise<DnsStats> => scene.daemon.call('GET', '/dns/stats')
  /** The machine's servers are others, and the daemon knows. What was known of servers that were there before is forgotten. */
  async function use(...servers: readonly string[]): Promise<void> {
    writeFileSync(resolvConf, servers.map((server) => `nameserver ${server}\n`).join(''))
    await follows(servers)
  }
  const follows = (servers: readonly string[]): Promise<void> =>
    until(`the machine's servers are ${servers.join(' ')}`, async () => {
      const own = (await stats()).servers.filter(({ sandbox }) => sandbox === '')
      return own.map(({ address }) => address).join() === servers.join()
    })
  async function ask(question: string, from = 'app', server = GATEWAY): Promise<NameAnswer> {
    const { output } = await scene.attempt(from, 'dig', ...digArguments(server, `${question} +time=30`))
    return readDig(output, new Map())
  }
  /** An address, as the test's servers answer. */
  const answers = async (name: string, data: string): Promise<void> =>
    assert.equal(told(await ask(`${name} A`)), `NOERROR; ${name}. ${TTL_S} IN A ${data}`)
  const isUp = async (): Promise<boolean> => (await scene.daemon.call<Uplink>('GET', '/uplink')).Up
  const askedOf = async (server: string, name: string): Promise<number> =>
    (await outside.call('asked', name)).filter((one) => one.server === server).length
  const verdictOf = async (name: string): Promise<string | undefined> => {
    const { entries } = await scene.daemon.call<DnsLog>('GET', '/dns/log')
    return entries.findLast((entry) => entry.name === name)?.verdict
  }

  describe('of dnsmasq', () => {
    it('records of every type, by UDP and TCP', async () => {
      for (const options of ['', ' +tcp', ' +bufsize=1232']) {
        await scene.daemon.do('dns', 'flush')
        const is = async (question: string, ...expected: readonly string[]): Promise<void> => {
          const { status, answer, flags } = await ask(question + options)
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
      assert.equal((await ask('nobody.test A')).status, 'NXDOMAIN')
    })

    it('as programs ask', async () => {
      const found = await scene.daemon.inside('app', 'getent', 'ahosts', 'one.test')
      assert.match(found, /^192\.0\.2\.1 +STREAM one\.test$/m)
    })

    it('what is longer than a datagram may be is asked for by TCP, and cut to what the client takes', async () => {
      const cut = await ask('long.test TXT +ignore')
      assert.match(cut.flags, /\btc\b/)
      const cases = { '': 'long', ' +bufsize=1232': 'long', ' +tcp': 'long', ' +tcp ': 'longest' }
      for (const [options, name] of Object.entries(cases)) {
        const { answer, flags } = await ask(`${name}.test TXT${options}`)
        const texts = Array.from({ length: name === 'long' ? 4 : 12 }, () => `"${LONG_TEXT}"`)
        assert.deepEqual(answer, [`${name}.test. 60 IN TXT ${texts.join(' ')}`])
        assert.doesNotMatch(flags, /\btc\b/)
      }
      // 1,232 bytes are the most, whatever the client says. It asks by TCP then.
      assert.match((await ask('longest.test TXT +bufsize=4096 +ignore')).flags, /\btc\b/)
      assert.equal((await ask('longest.test TXT +bufsize=4096')).answer.length, 1)
      assert.doesNotMatch((await ask('long.test TXT +bufsize=1232 +ignore')).flags, /\btc\b/)
    })

    it('that is started again is asked again', async () => {
      await dnsmasq.stop()
      assert.equal((await ask('three.test A')).status, 'SERVFAIL')
      dnsmasq = await startDnsmasq()
      assert.equal(told(await ask('two.test A')), 'NOERROR; two.test. 60 IN A 192.0.2.2')
    })
  })

  describe('what is kept', () => {
    before(() => use(FAR))

    it('an answer for its time, less what is over of it', async () => {
      await answers('kept.test', OF_FAR)
      await until('its time is running', async () => {
        const [record = ''] = (await ask('KEPT.test A')).answer
        const [, ttl] = /^KEPT\.test\. (\d+) IN A 192\.0\.2\.7$/.exec(record) ?? assert.fail(record)
        return Number(ttl) < TTL_S
      })
      assert.equal(await verdictOf('KEPT.test'), 'cached')
      assert.equal(await askedOf(FAR, 'kept.test'), 1)
      await scene.daemon.do('dns', 'flush')
      await answers('kept.test', OF_FAR)
      assert.equal(await askedOf(FAR, 'kept.test'), 2)
    })

    it('that there is no such name, and no such record', async () => {
      for (const [name, status] of [
        ['absent.test', 'NXDOMAIN'],
        ['empty.test', 'NOERROR'],
      ] as const) {
        for (let i = 0; i < 3; i++) {
          const answer = await ask(`${name} A`)
          assert.equal(told(answer), status)
          assert.match(answer.authority.join(), /^test\. \d+ IN SOA ns\.test\. root\.test\. 1 1 1 1 60$/)
        }
        assert.equal(await askedOf(FAR, name), 1)
        assert.equal(await verdictOf(name), 'cached')
      }
    })

    it('not who has failed', async () => {
      assert.equal((await ask('servfail.test A')).status, 'SERVFAIL')
      await until('it is asked again', async () => {
        await ask('servfail.test A')
        return (await askedOf(FAR, 'servfail.test')) > 1
      })
    })
  })

  describe('the machine’s servers', () => {
    it('are followed where the file is written, replaced, and gone', async () => {
      await use(FARTHER)
      await answers('written.test', OF_FARTHER)
      writeFileSync(`${resolvConf}.new`, `# Another one.\nnameserver ${FAR}\nsearch test\n`)
      renameSync(`${resolvConf}.new`, resolvConf)
      await follows([FAR])
      // Also, what the servers before have answered is forgotten.
      await answers('written.test', OF_FAR)
      renameSync(resolvConf, `${resolvConf}.old`)
      await follows([])
      assert.equal((await ask('gone.test A')).status, 'SERVFAIL')
      renameSync(`${resolvConf}.old`, resolvConf)
      await follows([FAR])
      await answers('back.test', OF_FAR)
    })

    it('one that fails, refuses or cannot be reached is not the last word', async () => {
      await use(FAR, FARTHER)
      await answers('servfail.two.test', OF_FARTHER)
      await answers('refused.two.test', OF_FARTHER)
      await answers('absent-minded.two.test', OF_FAR)
      assert.equal((await ask('absent.two.test A')).status, 'NXDOMAIN')
      assert.equal(await askedOf(FARTHER, 'absent.two.test'), 0)
      // The machine has no IPv6; and nobody listens at its own address.
      await use('2001:db8::53', '127.0.0.1', FARTHER)
      await answers('unreachable.test', OF_FARTHER)
    })

    it('one that is silent costs its time once; one that is late still has its say', async () => {
      await use(FAR, FARTHER)
      const [silent, late] = [answers('silent.test', OF_FARTHER), answers('late.test', OF_FAR)]
      await until('the second one is asked', async () => (await askedOf(FARTHER, 'late.test')) === 1)
      // Both have the question now: that the first one took longer than it might is no reason not to take its answer.
      assert.equal(await askedOf(FAR, 'late.test'), 1)
      await outside.call('release', 'late.test')
      await Promise.all([silent, late])
      for (const name of ['next.test', 'after.test']) {
        await answers(name, OF_FARTHER)
        assert.equal(await askedOf(FAR, name), 0)
      }
      const [first] = (await stats()).servers
      assert.equal(first?.timeouts, 2)
    })

    it('several may ask the same at a time: one question goes out', async () => {
      await use(FAR)
      const all = Array.from({ length: 8 }, () => answers('late.shared.test', OF_FAR))
      await until('all of them wait', async () => (await stats()).pending === all.length)
      assert.equal(await askedOf(FAR, 'late.shared.test'), 1)
      await outside.call('release', 'late.shared.test')
      await Promise.all(all)
    })
  })

  describe('who no longer waits', () => {
    before(() => use(FAR))

    it('is not answered, nor is the next one that has its place', async () => {
      await scene.sandbox('gone', 'front')
      const place = scene.place('gone')
      const asked = new Program(place, 'dig', ...digArguments(GATEWAY, 'late.gone.test A'))
      await until('it is asked outside', async () => (await askedOf(FAR, 'late.gone.test')) === 1)
      await scene.daemon.do('rm', '-f', 'gone')
      await scene.sandbox('gone', 'front')
      assert.equal(await outside.call('release', 'late.gone.test'), 1)
      assert.equal(told(await ask('gone.front A', 'gone')).slice(0, 7), 'NOERROR')
      await until('nobody waits', async () => (await stats()).pending === 0)
      await asked.stop('SIGKILL')
    })

    it('is told by nobody’s fault that there is no answer, where the server has come and gone', async () => {
      const waiting = ask('late.moved.test A')
      await until('it is asked outside', async () => (await askedOf(FAR, 'late.moved.test')) === 1)
      await use(FARTHER)
      await answers('moved.test', OF_FARTHER)
      // Who was asked may still answer.
      await outside.call('release', 'late.moved.test')
      assert.equal(told(await waiting), `NOERROR; late.moved.test. ${TTL_S} IN A ${OF_FAR}`)
    })
  })

  describe('what is not believed', () => {
    before(() => use(FAR, FARTHER))

    for (const manner of ['wrong-id', 'wrong-question', 'wrong-source', 'wrong-spelling', 'garbage']) {
      it(manner, async () => {
        await answers(`${manner}.forged.test`, OF_FAR)
        assert.equal(await askedOf(FARTHER, manner), 0)
      })
    }

    it('is counted', async () => {
      const [first] = (await stats()).servers
      // Wrong ids, questions, spelling, and a question for an answer. What is from elsewhere does not come through to be counted.
      assert.equal(first?.rejected, 100 + 3 + 1 + 1)
    })

    it('questions have ids, ports and spellings that nobody foresees', async () => {
      const names = Array.from({ length: 24 }, (_, i) => `unforeseen${i}.example.test`)
      await Promise.all(names.map((name) => answers(name, OF_FAR)))
      const asked = await outside.call('asked', 'unforeseen')
      assert.equal(asked.length, names.length)
      assert.ok(new Set(asked.map(({ id }) => id)).size >= names.length - 1)
      assert.ok(new Set(asked.map(({ port }) => port)).size >= names.length - 1)
      const spellings = asked.map(({ name }) => name.replace(/\d/g, ''))
      assert.ok(new Set(spellings).size >= names.length - 1)
      assert.deepEqual([...new Set(asked.map(({ udpSize }) => udpSize))], [1232])
    })

    it('a server that changes the spelling is asked by TCP, and then with none', async () => {
      await use(FAR)
      await answers('lowercase.test', OF_FAR)
      const ways = async (name: string): Promise<string[]> =>
        (await outside.call('asked', name)).map(({ transport }) => transport)
      assert.deepEqual(await ways('lowercase.test'), ['udp', 'tcp'])
      await answers('lowercase.other.test', OF_FAR)
      assert.deepEqual(await ways('lowercase.other.test'), ['udp'])
    })

    it('a server that knows no EDNS is asked without it, from then on', async () => {
      await use(FARTHER)
      await use(FAR)
      for (const name of ['old.test', 'old.other.test']) await answers(name, OF_FAR)
      const sizes = (await outside.call('asked', 'old.')).map(({ udpSize }) => udpSize)
      assert.deepEqual(sizes, [1232, -1, -1])
    })

    it('an answer that is cut short is asked for by TCP', async () => {
      await answers('truncated.test', OF_FAR)
      const ways = (await outside.call('asked', 'truncated.test')).map(({ transport }) => transport)
      assert.deepEqual(ways, ['udp', 'tcp'])
    })
  })

  describe('servers that a sandbox has chosen', () => {
    it('are asked from its own namespace: one in another sandbox, without a way out', async () => {
      await scene.sandbox('resolver', 'sealed')
      const address = await scene.address('resolver', 'sealed')
      const server = await NameServer.start(scene.place('resolver'))
      try {
        await server.call('serve', address, '192.0.2.99')
        await scene.sandbox('own', 'sealed', [], { HostConfig: { Dns: [address] } })
        const gateway = '10.83.2.1'
        const expected = 'NOERROR; chosen.test. 300 IN A 192.0.2.99'
        assert.equal(told(await ask('chosen.test A', 'own', gateway)), expected)
        assert.equal(told(await ask('truncated.chosen.test A +tcp', 'own', gateway)).slice(-10), '192.0.2.99')
        const asked = await server.call('asked', 'chosen.test')
        assert.deepEqual([...new Set(asked.map(({ from }) => from))], [await scene.address('own', 'sealed')])
        // What it is answered is not for others, and names of networks come first.
        assert.equal((await ask('chosen.test A', 'vault', gateway)).status, 'NXDOMAIN')
        assert.equal((await ask('vault A', 'own', gateway)).answer.length, 1)
        assert.equal((await server.call('asked', 'vault')).length, 0)
      } finally {
        await server.stop()
      }
    })

    it('are asked through the NAT, with a way out', async () => {
      await scene.sandbox('chosen', 'front', [], { HostConfig: { Dns: [FARTHER] } })
      const answer = told(await ask('through.test A', 'chosen'))
      assert.equal(answer, `NOERROR; through.test. ${TTL_S} IN A ${OF_FARTHER}`)
      assert.equal(await askedOf(FAR, 'through.test'), 0)
    })
  })

  it('an uplink that is down for a while leaves nothing behind: the next question is answered', async () => {
    await use(FAR)
    await answers('known.test', OF_FAR)
    scene.host.ip('link', 'set', 'eth0', 'down')
    await until('the uplink is down', async () => !(await isUp()))
    for (const name of ['known.test', 'down.test']) {
      assert.deepEqual((await ask(`${name} A`)).answer, [])
    }
    assert.equal((await ask('app A')).answer.length, 1)
    scene.host.ip('link', 'set', 'eth0', 'up')
    scene.host.ip('route', 'add', 'default', 'via', INTERNET)
    await until('the uplink is up', isUp)
    await answers('down.test', OF_FAR)
  })

  it('is all as it was when a daemon follows one that was killed', async () => {
    await use(FAR)
    await scene.daemon.kill()
    await scene.daemon.again()
    await until('the uplink is up', isUp)
    await answers('again.test', OF_FAR)
    const answer = told(await ask('again.test A', 'chosen'))
    assert.equal(answer, `NOERROR; again.test. ${TTL_S} IN A ${OF_FARTHER}`)
    assert.equal((await ask('again.test A', 'vault', '10.83.2.1')).status, 'NXDOMAIN')
  })

  describe('who is on another network is nobody', () => {
    const dig = ['-r', '+tries=1', '+time=1', '+noedns'] as const

    it('a sandbox of another network, at this gateway and at its own', async () => {
      const { output } = await scene.attempt('vault', 'dig', ...dig, `@${GATEWAY}`, 'app')
      assert.match(output, /connection refused|timed out|unreachable/)
      assert.equal((await ask('app A', 'vault', '10.83.2.1')).status, 'NXDOMAIN')
    })

    it('the internet, at the machine’s address and at a gateway', async () => {
      scene.internet.ip('route', 'add', '10.83.0.0/16', 'via', HOST)
      const ways = [[], ['+tcp']].flatMap((options) =>
        [HOST, GATEWAY].map((server) => [...options, `@${server}`]),
      )
      await Promise.all(
        ways.map(async (way) => {
          const { code, output } = await scene.attempt('internet', 'dig', ...dig, ...way, 'app')
          assert.notEqual(code, 0, output)
          assert.doesNotMatch(output, /status: /)
        }),
      )
    })
  })

  describe('where nothing may leave, nothing does', () => {
    /** Runs it, and says what the internet has been sent meanwhile by port 53. */
    async function leaves(questions: () => Promise<void>): Promise<string> {
      const capture = await scene.capture('internet', 'port 53')
      try {
        await questions()
        // Frames arrive in order.
        await scene.on('host', 'dig', '-r', '+tries=1', `@${FAR}`, 'marker.test', 'A')
        await capture.has('marker.test')
      } finally {
        await capture.stop()
      }
      return capture.text.slice(0, capture.text.indexOf('marker.test'))
    }

    it('from an internal network', async () => {
      const left = await leaves(async () => {
        assert.equal((await ask('secret.test A', 'vault', '10.83.2.1')).status, 'NXDOMAIN')
        assert.equal((await ask('secret.test A +tcp', 'vault', '10.83.2.1')).status, 'NXDOMAIN')
      })
      assert.doesNotMatch(left, /secret/)
      assert.equal((await outside.call('asked', 'secret')).length, 0)
    })

    it('without an uplink', async () => {
      await scene.daemon.call('PUT', '/uplink', { Uplink: 'none' })
      const left = await leaves(async () => {
        assert.equal((await ask('secret.test A')).status, 'NXDOMAIN')
        assert.equal((await ask('secret.test A +tcp')).status, 'NXDOMAIN')
      })
      assert.doesNotMatch(left, /secret/)
      assert.equal((await outside.call('asked', 'secret')).length, 0)
      await scene.daemon.call('PUT', '/uplink', { Uplink: 'nic:eth0' })
      await answers('secret.test', OF_FAR)
    })

    it('by the machine, where the uplink is not one of the machine', async () => {
      const uplink = `tap:up0,address=198.18.0.2/24,gateway=198.18.0.1,namespace=${scene.internet.path}`
      await scene.daemon.call('PUT', '/uplink', { Uplink: uplink })
      scene.internet.ip('link', 'set', 'up0', 'up')
      scene.internet.ip('address', 'add', '198.18.0.1/24', 'dev', 'up0')
      const left = await leaves(async () => {
        assert.equal((await ask('hidden.test A')).status, 'NXDOMAIN')
      })
      assert.doesNotMatch(left, /hidden/)
      // Who has named a server reaches it, as it reaches all else there.
      const answer = told(await ask('open.test A', 'chosen'))
      assert.equal(answer, `NOERROR; open.test. ${TTL_S} IN A ${OF_FARTHER}`)
      await scene.daemon.call('PUT', '/uplink', { Uplink: 'nic:eth0' })
    })

    it('a daemon that ends does not wait for who has not answered', async () => {
      const asking = new Program(scene.place('app'), 'dig', ...digArguments(GATEWAY, 'late.end.test A'))
      await until('it is asked outside', async () => (await askedOf(FAR, 'late.end.test')) === 1)
      await scene.daemon.stop()
      await asking.stop('SIGKILL')
      await scene.daemon.again()
    })
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
