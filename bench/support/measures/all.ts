import type { Effort, Measure } from '../measure.ts'
import type { MetricId } from '../metrics.ts'
import type { Ends } from '../test-bed.ts'
import { frames } from './frames.ts'
import { tcpFourStreams, tcpOneStream, udp } from './iperf.ts'
import { ping } from './ping.ts'
import { transfer } from './transfer.ts'

/** In the order in which they run: the byte comparison comes first and so warms everybody up alike. */
export const MEASURES: readonly Measure<Ends>[] = [transfer, ping, tcpOneStream, tcpFourStreams, udp, frames]

/** What a picture shows of them, a panel each. */
export const SHOWN: readonly MetricId[] = ['tcp1', 'tcp4', 'udp', 'frames', 'pingP50', 'cpuSystem']

export const EFFORTS: { readonly full: Effort; readonly quick: Effort } = {
  full: { seconds: 3, pings: 1000, transferBytes: 32 * 2 ** 20 },
  quick: { seconds: 1, pings: 200, transferBytes: 4 * 2 ** 20 },
}
