/** The name server of the gateways: answers questions from the names of the networks, and hands on those that it cannot. */

import type {
  DnsAnswer,
  DnsAsker,
  DnsCounts,
  DnsLogListing,
  DnsQuestion,
  DnsResolution,
  DnsServiceSettings,
  NamedHostSettings,
  ResolverSettings,
  ZoneSettings,
} from './dns-settings.ts'
import { DNS_VERDICTS, type DnsVerdict } from './dns-settings.ts'

export class DnsServer {
  readonly seed: number

  constructor(seed: number) {
    this.seed = seed
  }

  setZone(_domain: number, _zone: ZoneSettings | undefined): void {}

  /** Throws RangeError where there is no room for its names; what it was called stays then. */
  setNamedHost(_id: number, _host: NamedHostSettings | undefined): void {}

  setResolver(_id: number, _resolver: ResolverSettings | undefined): void {}

  /** Where questions by TCP are led; undefined: nowhere. */
  setService(_service: DnsServiceSettings | undefined): void {}

  resolve(
    _asker: DnsAsker,
    _query: Uint8Array,
    _limit: number,
    _nowMs: number,
    _explained: boolean,
  ): DnsResolution {
    return { verdict: 'drop', message: new Uint8Array(), resolver: -1, steps: [] }
  }

  /** Questions that have come since the last call and are to be asked outside; undefined where there are none. */
  takeQuestions(): readonly DnsQuestion[] | undefined {
    return undefined
  }

  /** Sends them to who has asked. To be called when all transmissions are carried out. */
  answerQuestions(_answers: readonly DnsAnswer[], _nowMs: number): void {}

  counts(): DnsCounts {
    const verdicts = Object.fromEntries(DNS_VERDICTS.map((verdict) => [verdict, 0]))
    return {
      udp: 0,
      other: 0,
      verdicts: verdicts as Record<DnsVerdict, number>,
      truncated: 0,
      pending: 0,
      names: 0,
      hosts: 0,
    }
  }

  log(_after: number, _limit: number): DnsLogListing {
    return { entries: [], last: 0, lost: 0 }
  }
}
