import { buildReference } from '../build-reference.ts'
import { check, type Measure } from '../measure.ts'
import { FORWARDER_CORE, GENERATOR_CORE } from '../pin.ts'
import { run } from '../process.ts'
import { INTERFACE } from '../test-bed.ts'

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
export const frames: Measure = {
  id: 'frames',
  title: '60-byte frames',
  async run(bed, forwarder, effort) {
    const generator = await buildReference('frames')
    await forwarder.pin(FORWARDER_CORE)
    try {
      const ends = [bed.path('a'), INTERFACE, bed.path('b'), INTERFACE]
      const args = [...ends, String(WARM_UP_MS), String(effort.seconds * 1000)]
      const report = JSON.parse(await run(generator, args, { core: GENERATOR_CORE })) as FramesReport
      checkReport(report)
      return { frames: report.delivered / report.seconds / 1e6 }
    } finally {
      await forwarder.pin(undefined)
    }
  },
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
