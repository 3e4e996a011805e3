/** Numbers of packets, both inclusive. */
export interface PacketRange {
  readonly first: number
  readonly last: number
}

export const ALL_PACKETS: PacketRange = { first: 1, last: Number.POSITIVE_INFINITY }

/** `7`, `7-9`, `7-`; undefined where it is none. */
export function parsePacketRange(text: string): PacketRange | undefined {
  const [, first, dash, last] = /^(\d{1,15})(-)?(\d{1,15})?$/.exec(text) ?? []
  if (first === undefined || (dash === undefined && last !== undefined)) return undefined
  const begin = Number(first)
  const end = dash === undefined ? begin : last === undefined ? Number.POSITIVE_INFINITY : Number(last)
  return begin >= 1 && end >= begin ? { first: begin, last: end } : undefined
}

export const isInRange = ({ first, last }: PacketRange, number: number): boolean =>
  number >= first && number <= last
