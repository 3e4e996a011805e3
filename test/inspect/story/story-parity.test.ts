/** Frames that are wrong in any way: what was explained beforehand is what happened, and it can be told in every format. */

import { describe, it } from 'node:test'
import fc from 'fast-check'
import { storyMarkdown } from '../../../src/inspect/story/story-markdown.ts'
import { storyPage } from '../../../src/inspect/story/story-page.ts'
import { storyText } from '../../../src/inspect/story/story-text.ts'
import { elementsOf } from '../../support/html-elements.ts'
import { address, packetFrame } from '../../support/packet-text.ts'
import { StoryScene } from '../../support/story-scene.ts'

const LAB = `
networks:
  blue: { subnet: 10.1.0.0/24 }
  internet: { subnet: 203.0.113.0/24, options: { tapwire.uplink: "true" } }
sandboxes:
  web: { networks: { blue: { address: 10.1.0.2 } }, ports: ["203.0.113.1:80:8080"] }
  db: { networks: { blue: { address: 10.1.0.3 } } }
  far: { networks: { internet: { address: 203.0.113.2 } } }
`

const WEB = [
  'arp 10.1.0.2 asks 10.1.0.1',
  'arp 10.1.0.2 asks 10.1.0.3',
  'arp 10.1.0.2 tells 10.1.0.1',
  'echo 10.1.0.2>10.1.0.3 id=7 via=10.1.0.3',
  'echo 10.1.0.2>203.0.113.2 id=7',
  'tcp 10.1.0.2:8080>203.0.113.2:4000 syn,ack',
  'udp 10.1.0.2:4000>203.0.113.2:53 len=600',
  'udp 10.1.0.2:4000>203.0.113.2:53 len=3000 ident=7 cut=0-1480',
  'udp 10.1.0.2:4000>203.0.113.2:53 len=3000 ident=7 cut=1480-2960',
  'tcp 10.1.0.2:4000>203.0.113.2:80 ack len=5000 gso=1460 partial',
  'udp 10.1.0.2:4000>10.1.0.1:53 data=0007010000010000000000000264620000010001',
]
const FAR = [
  'arp 203.0.113.2 tells 203.0.113.1',
  'tcp 203.0.113.2:4000>203.0.113.1:80 syn',
  'udp 203.0.113.2:53>203.0.113.1:4000 len=20',
  'error=3/4 203.0.113.2>203.0.113.1 rest=1400 about udp 203.0.113.1:4000>203.0.113.2:53',
]

const frames = [
  ...WEB.map((line) => ({ place: 'web', ...packetFrame(line, address('10.1.0.1')) })),
  ...FAR.map((line) => ({ place: 'far', ...packetFrame(line, address('203.0.113.1')) })),
]

const change = fc.record({ at: fc.nat(120), value: fc.integer({ min: 0, max: 255 }) })
const sent = fc.record({
  of: fc.constantFrom(...frames),
  changes: fc.array(change, { maxLength: 3 }),
  cut: fc.option(fc.nat(100), { freq: 6 }),
  waitMs: fc.nat(1500),
})

describe('the story of any frame', () => {
  it('tells what happened, in all formats', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(sent, { maxLength: 30 }), fc.boolean(), async (all, answersArp) => {
        const scene = await StoryScene.start(LAB, { answersArp })
        const stories = all.flatMap(({ of, changes, cut, waitMs }) => {
          const frame = of.frame.slice(0, cut ?? undefined)
          for (const { at, value } of changes) if (at < frame.length) frame[at] = value
          const atMs = scene.lab.datapath.timeMs + waitMs
          return scene.tell(scene.lab.receive(scene.port(of.place), frame, atMs, of.virtioHeader))
        })
        for (const story of stories) {
          storyText(story)
          storyMarkdown(story)
          JSON.stringify(story)
        }
        elementsOf(storyPage(stories, { title: 'page', notes: [] }))
      }),
      { numRuns: Number(process.env['TAPWIRE_FUZZ_PACKETS'] ?? 600) / 30 },
    )
  })
})
