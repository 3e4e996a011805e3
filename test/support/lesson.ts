/**
 * A lesson's text (docs/lessons), taken apart: what people read, and the blocks in which commands stand with what they print.
 *
 *     ```console
 *     $ tapwire exec alice ping -c 1 10.1.0.3
 *     PING 10.1.0.3 (10.1.0.3) 56(84) bytes of data.
 *     ...
 *     ```
 */

export interface LessonCommand {
  /** As it is typed, behind the `$ `. Lines that end in a backslash go on in the next one. */
  readonly line: string
  /** What it prints, to either stream: lines, each with its end. */
  readonly output: string
}

/** Text as it is, or the commands of a block. */
export type LessonPart = string | readonly LessonCommand[]

const BEGIN = '```console'
const END = '```'
const PROMPT = '$ '

/** Throws where a block has text in front of its first command, or no end. */
export function parseLesson(text: string): LessonPart[] {
  const parts: LessonPart[] = []
  let rest = text
  for (;;) {
    const begin = rest.indexOf(`\n${BEGIN}\n`)
    if (begin < 0) return [...parts, rest]
    const first = begin + BEGIN.length + 2
    const end = rest.indexOf(`\n${END}\n`, first - 1)
    if (end < 0) throw new Error(`a block of commands has no end:${rest.slice(begin)}`)
    parts.push(rest.slice(0, begin + 1), parseBlock(rest.slice(first, end + 1)))
    rest = rest.slice(end + END.length + 2)
  }
}

/** The text that parseLesson takes apart so. */
export const formatLesson = (parts: readonly LessonPart[]): string =>
  parts.map((part) => (typeof part === 'string' ? part : formatBlock(part))).join('')

function formatBlock(commands: readonly LessonCommand[]): string {
  const shown = commands.map(({ line, output }) => `${PROMPT}${line}\n${output}`)
  return `${BEGIN}\n${shown.join('')}${END}\n`
}

function parseBlock(block: string): LessonCommand[] {
  const lines = block.split('\n').slice(0, -1)
  const commands: { line: string; output: string }[] = []
  for (let i = 0; i < lines.length; i++) {
    let line = lines[i]!
    if (line.startsWith(PROMPT)) {
      while (line.endsWith('\\') && i + 1 < lines.length) line += `\n${lines[++i]!}`
      commands.push({ line: line.slice(PROMPT.length), output: '' })
    } else {
      const command = commands.at(-1)
      if (command === undefined) throw new Error(`a block of commands begins without one: ${line}`)
      command.output += `${line}\n`
    }
  }
  return commands
}
