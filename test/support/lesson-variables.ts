/**
 * What of a lesson's output differs from run to run, and means nothing. Each such value becomes its kind and a number, by the order in which the
 * values of a kind appear: two values that are equal in one run have to be equal in the other as well.
 */

import type { LessonCommand, LessonPart } from './lesson.ts'

interface Variable {
  readonly kind: string
  /** Matches the value alone: what is around it, and has to be the same, is looked at only. */
  readonly pattern: RegExp
  /** Values that are only measured: no two of them need to be equal. */
  readonly measured?: true
}

const NUMBER = String.raw`\d+(?:\.\d+)?`

const VARIABLES: readonly Variable[] = [
  // Of a packet in tapwire dissect --tree: the day on which the lesson is walked.
  { kind: 'date', pattern: /\b\d{4}-\d\d-\d\d(?=T\d\d:\d\d:)/g, measured: true },
  // 12:00:00.000001, of the day, and 0.000123 behind a line's begin, where --time is relative or delta.
  { kind: 'time', pattern: /(?<=^|[\sT])\d\d:\d\d:\d\d\.\d{6,9}(?=[\sZ])/gm, measured: true },
  { kind: 'time', pattern: /(?<=^ *)\d+\.\d{6,9}(?= )/gm, measured: true },
  // What ping and curl have measured.
  { kind: 'time', pattern: new RegExp(String.raw`(?<=\btime[= ])${NUMBER}(?= ?ms)`, 'g'), measured: true },
  { kind: 'time', pattern: /(?<=^rtt [a-z/]+ = ).*$/gm, measured: true },
  // The last column of tapwire fdb ls, with the number of the switch's port in front of it.
  { kind: 'age', pattern: /(?<= )\d+ +\d+ (?:s|min)$/gm, measured: true },
  { kind: 'age', pattern: /(?<=last heard )(?:a moment|\d+ s)(?= ago)/g, measured: true },
  // Packets and replies in tapwire nat ls: how often a kernel acknowledges is its own affair.
  { kind: 'packets', pattern: /(?<= → .* )\d+ +\d+(?= +\d+ (?:s|min) )/g, measured: true },
  // What tapwire overlay peers counts: when a kernel asks anew whether it knows a MAC address still is its own affair.
  {
    kind: 'traffic',
    pattern: /(?<= (?:s|ms|min) +(?:\d+ \/ \d+ \w+ +)?)\d+ \/ \d+ \w+(?= )/g,
    measured: true,
  },
  { kind: 'time', pattern: /\b\d+(?:\.\d+)? (?:s|ms|µs|min)\b/g, measured: true },
  // How sure a neighbour's entry is, which changes by itself (`ip neigh`).
  { kind: 'state', pattern: /(?<=lladdr \S+ )(?:REACHABLE|STALE|DELAY|PROBE)\b/g, measured: true },
  { kind: 'state', pattern: /(?<=says the ARP table \()\w+/g, measured: true },
  // Numbers that the kernel of a sandbox draws.
  { kind: 'identifier', pattern: /(?<=\bid )\d+/g },
  { kind: 'identifier', pattern: /(?<=\b(?:Identification|Identifier): ).*$/gm },
  { kind: 'identifier', pattern: /(?<=DNS )\d+|(?<=^Domain Name System, \w+ )0x[0-9a-f]{4}/gm },
  { kind: 'connection', pattern: /(?<=\bconnection #)\d+|^\d+(?= +(?:tcp|udp|icmp) )/gm },
  { kind: 'checksum', pattern: /(?<=\b[Cc]hecksum: )0x[0-9a-f]{4}/g, measured: true },
  {
    kind: 'checksum',
    pattern: /(?<=\.checksum +(?:0x[0-9a-f]{4} \(right\) → )?)0x[0-9a-f]{4}/g,
    measured: true,
  },
  // Bytes before and after in tapwire explain, with the marks below them: checksums and sequence numbers are among them.
  { kind: 'bytes', pattern: /(?<=^ {4})[0-9a-f^ ]{4,}$/gm, measured: true },
  // What a kernel makes of its memory.
  { kind: 'window', pattern: /(?<=\b(?:win|wscale) )\d+/g, measured: true },
  { kind: 'time', pattern: /(?<=\bexpires )\d+(?=sec\b)/g, measured: true },
  { kind: 'data', pattern: /(?<=^ +Data: ).*$/gm },
  // Of sandboxes, short and long.
  { kind: 'id', pattern: /\b[0-9a-f]{64}\b|\b(?=\d*[a-f])[0-9a-f]{12}\b/g },
  { kind: 'sequence', pattern: /(?<=\b(?:seq|ack) )\d+(?=, )(?<!ICMP[^\n]*)/g },
  { kind: 'timestamp', pattern: /(?<=\b(?:TS val|ecr) )\d+/g, measured: true },
  // But for those that the labs' servers listen at.
  { kind: 'port', pattern: /(?<=[.:]|→ |ort: |Protocol, )(?!(?:5432|8080|9000)\b)(?:[1-9]\d{3,4})\b/g },
]

/** Tables are as wide as their widest value. */
const BLANKS = / {2,}/g

/** Of one lesson, from its first block to its last. */
export class LessonText {
  readonly #seen = new Map<string, Map<string, string>>()

  plain(text: string): string {
    let plain = sortedCopies(text)
    for (const { kind, pattern, measured } of VARIABLES) {
      plain = plain.replace(pattern, (value) => (measured === true ? `<${kind}>` : this.#name(kind, value)))
    }
    return plain.replace(BLANKS, '  ')
  }

  #name(kind: string, value: string): string {
    let names = this.#seen.get(kind)
    if (names === undefined) this.#seen.set(kind, (names = new Map()))
    let name = names.get(value)
    if (name === undefined) names.set(value, (name = `<${kind} ${names.size + 1}>`))
    return name
  }
}

/** Copies of one frame that leave at the same time stand in the order of the switch's ports, and sandboxes get those in the order in which they start. */
const sortedCopies = (text: string): string =>
  text.replace(
    /(?:^(\d\d:\d\d:\d\d\.\d{6,9}) \[[^\]]* out\].*\n)(?:^\1 \[[^\]]* out\].*\n)+/gm,
    (lines) => `${lines.trimEnd().split('\n').toSorted().join('\n')}\n`,
  )

/** The new lesson, with the old one's output where only variable text differs. */
export function mergeLesson(before: readonly LessonPart[], after: readonly LessonPart[]): LessonPart[] {
  const plainOf = (parts: readonly LessonPart[]): string[] => {
    const text = new LessonText()
    return commandsOf(parts).map(({ output }) => text.plain(output))
  }
  const same = plainOf(before).join('\0') === plainOf(after).join('\0')
  return [...(same ? before : after)]
}

const commandsOf = (parts: readonly LessonPart[]): LessonCommand[] =>
  parts.flatMap((part) => (typeof part === 'string' ? [] : part))
