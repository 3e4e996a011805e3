import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { DropReason } from '../../src/datapath/drop-reason.ts'
import {
  DNS_FORWARDS_PER_RESOLVER_MAX,
  DNS_PENDING_S,
  DNS_QUERY_MAX,
  DNS_UDP_SIZE_MAX,
  SEGMENTS_MAX,
} from '../../src/limits.ts'
import { answerText, DnsScene, questionOf } from '../support/dns-scene.ts'
import { address, packetFrame } from '../support/packet-text.ts'
import { assertAllAccountedFor } from '../support/scenario.ts'

/** Two networks; `client` on both, `db` on the second alone, where the client has a link. `other` is on the first. */
const WORLD = `
  network 1
  network 2
  network 4
  port 1,2,3,8 network=1
  port 4 network=2
  port 9 network=4
  gateway 1 10.1.0.1/24
  gateway 2 10.2.0.1/24
  relay 4 169.254.77.1/30
  zone 1 front
  zone 2 back ttl=60
  named 1 network=1 10.1.0.2 client id:0123456789ab host:client.local
  named 2 network=1 10.1.0.3 web alias:www id:abcdef012345 tcp/80-81 udp/53 tcp/8080
  named 3 network=1 10.1.0.4 fd00::4 web2 alias:www tcp/80
  named 4 network=2 10.2.0.3 web alias:db
  named 5 network=2 10.2.0.4 two.words fd00:2::4
  resolver 1 ports=1 networks=1,2 forwards link=2:store:db link=1:web2:web
  resolver 2 ports=2,3 networks=1
  resolver 4 ports=4 networks=2,1 stay forwards
`
const CLIENTS = {
  1: { address: '10.1.0.2', gateway: '10.1.0.1' },
  2: { address: '10.1.0.3', gateway: '10.1.0.1' },
  3: { address: '10.1.0.4', gateway: '10.1.0.1' },
  4: { address: '10.2.0.3', gateway: '10.2.0.1' },
  8: { address: '10.1.0.9', gateway: '10.1.0.1' },
}
const world = (text = ''): DnsScene => new DnsScene(WORLD + text, CLIENTS)

/** Asks at one port, each question with what is to become of it. */
function expect(scene: DnsScene, port: number, answers: Readonly<Record<string, string>>): void {
  for (const [question, answer] of Object.entries(answers)) {
    assert.equal(scene.ask(port, question), answer, question)
  }
  assertAllAccountedFor(scene.scene.engine.counters.total())
}

