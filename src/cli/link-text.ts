/** Links as a table: a line for each direction. */
import type { Link, LinkCounts, LinkSettings } from '../control/api/link.ts'
import { wishText } from '../control/rules/impairment.ts'
import type { Listing } from './format/listing.ts'
import { naturalOrder } from './natural-order.ts'
import { formatCount, printable } from './output.ts'

export interface LinkLine {
  readonly link: Link
  /** `both` where neither is impaired. */
  readonly direction: 'from' | 'to' | 'both'
  readonly settings: LinkSettings
  readonly counts: LinkCounts | undefined
}

/** By place, the uplink last. Of a link that does nothing one line says so. */
export function linkLines(links: readonly Link[]): readonly LinkLine[] {
  const sorted = links.toSorted(
    (a, b) => Number(a.kind === 'uplink') - Number(b.kind === 'uplink') || naturalOrder(a.place, b.place),
  )
  return sorted.flatMap((link) => {
    const [from, to] = (['from', 'to'] as const).map((direction) => lineOf(link, direction))
    const isPlain = Object.keys({ ...link.from.settings, ...link.to.settings }).length === 0
    return isPlain ? [{ ...from!, direction: 'both' }] : [from!, to!]
  })
}

function lineOf(link: Link, direction: 'from' | 'to'): LinkLine {
  const { settings, counts } = link[direction]
  return { link, direction, settings, counts }
}

const SETTINGS: readonly (keyof LinkSettings)[] = [
  'delay',
  'jitter',
  'loss',
  'duplicate',
  'reorder',
  'corrupt',
  'rate',
  'queue',
  'seed',
]

const COUNTS = {
  Passed: 'passed',
  Lost: 'lost',
  Duplicated: 'duplicated',
  Reordered: 'reordered',
  Corrupted: 'corrupted',
  Overflowed: 'queueFull',
  Down: 'down',
  Waiting: 'waiting',
} as const satisfies Readonly<Record<string, keyof LinkCounts>>

export const LINK_LISTING: Listing<LinkLine> = {
  columns: ['Place', 'Direction', 'Does', 'Passed', 'Lost', 'Overflowed', 'Waiting'],
  wideColumns: ['Place', 'Direction', 'Interface', 'Does', ...Object.keys(COUNTS)],
  fields: {
    Place: { heading: 'PLACE', value: ({ link }) => printable(link.place) },
    Sandbox: { heading: 'SANDBOX', value: ({ link }) => printable(link.sandbox) || '-' },
    Network: { heading: 'NETWORK', value: ({ link }) => printable(link.network) || '-' },
    Interface: { heading: 'INTERFACE', value: ({ link }) => printable(link.interface) || '-' },
    Direction: { heading: 'DIRECTION', value: ({ direction }) => direction },
    Does: { heading: 'DOES', value: ({ settings }) => doesText(settings) },
    State: { heading: 'STATE', value: ({ settings }) => (settings.down === true ? 'down' : 'up') },
    ...Object.fromEntries(
      SETTINGS.map((key) => [
        `${key.slice(0, 1).toUpperCase()}${key.slice(1)}`,
        { heading: key.toUpperCase(), value: ({ settings }: LinkLine) => String(settings[key] ?? '-') },
      ]),
    ),
    ...Object.fromEntries(
      Object.entries(COUNTS).map(([name, key]) => [
        name,
        {
          heading: name.toUpperCase(),
          value: ({ counts }: LinkLine) => (counts === undefined ? '-' : formatCount(counts[key])),
        },
      ]),
    ),
  },
}

function doesText(settings: LinkSettings): string {
  return Object.keys(settings).length === 0 ? '-' : wishText(settings)
}
