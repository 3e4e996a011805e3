/** `tapwire explain FILE`: what became of the frames of a capture, or what would in a lab. */

import { statSync } from 'node:fs'
import { basename, resolve } from 'node:path'
import { loadLab } from '../control/lab-file.ts'
import type { CaptureInput } from '../inspect/pcap/capture-input.ts'
import type { CaptureReader } from '../inspect/pcap/capture-reader.ts'
import { CaptureStories } from '../inspect/story/capture-stories.ts'
import type { FrameStory } from '../inspect/story/frame-story.ts'
import type { PacketRange } from '../inspect/story/packet-range.ts'
import { captureError, openCaptureFile } from './capture/capture-input.ts'
import { type Cli, EXIT_FAILED } from './cli.ts'
import { leaveAway, usage } from './options.ts'
import { plural, printable } from './output.ts'
import { ANSWER_ARP_HINT, isUnanswered } from './replay-text.ts'
import type { StoryFormat } from './story-format.ts'
import { StorySink, storyWriter } from './story-output.ts'

export interface ExplainFileOptions {
  readonly format: StoryFormat
  readonly output?: string | undefined
  readonly range?: PacketRange | undefined
  readonly lab?: string | undefined
  readonly labHost?: string | undefined
  readonly uplink?: string | undefined
  readonly fromPort?: readonly string[] | undefined
  readonly answerArp?: boolean | undefined
  readonly seed?: number | undefined
}

/** What tells stories of a reader's packets. */
interface Storyteller {
  readonly packets: number
  /** Packets that are copies of what left. */
  readonly copies: number
  /** False: the reader needs more. Throws CaptureFileError. */
  read(reader: CaptureReader): boolean
  /** Whether what is still to come adds nothing. */
  isDone(): boolean
  finish(): void
  notes(): readonly string[]
}

export async function explainFile(cli: Cli, path: string, given: ExplainFileOptions): Promise<void> {
  const { format, output, lab } = given
  if (output !== undefined && output !== '-' && resolve(output) === resolve(path)) {
    throw usage(`${path} would be written over while it is read.`, 'Give -o another file.')
  }
  const options = lab === undefined ? given : { ...given, range: await rangeInLab(path, given.range) }
  const input = openCaptureFile(path)
  try {
    let told = 0
    const emit = (story: FrameStory): void => {
      told++
      writer.tell(story)
    }
    const teller = lab === undefined ? withoutLab(options, emit) : await inLab(lab, options, emit)
    const sink = new StorySink(cli, output)
    const title = titleOf(path, lab)
    const origin = { file: path, ...(lab !== undefined && { lab }) }
    const colours = output === undefined
    const writer = storyWriter(cli, sink, { format, title, origin, colours })
    let isWhole = false
    try {
      await readAll(path, input, teller, sink)
      isWhole = true
    } finally {
      // Of a broken file, what could be read.
      teller.finish()
      const missing = isWhole && told === 0 ? [nothingText(teller.packets, options.range)] : []
      await writer.end([...numberNotes(teller, given.range, options.range), ...teller.notes(), ...missing])
      sink.close()
    }
    if (told === 0) cli.exitCode = EXIT_FAILED
  } finally {
    input.close()
  }
}

const isOne = (range: PacketRange | undefined): range is PacketRange =>
  range !== undefined && range.first === range.last

/** A copy of what left is not replayed: who asks for it alone gets the packet that it arrived as. */
async function rangeInLab(path: string, range: PacketRange | undefined): Promise<PacketRange | undefined> {
  // Of a pipe there is no second reading.
  if (!isOne(range) || statSync(path, { throwIfNoEntry: false })?.isFile() !== true) return range
  const found: FrameStory[] = []
  const stories = new CaptureStories({ range, emit: (story) => void found.push(story) })
  const input = openCaptureFile(path)
  try {
    while (!stories.read(input.reader)) await input.fillAsync()
    stories.finish()
  } catch {
    // Of a broken file, what could be read: what is wrong with it is told when it is read again.
    stories.finish()
  } finally {
    input.close()
  }
  const number = found[0]?.number ?? 0
  return number === 0 ? range : { first: number, last: number }
}