describe('a name that is known', () => {
  it('has addresses by all its names, in any case, and as it was asked', () => {
    expect(world(), 2, {
      'client A': 'NOERROR client 5 A 10.1.0.2',
      'CLIent A': 'NOERROR CLIent 5 A 10.1.0.2',
      '0123456789ab A': 'NOERROR 0123456789ab 5 A 10.1.0.2',
      'client.local A': 'NOERROR client.local 5 A 10.1.0.2',
      'client.front A': 'NOERROR client.front 5 A 10.1.0.2',
      'client.local.FRONT A': 'NOERROR client.local.FRONT 5 A 10.1.0.2',
      'web2 AAAA': 'NOERROR web2 5 AAAA fd00::4',
      'web2 ANY': 'NOERROR web2 5 A 10.1.0.4, web2 5 AAAA fd00::4',
    })
  })

  it('is empty for what it has not', () => {
    expect(world(), 1, {
      'web AAAA': 'NOERROR',
      'web MX': 'NOERROR',
      'web TXT': 'NOERROR',
      'web HTTPS': 'NOERROR',
      'web SRV': 'NOERROR',
      'web PTR': 'NOERROR',
    })
  })

  it('is looked for network by network, in order, and by a network’s name on that one alone', () => {
    expect(world(), 1, {
      'web A': 'NOERROR web 5 A 10.1.0.3',
      'web.front A': 'NOERROR web.front 5 A 10.1.0.3',
      'web.back A': 'NOERROR web.back 60 A 10.2.0.3',
      'two.words A': 'NOERROR two.words 60 A 10.2.0.4',
      'two.words.back A': 'NOERROR two.words.back 60 A 10.2.0.4',
      'two.words.front A': 'waits',
      'web.front.back A': 'waits',
    })
    expect(world(), 4, { 'web A': 'NOERROR web 60 A 10.2.0.3' })
  })

  it('may end with the name of a network that has dots', () => {
    expect(world('zone 1 eu.front'), 2, {
      'web.eu.front A': 'NOERROR web.eu.front 5 A 10.1.0.3',
      'web.front A': 'NXDOMAIN',
    })
  })

  it('is known by other words to who has a link, and then by these alone', () => {
    expect(world(), 1, {
      'store A': 'NOERROR store 60 A 10.2.0.3',
      'store.back A': 'NOERROR store.back 60 A 10.2.0.3',
      'store.front A': 'waits',
      // A link by the name of somebody else: who is asked for is whom the link is to.
      'web2 A': 'NOERROR web2 5 A 10.1.0.3',
      'web2.front A': 'NOERROR web2.front 5 A 10.1.0.3',
    })
    expect(world('named 2 none'), 1, { 'web2 A': 'waits' })
    expect(world(), 4, { 'store A': 'NOERROR' })
  })

  it('of several hosts has all addresses, each time another one first', () => {
    const scene = world('named 6 network=1 10.1.0.7 web3 alias:www')
    const first = 'NOERROR www 5 A 10.1.0.3, www 5 A 10.1.0.4, www 5 A 10.1.0.7'
    const second = 'NOERROR www 5 A 10.1.0.4, www 5 A 10.1.0.7, www 5 A 10.1.0.3'
    const third = 'NOERROR www 5 A 10.1.0.7, www 5 A 10.1.0.3, www 5 A 10.1.0.4'
    for (const answer of [first, second, third, first]) assert.equal(scene.ask(2, 'www A'), answer)
    // Others' questions turn their own names.
    assert.equal(scene.ask(2, 'web A'), 'NOERROR web 5 A 10.1.0.3')
    assert.equal(scene.ask(3, 'www A'), second)
  })

  it('begins with another host each time, also for who asks for both kinds of addresses at a time', () => {
    const scene = world(`
      named 6 network=1 10.1.0.7 fd00::7 both1 alias:both
      named 7 network=1 10.1.0.8 fd00::8 both2 alias:both
    `)
    const first = (type: string): string => scene.ask(2, `both ${type}`).split(', ')[0]!
    for (const end of ['7', '8', '7', '8']) {
      assert.equal(first('A'), `NOERROR both 5 A 10.1.0.${end}`)
      assert.equal(first('AAAA'), `NOERROR both 5 AAAA fd00::${end}`)
    }
  })

  it('is another at once when it changes', () => {
    const scene = world()
    assert.equal(scene.ask(2, 'new A'), 'NXDOMAIN')
    scene.play('named 9 network=1 10.1.0.77 new')
    assert.equal(scene.ask(2, 'new A'), 'NOERROR new 5 A 10.1.0.77')
    scene.play('named 9 network=1 10.1.0.77 newer')
    expect(scene, 2, { 'new A': 'NXDOMAIN', 'newer A': 'NOERROR newer 5 A 10.1.0.77' })
    scene.play('resolver 2 ports=3 networks=1')
    assert.equal(scene.ask(2, 'newer A'), 'REFUSED')
  })
})

