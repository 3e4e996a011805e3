/** Tells the story of a frame, from what the data path recorded of it. */

import { DROP_REASONS } from '../../datapath/drop-reason.ts'
import { STORY_WAITING_MAX } from '../../limits.ts'
import { macAt } from '../../wire/address.ts'
import * as ethernet from '../../wire/ethernet.ts'
import type { DecisionStep } from '../explain-text.ts'
import { answerNames } from './answer-name.ts'
import type { FrameStory, StoryDeparture, StoryOutcome } from './frame-story.ts'
import { placeText } from './place-text.ts'
import { isSamePacket } from './same-packet.ts'
import { adviceOn } from './story-advice.ts'
import { storyChanges } from './story-changes.ts'
import { type DissectedFrame, storyFrame } from './story-frame.ts'
import type { SourceCopy, StorySource } from './story-source.ts'
import { storySteps } from './story-steps.ts'

const SOURCE_MAC = 6

/** Of the name server's decisions, those that are an answer. */
const NAME_ANSWERS: ReadonlySet<string> = new Set([
  'answer',
  'empty',
  'nxdomain',
  'refused',
  'malformed',
  'unsupported',
])

interface WaitingFrame extends DissectedFrame {
  /** It went no further: what waits is what the router made because of it. */
  readonly isAnswered: boolean
}

export class StoryTeller {
  /** Frames that wait, by number: those that wait longest first. */
  readonly #waiting = new Map<number, WaitingFrame>()

  /** One story; of what several frames' waiting ended at once, one for each. */
  tell(source: StorySource): readonly FrameStory[] {
    return this.#split(source).map((one) => this.#tellOne(one))
  }

  /** Frames that came to an impaired link when nobody looked, and in captures, have no number: they are known by what they are. */
  #split(source: StorySource): readonly StorySource[] {
    const { number, facts, departures } = source
    if (number !== 0 || !facts.includes('released') || departures.length === 0) return [source]
    const byNumber = new Map<number, SourceCopy[]>()
    for (const copy of departures) {
      const known = this.#numberOf(copy)
      const others = byNumber.get(known)
      if (others === undefined) byNumber.set(known, [copy])
      else others.push(copy)
    }
    return [...byNumber].map(([known, copies]) => ({ ...source, number: known, departures: copies }))
  }

  /** 0 where it is none of those that wait. */
  #numberOf({ bytes }: SourceCopy): number {
    for (const [number, { bytes: came, frame }] of this.#waiting) {
      if (isSamePacket(came, bytes, frame.segmentSize > 0)) return number
    }
    return 0
  }

  #tellOne(source: StorySource): FrameStory {
    const { number, time, facts, flow, reason, packets } = source
    const arrival = source.arrival && storyFrame(source.arrival)
    const continued = facts.includes('released')
    const waited = continued ? this.#waiting.get(number) : undefined
    const departures = source.departures.map((copy) => departure(storyFrame(copy), arrival ?? waited, source))
    const outcome = outcomeOf(source, departures)
    const advice = outcome === 'dropped' && reason !== undefined ? adviceOn(reason) : undefined
    if (arrival !== undefined) this.#remember(source, arrival)
    return {
      number,
      time,
      ...(packets !== undefined && { packets }),
      summary: (arrival?.frame ?? waited?.frame ?? departures[0])?.summary ?? '',
      continued,
      ...(arrival !== undefined && { arrival: arrival.frame }),
      ...(waited !== undefined && { waited: waited.frame }),
      facts,
      ...(flow !== undefined && { flow }),
      steps: storySteps(source, arrival === undefined ? '' : senderOf(arrival.bytes)),
      outcome,
      ...(reason !== undefined && { reason }),
      ending: endingOf(source, outcome, departures),
      ...(advice !== undefined && { advice }),
      departures,
    }
  }

  /** A frame may go on more than once: copies of it may be delayed by several links. */
  #remember({ number, facts, steps }: StorySource, arrival: DissectedFrame): void {
    if (number === 0 || !(facts.includes('held') || facts.includes('delayed'))) return
    const waiting = this.#waiting
    waiting.set(number, { ...arrival, isAnswered: endsWithRouter(steps) })
    if (waiting.size > STORY_WAITING_MAX) waiting.delete(waiting.keys().next().value!)
  }
}

function departure(
  left: DissectedFrame,
  came: DissectedFrame | WaitingFrame | undefined,
  source: StorySource,
): StoryDeparture {
  const origin = originOf(left, came, source)
  const isRewritten = origin === 'frame' && came !== undefined && !isEqual(came, left)
  const changes = isRewritten ? storyChanges(came.dissection, left.dissection) : []
  return { ...left.frame, origin, changes }
}

/** Most frames are switched, and then there is nothing to look for. */
const isEqual = (came: DissectedFrame, left: DissectedFrame): boolean =>
  came.frame.bytes === left.frame.bytes &&
  came.frame.length === left.frame.length &&
  came.frame.segmentSize === left.frame.segmentSize

