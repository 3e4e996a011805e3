/** Counters as tables and sentences. */
import type { Stats } from '../control/api/switch.ts'
import { type Column, formatAge, formatAmount, formatCount, formatTable } from './output.ts'

/** What happened in each second between two looks. */
export interface Rates {
  readonly seconds: number
  readonly receivedFrames: number
  readonly transmittedFrames: number
  readonly dropped: number
  readonly ports: readonly PortRates[]
}

export interface PortRates {
  readonly port: number
  readonly receivedFrames: number
  readonly receivedBits: number
  readonly transmittedFrames: number
  readonly transmittedBits: number
  readonly dropped: number
}

/** Undefined without two looks at one daemon: a daemon that began anew counts from 0. */
export function ratesBetween(before: Stats | undefined, now: Stats): Rates | undefined {
  if (before === undefined || now.at <= before.at || now.uptimeS < before.uptimeS) return undefined
  const seconds = (now.at - before.at) / 1000
  const perSecond = (after: number, earlier = 0) => Math.max(0, after - earlier) / seconds
  const earlierPorts = new Map(before.ports.map((port) => [port.port, port]))
  return {
    seconds,
    receivedFrames: perSecond(now.totals.received, before.totals.received),
    transmittedFrames: perSecond(now.totals.transmitted, before.totals.transmitted),
    dropped: perSecond(now.totals.dropped, before.totals.dropped),
    ports: now.ports.map(({ port, received, transmitted, dropped }) => {
      const earlier = earlierPorts.get(port)
      return {
        port,
        receivedFrames: perSecond(received.frames, earlier?.received.frames),
        receivedBits: 8 * perSecond(received.bytes, earlier?.received.bytes),
        transmittedFrames: perSecond(transmitted.frames, earlier?.transmitted.frames),
        transmittedBits: 8 * perSecond(transmitted.bytes, earlier?.transmitted.bytes),
        dropped: perSecond(dropped, earlier?.dropped),
      }
    }),
  }
}

export function formatTotals(stats: Stats): string {
  const columns = [
    'SANDBOX',
    'INTERFACE',
    'NETWORK',
    ...['FRAMES IN', 'BYTES IN', 'FRAMES OUT', 'BYTES OUT', 'DROPPED'].map(right),
  ]
  const rows = stats.ports.map(({ sandbox, interface: name, network, received, transmitted, dropped }) => [
    sandbox,
    name,
    network,
    formatCount(received.frames),
    formatAmount(received.bytes, 'B'),
    formatCount(transmitted.frames),
    formatAmount(transmitted.bytes, 'B'),
    formatCount(dropped),
  ])
  return `${formatTable(columns, rows)}\n${formatSummary(stats)}${formatDrops(stats)}`
}

/** Without rates, as at the first look, blanks stand in their place. */
export function formatRates(stats: Stats, rates: Rates | undefined): string {
  const columns = [
    'SANDBOX',
    'INTERFACE',
    'NETWORK',
    ...['FRAMES/S IN', 'BIT/S IN', 'FRAMES/S OUT', 'BIT/S OUT', 'DROPS/S'].map(right),
  ]
  const ratesOf = new Map(rates?.ports.map((port) => [port.port, port]))
  const rows = stats.ports.map(({ port, sandbox, interface: name, network }) => {
    const rate = ratesOf.get(port)
    const numbers =
      rate === undefined
        ? ['-', '-', '-', '-', '-']
        : [
            formatCount(rate.receivedFrames),
            formatAmount(rate.receivedBits, 'bit/s'),
            formatCount(rate.transmittedFrames),
            formatAmount(rate.transmittedBits, 'bit/s'),
            formatCount(rate.dropped),
          ]
    return [sandbox, name, network, ...numbers]
  })
  const head = `Up for ${formatAge(stats.uptimeS)}\n\n`
  return `${head}${formatTable(columns, rows)}\n${formatSummary(stats)}${formatDrops(stats)}`
}

function right(heading: string): Column {
  return { heading, align: 'right' }
}

function formatSummary({ uptimeS, totals }: Stats): string {
  const copies = totals.copies === 0 ? '' : ` (${formatCount(totals.copies)} more copies)`
  const segments = totals.segments === 0 ? '' : `${formatCount(totals.segments)} more made by segmentation; `
  return (
    `In ${formatAge(uptimeS)}: ${formatCount(totals.received)} frames received, of which ` +
    `${formatCount(totals.forwarded)} forwarded, ${formatCount(totals.flooded)} flooded${copies}, ` +
    `${formatCount(totals.dropped)} dropped; ${segments}${formatCount(totals.transmitted)} transmitted.\n` +
    formatRouter(totals)
  )
}

/** ARP and ICMP, above all. Nothing where the router had nothing to say. */
function formatRouter({ consumed, originated, held }: Stats['totals']): string {
  if (consumed === 0 && originated === 0 && held === 0) return ''
  const waiting = held === 0 ? '' : `; ${formatCount(held)} wait`
  return `The router took ${formatCount(consumed)} frames for itself and made ${formatCount(originated)}${waiting}.\n`
}

function formatDrops(stats: Stats): string {
  const drops = stats.drops.filter((drop) => drop.frames > 0)
  if (drops.length === 0) return ''
  const rows = drops.map(({ frames, reason, sentence }) => [formatCount(frames), reason, sentence])
  return `\n${formatTable([right('FRAMES'), 'DROP REASON', ''], rows)}`
}
