/** Names on the machine: the data path answers what it knows, and what it does not is asked outside from here. */

import { randomInt } from 'node:crypto'
import { performance } from 'node:perf_hooks'
import { ErrorCode, TapwireError } from '../../control/errors.ts'
import {
  composeQuestion,
  decodeAnswer,
  fabricLogEntry,
  namedHostSettings,
  resolverSettings,
} from '../../control/fabric/dns-translation.ts'
import type { ExplainStep } from '../../control/model/machine.ts'
import type {
  FabricDnsLog,
  FabricDnsStats,
  FabricNamedHost,
  FabricQuestion,
  FabricResolution,
  FabricResolver,
  FabricZone,
} from '../../control/model/names.ts'
import type { DnsAnswer, DnsAsker, DnsNote, DnsQuestion } from '../../datapath/dns/dns-settings.ts'
import { DNS_MESSAGE_MAX, DNS_UDP_SIZE_MAX } from '../../limits.ts'
import { answerLimit } from '../../protocols/dns-questions.ts'
import { HEADER_SIZE } from '../../wire/dns.ts'
import { encodeName } from '../../wire/dns-name.ts'
import { describe, type Log } from '../log.ts'
import type { RelayAttachment } from '../relay/relay-attachment.ts'
import { ConnectionShares } from './connection-shares.ts'
import type { DatapathDns } from './datapath-dns.ts'
import { GatewayTcpServer } from './gateway-tcp-server.ts'
import { LoopbackServers } from './loopback-servers.ts'
import { Outside, type OutsideAnswer, type OutsideQuestion, type WayOut } from './outside.ts'
import { ServerNumbers } from './server-numbers.ts'

export interface DnsServiceParts {
  readonly nameServer: DatapathDns
  readonly relay: RelayAttachment
  readonly log: Pick<Log, 'info' | 'warn'>
  readonly wayOut: () => WayOut
  /** The machine's resolv.conf(5). */
  readonly resolvConf: string
}

/** Milliseconds between the two clocks that tell of one that was set. Fewer come of the time that the data path's word takes to here. */
const CLOCK_STEP_MS = 1000

export class DnsService {
  readonly #parts: DnsServiceParts
  readonly #nameServer: DatapathDns
  readonly #outside: Outside
  readonly #shares = new ConnectionShares()
  readonly #loopbacks: LoopbackServers
  readonly #serverNumbers = new ServerNumbers()
  /** What the data path is told at the end of the event loop's turn: its worker is woken once for all. */
  #answers: DnsAnswer[] = []
  #notes: DnsNote[] = []
  #gateways: Promise<GatewayTcpServer | undefined> | undefined
  /** The time of day at 0 of the data path's clock. */
  #lastEpochMs = Number.NEGATIVE_INFINITY
  #closed = false

