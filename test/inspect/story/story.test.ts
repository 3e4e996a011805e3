/** Stories of frames in a simulated lab: what they tell is what the data path did. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { LinkDirection, NO_IMPAIRMENT } from '../../../src/datapath/impairment/impairment-settings.ts'
import { storyText } from '../../../src/inspect/story/story-text.ts'
import { changesOf, decisionsOf, StoryScene, sentencesOf } from '../../support/story-scene.ts'

const LAB = `
networks:
  blue: { subnet: 10.1.0.0/24 }
  red: { subnet: 10.2.0.0/24 }
  shut: { subnet: 10.3.0.0/24, options: { com.docker.network.bridge.enable_icc: "false" } }
  internet: { subnet: 203.0.113.0/24, options: { tapwire.uplink: "true" } }
sandboxes:
  web: { networks: { blue: { address: 10.1.0.2 } }, ports: ["203.0.113.1:80:8080"] }
  db: { networks: { blue: { address: 10.1.0.3 } } }
  other: { networks: { red: { address: 10.2.0.2 } } }
  one: { networks: { shut: { address: 10.3.0.2 } } }
  two: { networks: { shut: { address: 10.3.0.3 } } }
  far: { networks: { internet: { address: 203.0.113.2 } } }
`
const BLUE = '10.1.0.1'
const SHUT = '10.3.0.1'
const WORLD = '203.0.113.1'

const scene = (answersArp = true): Promise<StoryScene> => StoryScene.start(LAB, { answersArp })

/** A question for the A record of a name of one label each. */
function question(name: string): string {
  const labels = name.split('.').map((label) => `${hex(label.length)}${Buffer.from(label).toString('hex')}`)
  return `000701000001000000000000${labels.join('')}0000010001`
}

const hex = (value: number): string => value.toString(16).padStart(2, '0')