/** What the frame led to is the router's where the frame itself did not get as far. */
function originOf(
  left: DissectedFrame,
  came: DissectedFrame | WaitingFrame | undefined,
  source: StorySource,
): StoryDeparture['origin'] {
  const { facts, steps } = source
  if (facts.includes('released')) return originOfReleased(left, came, source)
  if (came === undefined) return 'router'
  if (endsWithRouter(steps) || (steps.length > 0 && facts.includes('held'))) return 'router'
  return isSamePacket(came.bytes, left.bytes, came.frame.segmentSize > 0) ? 'frame' : 'router'
}

/** What has waited in vain is dropped, and its sender told; a link may have changed what has waited there. */
function originOfReleased(
  left: DissectedFrame,
  came: DissectedFrame | WaitingFrame | undefined,
  { facts, reason }: StorySource,
): StoryDeparture['origin'] {
  if (came !== undefined && 'isAnswered' in came && came.isAnswered) return 'router'
  const isSame = came !== undefined && isSamePacket(came.bytes, left.bytes, came.frame.segmentSize > 0)
  if (isSame) return 'frame'
  if (reason !== undefined) return 'router'
  return came === undefined || facts.includes('delayed') ? 'frame' : 'router'
}

const endsWithRouter = (steps: readonly DecisionStep[]): boolean => {
  const last = steps.at(-1)
  return last !== undefined && (last.verdict === 'drop' || isAnswer(last))
}

const isAnswer = ({ stage, verdict }: DecisionStep): boolean =>
  stage === 'answer' || (stage === 'names' && NAME_ANSWERS.has(verdict))

const isForward = ({ stage, verdict }: DecisionStep): boolean => stage === 'names' && verdict === 'forward'

function outcomeOf(source: StorySource, departures: readonly StoryDeparture[]): StoryOutcome {
  const { arrival, facts, steps, reason, seen } = source
  if (seen !== undefined) return 'seen'
  const isReleased = facts.includes('released')
  if (arrival === undefined && !isReleased) return 'originated'
  if (departures.some(({ origin }) => origin === 'frame')) return 'delivered'
  const last = steps.at(-1)
  if (reason !== undefined) return 'dropped'
  if (last !== undefined && isAnswer(last)) return 'answered'
  if (isReleased && departures.length > 0) return 'answered'
  if (facts.includes('held') || facts.includes('delayed')) return 'waiting'
  if (last !== undefined && isForward(last)) return 'waiting'
  if (departures.length > 0) return 'answered'
  // A capture may have been of some ports alone.
  return facts.includes('consumed') || source.packets === undefined ? 'consumed' : 'seen'
}

function endingOf(
  { steps, facts, reason, seen }: StorySource,
  outcome: StoryOutcome,
  departures: readonly StoryDeparture[],
): string {
  switch (outcome) {
    case 'delivered': {
      const lost = reason === undefined ? '' : ` A copy is dropped: ${sentenceOf(reason)}`
      const late =
        facts.includes('delayed') && !facts.includes('released')
          ? ' Another copy waits on an impaired link.'
          : ''
      return `It leaves ${waysOf(departures.filter(({ origin }) => origin === 'frame'))}.${late}${lost}`
    }
    case 'answered':
      return departures.length === 0 ? 'The router answers it.' : answerText(departures)
    case 'consumed':
      return 'It goes no further.'
    case 'waiting':
      return waitingText(steps.at(-1), facts.includes('delayed'))
    case 'dropped': {
      const told = departures.length > 0 ? ` ${answerText(departures)}` : ''
      return `It is dropped: ${reason}. ${sentenceOf(reason!)}${told}`
    }
    case 'originated':
      return departures.length === 0
        ? 'The router was to send something, which went nowhere.'
        : `The router itself has made it. It leaves ${waysOf(departures)}.`
    case 'seen':
      return seen ?? 'The capture does not say what became of it.'
  }
}

const answerText = (departures: readonly StoryDeparture[]): string =>
  `The router answers with ${answerNames(departures)}, ${waysOf(departures)}.`

function waitingText(last: DecisionStep | undefined, isDelayed: boolean): string {
  if (isDelayed) return 'It waits on the impaired link, and goes on when its time has come.'
  if (last !== undefined && isForward(last))
    return 'The router asks outside, and answers when it is answered.'
  if (last?.stage === 'fragments') return 'It waits for the first fragment of its datagram.'
  const { address } = last?.values ?? {}
  return `It waits until ${address === undefined ? 'the next hop' : String(address)} has told its MAC address by ARP.`
}

const sentenceOf = (reason: string): string =>
  DROP_REASONS.find(({ name }) => name === reason)?.sentence ?? `Its reason is ${reason}.`

/** `by web (eth0 on blue)`, `by 3 ports: …`; several frames by one port are one way. */
function waysOf(departures: readonly StoryDeparture[]): string {
  const places = [...new Set(departures.map(({ place }) => placeText(place)))]
  const frames = departures.length > places.length ? `, as ${departures.length} frames` : ''
  return places.length === 1
    ? `by ${places[0]}${frames}`
    : `by ${places.length} ports: ${places.join(', ')}${frames}`
}

const senderOf = (bytes: Uint8Array): string =>
  bytes.length < ethernet.HEADER_SIZE
    ? ''
    : macAt(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), SOURCE_MAC)
