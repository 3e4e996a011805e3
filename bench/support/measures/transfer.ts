import type { Measure } from '../measure.ts'
import { ADDRESS, type Ends } from '../test-bed.ts'
import { transferBytes } from '../transfer.ts'

const PORT = 5202

/** A pseudo-random stream from a to b through TCP, compared by SHA-256. No figures: it only has to be right. */
export const transfer: Measure<Ends> = {
  id: 'bytes',
  title: 'bytes equal',
  async run(bed, _forwarder, effort) {
    await transferBytes({
      server: bed.path('b'),
      listen: ADDRESS.b,
      client: bed.path('a'),
      connect: ADDRESS.b,
      port: PORT,
      bytes: effort.transferBytes,
      sender: 'client',
    })
    return {}
  },
}
