/** A simulated lab whose frames are told of, with names in place of ports and packets as lines of packet-text.ts. */

import assert from 'node:assert/strict'
import { parseLab } from '../../src/control/lab-file.ts'
import type { RecordedFrame } from '../../src/datapath/capture/recorded-frame.ts'
import { DROP_REASONS } from '../../src/datapath/drop-reason.ts'
import type { FrameStory } from '../../src/inspect/story/frame-story.ts'
import { sourceOfRecord } from '../../src/inspect/story/story-source.ts'
import { StoryTeller } from '../../src/inspect/story/tell-story.ts'
import { findPlace } from '../../src/simulation/replay/source-rules.ts'
import { SimulatedLab, type SimulatedLabOptions } from '../../src/simulation/simulated-lab.ts'
import { address, packetFrame } from './packet-text.ts'

export class StoryScene {
  readonly lab: SimulatedLab
  readonly #teller = new StoryTeller()

  static async start(text: string, options: SimulatedLabOptions = {}): Promise<StoryScene> {
    const lab = parseLab(text, 'lab.yaml', '/')
    return new StoryScene(await SimulatedLab.start(lab, { explained: true, ...options }))
  }

  constructor(lab: SimulatedLab) {
    this.lab = lab
  }

  port(place: string): number {
    return findPlace(this.lab.places.values(), place).port
  }

  /** All that comes of a packet from `place`, whose gateway is at `gateway`. */
  send(place: string, packet: string, gateway: string, atMs = this.lab.datapath.timeMs): FrameStory[] {
    const { frame, virtioHeader } = packetFrame(packet, address(gateway))
    return this.tell(this.lab.receive(this.port(place), frame, atMs, virtioHeader))
  }

  /** The story of the packet itself. */
  first(...of: Parameters<StoryScene['send']>): FrameStory {
    const story = this.send(...of).find(({ arrival }) => arrival !== undefined)
    assert.ok(story !== undefined)
    return story
  }

  pass(toMs: number): FrameStory[] {
    return this.tell(this.lab.advance(toMs))
  }

  /** What is told is what happened, whatever it was. */
  tell(records: readonly RecordedFrame[]): FrameStory[] {
    return records.flatMap((record) => {
      const { number, timeMs } = record
      const time = new Date(timeMs).toISOString().replace('Z', '000000Z')
      const stories = this.#teller.tell(sourceOfRecord(record, this.lab.storyNames, { number, time }))
      assert.equal(stories.flatMap(({ departures }) => departures).length, record.departures.length)
      for (const story of stories) assertTold(record, story, stories.length === 1)
      return stories
    })
  }
}

function assertTold(
  { departures, reason, arrival, facts }: RecordedFrame,
  story: FrameStory,
  isAll: boolean,
): void {
  const ports = departures.map(({ port }) => port)
  const told = story.departures.map(({ place }) => place.port)
  if (isAll) assert.deepEqual(told, ports)
  else assert.ok(told.every((port) => ports.includes(port)))
  assert.equal(story.reason, reason === 0 ? undefined : DROP_REASONS[reason]!.name)
  assert.equal(story.arrival?.place.port, arrival?.port)
  const own = story.departures.filter(({ origin }) => origin === 'frame').length
  assert.equal(story.outcome === 'delivered', own > 0, story.ending)
  if (story.outcome === 'dropped') assert.notEqual(reason, 0)
  if (story.outcome === 'waiting') {
    assert.ok((facts & (16 | 32)) !== 0 || story.steps.at(-1)?.verdict === 'forward', story.ending)
  }
  for (const { sentence, stage, verdict } of story.steps) {
    assert.doesNotMatch(sentence, /^[a-z-]+: [a-z-]+/, `${stage} ${verdict} has a sentence`)
    // A name that is asked for may be anything.
    if (stage !== 'names') assert.doesNotMatch(sentence, /[[\]{}]|undefined/, sentence)
  }
  // Decided beforehand, and so it came.
  const last = story.steps.at(-1)
  if (last?.verdict === 'drop') assert.equal(story.reason, last.reason)
  const isDelayed = story.facts.includes('delayed')
  if (last?.stage === 'egress' && last.verdict !== 'drop' && !isDelayed) {
    assert.equal(story.outcome, 'delivered', story.ending)
  }
}

/** `stage verdict` of each step. */
export const decisionsOf = ({ steps }: FrameStory): string[] =>
  steps.map(({ stage, verdict }) => `${stage} ${verdict}`)

export const sentencesOf = ({ steps }: FrameStory): string => steps.map(({ sentence }) => sentence).join('\n')

/** `ip.dst: 1.2.3.4 → 5.6.7.8` of the first departure. */
export const changesOf = ({ departures }: FrameStory): string[] =>
  (departures[0]?.changes ?? []).map(({ name, before, after }) => `${name}: ${before} → ${after}`)
