/** Stories as JSON, Markdown and pages: their shape, and that nothing from a packet or a name becomes part of them but as text. */

import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import fc from 'fast-check'
import { z } from 'zod'
import { FACT_NAMES } from '../../../src/datapath/capture/recorded-frame.ts'
import type { FrameStory } from '../../../src/inspect/story/frame-story.ts'
import { htmlText, markdownText, plainText } from '../../../src/inspect/story/safe-text.ts'
import { storiesMarkdownHead, storyMarkdown } from '../../../src/inspect/story/story-markdown.ts'
import { storyPage } from '../../../src/inspect/story/story-page.ts'
import { storyText } from '../../../src/inspect/story/story-text.ts'
import { STORY_PAGE_FIELDS_MAX, STORY_SHOWN_BYTES_MAX } from '../../../src/limits.ts'
import { elementsOf } from '../../support/html-elements.ts'
import { StoryScene } from '../../support/story-scene.ts'

const LAB = `
networks: { blue: { subnet: 10.1.0.0/24 }, internet: { subnet: 203.0.113.0/24, options: { tapwire.uplink: "true" } } }
sandboxes:
  web: { networks: { blue: { address: 10.1.0.2 } }, ports: ["203.0.113.1:80:8080"] }
  far: { networks: { internet: { address: 203.0.113.2 } } }
`

const EVIL = [
  '<script>alert(1)</script>',
  '"><img src=x onerror=alert(1)>',
  "' onmouseover='alert(1)",
  '</title></style></textarea><svg/onload=alert(1)>',
  '[click](javascript:alert(1))',
  '![x](http://evil.example/x)',
  '``` <b>',
  '\u001b[31m\u202egnp.exe',
]

const place = z.strictObject({
  port: z.int(),
  kind: z.enum(['sandbox', 'uplink', 'host', 'router', 'interface']),
  name: z.string(),
  interface: z.string(),
  network: z.string(),
})
const frame = {
  place,
  summary: z.string(),
  bytes: z.string().regex(/^([0-9a-f]{2})*$/),
  length: z.int(),
  segmentSize: z.int(),
  linkType: z.int().optional(),
  problems: z.array(z.string()),
}
const change = z.strictObject({ name: z.string(), label: z.string(), before: z.string(), after: z.string() })
const step = z.strictObject({
  stage: z.string(),
  verdict: z.string(),
  reason: z.string().optional(),
  values: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
  sentence: z.string(),
})
/** As docs/explain.md has it. */
const storySchema = z.strictObject({
  number: z.int(),
  time: z.string().regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$/),
  packets: z.array(z.int()).optional(),
  summary: z.string(),
  continued: z.boolean(),
  arrival: z.strictObject(frame).optional(),
  waited: z.strictObject(frame).optional(),
  facts: z.array(z.enum(FACT_NAMES)),
  flow: z.int().optional(),
  steps: z.array(step),
  outcome: z.enum(['delivered', 'answered', 'consumed', 'waiting', 'dropped', 'originated', 'seen']),
  reason: z.string().optional(),
  ending: z.string(),
  advice: z.string().optional(),
  departures: z.array(
    z.strictObject({ ...frame, origin: z.enum(['frame', 'router']), changes: z.array(change) }),
  ),
})

/** A question for the A record of one label. */
const question = (label: string): string => {
  const bytes = Buffer.from(label).subarray(0, 63)
  const size = bytes.length.toString(16).padStart(2, '0')
  return `000701000001000000000000${size}${bytes.toString('hex')}0000010001`
}

