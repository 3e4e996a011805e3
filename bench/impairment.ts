/**
 * What impaired links do beside what they were asked to: the delay's error, losses, rates, and what a delay costs TCP. Between two
 * namespaces, on both backends; beside tc-netem(8) where the kernel has that.
 */

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Datapath } from '../src/daemon/datapath.ts'
import {
  type ImpairmentCounts,
  type ImpairmentSettings,
  LinkDirection,
  NO_IMPAIRMENT,
} from '../src/datapath/impairment/impairment-settings.ts'
import { MTU_DEFAULT } from '../src/limits.ts'
import { type Circumstances, lookAround } from './support/circumstances.ts'
import { readCommandLine, runBenchmark } from './support/command-line.ts'
import { RESULTS_FOLDER, WORK_FOLDER } from './support/folders.ts'
import { ImpairedBed, type Impairing } from './support/impaired-bed.ts'
import { machineLine } from './support/machine.ts'
import { cleanUpOnExit, removeStale } from './support/namespaces.ts'
import { CommandError } from './support/process.ts'
import { Progress } from './support/progress.ts'
import { percentile } from './support/statistics.ts'
import { INTERFACE } from './support/test-bed.ts'

const FULL = { delayPackets: 5000, lossPackets: 100_000, seconds: 5 }
const QUICK = { delayPackets: 1000, lossPackets: 20_000, seconds: 2 }

const DELAYS_US = [1000, 10_000, 100_000]
const PACKETS_PER_S = 1000
const LOSS = 0.01
const LOSS_PACKETS_PER_S = 20_000
const RATES = [1_000_000, 10_000_000, 100_000_000]
/** What a link is offered of what it carries, and what may wait: enough that it is never idle when the sender is not scheduled for a while. */
const OFFERED = 1.5
const RATE_QUEUE = 1000
const TCP_DELAY_US = 10_000
const TCP_QUEUE = 10_000
/** A path that nothing of another test fills. */
const PAYLOAD = 1000

const DELAY_ERROR_MAX_US = 300
const RATE_ERROR_MAX = 0.02
/** Deviations of a binomial distribution that a loss may be off by: one run in 16,000 is. */
const DEVIATIONS_MAX = 4

const USAGE = `npm run bench -- impairment [OPTION…]

  --quick   little of everything, to see that all works
  --json    prints the result as JSON

Needs root. A full run is written to bench/results, a quick one to bench/.work.`

interface DelayFigures {
  readonly askedUs: number
  /** What is measured beyond what was asked for, less what the same share of packets takes without a delay. */
  readonly errorUs: { readonly p01: number; readonly p50: number; readonly p90: number; readonly p99: number }
}

interface LossFigures {
  readonly sent: number
  readonly received: number
  /** Datagrams that the link was given, and lost, as it has counted; of netem as sender and receiver have. */
  readonly met: number
  readonly lost: number
  readonly deviations: number
}

interface RateFigures {
  readonly asked: number
  readonly measured: number
}

interface Figures {
  readonly delays: readonly DelayFigures[]
  readonly loss: LossFigures
  readonly rates: readonly RateFigures[]
  /** Gbit/s of one connection: without a delay, and with. */
  readonly tcp: { readonly direct: number; readonly delayed: number }
}

interface Result extends Circumstances {
  readonly io_uring: Figures
  readonly epoll: Figures
  readonly netem: Figures | string
}

type Amount = typeof FULL

const progress = new Progress()

/** Two ports of a data path, the second of which has an impaired link. */
class TapwireImpairing implements Impairing {
  readonly #datapath: Datapath

  private constructor(datapath: Datapath) {
    this.#datapath = datapath
  }

  static async start(io: 'io_uring' | 'epoll', bed: ImpairedBed): Promise<TapwireImpairing> {
    const datapath = await Datapath.start({ io })
    await datapath.addDomain({ id: 1 })
    for (const [port, place] of (['a', 'b'] as const).entries()) {
      await datapath.addPort({
        port,
        domain: 1,
        mtu: MTU_DEFAULT,
        namespace: bed.path(place),
        name: INTERFACE,
      })
    }
    return new TapwireImpairing(datapath)
  }

  async impair(settings: Partial<ImpairmentSettings>): Promise<void> {
    await this.#datapath.setImpairment(1, LinkDirection.to, undefined)
    await this.#datapath.setImpairment(1, LinkDirection.to, { ...NO_IMPAIRMENT, ...settings })
  }

