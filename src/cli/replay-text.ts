import type { FileSummary, ReplaySummary } from '../simulation/replay/replay-summary.ts'
import type { LiveReplaySummary } from './live-replay.ts'
import { formatCount, formatTable, plural, printable } from './output.ts'

/** Dropped since nobody answered ARP, as in captures that begin after that was asked and answered. */
export const isUnanswered = (reason: string | undefined): boolean =>
  reason === 'host-unreachable' || reason === 'neighbour-queue-full'

export const ANSWER_ARP_HINT =
  'Where the capture lacks the answers to ARP, --answer-arp makes them up, and packets get on.'

/** What came of a replay, for people. `answersArp`: the replay has done so already. */
export const formatReplay = (path: string, summary: ReplaySummary, answersArp: boolean): string =>
  joined([
    title(path, summary),
    counts(fileRows(summary)),
    counts(pathRows(summary)),
    drops(summary),
    unplaced(summary),
    !answersArp && summary.drops.some(({ reason }) => isUnanswered(reason)) ? `${ANSWER_ARP_HINT}\n` : '',
    `${plural(summary.flows, 'connection')} begun.\n`,
  ])

/** The same of one into a network of the daemon. */
export const formatLiveReplay = (path: string, summary: LiveReplaySummary): string =>
  joined([
    title(path, summary),
    counts([[summary.sent, 'sent'], ...fileRows(summary).slice(1)]),
    drops(summary),
    unplaced(summary),
  ])

const joined = (parts: readonly string[]): string => parts.filter((part) => part !== '').join('\n')

const title = (path: string, { file }: FileSummary): string =>
  `${printable(`${path}: ${plural(file.read, 'packet')} over ${formatSpan(file.spanS)}`)}\n`

type Row = readonly [frames: number, what: string]

function fileRows({ file }: FileSummary): Row[] {
  return [
    [file.placed, 'arrived where they came from'],
    [file.outbound, 'are copies that had left Tapwire, and were left out'],
    [file.byRouter, 'were sent by a gateway, and were left out'],
    [file.unplaced, 'come from nowhere in the lab, and were left out'],
    [file.otherLinkType, 'are no Ethernet frames, and were left out'],
    [file.tooLong, 'are longer than the data path takes, and were left out'],
    [file.cut, 'were not captured whole: zeroes took the place of what is missing'],
    [file.backwards, 'are earlier than the one before: they arrived with it'],
  ]
}

function pathRows(summary: ReplaySummary): Row[] {
  return [
    [summary.received, 'received'],
    [summary.copies, 'copied, to go to several places'],
    [summary.segments, 'cut off super-frames'],
    [summary.originated, 'made by the router itself'],
    [summary.transmitted, 'transmitted'],
    [summary.consumed, 'for the router alone'],
    [summary.held, 'still wait'],
    [summary.dropped, 'dropped'],
  ]
}

/** Those that are not 0. */
function counts(rows: readonly Row[]): string {
  const shown = rows
    .filter(([frames]) => frames > 0)
    .map(([frames, what]) => [formatCount(frames), what] as const)
  const width = Math.max(0, ...shown.map(([frames]) => frames.length))
  return shown.map(([frames, what]) => `  ${frames.padStart(width)}  ${what}\n`).join('')
}

function drops({ drops: all }: Pick<ReplaySummary, 'drops'>): string {
  if (all.length === 0) return ''
  return formatTable(
    [{ heading: 'DROPPED', align: 'right' }, 'REASON', ''],
    all.map(({ frames, reason, sentence }) => [formatCount(frames), reason, sentence]),
  )
}

function unplaced({ unplaced: sources }: FileSummary): string {
  if (sources.length === 0) return ''
  return formatTable(
    [{ heading: 'LEFT OUT', align: 'right' }, 'FROM', 'ADDRESS'],
    sources.map(({ frames, mac, address }) => [formatCount(frames), mac, address]),
  )
}

const formatSpan = (seconds: number): string => `${Number(seconds.toFixed(6))} s`
