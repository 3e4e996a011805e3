/**
 * Stories as a page for class: one file that needs nothing else, neither a server nor a network. All text of packets and names goes through `htmlText`; the
 * script makes no markup, and by its policy the page runs that script and no other.
 */

import { createHash } from 'node:crypto'
import { STORY_DEPARTURES_SHOWN_MAX, STORY_PAGE_FIELDS_MAX, STORY_SHOWN_BYTES_MAX } from '../../limits.ts'
import type { DissectedField } from '../dissect/dissection.ts'
import type { FrameStory, StoryChange, StoryDeparture, StoryFrame } from './frame-story.ts'
import { PAGE_SCRIPT } from './page-script.ts'
import { PAGE_STYLE } from './page-style.ts'
import { placeText } from './place-text.ts'
import { htmlText } from './safe-text.ts'
import { bytesOf, dissectionOf } from './story-frame.ts'
import { changedBytes, hexByte, hexOffset, ROW_BYTES } from './story-hex.ts'
import { storyName } from './story-name.ts'
import { frameText, shownValue } from './story-text.ts'

export interface StoryPageOptions {
  readonly title: string
  /** A sentence each, below the title: what was left out, and so on. */
  readonly notes: readonly string[]
}

const hashOf = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`

const POLICY = `default-src 'none'; style-src ${hashOf(PAGE_STYLE)}; script-src ${hashOf(PAGE_SCRIPT)}; base-uri 'none'; form-action 'none'`

/** The whole page; at most STORY_PAGE_FRAMES_MAX stories make one that browsers are quick with. */
export function storyPage(stories: readonly FrameStory[], { title, notes }: StoryPageOptions): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${htmlPolicy()}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${htmlText(title)}</title>
<style>${PAGE_STYLE}</style>
</head>
<body>
<a class="skip" href="#frames">To the frames</a>
<header>
<h1>${htmlText(title)}</h1>
${notes.map((note) => `<p>${htmlText(note)}</p>\n`).join('')}</header>
<div class="columns">
<nav aria-label="Frames">
<label for="filter">Filter</label>
<input id="filter" type="search" autocomplete="off" placeholder="arp, dropped, 10.1.0.2">
<output id="shown" for="filter"></output>
<ol>
${stories.map(entry).join('')}</ol>
</nav>
<main id="frames">
${stories.map(article).join('')}</main>
</div>
<script>${PAGE_SCRIPT}</script>
</body>
</html>
`
}

/** Its quotes are its own, and no packet's. */
const htmlPolicy = (): string => POLICY.replaceAll('"', '&quot;')

function entry(story: FrameStory, index: number): string {
  const { number, continued, summary, outcome, reason } = story
  const came = story.arrival ?? story.waited
  const from = came === undefined ? (continued ? 'unknown' : 'router') : came.place.name
  const ended = reason === undefined ? outcome : `${outcome}: ${reason}`
  return `<li data-f="f${index}" class="${outcome}"><a href="#f${index}"><span class="number">${number === 0 ? '-' : number}</span> ${htmlText(`${from}: ${summary}`)} <span class="number">${htmlText(ended)}</span></a></li>\n`
}

function article(story: FrameStory, index: number): string {
  const { time, summary, arrival, steps, outcome, ending, advice } = story
  const from = arrival === undefined ? '' : `<p>Comes from ${htmlText(frameText(arrival))}</p>\n`
  const how = steps
    .map(
      ({ stage, verdict, sentence }) =>
        `<li class="${verdict === 'drop' ? 'drop' : ''}"><span class="stage">${htmlText(stage)}</span> <span class="verdict">${htmlText(verdict)}</span> ${htmlText(sentence)}</li>\n`,
    )
    .join('')
  return `<article id="f${index}" class="${outcome}">
<h2>${htmlText(`${storyName(story)}: ${summary}`)}</h2>
<time>${htmlText(time)}</time>
${from}${how === '' ? '' : `<ol class="steps">\n${how}</ol>\n`}<p class="ending">${htmlText(ending)}</p>
${advice === undefined ? '' : `<p>${htmlText(advice)}</p>\n`}${panes(story)}</article>
`
}

function panes({ arrival, waited, departures }: FrameStory): string {
  const came = arrival ?? waited
  const before = came && bytesOf(came)
  // What is the same as before needs no bytes of its own.
  const shown = departures.slice(0, STORY_DEPARTURES_SHOWN_MAX)
  const others = shown.filter(
    (one) => one.changes.length > 0 || one.origin === 'router' || came === undefined,
  )
  const changed = new Set(others.flatMap(({ changes }) => changes.map(({ name }) => name)))
  const parts = [
    ...(came === undefined ? [] : [pane('As it came', came, changesTo(came, others), changed)]),
    ...others.map((one) => pane(headingOf(one), one, changesOf(one, before), namesOf(one))),
  ]
  if (parts.length === 0) return ''
  const tables = others.map(({ changes, place }) => changesTable(changes, placeText(place))).join('')
  return `${tables}<div class="panes">\n${parts.join('')}</div>\n`
}