  counts(): Promise<ImpairmentCounts | undefined> {
    return this.#datapath.impairmentCounts(1, LinkDirection.to)
  }

  stop(): Promise<void> {
    return this.#datapath.stop()
  }
}

/** The kernel's own, on a veth pair. */
class NetemImpairing implements Impairing {
  readonly #bed: ImpairedBed

  private constructor(bed: ImpairedBed) {
    this.#bed = bed
  }

  /** Rejects with a CommandError where the kernel has no netem. */
  static async start(bed: ImpairedBed): Promise<NetemImpairing> {
    await bed.cable('a', INTERFACE, 'b', INTERFACE)
    const netem = new NetemImpairing(bed)
    await netem.impair({})
    return netem
  }

  async impair(settings: Partial<ImpairmentSettings>): Promise<void> {
    const { delayUs, loss, rate, queue } = { ...NO_IMPAIRMENT, ...settings }
    const options = ['limit', String(queue), 'delay', `${delayUs}us`, 'loss', `${loss * 100}%`]
    if (rate > 0) options.push('rate', `${rate}bit`)
    await this.#bed.exec('a', 'tc', ['qdisc', 'replace', 'dev', INTERFACE, 'root', 'netem', ...options])
  }

  async counts(): Promise<undefined> {}

  async stop(): Promise<void> {}
}

async function measure(bed: ImpairedBed, link: Impairing, amount: Amount): Promise<Figures> {
  const delays = await measureDelays(bed, link, amount)
  const loss = await measureLoss(bed, link, amount)
  const rates: RateFigures[] = []
  for (const rate of RATES) rates.push(await measureRate(bed, link, rate, amount))
  await link.impair({})
  const direct = await bed.tcp(amount.seconds)
  await link.impair({ delayUs: TCP_DELAY_US, queue: TCP_QUEUE })
  const delayed = await bed.tcp(amount.seconds)
  return { delays, loss, rates, tcp: { direct, delayed } }
}

async function measureDelays(
  bed: ImpairedBed,
  link: Impairing,
  { delayPackets: count }: Amount,
): Promise<DelayFigures[]> {
  const probe = async (delayUs: number): Promise<number[]> => {
    await link.impair({ delayUs })
    const arrivals = await bed.probe({ count, payload: PAYLOAD, intervalNs: 1e9 / PACKETS_PER_S })
    return arrivals.map(({ delayNs }) => delayNs / 1000)
  }
  const direct = await probe(0)
  const delays: DelayFigures[] = []
  for (const askedUs of DELAYS_US) {
    const delayed = await probe(askedUs)
    const share = (part: number): number =>
      Math.round(percentile(delayed, part) - askedUs - percentile(direct, part))
    delays.push({
      askedUs,
      errorUs: { p01: share(0.01), p50: share(0.5), p90: share(0.9), p99: share(0.99) },
    })
  }
  return delays
}

async function measureLoss(
  bed: ImpairedBed,
  link: Impairing,
  { lossPackets: sent }: Amount,
): Promise<LossFigures> {
  await link.impair({ loss: LOSS, seed: 7 })
  const arrivals = await bed.probe({ count: sent, payload: 20, intervalNs: 1e9 / LOSS_PACKETS_PER_S })
  const received = new Set(arrivals.map(({ number }) => number)).size
  // A device's queue may have been full before: of what the link never saw it cannot have lost a part.
  const counts = await link.counts()
  const met = counts === undefined ? sent : counts.passed + counts.lost
  const lost = counts === undefined ? sent - received : counts.lost
  const deviation = Math.sqrt(met * LOSS * (1 - LOSS))
  return { sent, received, met, lost, deviations: (lost - met * LOSS) / deviation }
}

/** From the first datagram's end to the last one's, so that only time counts in which the link was busy. */
async function measureRate(
  bed: ImpairedBed,
  link: Impairing,
  asked: number,
  { seconds }: Amount,
): Promise<RateFigures> {
  await link.impair({ rate: asked, queue: RATE_QUEUE })
  const perSecond = asked / (8 * bed.wireLength(PAYLOAD))
  // More than the link carries: it is never idle, and drops what is too much.
  const count = Math.ceil(perSecond * OFFERED * seconds)
  const arrivals = await bed.probe({
    count,
    payload: PAYLOAD,
    intervalNs: Math.floor(1e9 / (perSecond * OFFERED)),
  })
  const first = arrivals[0]!.atNs
  const last = arrivals.at(-1)!.atNs
  const bits = (arrivals.length - 1) * 8 * bed.wireLength(PAYLOAD)
  return { asked, measured: Math.round((bits * 1e9) / (last - first)) }
}

