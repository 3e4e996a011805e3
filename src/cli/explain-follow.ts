/** `tapwire explain --follow`: what becomes of frames while they pass. */

import type { FollowedFrame } from '../control/api/capture.ts'
import type { SourceCopy, StorySource } from '../inspect/story/story-source.ts'
import { StoryTeller } from '../inspect/story/tell-story.ts'
import { apiClient } from './api-client.ts'
import type { Cli } from './cli.ts'
import { untilInterrupted } from './interrupt.ts'
import { usage } from './options.ts'
import { plural } from './output.ts'
import type { StoryFormat } from './story-format.ts'
import { StorySink, storyWriter } from './story-output.ts'

export interface ExplainFollowOptions {
  readonly places: readonly string[]
  readonly filter?: string | undefined
  /** Frames behind which it ends; undefined: when it is interrupted. */
  readonly count?: number | undefined
  readonly format: StoryFormat
}

/** An event of GET /explain/follow. */
type Followed = FollowedFrame | { readonly missed: number }

/** Until so many frames have been told of, the daemon ends, or Ctrl-C. */
export async function explainFollow(cli: Cli, options: ExplainFollowOptions): Promise<void> {
  const { places, filter, count, format } = options
  if (format === 'html')
    throw usage('A page cannot be made of what has no end.', 'Choose text, json or markdown.')
  const sink = new StorySink(cli, undefined)
  const title = `What passes ${places.join(', ')}`
  const tell =
    format === 'json'
      ? (story: unknown) => sink.write(`${JSON.stringify(story)}\n`)
      : storyWriter(cli, sink, { format, title, origin: {}, colours: true }).tell
  const teller = new StoryTeller()
  let told = 0
  let missed = 0
  await untilInterrupted(cli, async (signal) => {
    const query = { place: places, filter }
    for await (const one of apiClient(cli).events<Followed>('/explain/follow', { query, signal })) {
      if ('missed' in one) {
        // What is told is how many there were since the beginning.
        if (one.missed > missed) tellMissed(cli, format, sink, one.missed - missed)
        missed = one.missed
        continue
      }
      for (const story of teller.tell(sourceOf(one))) {
        tell(story)
        if (++told === count) return
      }
      await sink.drained()
    }
  })
  // To end it is what Ctrl-C is for.
  if (cli.exitCode === EXIT_OF_CTRL_C) cli.exitCode = 0
}

const EXIT_OF_CTRL_C = 130

function tellMissed(cli: Cli, format: StoryFormat, sink: StorySink, missed: number): void {
  if (format === 'json') sink.write(`${JSON.stringify({ missed })}\n`)
  else cli.stderr.write(`${plural(missed, 'frame')} more passed, too many to be told of: --filter chooses.\n`)
}

function sourceOf({
  number,
  time,
  arrival,
  facts,
  movedFrom,
  steps,
  flow,
  reason,
  departures,
}: FollowedFrame): StorySource {
  return {
    number,
    time,
    arrival: arrival && copyOf(arrival),
    facts,
    movedFrom,
    steps,
    flow,
    reason,
    departures: departures.map(copyOf),
  }
}

const copyOf = ({ place, bytes, virtioHeader }: FollowedFrame['departures'][number]): SourceCopy => ({
  place,
  bytes: Buffer.from(bytes, 'hex'),
  virtioHeader: Buffer.from(virtioHeader, 'hex'),
})
