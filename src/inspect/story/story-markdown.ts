/** Stories as Markdown, for notes and exercise sheets. */

import { STORY_DEPARTURES_SHOWN_MAX } from '../../limits.ts'
import type { FrameStory, StoryChange, StoryDeparture, StoryFrame } from './frame-story.ts'
import { markdownText } from './safe-text.ts'
import { bytesOf } from './story-frame.ts'
import { changedRows, hexOffset, hexText, markText } from './story-hex.ts'
import { storyName } from './story-name.ts'
import { frameText, treeLines } from './story-text.ts'

const same = (text: string): string => text

/** What stands above the frames. */
export const storiesMarkdownHead = (title: string): string => `# ${markdownText(title)}\n\n`

/** One frame: a heading of the second level, and what is below it. With a blank line at its end. */
export function storyMarkdown(story: FrameStory): string {
  const { time, summary, arrival, steps, departures, ending, advice } = story
  const came = arrival ?? story.waited
  const before = came && bytesOf(came)
  const shown = departures.slice(0, STORY_DEPARTURES_SHOWN_MAX)
  const parts = [
    `## ${storyName(story)}: ${markdownText(summary)}`,
    `At ${time}`,
    ...(arrival === undefined
      ? []
      : [`Comes from ${markdownText(frameText(arrival))}`, ...problems(arrival)]),
    ...(steps.length === 0
      ? []
      : [
          steps
            .map(
              ({ stage, verdict, sentence }, index) =>
                `${index + 1}. **${markdownText(stage)}** (${markdownText(verdict)}): ${markdownText(sentence)}`,
            )
            .join('\n'),
        ]),
    ...(arrival !== undefined && story.outcome === 'seen' ? [treeLines(arrival, '    ').join('\n')] : []),
    ...shown.flatMap((one) => departureParts(one, before)),
    ...(departures.length > shown.length ? [`And ${departures.length - shown.length} more`] : []),
    `**${markdownText(ending)}**`,
    ...(advice === undefined ? [] : [markdownText(advice)]),
  ]
  return `${parts.join('\n\n')}\n\n`
}

function departureParts(departure: StoryDeparture, before: Uint8Array | undefined): string[] {
  const where = markdownText(frameText(departure))
  if (departure.origin === 'router') {
    return [`The router sends by ${where}: ${markdownText(departure.summary)}`]
  }
  const { changes } = departure
  if (before === undefined || changes.length === 0) {
    return [`Leaves by ${where}${before === undefined ? '' : ', unchanged'}`, ...problems(departure)]
  }
  return [
    `Leaves by ${where}`,
    ...problems(departure),
    changesTable(changes),
    hexBlock(before, bytesOf(departure)),
  ]
}

const problems = ({ problems: found }: StoryFrame): string[] =>
  found.length === 0 ? [] : [found.map((one) => `- Wrong: ${markdownText(one)}`).join('\n')]

function changesTable(changes: readonly StoryChange[]): string {
  const rows = changes.map(
    ({ name, label, before, after }) =>
      `| ${markdownText(name)} | ${markdownText(label)} | ${markdownText(before) || '-'} | ${markdownText(after) || '-'} |`,
  )
  return ['| Field | Name | Before | After |', '|---|---|---|---|', ...rows].join('\n')
}

/** Digits and marks alone: nothing of it can end the block. */
function hexBlock(before: Uint8Array, after: Uint8Array): string {
  const rows = changedRows(before, after).map((row) =>
    [
      `${hexOffset(row.offset)}  ${hexText(row.before, same)}`,
      `      ${hexText(row.after, same)}`,
      `      ${markText(row.changed)}`,
    ].join('\n'),
  )
  return ['```text', ...rows, '```'].join('\n')
}