  constructor(parts: DnsServiceParts) {
    const { nameServer, log } = parts
    this.#parts = parts
    this.#nameServer = nameServer
    this.#outside = new Outside(parts)
    this.#loopbacks = new LoopbackServers({
      shares: this.#shares,
      warn: (details, message) => log.warn(details, message),
      byUdp: (resolver, message) => this.#answer({ resolver }, message, answerLimit(message)),
      byTcp: (resolver, message) => this.#answer({ resolver }, message, DNS_MESSAGE_MAX),
    })
    nameServer.on('questions', this.#takeQuestions)
  }

  async setZone(domain: number, zone: FabricZone | undefined): Promise<void> {
    await this.#nameServer.setZone(domain, zone)
    if (zone?.served === true) await this.#serveGateways()
  }

  async setNamedHost(id: number, host: FabricNamedHost | undefined): Promise<void> {
    const settings = host && namedHostSettings(id, host)
    await limited(this.#nameServer.setNamedHost(id, settings))
  }

  /** Throws SANDBOX_START, LIMIT_REACHED, and changes nothing. */
  async setResolver(id: number, resolver: FabricResolver | undefined): Promise<void> {
    const undo = this.#loopbacks.set(id, resolver?.loopback)
    try {
      await limited(this.#nameServer.setResolver(id, resolver && resolverSettings(id, resolver)))
    } catch (error) {
      undo()
      throw error
    }
    this.#outside.setUpstream(id, resolver?.upstream)
  }

  /** Asks as a program in the sandbox would, with as much room for the answer as TCP has. */
  async resolve(question: FabricQuestion): Promise<FabricResolution> {
    const name = encodeName(question.name)
    if (name === undefined) {
      throw new TapwireError(ErrorCode.badRequest, `${question.name} is no name that DNS can carry.`, {
        hint: 'A name has labels of 1 to 63 bytes between dots, and at most 255 bytes in all.',
      })
    }
    const started = performance.now()
    const query = composeQuestion(randomInt(0x10000), name, question, DNS_UDP_SIZE_MAX)
    const { resolver } = question
    const found = await this.#nameServer.resolve({ resolver }, query, DNS_MESSAGE_MAX, { explained: true })
    if (found.verdict === 'drop') return unanswered(found.steps, performance.now() - started)
    if (found.verdict === 'answer') {
      const { message, steps } = found
      return { ...decodeAnswer(message), steps, server: '', durationMs: performance.now() - started }
    }
    const outside = await this.#askOutside({ resolver, message: query, limit: DNS_MESSAGE_MAX })
    const { verdict, server } = outside
    return {
      ...decodeAnswer(outside.message),
      verdict: verdict === 'closed' ? 'nxdomain' : verdict,
      steps: [...found.steps, outsideStep(outside)],
      server,
      durationMs: performance.now() - started,
    }
  }

  async stats(): Promise<FabricDnsStats> {
    return { ...(await this.#nameServer.counts()), ...this.#outside.stats() }
  }

  async entries(after: number, limit: number): Promise<FabricDnsLog> {
    const { entries, last, lost, nowMs } = await this.#nameServer.log(after, limit)
    const epochMs = this.#epochMs(nowMs)
    return {
      entries: entries.map((entry) =>
        fabricLogEntry(entry, {
          atMs: Math.round(epochMs + entry.atMs),
          server: this.#serverNumbers.addressOf(entry.server),
        }),
      ),
      last,
      lost,
    }
  }

  /** Kept until the clock is set, so that an entry has the same time whenever it is read. */
  #epochMs(nowMs: number): number {
    const epochMs = Date.now() - nowMs
    if (Math.abs(epochMs - this.#lastEpochMs) > CLOCK_STEP_MS) this.#lastEpochMs = epochMs
    return this.#lastEpochMs
  }

  async flushCache(): Promise<number> {
    return this.#outside.flushCache()
  }

  /** Nothing is open when it resolves, and nothing is asked any more. */
  async close(): Promise<void> {
    this.#closed = true
    this.#nameServer.off('questions', this.#takeQuestions)
    this.#outside.close()
    this.#loopbacks.close()
    const gateways = await this.#gateways
    gateways?.close()
  }

  readonly #takeQuestions = (questions: readonly DnsQuestion[]): void => {
    for (const question of questions) {
      const { ticket } = question
      this.#outside.ask(question, (answer) => this.#tell(ticket, answer))
    }
  }

  #tell(ticket: number, { message, verdict, server }: OutsideAnswer): void {
    this.#tellSoon()
    this.#answers.push({ ticket, message, verdict, server: this.#serverNumbers.numberOf(server) })
  }

  #tellSoon(): void {
    if (this.#answers.length + this.#notes.length === 0) setImmediate(() => this.#tellAll())
  }

  #tellAll(): void {
    const answers = this.#answers
    const notes = this.#notes
    this.#answers = []
    this.#notes = []
    if (answers.length > 0) this.#nameServer.answerQuestions(answers)
    if (notes.length > 0) this.#nameServer.note(notes)
  }

  /** Undefined: there is nothing to say to it. */
  async #answer(asker: DnsAsker, message: Uint8Array, limit: number): Promise<Uint8Array | undefined> {
    const found = await this.#nameServer.resolve(asker, message, limit)
    if (found.verdict === 'answer') return found.message
    if (found.verdict === 'drop' || this.#closed) return undefined
    const { resolver } = found
    const started = performance.now()
    const outside = await this.#askOutside({ resolver, message, limit })
    this.#tellSoon()
    this.#notes.push({
      ...outside,
      // All that is written down of it; it may have 64 KB.
      message: outside.message.slice(0, HEADER_SIZE),
      server: this.#serverNumbers.numberOf(outside.server),
      resolver,
      question: message,
      waitedMs: performance.now() - started,
    })
    return outside.message
  }

  #askOutside(question: OutsideQuestion): Promise<OutsideAnswer> {
    return new Promise((resolve) => this.#outside.ask(question, resolve))
  }

  /** From the first network on whose gateway answers questions. Without it they are answered by UDP alone. */
  async #serveGateways(): Promise<void> {
    this.#gateways ??= this.#openGateways()
    if ((await this.#gateways) === undefined) this.#gateways = undefined
  }

  async #openGateways(): Promise<GatewayTcpServer | undefined> {
    const { nameServer, relay, log } = this.#parts
    try {
      return await GatewayTcpServer.open({
        nameServer,
        relay,
        shares: this.#shares,
        answer: (asker, message, limit) => this.#answer(asker, message, limit),
        warn: (warning) => log.warn({ warning }, 'names by TCP'),
      })
    } catch (error) {
      log.warn({ error: describe(error) }, 'gateways answer names by UDP alone: the relay could not be made')
      return undefined
    }
  }
}

/** What the data path has no room for. */
async function limited(call: Promise<unknown>): Promise<void> {
  try {
    await call
  } catch (cause) {
    throw new TapwireError(ErrorCode.limitReached, (cause as Error).message, { cause })
  }
}

const outsideStep = ({ verdict, server }: OutsideAnswer): ExplainStep => ({
  stage: 'outside',
  verdict,
  values: server === '' ? {} : { server },
})

/** Nobody's question. */
const unanswered = (steps: readonly ExplainStep[], durationMs: number): FabricResolution => ({
  rcode: 'REFUSED',
  verdict: 'refused',
  answers: [],
  additionals: [],
  steps,
  server: '',
  durationMs,
})
