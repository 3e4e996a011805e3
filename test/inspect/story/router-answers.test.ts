/** What the router makes because of a frame is told as its own, in every format, and never as the frame rewritten. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { FrameStory } from '../../../src/inspect/story/frame-story.ts'
import { storyMarkdown } from '../../../src/inspect/story/story-markdown.ts'
import { storyPage } from '../../../src/inspect/story/story-page.ts'
import { storyText } from '../../../src/inspect/story/story-text.ts'
import { StoryScene } from '../../support/story-scene.ts'

const LAB = `
networks:
  blue: { subnet: 10.1.0.0/24 }
  internet: { subnet: 203.0.113.0/24, options: { tapwire.uplink: "true", com.docker.network.driver.mtu: "1280" } }
sandboxes:
  web: { networks: { blue: { address: 10.1.0.2 } }, ports: ["203.0.113.1:80:8080"] }
  far: { networks: { internet: { address: 203.0.113.2 } } }
`
const GATEWAY = '10.1.0.1'
const QUESTION = '000700000001000000000000037765620000010001'

const ANSWERED: readonly (readonly [packet: string, name: string])[] = [
  ['arp 10.1.0.2 asks 10.1.0.1', 'an ARP reply'],
  ['echo 10.1.0.2>10.1.0.1 id=7', 'an ICMP echo reply'],
  [`udp 10.1.0.2:4000>10.1.0.1:53 data=${QUESTION}`, 'a DNS response'],
  ['tcp 10.1.0.2:4000>10.1.0.1:81 syn', 'a TCP reset'],
  ['udp 10.1.0.2:4000>10.1.0.1:99', 'ICMP port unreachable'],
  ['echo 10.1.0.2>203.0.113.2 id=7 ttl=1', 'ICMP time exceeded'],
  ['udp 10.1.0.2:4000>203.0.113.2:9 len=1472 df', 'ICMP fragmentation needed'],
]

/** In vain: nobody answers for 203.0.113.9. */
const WAITING = [
  'tcp 10.1.0.2:4000>203.0.113.9:80 syn ident=77',
  'tcp 10.1.0.2:4000>203.0.113.9:80 syn',
  'udp 10.1.0.2:4000>203.0.113.9:80',
  'echo 10.1.0.2>203.0.113.9 id=7',
]

function assertAnswered(story: FrameStory, name: string): void {
  assert.deepEqual(
    story.departures.map(({ origin, changes }) => [origin, changes.length]),
    [['router', 0]],
  )
  const sentence = `The router answers with ${name}, by web (eth0 on blue).`
  assert.ok(story.ending.endsWith(sentence), story.ending)
  const { summary } = story.departures[0]!
  const text = storyText(story)
  assert.ok(text.includes(`  router sends by web (eth0 on blue), `), text)
  assert.doesNotMatch(text, /leaves by|→ |A copy is dropped/)
  const markdown = storyMarkdown(story)
  assert.match(markdown, /\nThe router sends by web/)
  assert.doesNotMatch(markdown, /Leaves by|\| Field/)
  const page = storyPage([story], { title: 'One', notes: [] })
  assert.ok(page.includes(`The router sends by web (eth0 on blue): ${summary.replaceAll('>', '&gt;')}`), page)
  assert.doesNotMatch(page, /What has changed|As it leaves|class="c"/)
}

describe('what the router makes because of a frame', () => {
  for (const [packet, name] of ANSWERED) {
    it(`is ${name}, for ${packet}`, async () => {
      const scene = await StoryScene.start(LAB, { answersArp: true })
      assertAnswered(scene.first('web', packet, GATEWAY), name)
    })
  }

  for (const packet of WAITING) {
    it(`is ICMP host unreachable when ${packet} has waited in vain`, async () => {
      const scene = await StoryScene.start(LAB)
      scene.send('web', 'arp 10.1.0.2 asks 10.1.0.1', GATEWAY)
      const waiting = scene.first('web', packet, GATEWAY)
      assert.equal(waiting.outcome, 'waiting')
      const gone = scene.pass(10_000).find(({ continued }) => continued)!
      assert.deepEqual(
        [gone.number, gone.outcome, gone.reason],
        [waiting.number, 'dropped', 'host-unreachable'],
      )
      assertAnswered(gone, 'ICMP host unreachable')
    })
  }

  it('is not what the frame is cut into: fragments of an echo request are the frame', async () => {
    const scene = await StoryScene.start(LAB, { answersArp: true })
    scene.send('web', 'arp 10.1.0.2 asks 10.1.0.1', GATEWAY)
    scene.send('far', 'arp 203.0.113.2 asks 203.0.113.1', '203.0.113.1')
    const story = scene.first('web', 'echo 10.1.0.2>203.0.113.2 id=7 len=1400', GATEWAY)
    assert.equal(story.outcome, 'delivered')
    assert.deepEqual(
      story.departures.map(({ origin }) => origin),
      ['frame', 'frame'],
    )
  })
})