describe('the story of a frame', () => {
  it('that is switched names the row of the MAC table', async () => {
    const lab = await scene()
    const story = lab.first('web', 'echo 10.1.0.2>10.1.0.3 id=7 via=10.1.0.3', BLUE)
    assert.deepEqual(decisionsOf(story), [
      'ingress accept',
      'guard accept',
      'bridge forward',
      'egress transmit',
    ])
    assert.match(
      sentencesOf(story),
      /Its target 02:42:0a:01:00:03 is in the MAC table: it lives behind eth0 of db, last heard/,
    )
    assert.equal(story.outcome, 'delivered')
    assert.equal(story.ending, 'It leaves by db (eth0 on blue).')
    assert.deepEqual(changesOf(story), [])
    assert.equal(story.departures[0]!.bytes, story.arrival!.bytes)
  })

  it('that teaches the switch where a station lives says so', async () => {
    const lab = await scene()
    const { stations } = lab.lab.datapath.engine
    const known = Array.from(stations.stations(1))
    for (const { domain, hi, lo } of known) stations.remove(domain, hi, lo)
    const story = lab.first('web', 'echo 10.1.0.2>10.1.0.3 id=7 via=10.1.0.3', BLUE)
    assert.deepEqual(decisionsOf(story).slice(0, 4), [
      'ingress accept',
      'guard accept',
      'learn new',
      'bridge flood',
    ])
    assert.match(
      sentencesOf(story),
      /The switch learns from it that 02:42:0a:01:00:02 lives behind eth0 of web\./,
    )
  })

  it('that asks for the gateway by ARP is an answer', async () => {
    const story = (await scene()).first('web', 'arp 10.1.0.2 asks 10.1.0.1', BLUE)
    assert.equal(story.outcome, 'answered')
    assert.match(
      sentencesOf(story),
      /notes in its ARP table that 10\.1\.0\.2 has the MAC address 02:42:0a:01:00:02/,
    )
    assert.deepEqual(
      story.departures.map(({ origin, place, changes }) => [origin, place.name, changes.length]),
      [['router', 'web', 0]],
    )
    assert.match(story.departures[0]!.summary, /is-at/)
  })

  it('that asks for a neighbour by ARP is flooded', async () => {
    const story = (await scene(false)).first('web', 'arp 10.1.0.2 asks 10.1.0.3', BLUE)
    assert.equal(story.outcome, 'delivered')
    assert.ok(story.facts.includes('flooded'))
    assert.equal(story.departures[0]!.place.name, 'db')
  })

  it('to another network is refused', async () => {
    const story = (await scene()).first('web', 'echo 10.1.0.2>10.2.0.2 id=7', BLUE)
    assert.equal(story.outcome, 'dropped')
    assert.equal(story.reason, 'network-isolated')
    assert.match(story.ending, /^It is dropped: network-isolated\. Networks are kept apart/)
    assert.match(story.advice ?? '', /tapwire network connect/)
    assert.deepEqual(story.departures, [])
  })

  it('to a neighbour with whom it may not talk is refused', async () => {
    const story = (await scene()).first('one', 'echo 10.3.0.2>10.3.0.3 id=7 via=10.3.0.3', SHUT)
    assert.deepEqual([story.outcome, story.reason], ['dropped', 'icc-disabled'])
    assert.match(story.advice ?? '', /enable_icc/)
  })

  it('to a published port names it, waits for ARP, and shows the rewritten bytes when it goes on', async () => {
    const lab = await scene(false)
    const [waiting] = lab.send('far', 'tcp 203.0.113.2:4000>203.0.113.1:80 syn', WORLD)
    assert.equal(waiting!.outcome, 'waiting')
    assert.equal(waiting!.ending, 'It waits until 10.1.0.2 has told its MAC address by ARP.')
    assert.match(
      sentencesOf(waiting!),
      /published port 203\.0\.113\.1:80, which leads to 10\.1\.0\.2:8080 on network blue/,
    )
    assert.match(
      sentencesOf(waiting!),
      /destination 203\.0\.113\.1:80 becomes 10\.1\.0\.2:8080, by the published port/,
    )
    const [gone, answer] = lab.send('web', 'arp 10.1.0.2 tells 10.1.0.1', BLUE, 5)
    assert.equal(answer!.outcome, 'consumed')
    assert.deepEqual([gone!.number, gone!.continued, gone!.outcome], [waiting!.number, true, 'delivered'])
    assert.deepEqual(
      changesOf(gone!).filter((change) => !change.includes('checksum')),
      [
        'eth.dst: 02:42:cb:00:71:01 → 02:42:0a:01:00:02',
        'eth.src: 02:42:cb:00:71:02 → 02:42:0a:01:00:01',
        'ip.ttl: 64 → 63',
        'ip.dst: 203.0.113.1 → 10.1.0.2',
        'tcp.dstport: 80 → 8080',
      ],
    )
    assert.deepEqual(gone!.departures[0]!.problems, [])
    const reply = lab.send('web', 'tcp 10.1.0.2:8080>203.0.113.2:4000 syn,ack', BLUE, 6)[0]!
    assert.match(
      sentencesOf(reply),
      new RegExp(
        `It belongs to connection #${waiting!.flow} in the table, begun as 203\\.0\\.113\\.2:4000 → 203\\.0\\.113\\.1:80: syn-sent, reply direction`,
      ),
    )
    assert.match(sentencesOf(reply), /Its source 10\.1\.0\.2:8080 becomes 203\.0\.113\.1:80, by connection #/)
  })

  it('that waited in vain is dropped, and the router’s error is no rewritten copy of it', async () => {
    const lab = await scene(false)
    const stories = [
      ...lab.send('far', 'tcp 203.0.113.2:4000>203.0.113.1:80 syn', WORLD),
      ...lab.pass(10_000),
    ]
    const end = stories.find(({ continued }) => continued)!
    assert.deepEqual([end.outcome, end.reason], ['dropped', 'host-unreachable'])
    assert.match(end.ending, /The router answers with ICMP host unreachable, by far/)
    assert.deepEqual(
      end.departures.map(({ origin, changes }) => [origin, changes.length]),
      [['router', 0]],
    )
  })

  it('to the outside is masqueraded', async () => {
    const lab = await scene()
    lab.send('web', 'arp 10.1.0.2 asks 10.1.0.1', BLUE)
    lab.send('far', 'arp 203.0.113.2 asks 203.0.113.1', WORLD)
    const story = lab.first('web', 'tcp 10.1.0.2:4000>203.0.113.2:80 syn', BLUE)
    assert.equal(story.outcome, 'delivered')
    assert.match(sentencesOf(story), /It begins connection #\d+, which the table now has\./)
    assert.match(
      sentencesOf(story),
      /Its source 10\.1\.0\.2:4000 becomes 203\.0\.113\.1:4000, by masquerading\./,
    )
    assert.match(sentencesOf(story), /The route 203\.0\.113\.0\/24 leads to network internet\./)
    assert.match(
      sentencesOf(story),
      /203\.0\.113\.2 has the MAC address 02:42:cb:00:71:02, says the ARP table \(reachable\)\./,
    )
    assert.ok(changesOf(story).includes('ip.src: 10.1.0.2 → 203.0.113.1'))
    const echo = lab.first('web', 'echo 10.1.0.2>203.0.113.2 id=7', BLUE)
    assert.match(
      sentencesOf(echo),
      /Its source 10\.1\.0\.2 \(identifier 7\) becomes 203\.0\.113\.1 \(identifier 7\), by masquerading\./,
    )
  })

  it('of a question for a name is answered, with the row of the name', async () => {
    const story = (await scene()).first('web', `udp 10.1.0.2:4000>10.1.0.1:53 data=${question('db')}`, BLUE)
    assert.equal(story.outcome, 'answered')
    assert.match(
      sentencesOf(story),
      /The question is for db, type A\.\ndb is the name of a sandbox on network blue/,
    )
    assert.equal(story.departures[0]!.origin, 'router')
    assert.match(story.departures[0]!.bytes, /0a010003/)
  })

  it('whose time to live has run out is dropped, and the sender told', async () => {
    const story = (await scene()).first('web', 'echo 10.1.0.2>203.0.113.2 id=7 ttl=1', BLUE)
    assert.deepEqual([story.outcome, story.reason], ['dropped', 'ttl-exceeded'])
    assert.match(story.departures[0]!.summary, /time exceeded/)
    assert.deepEqual(story.departures[0]!.changes, [])
  })

  it('of a fragment waits for the first one, and goes on behind it', async () => {
    const lab = await scene()
    lab.send('web', 'arp 10.1.0.2 asks 10.1.0.1', BLUE)
    lab.send('far', 'arp 203.0.113.2 asks 203.0.113.1', WORLD)
    const packet = 'udp 10.1.0.2:4000>203.0.113.2:80 len=3000 ident=7'
    const later = lab.first('web', `${packet} cut=1480-2960`, BLUE)
    assert.deepEqual(
      [later.outcome, later.ending],
      ['waiting', 'It waits for the first fragment of its datagram.'],
    )
    const stories = lab.send('web', `${packet} cut=0-1480`, BLUE)
    const gone = stories.find(({ continued }) => continued)!
    assert.deepEqual([gone.number, gone.outcome], [later.number, 'delivered'])
    assert.ok(changesOf(gone).includes('ip.src: 10.1.0.2 → 203.0.113.1'))
  })

  it('with a stolen address is dropped by the guard', async () => {
    const story = (await scene()).first('web', 'echo 10.1.0.9>10.1.0.1 id=7 from=10.1.0.2', BLUE)
    assert.deepEqual([story.outcome, story.reason], ['dropped', 'address-spoofed'])
    assert.equal(decisionsOf(story).at(-1), 'guard drop')
    assert.deepEqual(story.departures, [])
  })

  it('on an impaired link is delayed, or lost', async () => {
    const lab = await scene()
    const { engine } = lab.lab.datapath
    engine.setImpairment(lab.port('db'), LinkDirection.to, { ...NO_IMPAIRMENT, delayUs: 20_000 })
    const packet = 'echo 10.1.0.2>10.1.0.3 id=7 via=10.1.0.3'
    const late = lab.first('web', packet, BLUE)
    assert.equal(late.outcome, 'waiting')
    assert.equal(late.ending, 'It waits on the impaired link, and goes on when its time has come.')
    assert.match(sentencesOf(late), /The link to eth0 of db delays it by 20 ms\./)
    const [gone] = lab.pass(30)
    assert.deepEqual([gone!.number, gone!.continued, gone!.outcome], [late.number, true, 'delivered'])
    assert.equal(gone!.ending, 'It leaves by db (eth0 on blue).')
    engine.setImpairment(lab.port('db'), LinkDirection.to, { ...NO_IMPAIRMENT, loss: 1 })
    const lost = lab.first('web', packet, BLUE)
    assert.deepEqual([lost.outcome, lost.reason], ['dropped', 'link-loss'])
    assert.match(lost.advice ?? '', /tapwire link/)
  })

  it('that a link has corrupted and delayed is still known by its number', async () => {
    const lab = await scene()
    const { engine } = lab.lab.datapath
    const settings = { ...NO_IMPAIRMENT, delayUs: 20_000, corrupt: 1, seed: 3 }
    engine.setImpairment(lab.port('db'), LinkDirection.to, settings)
    const packets = ['a0', 'a1', 'a2', 'a3', 'a4', 'a5'].map(
      (byte) => `udp 10.1.0.2:4000>10.1.0.3:80 data=${byte} via=10.1.0.3`,
    )
    const late = packets.map((packet) => lab.first('web', packet, BLUE))
    const gone = lab.pass(40)
    assert.deepEqual(
      gone.map(({ number, continued, outcome }) => [number, continued, outcome]),
      late.map(({ number }) => [number, true, 'delivered']),
    )
    for (const story of gone) {
      assert.ok(story.waited !== undefined)
      assert.notEqual(story.departures[0]!.bytes, story.waited.bytes)
      assert.equal(story.departures[0]!.origin, 'frame')
    }
  })

  it('that the router has answered by a link that delays is not what goes on', async () => {
    const lab = await scene()
    const { engine } = lab.lab.datapath
    engine.setImpairment(lab.port('web'), LinkDirection.to, { ...NO_IMPAIRMENT, delayUs: 20_000 })
    const echo = lab.first('web', 'echo 10.1.0.2>10.1.0.1 id=7', BLUE)
    const [gone] = lab.pass(lab.lab.datapath.timeMs + 40)
    assert.deepEqual([gone!.number, gone!.outcome], [echo.number, 'answered'])
    assert.equal(gone!.departures[0]!.origin, 'router')
    assert.equal(gone!.ending, 'The router answers with an ICMP echo reply, by web (eth0 on blue).')
  })

  it('whose sender left the checksum to be done shows the finished one; a super-frame is one frame', async () => {
    const lab = await scene()
    const partial = lab.first('web', 'tcp 10.1.0.2:4000>10.1.0.3:80 syn partial via=10.1.0.3', BLUE)
    assert.deepEqual(partial.arrival!.problems, [])
    assert.equal(partial.arrival!.segmentSize, 0)
    const giant = lab.first(
      'web',
      'tcp 10.1.0.2:4000>10.1.0.3:80 ack len=5000 gso=1460 partial via=10.1.0.3',
      BLUE,
    )
    assert.equal(giant.arrival!.segmentSize, 1460)
    assert.deepEqual(giant.arrival!.problems, [])
    assert.match(
      storyText(giant),
      /a super-frame: a wire would carry it in pieces with 1460 bytes of payload each/,
    )
  })

  it('reads so, as text', async () => {
    const lab = await scene()
    lab.send('web', 'arp 10.1.0.2 asks 10.1.0.1', BLUE)
    lab.send('far', 'arp 203.0.113.2 asks 203.0.113.1', WORLD)
    const story = lab.first('web', 'echo 10.1.0.2>203.0.113.2 id=7', BLUE, 1000)
    assert.equal(
      storyText(story),
      GOLDEN.replaceAll('FLOW', String(story.flow)).replaceAll('NUMBER', String(story.number)),
    )
  })
})

const GOLDEN = `Frame NUMBER  1970-01-01T00:00:01.000000000Z  10.1.0.2 > 203.0.113.2: ICMP echo request, id 7, seq 1, length 16
  comes from web (eth0 on blue), 50 bytes
   1  ingress     accept     The switch takes the frame of 50 bytes from eth0 of web, on network blue.
   2  guard       accept     It may come from there: the port was given 02:42:0a:01:00:02 and 10.1.0.2.
   3  bridge      router     Its target 02:42:0a:01:00:01 is an address of the router, which takes it.
   4  router      packet     The router looks at the packet from 10.1.0.2 to 203.0.113.2, with a TTL of 64.
   5  flow        new        No connection in the table has these addresses: it would begin one.
   6  policy      accept     What comes from blue may go to internet.
   7  flow        began      It begins connection #FLOW, which the table now has.
   8  source-nat  translate  Its source 10.1.0.2 (identifier 7) becomes 203.0.113.1 (identifier 7), by masquerading.
   9  route       match      The route 203.0.113.0/24 leads to network internet.
  10  neighbour   known      203.0.113.2 has the MAC address 02:42:cb:00:71:02, says the ARP table (reachable).
  11  egress      transmit   It leaves by eth0 of far, on network internet.
  leaves by far (eth0 on internet), 50 bytes
    eth.dst      02:42:0a:01:00:01 → 02:42:cb:00:71:02
    eth.src      02:42:0a:01:00:02 → 02:42:cb:00:71:01
    ip.ttl       64 → 63
    ip.checksum  0x34d4 (right) → 0x03d5 (right)
    ip.src       10.1.0.2 → 203.0.113.1
    0000  02 42 0a 01 00 01 02 42  0a 01 00 02 08 00 45 00
          02 42 cb 00 71 02 02 42  cb 00 71 01 08 00 45 00
                ^^ ^^ ^^ ^^        ^^ ^^ ^^ ^^
    0010  00 24 00 00 00 00 40 01  34 d4 0a 01 00 02 cb 00
          00 24 00 00 00 00 3f 01  03 d5 cb 00 71 01 cb 00
                            ^^     ^^ ^^ ^^ ^^ ^^ ^^
  It leaves by far (eth0 on internet).
`