describe('an address and a service', () => {
  it('lead to a name on a network of the asker’s', () => {
    expect(world(), 1, {
      '3.0.1.10.in-addr.arpa PTR': 'NOERROR 3.0.1.10.in-addr.arpa 5 PTR web.front',
      '3.0.2.10.IN-ADDR.arpa PTR': 'NOERROR 3.0.2.10.IN-ADDR.arpa 60 PTR web.back',
      '9.9.9.9.in-addr.arpa PTR': 'waits',
      '03.0.1.10.in-addr.arpa PTR': 'waits',
      '3.0.1.10.in-addr.arpa A': 'waits',
    })
    const nibbles = `4.${'0.'.repeat(27)}0.0.d.f.ip6.arpa`
    expect(world(), 2, {
      [`${nibbles} PTR`]: `NOERROR ${nibbles} 5 PTR web2.front`,
      '3.0.2.10.in-addr.arpa PTR': 'NXDOMAIN',
    })
  })

  it('are where they are exposed, with addresses', () => {
    expect(world(), 2, {
      '_80._tcp.web SRV': 'NOERROR _80._tcp.web 5 SRV 0 0 80 web.front | web.front 5 A 10.1.0.3',
      '_81._TCP.web.front SRV': 'NOERROR _81._TCP.web.front 5 SRV 0 0 81 web.front | web.front 5 A 10.1.0.3',
      '_HTTP._tcp.www SRV':
        'NOERROR _HTTP._tcp.www 5 SRV 0 0 80 web.front, _HTTP._tcp.www 5 SRV 0 0 80 web2.front | web.front 5 A 10.1.0.3, web2.front 5 A 10.1.0.4, web2.front 5 AAAA fd00::4',
      '_domain._udp.web SRV': 'NOERROR _domain._udp.web 5 SRV 0 0 53 web.front | web.front 5 A 10.1.0.3',
      '_82._tcp.web SRV': 'NOERROR',
      '_http._udp.web SRV': 'NXDOMAIN',
      '_80._tcp.nobody SRV': 'NXDOMAIN',
      '_80._tcp SRV': 'NXDOMAIN',
      '_0._tcp.web SRV': 'NXDOMAIN',
      '_80._icmp.web SRV': 'NXDOMAIN',
    })
  })
})

