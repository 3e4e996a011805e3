import type { Measure } from '../measure.ts'
import type { Ends } from '../test-bed.ts'
import { frames } from './frames.ts'
import { tcpFourStreams, tcpOneStream, udp } from './iperf.ts'
import { ping } from './ping.ts'
import { transfer } from './transfer.ts'

/** In the order in which they run: the byte comparison comes first and so warms everybody up alike. */
export const MEASURES: readonly Measure<Ends>[] = [transfer, ping, tcpOneStream, tcpFourStreams, udp, frames]
