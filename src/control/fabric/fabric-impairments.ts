import {
  type ImpairmentCounts,
  type ImpairmentValue,
  LinkDirection,
} from '../../datapath/impairment/impairment-settings.ts'
import { UPLINK_PORT } from '../../limits.ts'
import type { FabricImpairmentCounts } from '../model/machine.ts'

/** What impaired links have done, both directions of a port together. */
export function impairmentCounts(values: readonly ImpairmentValue[]): readonly FabricImpairmentCounts[] {
  const byPort = new Map<number, { from?: ImpairmentCounts; to?: ImpairmentCounts }>()
  for (const { port, direction, counts } of values) {
    const key = direction === LinkDirection.from ? 'from' : 'to'
    byPort.set(port, { ...byPort.get(port), [key]: counts })
  }
  return [...byPort].map(([port, counts]) => ({ port: port === UPLINK_PORT ? 'uplink' : port, ...counts }))
}