describe('a name that is not known', () => {
  it('is asked outside by who may, and is none otherwise', () => {
    expect(world(), 2, { 'example.com A': 'NXDOMAIN', 'db A': 'NXDOMAIN', 'web.back A': 'NXDOMAIN' })
    expect(world(), 1, { 'example.com A': 'waits', 'example MX': 'waits', '. NS': 'waits' })
    assert.equal(world().ask(2, '. NS'), 'NOERROR')
  })

  it('of one label is empty where the sandbox has said how many dots a name has', () => {
    expect(world(), 4, { 'example A': 'NOERROR', 'example AAAA': 'NOERROR', 'example.com A': 'waits' })
    assert.equal(world().ask(4, 'example MX'), 'waits')
  })

  it('goes out with its ticket, and its answer comes back as it is', () => {
    const scene = world()
    assert.equal(scene.ask(1, 'example.com A', { edns: 900 }), 'waits')
    const questions = scene.dns.takeQuestions()!
    assert.equal(questions.length, 1)
    const [{ ticket, resolver, message, limit }] = questions as [(typeof questions)[number]]
    assert.deepEqual(Buffer.from(message), Buffer.from(questionOf('example.com A', { edns: 900 })))
    assert.deepEqual({ resolver, limit }, { resolver: 1, limit: 900 })
    assert.equal(scene.dns.takeQuestions(), undefined)
    assert.equal(scene.dns.counts().pending, 1)
    const answer = Uint8Array.from(message)
    answer.set([0x81, 0x80], 2)
    const [left] = scene.outside(1, { ticket, message: answer, verdict: 'forwarded', server: 2 })
    assert.equal(Buffer.compare(left!, answer), 0)
    // Again, it finds nobody.
    assert.deepEqual(scene.outside(1, { ticket, message: answer, verdict: 'forwarded', server: 2 }), [])
    assert.equal(scene.dns.counts().pending, 0)
    const [entry] = scene.dns.log(0, 10).entries
    assert.deepEqual(entry, {
      sequence: 1,
      atMs: 0,
      resolver: 1,
      name: 'example.com',
      type: 1,
      verdict: 'forwarded',
      rcode: 0,
      answers: 0,
      waitedMs: 0,
      server: 2,
    })
    assertAllAccountedFor(scene.scene.engine.counters.total())
  })

  it('is asked for once, however often its client asks', () => {
    const scene = world()
    assert.equal(scene.ask(1, 'example.com A'), 'waits')
    assert.equal(scene.ask(1, 'example.com A'), 'dropped: dns-repeated')
    assert.equal(scene.ask(1, 'example.com A', { id: 8 }), 'waits')
    assert.equal(scene.ask(1, 'example.com A', { from: 4001 }), 'waits')
    assert.equal(scene.ask(1, 'example.com AAAA'), 'waits')
    assert.equal(scene.dns.takeQuestions()!.length, 4)
    assert.equal(scene.ask(1, 'example.com A'), 'dropped: dns-repeated')
  })

  it('is refused to who has asked for too many, and not to others', () => {
    const scene = world('resolver 2 ports=2,3 networks=1 forwards')
    for (let id = 0; id < DNS_FORWARDS_PER_RESOLVER_MAX; id++) {
      assert.equal(scene.ask(1, 'example.com A', { id }), 'waits')
    }
    assert.equal(scene.ask(1, 'example.com A', { id: 999 }), 'REFUSED')
    assert.equal(scene.ask(1, 'web A', { id: 999 }), 'NOERROR web 5 A 10.1.0.3')
    assert.equal(scene.ask(2, 'example.com A', { id: 999 }), 'waits')
    const [first] = scene.dns.takeQuestions()!
    scene.outside(1, { ticket: first!.ticket, message: first!.message, verdict: 'cached', server: 0 })
    assert.equal(scene.ask(1, 'example.com A', { id: 999 }), 'waits')
  })

  it('is given up after a while', () => {
    const scene = world()
    assert.equal(scene.ask(1, 'example.com A'), 'waits')
    const { ticket, message } = scene.dns.takeQuestions()![0]!
    scene.play(`t=${DNS_PENDING_S - 1}`)
    assert.equal(scene.dns.counts().pending, 1)
    scene.play(`t=${DNS_PENDING_S}`)
    assert.equal(scene.dns.counts().pending, 0)
    assert.equal(scene.dns.log(0, 1).entries[0]!.verdict, 'failed')
    assert.deepEqual(scene.outside(1, { ticket, message, verdict: 'forwarded', server: 0 }), [])
    assert.equal(scene.ask(1, 'example.com A'), 'waits')
  })

  it('is answered to nobody when its port is gone, whoever has its number then', () => {
    const scene = world()
    assert.equal(scene.ask(1, 'example.com A'), 'waits')
    assert.equal(scene.ask(1, 'example.org A'), 'waits')
    scene.play('remove 1')
    assert.equal(scene.dns.takeQuestions(), undefined)
    scene.play('port 1 network=1')
    assert.equal(scene.ask(1, 'web A'), 'REFUSED')
    scene.play('resolver 1 ports=1 networks=2 forwards')
    assert.equal(scene.ask(1, 'example.com A'), 'waits')
    const { ticket, message } = scene.dns.takeQuestions()![0]!
    scene.play('remove 1\nport 1 network=1')
    assert.deepEqual(scene.outside(1, { ticket, message, verdict: 'forwarded', server: 0 }), [])
  })

  it('has no answer when its gateway is gone', () => {
    const scene = world()
    assert.equal(scene.ask(1, 'example.com A'), 'waits')
    const { ticket, message } = scene.dns.takeQuestions()![0]!
    scene.play('gateway 1 none')
    assert.deepEqual(scene.outside(1, { ticket, message, verdict: 'forwarded', server: 0 }), [])
    assert.equal(scene.dns.counts().pending, 0)
  })

  it('has no answer that is longer than its client takes', () => {
    const scene = world()
    assert.equal(scene.ask(1, 'example.com A'), 'waits')
    const { ticket } = scene.dns.takeQuestions()![0]!
    const message = new Uint8Array(513)
    assert.deepEqual(scene.outside(1, { ticket, message, verdict: 'forwarded', server: 0 }), [])
    assert.equal(scene.dns.log(0, 1).entries[0]!.verdict, 'failed')
  })
})

