import type { NatMeasure } from '../gateway.ts'
import { bytes } from './bytes.ts'
import { connectionsIn, connectionsOut } from './connections.ts'
import { ping } from './ping.ts'
import { publish } from './publish.ts'
import { tcpIn, tcpOut } from './tcp.ts'

/** In the order in which they run: the byte comparison comes first, and what leaves most behind comes last. */
export const MEASURES: readonly NatMeasure[] = [
  bytes,
  ping,
  tcpOut,
  tcpIn,
  connectionsOut,
  connectionsIn,
  publish,
]
