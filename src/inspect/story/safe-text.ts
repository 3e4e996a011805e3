/** Text from packets and names, made harmless for where it is shown. */

/** Control characters steer terminals; format characters turn the direction of text round, or hide it. Each becomes a blank. */
export const plainText = (text: string): string =>
  text.replaceAll(/[\p{Cc}\p{Cf}\p{Co}\p{Cs}\u2028\u2029]/gu, ' ')

const HTML_ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
  '`': '&#96;',
}

/** For the text of an element, and for the value of an attribute in quotes. */
export const htmlText = (text: string): string =>
  plainText(text).replaceAll(/[&<>"'`]/g, (character) => HTML_ENTITIES[character]!)

/**
 * For a line of Markdown (CommonMark, and GitHub's): nothing in it is markup, a link, an element or a reference. A blank at the front would make a block of code
 * of it, a hash a heading, and so on: what stands first is always a word of ours.
 */
export const markdownText = (text: string): string =>
  plainText(text)
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll(/[\\`*_{}[\]()#|~!]/g, String.raw`\$&`)
    // What GitHub makes links of by itself.
    .replaceAll('://', '&#58;//')
    .replaceAll(/\bwww\./gi, (word) => `${word.slice(0, -1)}&#46;`)
    .replaceAll('@', '&#64;')