describe('the size of an answer', () => {
  const many = Array.from(
    { length: 100 },
    (_, i) => `named ${100 + i} network=1 10.1.0.${100 + i} alias:many`,
  )
  const scene = world(many.join('\n'))
  const count = (text: string): number => text.split(', ').length

  for (const [name, edns, size] of [
    ['is 512 bytes without EDNS', undefined, 512],
    ['and with an EDNS that says less', 100, 512],
    ['is what EDNS says', 700, 700],
    ['is ours where EDNS says more', 4096, DNS_UDP_SIZE_MAX],
  ] as const) {
    it(name, () => {
      const { answer } = scene.send(2, 'many A', edns === undefined ? {} : { edns })
      assert.ok(answer!.length <= size, `${answer!.length}`)
      assert.ok(answer!.length > size - 16, `${answer!.length}`)
      const text = answerText(answer!)
      assert.match(text, edns === undefined ? /^TC NOERROR/ : /^EDNS=1232 TC NOERROR/)
      const room = size - 12 - 'many'.length - 6 - (edns === undefined ? 0 : 11)
      assert.equal(count(text), Math.floor(room / 16))
    })
  }

  it('fits the link', () => {
    const small = world(`gateway 1 10.1.0.1/24 mtu=600\n${many.join('\n')}`)
    const { answer } = small.send(2, 'many A', { edns: 1232 })
    assert.ok(answer!.length <= 600 - 28)
    assert.match(answerText(answer!), /TC/)
  })

  it('is as large as the asker’s other way allows', () => {
    const { verdict, message } = scene.dns.resolve({ resolver: 2 }, questionOf('many A'), 65_535, 0, false)
    assert.equal(verdict, 'answer')
    assert.equal(count(answerText(message)), 100)
  })
})