const namesOf = ({ changes }: StoryDeparture): ReadonlySet<string> => new Set(changes.map(({ name }) => name))

const headingOf = (departure: StoryDeparture): string =>
  departure.origin === 'router'
    ? `The router sends by ${placeText(departure.place)}: ${departure.summary}`
    : `As it leaves by ${placeText(departure.place)}`

/** Bytes of the arrival that any departure has changed. */
function changesTo(came: StoryFrame, departures: readonly StoryDeparture[]): ReadonlySet<number> {
  const before = bytesOf(came)
  const rewritten = departures.filter(({ changes }) => changes.length > 0)
  return new Set(rewritten.flatMap((one) => [...changedBytes(before, bytesOf(one))]))
}

const changesOf = (departure: StoryDeparture, before: Uint8Array | undefined): ReadonlySet<number> =>
  before === undefined || departure.changes.length === 0
    ? new Set()
    : changedBytes(before, bytesOf(departure))

function changesTable(changes: readonly StoryChange[], place: string): string {
  if (changes.length === 0) return ''
  const rows = changes.map(
    ({ name, label, before, after }) =>
      `<tr><th scope="row">${htmlText(name)}</th><td>${htmlText(label)}</td><td>${htmlText(shownValue(before))}</td><td>${htmlText(shownValue(after))}</td></tr>\n`,
  )
  return `<table>
<caption class="soft">${htmlText(`What has changed on the way to ${place}`)}</caption>
<thead><tr><th scope="col">Field</th><th scope="col">Name</th><th scope="col">Before</th><th scope="col">After</th></tr></thead>
<tbody>
${rows.join('')}</tbody>
</table>
`
}

function pane(
  heading: string,
  frame: StoryFrame,
  changed: ReadonlySet<number>,
  names: ReadonlySet<string>,
): string {
  const wrong = frame.problems.map((problem) => `<p class="wrong">${htmlText(problem)}</p>\n`).join('')
  return `<section class="pane">
<h3>${htmlText(heading)}</h3>
${wrong}${hexDump(bytesOf(frame), changed)}<output></output>
${tree(frame, names)}</section>
`
}

function hexDump(bytes: Uint8Array, changed: ReadonlySet<number>): string {
  const end = Math.min(bytes.length, STORY_SHOWN_BYTES_MAX)
  const rows: string[] = []
  for (let at = 0; at < end; at += ROW_BYTES) {
    const row = bytes.subarray(at, Math.min(at + ROW_BYTES, end))
    const digits = Array.from(row, (byte, index) => {
      const gap = index === ROW_BYTES / 2 ? '  ' : index === 0 ? '' : ' '
      return `${gap}<i${changed.has(at + index) ? ' class="c"' : ''}>${hexByte(byte)}</i>`
    }).join('')
    const filling = ' '.repeat((ROW_BYTES - row.length) * 3 + (row.length <= ROW_BYTES / 2 ? 1 : 0))
    rows.push(
      `<span class="o">${hexOffset(at)}</span>  ${digits}${filling}  <span class="t">${htmlText(characters(row))}</span>`,
    )
  }
  const rest = bytes.length - end
  if (rest > 0) rows.push(`<span class="o">and ${rest} bytes more</span>`)
  return `<div class="hex" tabindex="0" role="group" aria-label="Bytes; the arrow keys go from one to the next">${rows.join('\n')}</div>\n`
}

const characters = (row: Uint8Array): string =>
  Array.from(row, (byte) => (byte >= 0x20 && byte <= 0x7e ? String.fromCharCode(byte) : '.')).join('')

function tree(frame: StoryFrame, changed: ReadonlySet<string>): string {
  const { layers } = dissectionOf(frame)
  let count = 0
  const item = (
    text: string,
    { name, offset, length }: Pick<DissectedField, 'name' | 'offset' | 'length'>,
    parts: readonly DissectedField[],
  ): string => {
    if (count++ >= STORY_PAGE_FIELDS_MAX) return ''
    const inner = parts.map(fieldItem).join('')
    const mark = changed.has(name) ? ' class="c"' : ''
    return `<li><span tabindex="0"${mark} data-o="${offset}" data-l="${length}" data-n="${htmlText(name)}">${htmlText(text)}</span>${inner === '' ? '' : `<ul>${inner}</ul>`}</li>\n`
  }
  const fieldItem = (field: DissectedField): string => {
    const { label, text, problem } = field
    const value = text === '' ? '' : `: ${text}`
    return item(`${label}${value}${problem === undefined ? '' : ` (${problem})`}`, field, field.fields ?? [])
  }
  const items = layers.map(({ title, protocol, offset, length, problem, fields }) =>
    item(
      `${title}${problem === undefined ? '' : ` (${problem})`}`,
      { name: protocol, offset, length },
      fields,
    ),
  )
  const more = count > STORY_PAGE_FIELDS_MAX ? `<li>and ${count - STORY_PAGE_FIELDS_MAX} more</li>\n` : ''
  return `<ul class="tree">\n${items.join('')}${more}</ul>\n`
}
