/**
 * Text that comes from captures, made fit for a terminal: interface names, comments and names of addresses hold what anybody wrote there.
 * Controls (those of ECMA-48 have a second set from U+0080 on) steer it, what sets the direction of writing (Unicode, UAX #9) makes it show
 * other words than it was given, and separators of lines and paragraphs break lines. Letters of all scripts stay.
 */
const UNPRINTABLE = /[\p{Cc}\p{Bidi_Control}\p{Zl}\p{Zp}\p{Cs}]+/gu

/** One line: each run of what does not print is a blank. */
export function printable(text: string): string {
  return text.replaceAll(UNPRINTABLE, ' ')
}

/** The same of what JSON.stringify leaves as it is. */
const UNPRINTABLE_IN_JSON = /[\x7f-\x9f\p{Bidi_Control}\p{Zl}\p{Zp}]/gu

/** As JSON.stringify, with all that does not print as `\u009b`: JSON is looked at on terminals, too. */
export function printableJson(value: unknown, indent?: number): string {
  return JSON.stringify(value, undefined, indent).replaceAll(
    UNPRINTABLE_IN_JSON,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
