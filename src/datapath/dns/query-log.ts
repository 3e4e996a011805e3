/** The last questions and what became of them: a ring in typed arrays, so that writing one down costs next to nothing. */

import { DNS_LOG_ENTRIES, DNS_LOG_LISTED_MAX } from '../../limits.ts'
import { formatName, NAME_SIZE_MAX } from '../../wire/dns-name.ts'
import { DNS_VERDICTS, type DnsLogEntry, type DnsLogListing } from './dns-settings.ts'

/** Bytes that each entry has for its name: a power of two above NAME_SIZE_MAX. */
const NAME_SHIFT = 8
/** No length of a label. */
const UNREAD = 0xff

// Constants of this module, whose values V8 compiles in; an imported one it would load and check at each use.
const ENTRIES = DNS_LOG_ENTRIES
const NAME_MAX = NAME_SIZE_MAX

export class QueryLog {
  /** Sequence number of the last entry; the first one is 1. */
  private last = 0
  private readonly atMs = new Float64Array(ENTRIES)
  private readonly waitedMs = new Float64Array(ENTRIES)
  private readonly resolvers = new Int16Array(ENTRIES)
  private readonly types = new Uint16Array(ENTRIES)
  private readonly verdicts = new Uint8Array(ENTRIES)
  private readonly rcodes = new Uint8Array(ENTRIES)
  private readonly answers = new Uint16Array(ENTRIES)
  private readonly servers = new Int16Array(ENTRIES)
  /** In wire form, as they were asked; the first byte is UNREAD where there was none that could be read. */
  private readonly names = new Uint8Array(ENTRIES << NAME_SHIFT)

  /**
   * Writes a question down. `verdict`: its index in DNS_VERDICTS. `nameSize` bytes at `nameAt` are its name with the root, 0 bytes where
   * it could not be read. `server`: see DnsAnswer.
   */
  add(
    atMs: number,
    resolver: number,
    bytes: Uint8Array,
    nameAt: number,
    nameSize: number,
    type: number,
    verdict: number,
    rcode: number,
    answers: number,
    waitedMs: number,
    server: number,
  ): void {
    const entry = this.last++ & (ENTRIES - 1)
    this.atMs[entry] = atMs
    this.waitedMs[entry] = waitedMs
    this.resolvers[entry] = resolver
    this.types[entry] = type
    this.verdicts[entry] = verdict
    this.rcodes[entry] = rcode
    this.answers[entry] = answers
    this.servers[entry] = server
    const { names } = this
    const start = entry << NAME_SHIFT
    names[start] = UNREAD
    const size = Math.min(nameSize, NAME_MAX)
    for (let index = 0; index < size; index++) names[start + index] = bytes[nameAt + index]!
  }

  /** Entries behind number `after`, the oldest of them first: `limit` and DNS_LOG_LISTED_MAX at most. */
  list(after: number, limit: number): DnsLogListing {
    const { last } = this
    const oldest = Math.max(0, last - ENTRIES)
    const first = Math.max(Math.min(after, last), oldest)
    const count = Math.min(last - first, Math.max(0, limit), DNS_LOG_LISTED_MAX)
    const entries = Array.from({ length: count }, (_, index) => this.entry(first + index + 1))
    return { entries, last, lost: first - Math.min(after, first) }
  }

  private entry(sequence: number): DnsLogEntry {
    const entry = (sequence - 1) & (ENTRIES - 1)
    const start = entry << NAME_SHIFT
    return {
      sequence,
      atMs: this.atMs[entry]!,
      resolver: this.resolvers[entry]!,
      name: this.names[start] === UNREAD ? '' : formatName(this.names, start),
      type: this.types[entry]!,
      verdict: DNS_VERDICTS[this.verdicts[entry]!]!,
      rcode: this.rcodes[entry]!,
      answers: this.answers[entry]!,
      waitedMs: this.waitedMs[entry]!,
      server: this.servers[entry]!,
    }
  }
}
