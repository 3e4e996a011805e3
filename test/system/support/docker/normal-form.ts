/**
 * Two runs of one scenario differ in ids, times, MAC addresses and the like, and in nothing else. The normal form has
 * placeholders in their place. Those of ids are as long as the ids, so that tables keep their shape. Ids that a command printed
 * alone, as those that make something do, are numbered: what was the same thing in one run has to be the same in the other.
 */

import type { Answer } from './recording.ts'

const RELATIVE = String.raw`(?:Less than a second|\d+ seconds?|About a minute|\d+ minutes?)`

/** What Docker prints of images and of space on disks, which sandboxes have none of, and its name. */
const DOCKER_ALONE: readonly (readonly [RegExp, string])[] = [
  [/\bimage=busybox, /g, ''],
  [/"image":"busybox",/g, ''],
  [/\n+Total reclaimed space: .*$/m, ''],
  [/^CONTAINER ID/gm, 'SANDBOX ID'],
  [/Docker Engine/g, 'Tapwire'],
]

export const dockerOutput = (stdout: string): string =>
  DOCKER_ALONE.reduce((text, [pattern, by]) => text.replace(pattern, by), stdout)

/** In this order. */
const VARIABLE: readonly (readonly [RegExp, string])[] = [
  [/\b(?:[0-9a-f]{2}:){5}[0-9a-f]{2}\b/g, '<mac>'],
  [/\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+(?:Z|[+-]\d\d:\d\d)/g, '<time>'],
  [/\b\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)? [+-]\d{4} \w+/g, '<time>'],
  [new RegExp(`${RELATIVE} ago`, 'g'), '<ago>'],
  [new RegExp(`Up ${RELATIVE}`, 'g'), 'Up <duration>'],
  // Names of veth interfaces and of the folders that a daemon has for itself.
  [/\bveth[0-9a-f]{7}\b/g, '<veth>'],
  [/"(\/(?:tmp|run|var)\/[^"\s]*)"/g, '"<path>"'],
  // Times of events, in seconds and nanoseconds.
  [/"time(Nano)?":\d+/g, '"time$1":0'],
]

export class NormalForm {
  readonly #ids = new Map<string, string>()

  text(text: string): string {
    if (/^[0-9a-f]{64}\s*$/.test(text) && !this.#ids.has(text.trim()))
      this.#ids.set(text.trim(), `id${this.#ids.size + 1}_`.padEnd(64, 'x'))
    return this.#table(text.replace(/\b[0-9a-f]{64}\b/g, (id) => this.#placeholder(id)))
  }

  /** A table whose cells vary in length is compared cell by cell, any other text as it stands. */
  #table(text: string): string {
    const lines = text
      .replace(/\b[0-9a-f]{12}\b/g, (short) => this.#short(short))
      .split('\n')
      .map((line) => line.trimEnd())
    const columns = columnsOf(lines[0] ?? '')
    const normal =
      columns.some(({ title }) => ['CREATED', 'STATUS'].includes(title)) && columns.length > 1
        ? lines.map((line) =>
            columns
              .filter(({ title }) => title !== 'IMAGE')
              .map(({ from, to }) => line.slice(from, to).trim())
              .join(' | ')
              .trimEnd(),
          )
        : lines
    return VARIABLE.reduce(
      (result, [pattern, by]) => result.replace(pattern, by),
      normal.join('\n'),
    ).trimEnd()
  }

  /** Has no hexadecimal digits: a placeholder is not taken for an id. */
  #placeholder(id: string): string {
    return this.#ids.get(id) ?? 'id?_'.padEnd(64, 'x')
  }

  #short(short: string): string {
    for (const [id, placeholder] of this.#ids) if (id.startsWith(short)) return placeholder.slice(0, 12)
    // Words of decimal digits alone are numbers; ids have letters.
    return /[a-f]/.test(short) ? 'id?_'.padEnd(12, 'x') : short
  }
}

interface Column {
  readonly title: string
  readonly from: number
  readonly to: number | undefined
}

function columnsOf(header: string): Column[] {
  if (!/^[A-Z ]+$/.test(header)) return []
  const starts = [...header.matchAll(/(?<=^| {2})[A-Z]+(?: [A-Z]+)*/g)]
  return starts.map((match, index) => ({
    title: match[0],
    from: match.index,
    to: starts[index + 1]?.index,
  }))
}

/** The sentence that an error is, without what each program puts around it. */
export interface Complaint {
  readonly message: string
  /** Wrong words on the command line: the texts are those of the library that parses them. */
  readonly usage: boolean
}

/** What Docker's client says besides the error: how to get help, and that the error it has just told is an error. */
const DOCKER_TALK = [
  /\n+(?:Usage:|Run 'docker |See 'docker )[\s\S]*$/,
  /^exit status 1$/gm,
  /^Error: failed to (?:start containers|rename container named).*$/gm,
  /^docker: /gm,
  /^Error: /gm,
  /^(?:cannot (?:kill|stop) container: \S+: )?Error response from daemon: /gm,
]

export function dockerComplaint({ stderr }: Answer): Complaint {
  const message = DOCKER_TALK.reduce((text, pattern) => text.replace(pattern, ''), stderr)
  return {
    message: withoutBlankLines(message),
    usage: /^(?:Usage: |docker: unknown command: )/m.test(stderr),
  }
}

export function ourComplaint({ stderr }: Answer): Complaint {
  const message = stderr
    .replace(/^hint: .*$/gm, '')
    // Docker's networks have a way out from the beginning, ours when there is an uplink.
    .replace(/^note: there is no uplink, .*$/gm, '')
    .replace(/^(?:tapwire|error): /gm, '')
    .replace(/\n+Usage:[\s\S]*$/, '')
  return { message: withoutBlankLines(message), usage: false }
}

const withoutBlankLines = (text: string): string => text.replace(/\n{2,}/g, '\n').trim()
