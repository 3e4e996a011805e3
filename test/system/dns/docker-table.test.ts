/**
 * What Docker's embedded name server answers, case by case, asked by dig in sandboxes of whom their own resolv.conf names:
 *
 *     front 10.81.1   web .2, api .3, app .4, dotted .5       app's links on back: database and hidden, for db
 *     back  10.81.2   db .2, app .3, extra .4
 *     dual  10.81.3   twin .2, of IPv4 and IPv6
 *     sealed 10.81.4  vault .2, an internal network
 *     a.b   10.81.5   near .2, near.a .3
 *
 * Where an answer is not Docker's, on purpose, the case says so.
 */

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { DnsAnswer } from '../../../src/control/api/dns.ts'
import { needs, needsTap } from '../../support/requirements.ts'
import { withIds } from '../support/docker/dig.ts'
import { type Endpoints, NameScene, told } from '../support/name-scene.ts'

const skip = needsTap() || needs('ip', 'nsenter', 'setpriv', 'dig')

type Case = readonly [what: string, from: string, question: string, answer: string]

const ADDRESS_OF_WEB = '2.1.81.10.in-addr.arpa'
const ADDRESS_OF_TWIN = '2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.3.0.0.0.1.8.0.0.0.0.d.f.ip6.arpa'
const LONG = 'a'.repeat(58)

/** `$NAME` is a sandbox's short id. */
const CASES: Readonly<Record<string, readonly Case[]>> = {
  'what a sandbox is called': [
    ['its name', 'app', 'web A', 'web. 5 IN A 10.81.1.2'],
    ['its short id', 'app', '$web A', '$web. 5 IN A 10.81.1.2'],
    ['its host name, by default the short id', 'web', '$api A', '$api. 5 IN A 10.81.1.3'],
    ['its host name, chosen', 'app', 'webhost A', 'webhost. 5 IN A 10.81.1.2'],
    ['an alias', 'app', 'www A', 'www. 5 IN A 10.81.1.2'],
    ['itself', 'web', 'web A', 'web. 5 IN A 10.81.1.2'],
    ['one alias of two', 'app', 'shared A', 'shared. 5 IN A 10.81.1.2; shared. 5 IN A 10.81.1.3'],
    ['spelt otherwise', 'app', 'WeB A', 'WeB. 5 IN A 10.81.1.2'],
    ['with a dot at its end', 'app', 'web. A', 'web. 5 IN A 10.81.1.2'],
  ],
  'names of several labels': [
    ['NAME.NETWORK', 'app', 'web.front A', 'web.front. 5 IN A 10.81.1.2'],
    ['ALIAS.NETWORK', 'app', 'www.front A', 'www.front. 5 IN A 10.81.1.2'],
    ['of a network that it is not on', 'app', 'web.back A', 'NXDOMAIN'],
    ['of a network that there is not', 'app', 'web.nowhere A', 'NXDOMAIN'],
    ['an alias with a dot in it', 'app', 'v1.api A', 'v1.api. 5 IN A 10.81.1.3'],
    ['the same and the network', 'app', 'v1.api.front A', 'v1.api.front. 5 IN A 10.81.1.3'],
    ['a network with a dot in its name', 'near', 'near.a.b A', 'near.a.b. 5 IN A 10.81.5.2'],
    ['the whole of it before its parts', 'app', 'db.back A', 'db.back. 5 IN A 10.81.2.4'],
  ],
  types: [
    ['AAAA of IPv4 alone', 'app', 'web AAAA', 'NOERROR'],
    ['A of both', 'twin', 'twin A', 'twin. 5 IN A 10.81.3.2'],
    ['AAAA of both', 'twin', 'twin AAAA', 'twin. 5 IN AAAA fd00:81:3::2'],
    ['MX', 'app', 'web MX', 'NOERROR'],
    ['TXT (Docker asks outside)', 'app', 'web TXT', 'NOERROR'],
    ['HTTPS (Docker asks outside)', 'app', 'web HTTPS', 'NOERROR'],
    ['ANY (Docker asks outside)', 'twin', 'twin ANY', 'twin. 5 IN A 10.81.3.2; twin. 5 IN AAAA fd00:81:3::2'],
    ['PTR', 'app', `${ADDRESS_OF_WEB} PTR`, `${ADDRESS_OF_WEB}. 5 IN PTR web.front.`],
    ['PTR of IPv6', 'twin', `${ADDRESS_OF_TWIN} PTR`, `${ADDRESS_OF_TWIN}. 5 IN PTR twin.dual.`],
    ["PTR of nobody's address", 'app', '99.1.81.10.in-addr.arpa PTR', 'NXDOMAIN'],
    [
      'SRV of an exposed port (Docker: of swarms)',
      'app',
      '_80._tcp.web SRV',
      '_80._tcp.web. 5 IN SRV 0 0 80 web.front.',
    ],
    ['the same by its name', 'app', '_http._tcp.web SRV', '_http._tcp.web. 5 IN SRV 0 0 80 web.front.'],
    ['CH, another class', 'app', 'version.bind TXT -c CH', 'REFUSED'],
  ],
  'how far names reach': [
    ['not to another network', 'db', 'web A', 'NXDOMAIN'],
    ['not with the name of the network', 'db', 'web.front A', 'NXDOMAIN'],
    ['nor do addresses', 'db', `${ADDRESS_OF_WEB} PTR`, 'NXDOMAIN'],
    ['of several networks: each', 'app', 'extra A', 'extra. 5 IN A 10.81.2.4'],
    ['on several: the default route comes first', 'app', 'both A', 'both. 5 IN A 10.81.2.4'],
    ['and the other one by its name', 'app', 'both.front A', 'both.front. 5 IN A 10.81.1.3'],
    ['on one of them: that one', 'web', 'both A', 'both. 5 IN A 10.81.1.3'],
  ],
  links: [
    ['stand for a name', 'app', 'database A', 'database. 5 IN A 10.81.2.2'],
    ['also with the network', 'app', 'database.back A', 'database.back. 5 IN A 10.81.2.2'],
    ['are private', 'extra', 'database A', 'NXDOMAIN'],
    ["hide another's name", 'app', 'hidden A', 'hidden. 5 IN A 10.81.2.2'],
    ['which all others see', 'db', 'hidden A', 'hidden. 5 IN A 10.81.2.4'],
  ],
  'names that nobody has': [
    ['without a way out (Docker asks all the same)', 'app', 'example.org A', 'NXDOMAIN'],
    ['on an internal network (Docker: SERVFAIL)', 'vault', 'example.org A', 'NXDOMAIN'],
    ['whose own names are there', 'vault', 'vault.sealed A', 'vault.sealed. 5 IN A 10.81.4.2'],
    ['of one label, ndots chosen', 'dotted', 'nobody A', 'NOERROR'],
    ['of several, ndots chosen', 'dotted', 'nobody.example A', 'NXDOMAIN'],
    ['a sandbox, ndots chosen', 'dotted', 'web A', 'web. 5 IN A 10.81.1.2'],
  ],
}