describe('what is no good question', () => {
  const header = [0, 7, 1, 0]
  const message = (...bytes: readonly number[]): { data: Uint8Array } => ({ data: Uint8Array.from(bytes) })
  const web = [3, 0x77, 0x65, 0x62, 0]
  const one = [0, 1, 0, 0, 0, 0, 0, 0]

  it('is dropped or told so', () => {
    const scene = world()
    const ask = (...bytes: readonly number[]): string => scene.ask(1, '', message(...bytes))
    assert.equal(ask(), 'dropped: dns-truncated')
    assert.equal(ask(0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0), 'dropped: dns-truncated')
    assert.equal(ask(0, 7, 0x81, 0, ...one, ...web, 0, 1, 0, 1), 'dropped: dns-response')
    assert.equal(ask(...header, 0, 0, 0, 0, 0, 0, 0, 0), 'FORMERR')
    assert.equal(ask(...header, 0, 2, 0, 0, 0, 0, 0, 0, ...web, 0, 1, 0, 1, ...web, 0, 1, 0, 1), 'FORMERR')
    assert.equal(ask(...header, ...one, ...web, 0, 1, 0), 'FORMERR')
    assert.equal(ask(...header, ...one, 0xc0, 12, 0, 1, 0, 1), 'FORMERR')
    assert.equal(ask(...header, ...one, 64, ...Array<number>(64).fill(97), 0, 0, 1, 0, 1), 'FORMERR')
    const labels = Array.from({ length: 4 }, () => [63, ...Array<number>(63).fill(97)]).flat()
    assert.equal(ask(...header, ...one, ...labels, 0, 0, 1, 0, 1), 'FORMERR')
    assert.equal(ask(0, 7, 0x29, 0, ...one, ...web, 0, 1, 0, 1), 'NOTIMP')
    assert.equal(ask(...header, ...one, ...web, 0, 1, 0, 3), 'REFUSED')
    assert.equal(ask(...header, ...one, ...web, 0, 252, 0, 1), 'REFUSED')
    const bad = [0, 1, 0, 0, 0, 0, 0, 1, ...web, 0, 1, 0, 1, 0, 0, 41, 4, 208, 0, 1, 0, 0, 0, 0]
    assert.equal(ask(...header, ...bad), 'EDNS=1232 extended=1 NOERROR')
    assertAllAccountedFor(scene.scene.engine.counters.total())
    assert.deepEqual(
      scene.dns.log(0, 100).entries.map(({ verdict }) => verdict),
      [...Array<string>(6).fill('malformed'), 'unsupported', 'refused', 'refused', 'unsupported'],
    )
  })

  it('has the bits of its asker in the answer', () => {
    const scene = world()
    for (const [flags, wanted] of [
      [0x0000, 0x8080],
      [0x0100, 0x8180],
      [0x0110, 0x8190],
      [0x06ff & ~0x0010, 0x8080],
    ] as const) {
      const { answer } = scene.send(
        2,
        '',
        message(0, 7, flags >> 8, flags & 0xff, ...one, ...web, 0, 1, 0, 1),
      )
      assert.equal(Buffer.from(answer!).readUInt16BE(2), wanted, flags.toString(16))
    }
  })

  it('is longer than one may be that is asked outside', () => {
    const scene = world()
    const long = new Uint8Array(DNS_QUERY_MAX + 1)
    long.set(questionOf('example.com A'))
    assert.equal(scene.ask(1, '', { data: long }), 'FORMERR')
    assert.equal(scene.ask(1, '', { data: long.subarray(0, DNS_QUERY_MAX) }), 'waits')
    assert.equal(scene.dns.resolve({ resolver: 1 }, long, 65_535, 0, false).verdict, 'answer')
  })

  it('comes with others in a super-frame, and each is answered', () => {
    const scene = world()
    const { scenario } = scene.scene
    const messages = ['web A', 'cat A', 'www A'].map((one, index) => questionOf(one, { id: index }))
    const [{ length: size }] = messages as [Uint8Array]
    const line = (data: Uint8Array, gso: number): string =>
      `udp 10.1.0.3:4000>10.1.0.1:53 gso=${gso} data=${Buffer.from(data).toString('hex')}`
    const send = (text: string): string[] => {
      scenario.arrive(2, packetFrame(text, address('10.1.0.1')))
      scenario.run()
      return scenario.departures(2).map((frame) => answerText(scene.answerOf(2, frame)))
    }
    const three = ['NOERROR web 5 A 10.1.0.3', 'NXDOMAIN', 'NOERROR www 5 A 10.1.0.3, www 5 A 10.1.0.4']
    assert.deepEqual(send(line(Buffer.concat(messages), size)), three)
    assert.deepEqual(send(line(messages[1]!, size)), ['NXDOMAIN'])
    // The last one is cut short: two answers, and one message that is none.
    assert.deepEqual(send(line(Buffer.concat(messages).subarray(0, 2 * size + 11), size)).length, 2)
    const before = scenario.engine.counters.port(2).drops[DropReason.segmentLimit]!
    assert.deepEqual(send(line(new Uint8Array(SEGMENTS_MAX + 1), 1)), [])
    assert.equal(scenario.engine.counters.port(2).drops[DropReason.segmentLimit], before + 1)
    // More answers than there is room for are dropped, and counted so.
    const many = Buffer.concat(Array.from({ length: SEGMENTS_MAX }, () => messages[0]!))
    assert.ok(send(line(many, size)).length > 100)
    assert.deepEqual(send(line(messages[0]!, size)), three.slice(0, 1))
    assertAllAccountedFor(scenario.engine.counters.total())
  })

  it('has a wrong checksum, or comes in fragments', () => {
    const scene = world()
    assert.equal(scene.ask(1, 'web A', { words: 'badsum' }), 'dropped: udp-checksum')
    assert.equal(scene.ask(1, 'web A', { words: 'nosum' }), 'NOERROR web 5 A 10.1.0.3')
    assert.equal(scene.ask(1, 'web A', { words: 'partial' }), 'NOERROR web 5 A 10.1.0.3')
    assert.equal(scene.ask(1, 'web A', { words: 'ident=7 cut=0-24' }), 'dropped: dns-truncated')
    assert.equal(scene.ask(1, 'web A', { words: 'ident=7 cut=24-29' }), 'dropped: no-connection')
    assert.equal(scene.ask(1, 'web A', { words: 'ident=8 cut=24-29' }), 'waits')
    const both = 'dropped: no-connection, dns-truncated'
    assert.equal(scene.ask(1, 'web A', { words: 'ident=8 cut=0-24' }), both)
    assertAllAccountedFor(scene.scene.engine.counters.total())
  })
})

