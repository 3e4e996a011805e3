import { fileURLToPath } from 'node:url'
import { check, type Measure } from '../measure.ts'
import { run, startUntil } from '../process.ts'
import { ADDRESS } from '../test-bed.ts'

const PROGRAM = fileURLToPath(new URL('../transfer-program.js', import.meta.url))
const PORT = '5202'

/** A pseudo-random stream from a to b through TCP, compared by SHA-256. No figures: it only has to be right. */
export const transfer: Measure = {
  id: 'bytes',
  title: 'bytes equal',
  async run(bed, _forwarder, effort) {
    const receiver = await startUntil('ready', process.execPath, [PROGRAM, 'receive', ADDRESS.b, PORT], {
      namespace: bed.path('b'),
    })
    try {
      const options = { namespace: bed.path('a') }
      const args = [PROGRAM, 'send', ADDRESS.b, PORT, String(effort.transferBytes)]
      const sent = (await run(process.execPath, args, options)).trim()
      const received = (await receiver.ended).split('\n')[1]!
      check(received === sent, `sent ${sent}, received ${received}`)
    } finally {
      await receiver.stop()
    }
    return {}
  },
}
