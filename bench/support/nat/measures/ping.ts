import { pingFrom } from '../../measures/ping.ts'
import { INTERNET } from '../bed.ts'
import type { NatMeasure } from '../gateway.ts'

/** Round trips of single ICMP echoes from the sandbox to the internet, 500 a second. */
export const ping: NatMeasure = {
  id: 'ping',
  title: 'ping',
  run: (_bed, { sandbox }, effort) => pingFrom(sandbox.namespace, INTERNET, effort.pings),
}
