import { writeFileSync } from 'node:fs'

/** How many names a network has. */
export type Size = 'few' | 'many'

export const COUNTS: Readonly<Record<Size, number>> = { few: 10, many: 10_000 }

/** What the upstream knows. */
export const SUFFIX_OUTSIDE = 'far.test'

/** A prime that divides no count: names are asked for in an order that is none in memory. */
const STRIDE = 7919

export const nameOf = (index: number): string => `name-${index}`

export const namesOf = (size: Size): string[] =>
  Array.from({ length: COUNTS[size] }, (_, index) => nameOf(index))

export const askedInTurn = (size: Size): string[] =>
  Array.from({ length: COUNTS[size] }, (_, index) => nameOf((index * STRIDE) % COUNTS[size]))

/** Of the names' hosts, each of which has `share` names: 10.98.0.1 … */
export const addressOf = (index: number, share: number): string => {
  const host = Math.floor(index / share) + 1
  return `10.98.${host >> 8}.${host & 0xff}`
}

/** Names that nobody has asked for yet. */
export function newNames(count: number): string[] {
  return Array.from({ length: count }, () => `n${(asked++).toString(36)}-${process.pid}.${SUFFIX_OUTSIDE}`)
}

let asked = 0

/** Writes a file as dnsperf reads it, and gives its path: a question for each name's IPv4 address. */
export function questionFile(path: string, names: readonly string[]): string {
  writeFileSync(path, names.map((name) => `${name} A\n`).join(''))
  return path
}
