/** The name server in the data path as the control plane sees it: what it knows of names, what it says, and what it wants asked outside. */

import { EventEmitter } from 'node:events'
import type {
  DnsAnswer,
  DnsAsker,
  DnsCounts,
  DnsNote,
  DnsQuestion,
  DnsResolution,
  DnsServiceSettings,
  NamedHostSettings,
  ResolverSettings,
  ZoneSettings,
} from '../../datapath/dns/dns-settings.ts'
import type { DatapathResults } from '../datapath-messages.ts'
import type { DatapathThread } from '../datapath-thread.ts'

interface DatapathDnsEvents {
  /** That are to be asked outside; `answerQuestions` answers them. */
  questions: [questions: readonly DnsQuestion[]]
}

export class DatapathDns extends EventEmitter<DatapathDnsEvents> {
  readonly #thread: DatapathThread

  constructor(thread: DatapathThread) {
    super()
    this.#thread = thread
    thread.on('questions', ({ questions }) => this.emit('questions', questions))
  }

  setZone(domain: number, zone: ZoneSettings | undefined): Promise<undefined> {
    return this.#thread.call({ kind: 'setZone', domain, zone })
  }

  setNamedHost(id: number, host: NamedHostSettings | undefined): Promise<undefined> {
    return this.#thread.call({ kind: 'setNamedHost', id, host })
  }

  setResolver(id: number, resolver: ResolverSettings | undefined): Promise<undefined> {
    return this.#thread.call({ kind: 'setResolver', id, resolver })
  }

  /** Where questions by TCP are led. */
  setService(service: DnsServiceSettings | undefined): Promise<undefined> {
    return this.#thread.call({ kind: 'setDnsService', service })
  }

  /** What the name server says to a question that did not come as a frame. */
  resolve(
    asker: DnsAsker,
    query: Uint8Array,
    limit: number,
    { explained = false } = {},
  ): Promise<DnsResolution> {
    return this.#thread.call({ kind: 'resolve', asker, query, limit, explained })
  }

  /** Answers to what 'questions' told of. */
  answerQuestions(answers: readonly DnsAnswer[]): void {
    this.#thread.tell({ kind: 'answerQuestions', answers })
  }

  /** What came of questions that `resolve` wanted asked outside. */
  note(notes: readonly DnsNote[]): void {
    this.#thread.tell({ kind: 'noteQuestions', notes })
  }

  counts(): Promise<DnsCounts> {
    return this.#thread.call({ kind: 'dnsCounts' })
  }

  log(after: number, limit: number): Promise<DatapathResults['dnsLog']> {
    return this.#thread.call({ kind: 'dnsLog', after, limit })
  }
}
