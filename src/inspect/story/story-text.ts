/**
 * A story as text for people:
 *
 *     Frame 3  2026-03-01T12:00:00.000000000Z  172.18.0.2 → 192.0.2.9: ICMP, echo request, …
 *       comes from web (eth0 on blue), 98 bytes
 *       1  ingress  accept  The switch takes …
 *       2  bridge   router  Its target …
 *       leaves by uplink eth1, 98 bytes
 *         ip.ttl  64 → 63
 *         0010  00 54 12 34 40 00 40 01 …
 *               00 54 12 34 40 00 3f 01 …
 *                                 ^^
 *       It leaves by uplink eth1.
 */

import { STORY_DEPARTURES_SHOWN_MAX } from '../../limits.ts'
import { treeText } from '../dissect/tree-text.ts'
import type { FrameStory, StoryDeparture, StoryFrame, StoryOutcome, StoryStep } from './frame-story.ts'
import { placeText } from './place-text.ts'
import { plainText } from './safe-text.ts'
import { bytesOf, dissectionOf } from './story-frame.ts'
import { changedRows, type HexRow, hexOffset, hexText, markText } from './story-hex.ts'
import { storyName } from './story-name.ts'

/** Colours, or none. */
export interface StoryPaint {
  readonly bold: (text: string) => string
  readonly dim: (text: string) => string
  readonly red: (text: string) => string
  readonly green: (text: string) => string
  readonly yellow: (text: string) => string
}

const same = (text: string): string => text
export const NO_PAINT: StoryPaint = { bold: same, dim: same, red: same, green: same, yellow: same }

/** With a line feed at its end. */
export function storyText(story: FrameStory, paint: StoryPaint = NO_PAINT): string {
  const { arrival, steps, departures } = story
  const lines = [titleLine(story, paint)]
  if (arrival !== undefined) {
    lines.push(`  comes from ${frameText(arrival)}`, ...problemLines(arrival, paint))
  }
  lines.push(...stepLines(steps, paint))
  // Where there is nothing to tell, the packet itself is what there is to see.
  if (arrival !== undefined && story.outcome === 'seen') lines.push(...treeLines(arrival, '    '))
  const came = arrival ?? story.waited
  const before = came && bytesOf(came)
  const shown = departures.slice(0, STORY_DEPARTURES_SHOWN_MAX)
  for (const one of shown) lines.push(...departureLines(one, before, paint))
  if (departures.length > shown.length) {
    lines.push(`  and ${departures.length - shown.length} more`)
  }
  lines.push(`  ${colourOf(story.outcome, paint)(plainText(story.ending))}`)
  if (story.advice !== undefined) lines.push(`  ${paint.dim(plainText(story.advice))}`)
  return `${lines.join('\n')}\n`
}

function titleLine(story: FrameStory, paint: StoryPaint): string {
  const { time, summary } = story
  return `${paint.bold(storyName(story))}  ${paint.dim(time)}  ${paint.bold(plainText(summary))}`
}

/** `web (eth0 on blue), 98 bytes`. */
export function frameText({ place, length, segmentSize }: StoryFrame): string {
  const pieces =
    segmentSize === 0
      ? ''
      : `, a super-frame: a wire would carry it in pieces with ${segmentSize} bytes of payload each`
  return plainText(`${placeText(place)}, ${length} bytes${pieces}`)
}

function problemLines({ problems }: StoryFrame, paint: StoryPaint): string[] {
  return problems.map((problem) => `    ${paint.yellow(plainText(problem))}`)
}

/** The packet as a tree, indented; nothing in it steers a terminal. */
export const treeLines = (frame: StoryFrame, indent: string): string[] =>
  treeText(dissectionOf(frame))
    .split('\n')
    .map((line) => `${indent}${plainText(line)}`)

function stepLines(steps: readonly StoryStep[], paint: StoryPaint): string[] {
  const widthOf = (text: (step: StoryStep) => string): number =>
    Math.max(0, ...steps.map((step) => text(step).length))
  const numbers = String(steps.length).length
  const stages = widthOf(({ stage }) => stage)
  const verdicts = widthOf(({ verdict }) => verdict)
  return steps.map(({ stage, verdict, sentence }, index) => {
    const word = verdict.padEnd(verdicts)
    const shown = verdict === 'drop' ? paint.red(word) : word
    const number = String(index + 1).padStart(numbers)
    return `  ${number}  ${paint.bold(stage.padEnd(stages))}  ${shown}  ${plainText(sentence)}`
  })
}

function departureLines(
  departure: StoryDeparture,
  before: Uint8Array | undefined,
  paint: StoryPaint,
): string[] {
  const { origin, changes } = departure
  if (origin === 'router') {
    return [`  router sends by ${frameText(departure)}: ${plainText(departure.summary)}`]
  }
  const width = Math.max(0, ...changes.map(({ name }) => name.length))
  const unchanged = before === undefined || changes.length > 0 ? '' : ', unchanged'
  return [
    `  leaves by ${frameText(departure)}${unchanged}`,
    ...problemLines(departure, paint),
    ...changes.map(
      ({ name, before: old, after }) =>
        `    ${plainText(name).padEnd(width)}  ${paint.red(shownValue(old))} → ${paint.green(shownValue(after))}`,
    ),
    ...(before === undefined || changes.length === 0
      ? []
      : changedRows(before, bytesOf(departure)).flatMap((row) => rowLines(row, paint))),
  ]
}

/** `-` of what is not there. */
export const shownValue = (value: string): string => plainText(value) || '-'

function rowLines({ offset, before, after, changed }: HexRow, paint: StoryPaint): string[] {
  const marked =
    (colour: (text: string) => string) =>
    (text: string, index: number): string =>
      changed[index] === true ? colour(text) : text
  return [
    `    ${paint.dim(hexOffset(offset))}  ${hexText(before, marked(paint.red))}`,
    `          ${hexText(after, marked(paint.green))}`,
    `          ${markText(changed)}`,
  ]
}

function colourOf(outcome: StoryOutcome, paint: StoryPaint): (text: string) => string {
  if (outcome === 'dropped') return (text) => paint.red(text)
  if (outcome === 'waiting') return (text) => paint.yellow(text)
  return outcome === 'delivered' || outcome === 'answered' ? (text) => paint.green(text) : same
}