describe('who is asked', () => {
  it('is the asker’s own gateway, and nobody where there is no resolver', () => {
    const scene = world()
    assert.equal(scene.ask(8, 'web A'), 'REFUSED')
    assert.equal(scene.ask(1, 'web A', { to: '10.2.0.1' }), 'dropped: network-isolated')
  })

  it('answers by the port that it was asked by alone, whoever the asker says that he is', () => {
    const data = Buffer.from(questionOf('web A')).toString('hex')
    world().play(`
      2> arp 10.1.0.3 asks 10.1.0.1
      2< arp 10.1.0.1 tells 10.1.0.3
      2~
      1> udp 10.1.0.3:4000>10.1.0.1:53 data=${data}
      1< udp 10.1.0.1:53>10.1.0.3:4000 len=37 ttl=64
      1~
      1> udp 10.1.0.3:53>10.1.0.1:53 data=${data} from=10.1.0.2 ttl=1 opts=01010100
      1< udp 10.1.0.1:53>10.1.0.3:53 len=37 ttl=64 via=10.1.0.2
      1~
      1> udp 10.2.0.1:53>10.1.0.1:53 data=${data} from=10.1.0.2
      1! reverse-path
      1> udp 10.2.0.3:4000>10.1.0.1:53 data=${data} from=10.1.0.2
      1! reverse-path
      1> udp 10.1.0.1:53>10.1.0.1:53 data=${data} from=10.1.0.2
      1! martian-address
      1> udp 10.1.0.255:4000>10.1.0.1:53 data=${data} from=10.1.0.2
      1! reverse-path
      1> udp 224.0.0.1:4000>10.1.0.1:53 data=${data} from=10.1.0.2
      1! martian-address
      1> udp 10.1.0.2:4000>10.1.0.1:53 data=${data} vlan=1
      1! not-routed
      1> udp 10.1.0.2:4000>10.1.0.255:53 data=${data}
      1! link-broadcast
    `)
  })

  it('is not the gateway of a network that is served elsewhere', () => {
    const scene = world('zone 1 front silent')
    scene.play(`
      1> udp 10.1.0.2:4000>10.1.0.1:53
      1< error=3/3 10.1.0.1>10.1.0.2 about udp 10.1.0.2:4000>10.1.0.1:53 df ttl=64
      1! port-closed
    `)
    assert.equal(scene.dns.resolve({ resolver: 1 }, questionOf('web A'), 512, 0, false).verdict, 'answer')
  })

  it('is the name server before published ports and the host’s end', () => {
    const scene = world('publish 1 udp 53 10.1.0.3:53 network=1 owner=2\ngateway 1 10.1.0.1/24 host=3')
    assert.equal(scene.ask(1, 'web A'), 'NOERROR web 5 A 10.1.0.3')
    scene.play(`
      1> udp 10.1.0.2:4000>10.1.0.1:54
      3< udp 10.1.0.2:4000>10.1.0.1:54 ttl=64
    `)
  })

  it('by TCP is the service, as though that were the gateway; and it learns who asks', () => {
    const scene = world('host 9 169.254.77.2\nhost 1 10.1.0.2\nservice 169.254.77.2:53 network=4')
    scene.play(`
      1> tcp 10.1.0.2:4000>10.1.0.1:53 syn
      9< tcp 10.1.0.2:4000>169.254.77.2:53 syn
      9> tcp 169.254.77.2:53>10.1.0.2:4000 syn,ack
      1< tcp 10.1.0.1:53>10.1.0.2:4000 syn,ack
    `)
    const asker = { address: (10 << 24) | (1 << 16) | 2, port: 4000 }
    const { resolver, message } = scene.dns.resolve(asker, questionOf('web A'), 65_535, 0, false)
    assert.equal(resolver, 1)
    assert.equal(answerText(message), 'NOERROR web 5 A 10.1.0.3')
    const nobody = scene.dns.resolve({ ...asker, port: 4001 }, questionOf('web A'), 65_535, 0, false)
    assert.deepEqual(
      { ...nobody, message: nobody.message.length },
      {
        verdict: 'drop',
        message: 0,
        resolver: -1,
        steps: [],
      },
    )
  })

  it('by TCP is the service of internal networks, too', () => {
    const lines = 'gateway 1 10.1.0.1/24 internal\nhost 9 169.254.77.2\nhost 1 10.1.0.2'
    world(`${lines}\nservice 169.254.77.2:53 network=4`).play(`
      1> tcp 10.1.0.2:4000>10.1.0.1:53 syn
      9< tcp 10.1.0.2:4000>169.254.77.2:53 syn
      9> tcp 169.254.77.2:53>10.1.0.2:4000 rst,ack
      1< tcp 10.1.0.1:53>10.1.0.2:4000 rst,ack
    `)
  })

  it('by TCP is nobody without a service, nor the service itself', () => {
    world('host 9 169.254.77.2\nhost 1 10.1.0.2').play(`
      1> tcp 10.1.0.2:4000>10.1.0.1:53 syn
      1< tcp 10.1.0.1:53>10.1.0.2:4000 rst,ack df ttl=64
      1! port-closed
      service 169.254.77.2:53 network=4
      1> tcp 10.1.0.2:4000>169.254.77.2:53 syn
      1! network-isolated
      1> tcp 10.1.0.2:4000>10.2.0.1:53 syn
      1! network-isolated
      service none
      1> tcp 10.1.0.2:4001>10.1.0.1:53 syn
      1< tcp 10.1.0.1:53>10.1.0.2:4001 rst,ack df ttl=64
      1! port-closed
    `)
  })
})