async function measureTapwire(io: 'io_uring' | 'epoll', amount: Amount): Promise<Figures> {
  const bed = await ImpairedBed.make()
  try {
    const link = await TapwireImpairing.start(io, bed)
    try {
      await bed.configure()
      return await measure(bed, link, amount)
    } finally {
      await link.stop()
    }
  } finally {
    await bed.destroy()
  }
}

/** Why there is none, where the kernel has it not. */
async function measureNetem(amount: Amount): Promise<Figures | string> {
  const bed = await ImpairedBed.make()
  try {
    const link = await NetemImpairing.start(bed)
    await bed.configure()
    return await measure(bed, link, amount)
  } catch (error) {
    if (error instanceof CommandError) return `the kernel has no netem: ${error.message.split('\n')[1] ?? ''}`
    throw error
  } finally {
    await bed.destroy()
  }
}

/** What is missed, in words. */
function misses(name: string, { delays, loss, rates }: Figures): string[] {
  const found: string[] = []
  for (const { askedUs, errorUs } of delays) {
    const worst = Math.max(Math.abs(errorUs.p01), Math.abs(errorUs.p50), Math.abs(errorUs.p90))
    if (worst > DELAY_ERROR_MAX_US) found.push(`${name}: a delay of ${askedUs} us is ${worst} us off`)
  }
  if (Math.abs(loss.deviations) > DEVIATIONS_MAX)
    found.push(`${name}: the loss is ${loss.deviations.toFixed(1)} deviations off`)
  if (loss.received > loss.met - loss.lost)
    found.push(`${name}: ${loss.received} have come of ${loss.met - loss.lost} that passed`)
  for (const { asked, measured } of rates) {
    if (Math.abs(measured / asked - 1) > RATE_ERROR_MAX)
      found.push(`${name}: ${measured} bit/s where ${asked} were asked for`)
  }
  return found
}

function describe(name: string, { delays, loss, rates, tcp }: Figures): string {
  const rows = [
    ...delays.map(
      ({ askedUs, errorUs: { p01, p50, p90, p99 } }) =>
        `delay ${askedUs / 1000} ms: off by ${p50} us (1 % ${p01}, 90 % ${p90}, 99 % ${p99})`,
    ),
    `loss ${LOSS * 100} %: ${loss.lost} of ${loss.met} (${loss.sent} sent, ${loss.received} received), ${loss.deviations.toFixed(2)} deviations`,
    ...rates.map(
      ({ asked, measured }) =>
        `rate ${asked / 1e6} Mbit/s: ${(measured / 1e6).toFixed(3)} (${(100 * (measured / asked - 1)).toFixed(2)} %)`,
    ),
    `TCP: ${tcp.direct.toFixed(2)} Gbit/s, delayed by ${TCP_DELAY_US / 1000} ms ${tcp.delayed.toFixed(2)}`,
  ]
  return [name, ...rows.map((row) => `  ${row}`)].join('\n')
}

async function main(): Promise<void> {
  const values = readCommandLine(USAGE, { quick: { type: 'boolean', default: false } })
  if (values === undefined) return
  removeStale()
  cleanUpOnExit()
  const amount = values.quick ? QUICK : FULL
  const circumstances = await lookAround(progress)
  const result: Result = {
    ...circumstances,
    io_uring: await measureTapwire('io_uring', amount),
    epoll: await measureTapwire('epoll', amount),
    netem: await measureNetem(amount),
  }
  const folder = values.quick ? WORK_FOLDER : RESULTS_FOLDER
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'impairment.json'), `${JSON.stringify(result, null, 2)}\n`)
  if (values.json) console.log(JSON.stringify(result))
  else {
    console.log(machineLine(result.machine))
    console.log(describe('Tapwire by io_uring', result.io_uring))
    console.log(describe('Tapwire by epoll', result.epoll))
    console.log(typeof result.netem === 'string' ? result.netem : describe('netem', result.netem))
  }
  const missed = [...misses('io_uring', result.io_uring), ...misses('epoll', result.epoll)]
  for (const miss of missed) console.error(`missed: ${miss}`)
  if (missed.length > 0) process.exitCode = 1
}

await runBenchmark(main)