describe('names, by the table of what Docker does', { skip }, () => {
  let scene: NameScene
  const ids = new Map<string, string>()

  before(async () => {
    scene = await NameScene.start()
    const { daemon } = scene
    await daemon.network('front', '10.81.1.0/24')
    await daemon.network('back', '10.81.2.0/24')
    await daemon.network('sealed', '10.81.4.0/24', { Internal: true })
    await daemon.network('a.b', '10.81.5.0/24')
    const pools = [{ Subnet: '10.81.3.0/24' }, { Subnet: 'fd00:81:3::/64' }]
    await daemon.call('POST', '/networks', { Name: 'dual', EnableIPv6: true, IPAM: { Config: pools } })
    const web = { ...at('10.81.1.2'), Aliases: ['www', 'shared'] }
    await sandbox('web', { front: web }, { Hostname: 'webhost', ExposedPorts: { '80/tcp': {} } })
    await sandbox('api', { front: { ...at('10.81.1.3'), Aliases: ['shared', 'v1.api', 'both'] } })
    await sandbox('db', { back: at('10.81.2.2') })
    await sandbox('extra', { back: { ...at('10.81.2.4'), Aliases: ['hidden', 'both', 'db.back'] } })
    const links = { ...at('10.81.2.3'), Links: ['db:database', 'db:hidden'] }
    await sandbox('app', { front: at('10.81.1.4'), back: links })
    await sandbox('dotted', { front: at('10.81.1.5') }, { HostConfig: { DnsOptions: ['ndots:1'] } })
    const twin = { IPAMConfig: { IPv4Address: '10.81.3.2', IPv6Address: 'fd00:81:3::2' } }
    await sandbox('twin', { dual: twin })
    await sandbox('vault', { sealed: at('10.81.4.2') })
    await sandbox('near', { 'a.b': at('10.81.5.2') })
  })
  after(() => scene.stop())

  async function sandbox(...args: Parameters<NameScene['sandbox']>): Promise<void> {
    ids.set(args[0], (await scene.sandbox(...args)).slice(0, 12))
  }
  const expand = (text: string): string => withIds(text, ids)
  const answered = async (from: string, question: string): Promise<string> =>
    told(await scene.ask(from, expand(question)))
  /** What is asked is seen as soon as what was done before it is done. */
  const answers = async (from: string, question: string, answer: string): Promise<void> =>
    assert.equal(await answered(from, question), answer)

  for (const [title, cases] of Object.entries(CASES)) {
    it(title, async () => {
      const found = cases.map(async ([what, from, question]) => {
        const { flags, ...answer } = await scene.ask(from, expand(question))
        return [what, flags, told({ flags, ...answer })]
      })
      const expected = cases.map(([what, , , answer]) => {
        const code = /^[A-Z]+$/.test(answer) ? '' : 'NOERROR; '
        return [what, 'qr rd ra', `${code}${expand(answer)}`]
      })
      assert.deepEqual(await Promise.all(found), expected)
    })
  }

  it('`dns query` says of all of them what dig is answered', async () => {
    const cases = Object.values(CASES)
      .flat()
      .filter(([, , question]) => !question.endsWith('CH'))
    const asked = await Promise.all(
      cases.map(async ([what, from, question]) => {
        const [name, type] = expand(question).split(' ')
        const { rcode, answers } = await scene.daemon.call<DnsAnswer>('POST', '/dns/query', {
          name,
          type,
          from,
        })
        const records = answers.map((one) => `${one.name}. ${one.ttlS} IN ${one.type} ${one.data}`)
        return [what, [rcode, ...records.toSorted()].join('; ')]
      }),
    )
    const expected = cases.map(([what, , , answer]) => [
      what,
      /^[A-Z]+$/.test(answer) ? answer : `NOERROR; ${expand(answer)}`,
    ])
    assert.deepEqual(asked, expected)
  })

  it('who has the network of another sandbox has its names', async () => {
    await sandbox('guest', {}, { HostConfig: { NetworkMode: 'container:app' } })
    await answers('guest', 'database A', 'NOERROR; database. 5 IN A 10.81.2.2')
    await answers('guest', 'both A', 'NOERROR; both. 5 IN A 10.81.2.4')
    await answers('web', 'guest A', 'NXDOMAIN')
    await scene.daemon.do('rm', '-f', 'guest')
  })

  it('a service comes with the addresses of who has it', async () => {
    const { additional } = await scene.ask('app', '_80._tcp.web SRV')
    assert.deepEqual(additional, ['web.front. 5 IN A 10.81.1.2'])
  })

  it('an alias of two begins with one and the other in turn', async () => {
    const first: string[] = []
    for (let i = 0; i < 6; i++) {
      const { output } = await scene.on('app', 'dig', '-r', '+short', '+noedns', 'shared', 'A')
      first.push(output.split('\n')[0]!)
    }
    assert.deepEqual(first.slice(2), first.slice(0, 4))
    assert.deepEqual(first.slice(0, 2).toSorted(), ['10.81.1.2', '10.81.1.3'])
  })

  it('what does not fit in 512 bytes, or in what EDNS allows, is cut short, and whole by TCP', async () => {
    const names = ['1', '2', '3', '4', '5', '6'].map((digit) => `${LONG}${digit}`)
    for (const name of names) {
      const settings = { front: { Aliases: ['many'] } }
      await sandbox(name, settings, { ExposedPorts: { '53/udp': {} } })
    }
    const question = '_53._udp.many SRV'
    const [plain, edns, tcp] = await Promise.all([
      scene.ask('app', `${question} +ignore`),
      scene.ask('app', `${question} +ignore +bufsize=1232`),
      scene.ask('app', question),
    ])
    assert.match(plain.flags, /\btc\b/)
    assert.ok(plain.answer.length < names.length)
    assert.doesNotMatch(edns.flags, /\btc\b/)
    for (const { answer } of [edns, tcp]) {
      assert.deepEqual(
        answer,
        names.map((name) => `_53._udp.many. 5 IN SRV 0 0 53 ${name}.front.`),
      )
    }
    assert.equal(tcp.additional.length, names.length)
  })

  it('a sandbox that is renamed is found by its new name at once, and by its old one no more', async () => {
    await scene.daemon.do('rename', 'api', 'service')
    await answers('app', 'service A', 'NOERROR; service. 5 IN A 10.81.1.3')
    await answers('app', 'api A', 'NXDOMAIN')
    await answers(
      'app',
      '3.1.81.10.in-addr.arpa PTR',
      'NOERROR; 3.1.81.10.in-addr.arpa. 5 IN PTR service.front.',
    )
    await scene.daemon.do('rename', 'service', 'api')
    await answers('app', 'api A', 'NOERROR; api. 5 IN A 10.81.1.3')
  })

  it('one that leaves a network or joins one is found there at once, or not', async () => {
    const { daemon } = scene
    for (let round = 0; round < 3; round++) {
      await daemon.disconnect('front', 'web')
      await answers('app', 'web A', 'NXDOMAIN')
      await answers('app', 'shared A', 'NOERROR; shared. 5 IN A 10.81.1.3')
      await daemon.connect('front', 'web', { ...at('10.81.1.2'), Aliases: ['www', 'shared'] })
      await answers('app', 'web A', 'NOERROR; web. 5 IN A 10.81.1.2')
      await answers('app', 'www A', 'NOERROR; www. 5 IN A 10.81.1.2')
    }
    // Whose own networks change sees other names.
    await daemon.disconnect('back', 'app')
    await answers('app', 'database A', 'NXDOMAIN')
    await answers('app', 'both A', 'NOERROR; both. 5 IN A 10.81.1.3')
    await daemon.connect('back', 'app', at('10.81.2.3'))
    await answers('app', 'both A', 'NOERROR; both. 5 IN A 10.81.2.4')
    await daemon.connect('front', 'db', at('10.81.1.200'))
    await answers('db', 'web A', 'NOERROR; web. 5 IN A 10.81.1.2')
    await daemon.disconnect('front', 'db')
    await answers('db', 'web A', 'NXDOMAIN')
  })

  it('one that is stopped is nobody, and found again when it runs again', async () => {
    await scene.daemon.do('stop', '-t', '0', 'extra')
    await answers('app', 'extra A', 'NXDOMAIN')
    await scene.daemon.do('start', 'extra')
    await answers('app', 'extra A', 'NOERROR; extra. 5 IN A 10.81.2.4')
  })

  it('a network says how long an answer may be kept, and whether it has names', async () => {
    await scene.daemon.network('brief', '10.81.6.0/24', { Options: { 'tapwire.dns-ttl': '0' } })
    await scene.daemon.network('nameless', '10.81.7.0/24', { Options: { 'tapwire.dns': 'none' } })
    await sandbox('quick', { brief: at('10.81.6.2') })
    await answers('quick', 'quick A', 'NOERROR; quick. 0 IN A 10.81.6.2')
    await sandbox('mute', { nameless: at('10.81.7.2') })
    const { output } = await scene.on('mute', 'cat', '/etc/resolv.conf')
    assert.deepEqual(output.match(/^nameserver .*/gm), ['nameserver 192.0.2.53'])
    for (const options of [[], ['+tcp']]) {
      const args = ['-r', '+tries=1', '+time=40', ...options, '@10.81.7.1', 'mute']
      assert.match((await scene.on('mute', 'dig', ...args)).output, /connection refused/)
    }
  })

  it('the default bridge has no names, and its sandboxes ask the machine’s servers', async () => {
    await sandbox('plain', { bridge: {} })
    await sandbox('other', { bridge: {} })
    const { output } = await scene.on('plain', 'cat', '/etc/resolv.conf')
    assert.deepEqual(output.match(/^nameserver .*/gm), ['nameserver 192.0.2.53'])
    const { Gateway } = await scene.daemon.endpoint('plain', 'bridge')
    const { output: said } = await scene.on(
      'plain',
      'dig',
      '-r',
      '+tries=1',
      '+time=40',
      `@${Gateway}`,
      'other',
    )
    assert.match(said, /connection refused/)
    // A network with names beside it: its server is asked.
    await scene.daemon.connect('front', 'plain', at('10.81.1.201'))
    await answers('plain', 'web A', 'NOERROR; web. 5 IN A 10.81.1.2')
    await answers('plain', 'other A', 'NXDOMAIN')
    await scene.daemon.disconnect('front', 'plain')
    const { output: again } = await scene.on('plain', 'cat', '/etc/resolv.conf')
    assert.deepEqual(again.match(/^nameserver .*/gm), ['nameserver 192.0.2.53'])
  })
})

const at = (address: string): Endpoints[string] => ({ IPAMConfig: { IPv4Address: address } })
