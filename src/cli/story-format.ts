/** In which formats stories are told, and which one the options of a command mean. */

import { InvalidArgumentError } from 'commander'
import { usage } from './options.ts'

export const STORY_FORMATS = ['text', 'json', 'markdown', 'html'] as const
export type StoryFormat = (typeof STORY_FORMATS)[number]

export interface FormatOptions {
  readonly format?: StoryFormat
  readonly json?: true
  readonly markdown?: true
  readonly html?: true
}

export function parseStoryFormat(text: string): StoryFormat {
  const format = STORY_FORMATS.find((one) => one === text.toLowerCase())
  if (format === undefined) throw new InvalidArgumentError(`It is one of ${STORY_FORMATS.join(', ')}.`)
  return format
}

/** Text unless told otherwise. Throws USAGE where it is told twice. */
export function storyFormat(options: FormatOptions): StoryFormat {
  const told = new Set<StoryFormat>(
    STORY_FORMATS.filter((format) => format !== 'text' && options[format] === true),
  )
  if (options.format !== undefined) told.add(options.format)
  const [format = 'text', ...others] = told
  if (others.length > 0) throw usage('One format at a time.', `Choose one of ${[...told].join(', ')}.`)
  return format
}
