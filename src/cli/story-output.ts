/** Where stories go to, in the format that is asked for: each when it is told, or all as a page. */

import type { FrameStory } from '../inspect/story/frame-story.ts'
import { storiesMarkdownHead, storyMarkdown } from '../inspect/story/story-markdown.ts'
import { storyText } from '../inspect/story/story-text.ts'
import { STORY_PAGE_FRAMES_MAX } from '../limits.ts'
import type { Cli, OutputStream } from './cli.ts'
import { colorsFor } from './colors.ts'
import { plural } from './output.ts'
import { OutputFile } from './output-file.ts'
import type { StoryFormat } from './story-format.ts'

/** A file, or the command's own output. */
export class StorySink {
  readonly #file: OutputFile | undefined
  readonly #stream: OutputStream
  /** Written to the stream and not yet taken by its reader. */
  #isFull = false

  /** `-` and undefined are the standard output. Throws OUTPUT_FAILED. */
  constructor(cli: Cli, path: string | undefined) {
    this.#stream = cli.stdout
    this.#file = path === undefined || path === '-' ? undefined : new OutputFile(path)
  }

  write(text: string): void {
    if (this.#file !== undefined) this.#file.write(Buffer.from(text))
    else if (this.#stream.write(text) === false) this.#isFull = true
  }

  /** Resolves when a slow reader has caught up. */
  async drained(): Promise<void> {
    if (!this.#isFull) return
    this.#isFull = false
    const stream = this.#stream
    await new Promise<void>((resolve) => {
      if (stream.on === undefined) return resolve()
      const done = (): void => {
        stream.off?.('drain', done)
        resolve()
      }
      stream.on('drain', done)
    })
  }

  close(): void {
    this.#file?.close()
  }
}

export interface StoryWriter {
  readonly tell: (story: FrameStory) => void
  /** `notes`: what else there is to say, a sentence each. */
  end(notes: readonly string[]): Promise<void>
}

export interface StoryWriterOptions {
  readonly format: StoryFormat
  readonly title: string
  /** What the JSON says of where the frames are from. */
  readonly origin: Readonly<Record<string, string>>
  /** Colours are for the terminal that the sink leads to. */
  readonly colours: boolean
}

export function storyWriter(cli: Cli, sink: StorySink, options: StoryWriterOptions): StoryWriter {
  switch (options.format) {
    case 'text':
      return textWriter(cli, sink, options)
    case 'json':
      return jsonWriter(sink, options)
    case 'markdown':
      return markdownWriter(sink, options)
    case 'html':
      return pageWriter(sink, options)
  }
}

function textWriter(cli: Cli, sink: StorySink, { colours }: StoryWriterOptions): StoryWriter {
  const paint = colours ? colorsFor(cli, cli.stdout) : undefined
  let gap = ''
  return {
    tell: (story) => {
      sink.write(`${gap}${storyText(story, paint)}`)
      gap = '\n'
    },
    end: async (notes) => {
      if (notes.length > 0) cli.stderr.write(`${notes.join('\n')}\n`)
    },
  }
}

/** One object; a frame a line, so that there is never more than one in memory. */
function jsonWriter(sink: StorySink, { origin }: StoryWriterOptions): StoryWriter {
  const members = Object.entries(origin).map(
    ([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)},`,
  )
  let head = `{${members.join('')}"frames":[\n`
  return {
    tell: (story) => {
      sink.write(`${head}${JSON.stringify(story)}`)
      head = ',\n'
    },
    end: async (notes) => {
      sink.write(`${head === ',\n' ? '\n' : head}],"notes":${JSON.stringify(notes)}}\n`)
    },
  }
}

function markdownWriter(sink: StorySink, { title }: StoryWriterOptions): StoryWriter {
  sink.write(storiesMarkdownHead(title))
  return {
    tell: (story) => sink.write(storyMarkdown(story)),
    end: async (notes) => {
      for (const note of notes) sink.write(`${note}\n\n`)
    },
  }
}

function pageWriter(sink: StorySink, { title }: StoryWriterOptions): StoryWriter {
  const stories: FrameStory[] = []
  let more = 0
  return {
    tell: (story) => {
      if (stories.length < STORY_PAGE_FRAMES_MAX) stories.push(story)
      else more++
    },
    end: async (notes) => {
      const { storyPage } = await import('../inspect/story/story-page.ts')
      const left =
        more === 0
          ? []
          : [`${plural(more, 'frame')} more are left out: --packet chooses which ones are shown.`]
      sink.write(storyPage(stories, { title, notes: [...left, ...notes] }))
    },
  }
}
