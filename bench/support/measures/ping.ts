import { check, type Measure } from '../measure.ts'
import type { Figures } from '../metrics.ts'
import { run } from '../process.ts'
import { percentile } from '../statistics.ts'
import { ADDRESS, type Ends } from '../test-bed.ts'

const INTERVAL_S = 0.002

/** Round trips of single ICMP echoes through an idle forwarder, 500 a second. */
export const ping: Measure<Ends> = {
  id: 'ping',
  title: 'ping',
  run: (bed, _forwarder, effort) => pingFrom(bed.path('a'), ADDRESS.b, effort.pings),
}

/** The same from any namespace to any address. */
export async function pingFrom(namespace: string, address: string, count: number): Promise<Figures> {
  const args = ['-n', '-i', String(INTERVAL_S), '-c', String(count), address]
  const times = roundTrips(await run('ping', args, { namespace }))
  check(times.length === count, `${times.length} answers to ${count} pings`)
  return { pingP50: percentile(times, 0.5), pingP99: percentile(times, 0.99) }
}

/** The round trips that ping(8) printed, in microseconds. A duplicate answer is an error, not a round trip. */
export function roundTrips(output: string): number[] {
  check(!output.includes('DUP!'), 'an answer arrived twice')
  return Array.from(output.matchAll(/ time=([\d.]+) ms$/gm), (match) => Number(match[1]) * 1000)
}
