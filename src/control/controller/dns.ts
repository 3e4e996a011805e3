/** Names, as clients of the model ask about them. */

import type {
  DnsAnswer,
  DnsFlushed,
  DnsLog,
  DnsLogOptions,
  DnsQuery,
  DnsRecords,
  DnsStats,
} from '../api/dns.ts'
import { ErrorCode, TapwireError } from '../errors.ts'
import type { Context } from './context.ts'

export class Dns {
  readonly #context: Context

  constructor(context: Context) {
    this.#context = context
  }

  records(_network: string | undefined): DnsRecords {
    return { records: [] }
  }

  async query({ from }: DnsQuery): Promise<DnsAnswer> {
    throw new TapwireError(ErrorCode.notRunning, `container ${from} is not running`)
  }

  async stats(): Promise<DnsStats> {
    const { hosts, ...stats } = await this.#context.parts.fabric.dnsStats()
    return {
      ...stats,
      endpoints: hosts,
      servers: stats.servers.map(({ resolver: _resolver, ...server }) => ({ ...server, sandbox: '' })),
    }
  }

  async log({ after, limit }: DnsLogOptions): Promise<DnsLog> {
    const { last, lost } = await this.#context.parts.fabric.dnsLog(after, limit)
    return { entries: [], last, lost }
  }

  async flushCache(): Promise<DnsFlushed> {
    return { Answers: await this.#context.parts.fabric.flushDnsCache() }
  }
}
