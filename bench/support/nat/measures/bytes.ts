import { transferBytes } from '../../transfer.ts'
import { HOST, INTERNET, PUBLISHED } from '../bed.ts'
import type { NatMeasure } from '../gateway.ts'

/**
 * A pseudo-random stream through a connection that the sandbox begins and through one to a published port, each in
 * both directions, compared by SHA-256. No figures: it only has to be right.
 */
export const bytes: NatMeasure = {
  id: 'bytes',
  title: 'bytes equal',
  async run(bed, { sandbox }, effort) {
    const common = { port: PUBLISHED.transfer, bytes: effort.transferBytes }
    const out = {
      server: bed.path('internet'),
      listen: INTERNET,
      client: sandbox.namespace,
      connect: INTERNET,
    }
    const into = {
      server: sandbox.namespace,
      listen: sandbox.address,
      client: bed.path('internet'),
      connect: HOST,
    }
    for (const way of [out, into]) {
      for (const sender of ['client', 'server'] as const) await transferBytes({ ...common, ...way, sender })
    }
    return {}
  },
}
