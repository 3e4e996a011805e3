/** Names as people read them: what there is, and what was asked. */
import type { DnsAnswerTold, DnsLogEntry, DnsRecord } from '../control/api/dns.ts'
import { alignColumns } from './format/columns.ts'
import type { Listing } from './format/listing.ts'
import { naturalOrder } from './natural-order.ts'
import { plural, printable } from './output.ts'

/** A sandbox's names together, the ones first by which people know it. */
const KIND_ORDER: readonly DnsRecord['kind'][] = [
  'sandbox',
  'alias',
  'hostname',
  'short-id',
  'link',
  'service',
]

export function sortRecords(records: readonly DnsRecord[]): readonly DnsRecord[] {
  const order = (a: DnsRecord, b: DnsRecord): number =>
    naturalOrder(a.network, b.network) ||
    naturalOrder(a.sandbox, b.sandbox) ||
    KIND_ORDER.indexOf(a.kind) - KIND_ORDER.indexOf(b.kind) ||
    naturalOrder(a.name, b.name) ||
    naturalOrder(a.from, b.from)
  return records.toSorted(order)
}

export const RECORD_LISTING: Listing<DnsRecord> = {
  columns: ['Network', 'Name', 'Kind', 'Sandbox', 'IPv4', 'IPv6'],
  wideColumns: ['Network', 'Name', 'Kind', 'Sandbox', 'IPv4', 'IPv6', 'TTL'],
  fields: {
    Network: { heading: 'NETWORK', value: ({ network }) => printable(network) },
    Name: { heading: 'NAME', value: ({ name }) => printable(name) },
    Kind: {
      heading: 'KIND',
      value: ({ kind, from }) => (kind === 'link' ? `link of ${printable(from)}` : kind),
    },
    Sandbox: { heading: 'SANDBOX', value: ({ sandbox }) => printable(sandbox) },
    IPv4: { heading: 'IPV4', value: ({ ipv4 }) => ipv4 || '-' },
    IPv6: { heading: 'IPV6', value: ({ ipv6 }) => ipv6 || '-' },
    TTL: { heading: 'TTL', value: ({ ttlS }) => `${ttlS} s` },
  },
}

/** Lines of a zone file (RFC 1035, 5.1), for which what is no answer is a comment. */
export function formatRecords({ answers, additionals }: DnsAnswerTold): string {
  const lineOf = ({ name, ttlS, type, data }: DnsAnswerTold['answers'][number]): string[] => [
    printable(absolute(name)),
    String(ttlS),
    `IN ${type}`,
    printable(data),
  ]
  const lines = answers.length === 0 ? [['; no records']] : answers.map(lineOf)
  const more = additionals.length === 0 ? [] : [['; additional'], ...additionals.map(lineOf)]
  return alignColumns([...lines, ...more])
}

const absolute = (name: string): string => (name.endsWith('.') ? name : `${name}.`)

/**
 * One line, whose columns are aligned with those of other questions as long as names are not long:
 *
 *     2026-01-02T15:04:05.678Z  web  example.org  AAAA  forwarded  NOERROR  2 answers  12.3 ms  192.0.2.53
 */
export function formatLogEntry(entry: DnsLogEntry): string {
  const { at, sandbox, name, type, verdict, rcode, answers, waitedMs, server } = entry
  const columns = [
    at,
    (printable(sandbox) || '-').padEnd(SANDBOX_WIDTH),
    (printable(name) || '.').padEnd(NAME_WIDTH),
    type.padEnd(TYPE_WIDTH),
    verdict.padEnd(VERDICT_WIDTH),
    rcode.padEnd(RCODE_WIDTH),
    plural(answers, 'answer').padEnd(ANSWERS_WIDTH),
    waitedMs === 0 ? '-' : formatMs(waitedMs),
    server || '-',
  ]
  return columns
    .join('  ')
    .replace(/(?:  -)+$/, '')
    .trimEnd()
}

/** `0.18 ms`, `12.3 ms`, `4,000 ms`. */
export function formatMs(ms: number): string {
  const decimals = ms < 1 ? 2 : ms < 100 ? 1 : 0
  return `${ms.toFixed(decimals)} ms`
}

const SANDBOX_WIDTH = 12
const NAME_WIDTH = 24
const TYPE_WIDTH = 'AAAA'.length
const VERDICT_WIDTH = 'unsupported'.length
const RCODE_WIDTH = 'NXDOMAIN'.length
const ANSWERS_WIDTH = '10 answers'.length
