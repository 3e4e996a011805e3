import { buildReference } from '../build-reference.ts'
import { check, type Measure } from '../measure.ts'
import { FORWARDER_CORE, GENERATOR_CORE } from '../pin.ts'
import { run } from '../process.ts'
import { type Ends, INTERFACE } from '../test-bed.ts'

const WARM_UP_MS = 500
/** One frame in so many is compared byte by byte. */
const SAMPLE_EVERY = 1024

/** What bench/reference/frames.c prints. `delivered` and `sent` are of the window, the totals of the whole run. */
interface FramesReport {
  readonly seconds: number
  readonly sent: number
  readonly delivered: number
  readonly totalSent: number
  readonly totalDelivered: number
  readonly samplesReceived: number
  readonly samplesWrong: number
  readonly samplesOutOfOrder: number
}

/**
 * Frames of 60 bytes (64 on a wire) as fast as one core sends them, the forwarder bound to the other core. Frames
 * that arrived are counted, by the receiving interface.
 */
export const frames: Measure<Ends> = {
  id: 'frames',
  title: '60-byte frames',
  async run(bed, forwarder, effort) {
    await forwarder.pin(FORWARDER_CORE)
    try {
      return { frames: (await sendFrames(bed.path('a'), bed.path('b'), effort.seconds)) / 1e6 }
    } finally {
      await forwarder.pin(undefined)
    }
  },
}

/** Frames a second that arrive, from one namespace to another. */
export async function sendFrames(from: string, to: string, seconds: number): Promise<number> {
  const generator = await buildReference('frames')
  const args = [from, INTERFACE, to, INTERFACE, String(WARM_UP_MS), String(seconds * 1000)]
  const report = JSON.parse(await run(generator, args, { core: GENERATOR_CORE })) as FramesReport
  checkReport(report)
  return report.delivered / report.seconds
}

function checkReport(report: FramesReport): void {
  check(report.delivered > 0, 'no frame arrived')
  check(report.samplesWrong === 0, `${report.samplesWrong} samples arrived with other bytes`)
  check(report.samplesOutOfOrder === 0, `${report.samplesOutOfOrder} samples arrived twice or out of order`)
  // A few frames more may be counted than sent: ARP is not asleep meanwhile.
  check(
    report.totalDelivered <= report.totalSent + 16,
    `${report.totalDelivered} frames arrived of ${report.totalSent} sent`,
  )
  // Samples are lost as often as other frames are, give or take what chance does to a thousand of them.
  const expected = report.totalDelivered / SAMPLE_EVERY
  check(
    Math.abs(report.samplesReceived - expected) <= 16 + 0.2 * expected,
    `${report.samplesReceived} samples arrived, with ${report.totalDelivered} frames`,
  )
}