describe('stories', () => {
  let stories: readonly FrameStory[]
  before(async () => {
    const scene = await StoryScene.start(LAB, { answersArp: true })
    const requests = EVIL.map((text) => Buffer.from(`GET /${text} HTTP/1.1\r\nHost: ${text}\r\n\r\n`))
    stories = [
      ...scene.send('far', 'arp 203.0.113.2 asks 203.0.113.1', '203.0.113.1'),
      ...scene.send('far', 'tcp 203.0.113.2:4000>203.0.113.1:80 syn', '203.0.113.1'),
      ...scene.send('web', 'echo 10.1.0.2>203.0.113.2 id=7 ttl=1', '10.1.0.1'),
      ...EVIL.flatMap((text) =>
        scene.send('web', `udp 10.1.0.2:4000>10.1.0.1:53 data=${question(text)}`, '10.1.0.1'),
      ),
      ...requests.flatMap((data) =>
        scene.send(
          'far',
          `tcp 203.0.113.2:4001>203.0.113.1:80 psh,ack data=${data.toString('hex')}`,
          '203.0.113.1',
        ),
      ),
      ...scene.send('web', 'udp 10.1.0.2:4000>10.1.0.1:53 len=1400', '10.1.0.1'),
    ]
  })

  it('have the shape that is documented, as JSON', () => {
    for (const story of stories) storySchema.parse(JSON.parse(JSON.stringify(story)))
  })

  it('make a page that is well-formed, with the elements of ours alone', () => {
    const page = storyPage(stories, { title: EVIL.join(' '), notes: EVIL })
    const elements = elementsOf(page)
    assert.deepEqual(
      elements.filter(({ name }) => name === 'script').map(({ attributes }) => attributes),
      [{}],
    )
    const allowed = new Set(
      'html head meta title style body a header h1 h2 h3 p div nav label input output ol ul li main article time section span i table caption thead tbody tr th td script'.split(
        ' ',
      ),
    )
    for (const { name, attributes } of elements) {
      assert.ok(allowed.has(name), name)
      for (const attribute of Object.keys(attributes)) {
        assert.match(
          attribute,
          /^(?:lang|charset|http-equiv|content|name|class|id|href|for|type|autocomplete|placeholder|aria-label|role|tabindex|scope|data-[olnf])$/,
        )
      }
    }
    for (const { attributes } of elements) {
      if (attributes['href'] !== undefined) assert.match(attributes['href'], /^#(?:frames|f\d+)$/)
      if (attributes['data-n'] !== undefined) assert.match(attributes['data-n'], /^[a-z0-9_.]*$/)
    }
    assert.ok(page.includes('&lt;script&gt;alert'), 'what a packet says is there, as text')
    const empty = storyPage([], { title: 'page', notes: [] })
    assert.doesNotMatch(empty, /https?:|url\(|@import|src=/i)
  })

  it('make a page that runs no script but its own', () => {
    const page = storyPage(stories, { title: 'page', notes: [] })
    const [policy] = /content="default-src 'none'[^"]*"/.exec(page)!
    assert.match(policy, /script-src 'sha256-[\w+/=]+'/)
    assert.doesNotMatch(policy, /unsafe/)
  })

  it('show of a frame as many bytes and fields as a page has, and say how many more there are', () => {
    const large = stories.at(-1)!
    const page = storyPage([large], { title: 'page', notes: [] })
    const elements = elementsOf(page)
    const [, pane = ''] = page.split('<section')
    assert.equal(pane.split('<i').length - 1, STORY_SHOWN_BYTES_MAX)
    assert.match(page, /and \d+ bytes more/)
    assert.ok(
      elements.filter(({ attributes }) => attributes['data-n'] !== undefined).length <=
        2 * STORY_PAGE_FIELDS_MAX,
    )
  })

  it('are Markdown in which nothing from a packet is markup', () => {
    const text = storiesMarkdownHead(EVIL.join(' ')) + stories.map((story) => storyMarkdown(story)).join('')
    assert.doesNotMatch(text, /<(?!br)/)
    assert.doesNotMatch(text, /(?<!\\)\]\(/)
    assert.doesNotMatch(text, /https?:\/\//)
    const fences = text.split('\n').filter((line) => line.includes('```'))
    assert.ok(
      fences.every((line) => /^```(?:text)?$/.test(line)),
      fences.join('\n'),
    )
    assert.equal(fences.length % 2, 0)
    assert.match(text, /^## Frame 1: /m)
  })

  it('never steer a terminal', () => {
    for (const story of stories) assert.doesNotMatch(storyText(story), /[^\P{C}\n]/u)
  })
})

describe('text of packets', () => {
  const text = fc.string({ unit: 'binary', maxLength: 200 })

  it('has no control characters', () => {
    fc.assert(fc.property(text, (one) => assert.doesNotMatch(plainText(one), /[\p{Cc}\p{Cf}]/u)))
  })

  it('is text in HTML, in an element and in an attribute', () => {
    fc.assert(
      fc.property(text, (one) => {
        const elements = elementsOf(`<p data-n="${htmlText(one)}">${htmlText(one)}</p>`)
        assert.deepEqual(
          elements.map(({ name }) => name),
          ['p'],
        )
        assert.deepEqual(Object.keys(elements[0]!.attributes), ['data-n'])
      }),
    )
  })

  it('is text in Markdown', () => {
    fc.assert(
      fc.property(text, (one) => {
        // Each character that could begin something has a backslash in front of it, or is an entity.
        assert.doesNotMatch(markdownText(one).replaceAll(/\\[\\`*_{}[\]()#|~!]/g, ''), /[\\`*_{}[\]()|~!<>]/)
      }),
    )
  })
})
