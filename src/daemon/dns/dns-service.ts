/** Names on the machine: the data path answers what it knows, and what it does not is asked outside from here. */

import type {
  FabricDnsLog,
  FabricDnsStats,
  FabricNamedHost,
  FabricQuestion,
  FabricResolution,
  FabricResolver,
  FabricZone,
} from '../../control/model/machine.ts'
import type { Datapath } from '../datapath.ts'
import type { Log } from '../log.ts'

export interface DnsServiceParts {
  readonly datapath: Datapath
  readonly log: Pick<Log, 'info' | 'warn'>
  /** Whether an uplink leads out by the daemon's own namespace, so that the machine's servers may be asked. */
  leadsOut(): boolean
  /** The machine's resolv.conf(5). */
  readonly resolvConf: string
}

export class DnsService {
  readonly #parts: DnsServiceParts

  constructor(parts: DnsServiceParts) {
    this.#parts = parts
  }

  async setZone(_domain: number, _zone: FabricZone | undefined): Promise<void> {}

  async setNamedHost(_id: number, _host: FabricNamedHost | undefined): Promise<void> {}

  async setResolver(_id: number, _resolver: FabricResolver | undefined): Promise<void> {}

  async resolve(_question: FabricQuestion): Promise<FabricResolution> {
    return {
      rcode: 'REFUSED',
      verdict: 'refused',
      answers: [],
      additionals: [],
      steps: [],
      server: '',
      durationMs: 0,
    }
  }

  async stats(): Promise<FabricDnsStats> {
    const counts = await this.#parts.datapath.dnsCounts()
    return { ...counts, cache: { entries: 0, capacity: 0, hits: 0, misses: 0, evicted: 0 }, servers: [] }
  }

  async entries(_after: number, _limit: number): Promise<FabricDnsLog> {
    return { entries: [], last: 0, lost: 0 }
  }

  async flushCache(): Promise<number> {
    return 0
  }

  async close(): Promise<void> {}
}
