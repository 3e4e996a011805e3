/** Says what is wrong with a filter, and where. */
export class FilterError extends Error {
  override readonly name: string = 'FilterError'
  /** Characters before the place where it is wrong. */
  readonly position: number
  /** The filter's text around that place, and under it a caret that points there. */
  readonly excerpt: string
  /** What to do about it; undefined where the message says it all. */
  readonly hint: string | undefined

  constructor(message: string, text: string, position: number, hint?: string) {
    super(message.length > MESSAGE_MAX ? `${message.slice(0, MESSAGE_MAX)}…` : message)
    this.position = position
    this.excerpt = excerptOf(text, position)
    this.hint = hint
  }
}

/** A word of the filter's may be as long as the filter. */
const MESSAGE_MAX = 200

const SHOWN_BEFORE = 40
const SHOWN_AFTER = 30

/** Two lines; of a long text only what stands around the place. */
function excerptOf(text: string, position: number): string {
  const from = Math.max(0, position - SHOWN_BEFORE)
  // One for one, so that the caret stands where it should.
  const shown = text.slice(from, position + SHOWN_AFTER).replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, ' ')
  return `${shown}\n${' '.repeat(position - from)}^`
}
