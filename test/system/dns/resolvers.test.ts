/**
 * Programs that ask for names, each with a resolver of its own: those of the C libraries glibc and musl, of BusyBox, ISC's (dig, host)
 * and Knot's (kdig). They run in a sandbox, and find the name server by its resolv.conf.
 *
 *     front 10.82.1.0/24                   web .2, exposes 80, alias www, host name webhost     app .3
 *     dual  10.82.2.0/24 fd00:82:2::/64    twin .2 ::2                                          pair .3 ::3
 */

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { needs, needsTap } from '../../support/requirements.ts'
import { compile } from '../support/compile.ts'
import { type Endpoints, NameScene, told } from '../support/name-scene.ts'
import type { Outcome, Program } from '../support/program.ts'

const skip =
  needsTap() ||
  needs('ip', 'nsenter', 'setpriv', 'ping', 'dig', 'host', 'kdig', 'getent', 'busybox', 'cc', 'musl-gcc')

const PORT = '8080'

describe('resolvers of other programs', { skip }, () => {
  let scene: NameScene
  let shortId: string
  before(async () => {
    scene = await NameScene.start()
    await scene.daemon.network('front', '10.82.1.0/24')
    const pools = [{ Subnet: '10.82.2.0/24' }, { Subnet: 'fd00:82:2::/64' }]
    await scene.daemon.call('POST', '/networks', { Name: 'dual', EnableIPv6: true, IPAM: { Config: pools } })
    const web = { ...at('10.82.1.2'), Aliases: ['www'] }
    const id = await scene.sandbox(
      'web',
      { front: web },
      { Hostname: 'webhost', ExposedPorts: { '80/tcp': {} } },
    )
    shortId = id.slice(0, 12)
    await scene.sandbox(
      'app',
      { front: at('10.82.1.3') },
      { HostConfig: { DnsSearch: ['nowhere', 'front'] } },
    )
    const exposed = { ExposedPorts: { '443/tcp': {} } }
    await scene.sandbox('twin', { dual: at('10.82.2.2', 'fd00:82:2::2') }, exposed)
    await scene.sandbox('pair', { dual: at('10.82.2.3', 'fd00:82:2::3') })
  })
  after(() => scene.stop())

  const output = async (sandbox: string, program: string, ...args: readonly string[]): Promise<string> => {
    const { code, output, errors } = await scene.on(sandbox, program, ...args)
    assert.equal(code, 0, `${program} ${args.join(' ')}: ${errors}${output}`)
    return output
  }
  const answers = async (sandbox: string, question: string, ...expected: readonly string[]): Promise<void> =>
    assert.equal(told(await scene.ask(sandbox, question)), expected.join('; '))

  /** Runs a program, and gives the questions that came of it as well: one that waits for an answer asks again. */
  async function questions(run: () => Promise<Outcome>): Promise<Outcome & { readonly asked: string[] }> {
    const mark = await scene.mark()
    const outcome = await run()
    const entries = await scene.asked(mark)
    return {
      ...outcome,
      asked: entries.map(({ name, type, rcode }) => `${name} ${type} ${rcode}`).toSorted(),
    }
  }

  it('dig: by UDP and TCP, with EDNS of any size', async () => {
    const answer = ['NOERROR', 'web. 5 IN A 10.82.1.2']
    for (const options of [
      '',
      ' +tcp',
      ' +edns=0',
      ' +bufsize=512',
      ' +bufsize=4096',
      ' +bufsize=0',
      ' +tcp +edns=0',
    ]) {
      await answers('app', `web A${options}`, ...answer)
    }
    // Cookies and other options, and flags: nothing that a server has to know.
    await answers('app', 'web A +cookie +nsid +dnssec +adflag +cdflag +padding=128', ...answer)
    await answers('app', 'web A +tcp +keepalive', ...answer)
    assert.equal((await scene.ask('app', 'web A +edns=1 +noednsneg')).status, 'BADVERS')
    assert.equal((await scene.ask('app', 'web A +opcode=notify')).status, 'NOTIMP')
    assert.equal((await scene.ask('app', 'web A +header-only')).status, 'FORMERR')
  })

  it('dig: search domains', async () => {
    await answers('app', 'www A +search', 'NOERROR', 'www. 5 IN A 10.82.1.2')
    await answers('app', 'web A +search +ndots=2', 'NOERROR', 'web.front. 5 IN A 10.82.1.2')
  })

  it('kdig: by UDP and TCP, several questions on one connection', async () => {
    const dual = await output('pair', 'kdig', '+short', 'twin', 'A', 'twin', 'AAAA')
    assert.deepEqual(dual.split(/\s+/).filter(Boolean), ['10.82.2.2', 'fd00:82:2::2'])
    const kept = await output('app', 'kdig', '+tcp', '+keepopen', '+short', 'web', 'www', 'webhost', shortId)
    assert.deepEqual(kept.split(/\s+/).filter(Boolean), ['10.82.1.2', '10.82.1.2', '10.82.1.2', '10.82.1.2'])
    assert.match(await output('app', 'kdig', 'nobody'), /status: NXDOMAIN/)
    assert.match(await output('app', 'kdig', '+edns', '+bufsize=1232', 'web'), /UDP size: 1232 B/)
  })

  it('host: addresses, names of addresses, services', async () => {
    assert.equal(await output('app', 'host', 'web'), 'web has address 10.82.1.2\n')
    const twin = (await output('pair', 'host', 'twin')).trimEnd().split('\n')
    assert.deepEqual(twin, ['twin has address 10.82.2.2', 'twin has IPv6 address fd00:82:2::2'])
    assert.match(await output('app', 'host', '10.82.1.2'), /domain name pointer web\.front\.$/m)
    assert.match(await output('pair', 'host', 'fd00:82:2::2'), /domain name pointer twin\.dual\.$/m)
    assert.match(
      await output('app', 'host', '-t', 'SRV', '_http._tcp.web'),
      /SRV record 0 0 80 web\.front\.$/m,
    )
    const { code, output: said } = await scene.on('app', 'host', 'nobody')
    assert.equal(code, 1)
    assert.match(said, /not found: 3\(NXDOMAIN\)/)
  })

  it('busybox nslookup: A and AAAA, of names that are there and that are not', async () => {
    const twin = await output('pair', 'busybox', 'nslookup', 'twin')
    assert.match(twin, /^Address: 10\.82\.2\.2$/m)
    assert.match(twin, /^Address: fd00:82:2::2$/m)
    const web = await output('app', 'busybox', 'nslookup', 'web.front')
    assert.match(web, /^Server:\s+10\.82\.1\.1$/m)
    assert.match(web, /^Address: 10\.82\.1\.2$/m)
    const { code, output: said } = await scene.on('app', 'busybox', 'nslookup', 'nobody.front')
    assert.equal(code, 1)
    assert.match(said, /can't find nobody\.front: NXDOMAIN/)
    assert.match(await output('app', 'busybox', 'nslookup', '10.82.1.2'), /name = web\.front/)
  })

  it('getent (glibc): every kind of name, and both directions', async () => {
    for (const name of ['web', 'WEB', 'www', 'webhost', shortId, 'web.front', 'web.front.', 'web.']) {
      const lines = (await output('app', 'getent', 'ahosts', name)).trimEnd().split('\n')
      assert.deepEqual([...new Set(lines.map((line) => line.split(/\s+/)[0]))], ['10.82.1.2'], name)
    }
    assert.match(await output('app', 'getent', 'hosts', '10.82.1.2'), /^10\.82\.1\.2 +web\.front$/m)
    assert.match(await output('pair', 'getent', 'hosts', 'fd00:82:2::2'), /^fd00:82:2::2 +twin\.dual$/m)
    assert.match(await output('pair', 'getent', 'ahostsv4', 'twin'), /^10\.82\.2\.2 /m)
    assert.match(await output('pair', 'getent', 'ahostsv6', 'twin'), /^fd00:82:2::2 /m)
  })

  it('getent: what nobody is called is asked for once with each domain, and not waited for', async () => {
    const { code, asked } = await questions(() => scene.on('app', 'getent', 'ahosts', 'nobody'))
    assert.equal(code, 2)
    // Of a sandbox that has no IPv6, it does not ask for AAAA (AI_ADDRCONFIG).
    assert.deepEqual(asked, ['nobody A NXDOMAIN', 'nobody.front A NXDOMAIN', 'nobody.nowhere A NXDOMAIN'])
  })

  it('getent, as resolv.conf has it: by TCP, with EDNS, one question at a time', async () => {
    for (const option of [
      'use-vc',
      'edns0',
      'trust-ad',
      'single-request',
      'single-request-reopen',
      'no-tld-query',
    ]) {
      const name = `by-${option}`
      await scene.sandbox(name, { dual: {} }, { HostConfig: { DnsOptions: [option] } })
      const { output: said, asked } = await questions(() => scene.on(name, 'getent', 'ahosts', 'twin'))
      assert.match(said, /^fd00:82:2::2 .*^10\.82\.2\.2 /ms, option)
      assert.deepEqual(asked, ['twin A NOERROR', 'twin AAAA NOERROR'], option)
      await scene.daemon.do('rm', '-f', name)
    }
  })

  it('c-ares, of Node', async () => {
    const said = await output('pair', process.execPath, '-e', RESOLVE)
    assert.deepEqual(JSON.parse(said), {
      four: [{ address: '10.82.2.2', ttl: 5 }],
      six: [{ address: 'fd00:82:2::2', ttl: 5 }],
      reverse: ['twin.dual'],
      services: [{ priority: 0, weight: 0, port: 443, name: 'twin.dual' }],
      nobody: 'ENOTFOUND',
      texts: 'ENODATA',
    })
  })

  it('ping finds by name', async () => {
    for (const name of ['web', 'www.front']) {
      assert.match(await output('app', 'ping', '-c', '1', '-W', '45', name), /\(10\.82\.1\.2\).* 1 received/s)
    }
    assert.match(await output('pair', 'ping', '-6', '-n', '-c', '1', '-W', '45', 'twin'), /fd00:82:2::2/)
  })

  for (const [library, compiler] of [
    ['glibc', ['cc']],
    ['musl', ['musl-gcc', '-static']],
  ] as const) {
    describe(`getaddrinfo of ${library}`, () => {
      let program: string
      const listeners: Program[] = []
      before(async () => {
        program = compile('getaddrinfo', compiler)
        for (const sandbox of ['web', 'twin']) {
          const nc = await scene.begin(sandbox, process.execPath, '-e', LISTEN)
          await nc.printed(/listening/)
          listeners.push(nc)
        }
      })
      after(async () => {
        for (const listener of listeners) await listener.stop()
      })

      it('asks once for each family where one of them is empty, and connects', async () => {
        const { code, output: said, asked } = await questions(() => scene.on('app', program, 'web', PORT))
        assert.equal(said, '10.82.1.2\nconnected\n')
        assert.equal(code, 0)
        assert.deepEqual(asked, ['web A NOERROR', 'web AAAA NOERROR'])
      })

      it('finds both families', async () => {
        const { output: said, asked } = await questions(() => scene.on('pair', program, 'twin', PORT))
        assert.deepEqual(said.trimEnd().split('\n').toSorted(), ['10.82.2.2', 'connected', 'fd00:82:2::2'])
        assert.deepEqual(asked, ['twin A NOERROR', 'twin AAAA NOERROR'])
      })

      it('is told that there is no such name', async () => {
        const { output: said, asked } = await questions(() => scene.on('pair', program, 'nobody', PORT))
        assert.equal(said, 'no such name\n')
        assert.deepEqual(asked, ['nobody A NXDOMAIN', 'nobody AAAA NXDOMAIN'])
      })
    })
  }
})

const RESOLVE = `
  const { promises: dns } = require('node:dns')
  const codeOf = (promise) => promise.then(String, ({ code }) => code)
  const found = async () => ({
    four: await dns.resolve4('twin', { ttl: true }),
    six: await dns.resolve6('TWIN.dual', { ttl: true }),
    reverse: await dns.reverse('fd00:82:2::2'),
    services: await dns.resolveSrv('_https._tcp.twin'),
    nobody: await codeOf(dns.resolve4('nobody')),
    texts: await codeOf(dns.resolveTxt('twin')),
  })
  found().then((answers) => console.log(JSON.stringify(answers)))`

const LISTEN = `require('node:net').createServer((s) => s.end()).listen(${PORT}, '::', () => console.log('listening'))`

const at = (IPv4Address: string, IPv6Address?: string): Endpoints[string] => ({
  IPAMConfig: { IPv4Address, ...(IPv6Address === undefined ? undefined : { IPv6Address }) },
})