/** Why the numbers of frames are not those that one might expect. */
function numberNotes(
  { copies }: Storyteller,
  asked: PacketRange | undefined,
  told: PacketRange | undefined,
): readonly string[] {
  if (isOne(asked)) {
    if (told === undefined || told.first === asked.first) return []
    return [
      `Packet ${asked.first} is a copy of what left: this is the story of packet ${told.first}, which arrived.`,
    ]
  }
  if (copies === 0) return []
  return [
    `Frames have the numbers of the file’s packets. ${plural(copies, 'packet')} of it ${copies === 1 ? 'is a copy' : 'are copies'} of what left, and part of the story of what arrived.`,
  ]
}

const titleOf = (path: string, lab: string | undefined): string => {
  const file = path === '-' ? 'The standard input' : basename(path)
  return printable(lab === undefined ? file : `${file} in the lab ${basename(lab)}`)
}

const nothingText = (packets: number, range: PacketRange | undefined): string =>
  packets === 0
    ? 'The capture has no packets.'
    : range !== undefined && range.first > packets
      ? `The capture has ${plural(packets, 'packet')}: there is no packet ${range.first}.`
      : 'There is nothing to tell of these packets.'

async function readAll(
  path: string,
  input: CaptureInput,
  teller: Storyteller,
  sink: StorySink,
): Promise<void> {
  try {
    while (!teller.read(input.reader) && !teller.isDone()) {
      await sink.drained()
      await input.fillAsync()
    }
  } catch (error) {
    throw captureError(path, error)
  }
}

function withoutLab(options: ExplainFileOptions, emit: (story: FrameStory) => void): Storyteller {
  const useless = (['labHost', 'uplink', 'fromPort', 'answerArp', 'seed'] as const).filter(
    (option) => options[option] !== undefined,
  )
  if (useless.length > 0) {
    throw usage('Without --lab nothing is simulated.', leaveAway(useless))
  }
  const stories = new CaptureStories({ range: options.range, emit })
  return {
    get packets() {
      return stories.packets
    },
    get copies() {
      return stories.copies
    },
    read: (reader) => stories.read(reader),
    isDone: () => false,
    finish: () => stories.finish(),
    notes: () => [],
  }
}

async function inLab(
  path: string,
  options: ExplainFileOptions,
  emit: (story: FrameStory) => void,
): Promise<Storyteller> {
  const [{ SimulatedLab }, { ExplainedReplay }, { parseSourceRule }] = await Promise.all([
    import('../simulation/simulated-lab.ts'),
    import('../simulation/replay/explained-replay.ts'),
    import('../simulation/replay/source-rules.ts'),
  ])
  const rules = (options.fromPort ?? []).map(parseSourceRule)
  const lab = await SimulatedLab.start(loadLab(path), {
    host: options.labHost,
    uplink: options.uplink,
    seed: options.seed,
    answersArp: options.answerArp,
    explained: true,
  })
  let unanswered = false
  const replay = new ExplainedReplay(lab, {
    rules,
    range: options.range,
    emit: (story) => {
      unanswered ||= isUnanswered(story.reason)
      emit(story)
    },
  })
  return {
    get packets() {
      return replay.packets
    },
    get copies() {
      return replay.copies
    },
    read: (reader) => replay.read(reader),
    isDone: () => replay.isDone,
    finish: () => replay.finish(),
    notes: () => [
      ...lab.warnings,
      ...unplacedNotes(replay),
      ...(unanswered && options.answerArp !== true ? [ANSWER_ARP_HINT] : []),
    ],
  }
}

function unplacedNotes({
  unplaced,
}: {
  readonly unplaced: {
    readonly frames: number
    readonly sources: readonly { readonly mac: string; readonly address: string }[]
  }
}): readonly string[] {
  const { frames, sources } = unplaced
  if (frames === 0) return []
  const from = sources.slice(0, 3).map(({ mac, address }) => (address === '' ? mac : `${mac} (${address})`))
  const others = sources.length > from.length ? ' and others' : ''
  return [
    `${plural(frames, 'frame')} from ${from.join(', ')}${others} could not be placed in the lab: say where from with --from-port.`,
  ]
}
