import type { Fdb } from '../control/api/switch.ts'
import { PORTS_MAX } from '../limits.ts'
import { naturalOrder } from './natural-order.ts'
import { formatAge, formatTable } from './output.ts'

/** Behind the last port that a device can be: what the switch has for the gateways. */
const ROUTER_PORT = PORTS_MAX

/** The stations as a table, by network and sandbox, and behind those the ones that are of no sandbox. */
export function formatStations({ stations }: Fdb): string {
  const sorted = stations.toSorted(
    (a, b) =>
      a.network.localeCompare(b.network) ||
      Number(a.sandbox === '') - Number(b.sandbox === '') ||
      naturalOrder(a.sandbox, b.sandbox) ||
      a.port - b.port ||
      a.mac.localeCompare(b.mac),
  )
  const rows = sorted.map(({ network, mac, sandbox, interface: name, port, ...station }) => {
    const age = station.static ? 'static' : formatAge(station.ageS)
    return [network, mac, sandbox, name, port === ROUTER_PORT ? 'router' : port, age]
  })
  const columns = ['NETWORK', 'MAC', 'SANDBOX', 'INTERFACE'] as const
  return formatTable(
    [...columns, { heading: 'PORT', align: 'right' }, { heading: 'AGE', align: 'right' }],
    rows,
  )
}