describe('a network that goes', () => {
  it('takes its names with it, and the next one of its number is nobody’s', () => {
    const scene = world()
    assert.equal(scene.ask(1, 'db A'), 'NOERROR db 60 A 10.2.0.3')
    const { engine } = scene.scene
    engine.removePort(4)
    engine.removeDomain(2)
    assert.equal(scene.ask(1, 'db A'), 'waits')
    scene.play('network 2\nzone 2 secret\nnamed 4 network=2 10.9.0.3 web3 alias:db')
    assert.equal(scene.ask(1, 'db AAAA'), 'waits')
    assert.equal(scene.ask(1, 'db.secret A'), 'waits')
    assert.equal(scene.ask(1, 'store A'), 'waits')
    assert.equal(scene.ask(1, '3.0.9.10.in-addr.arpa PTR'), 'waits')
    assert.equal(scene.ask(1, 'web A'), 'NOERROR web 5 A 10.1.0.3')
  })
})

describe('the reason for an answer', () => {
  const steps = (scene: DnsScene, question: string): string[] =>
    scene.dns
      .resolve({ resolver: 1 }, questionOf(question), 512, 0, true)
      .steps.map(({ stage, verdict, values }) => `${stage} ${verdict} ${Object.values(values).join(' ')}`)

  it('names each place where a name was looked for', () => {
    const scene = world()
    assert.deepEqual(steps(scene, 'Store A'), [
      'names search Store A',
      'names link Store db 2',
      'names match db alias 2 4 1',
      'names answer Store A',
    ])
    assert.deepEqual(steps(scene, 'two.back A'), [
      'names search two.back A',
      'names miss two.back 1',
      'names miss two.back 2',
      'names miss two 2',
      'names forward two.back A',
    ])
    assert.deepEqual(steps(scene, '4.0.1.10.in-addr.arpa PTR'), [
      'names search 4.0.1.10.in-addr.arpa PTR',
      'names match web2 sandbox 1 3 1',
      'names answer 4.0.1.10.in-addr.arpa PTR',
    ])
    assert.deepEqual(steps(scene, 'web AAAA').at(-1), 'names empty web AAAA')
    assert.deepEqual(steps(world('resolver 1 ports=1 networks=1'), 'nobody A'), [
      'names search nobody A',
      'names miss nobody 1',
      'names nxdomain nobody A',
    ])
  })

  it('changes nothing', () => {
    const scene = world()
    for (let i = 0; i < 3; i++) steps(scene, 'www A')
    assert.equal(scene.dns.log(0, 10).last, 0)
    assert.equal(scene.dns.counts().other, 0)
    assert.equal(scene.ask(2, 'www A'), 'NOERROR www 5 A 10.1.0.3, www 5 A 10.1.0.4')
  })
})
