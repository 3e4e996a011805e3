import type { ConnectionTable } from '../tables/connection-table.ts'
import { formatIpv4 } from '../wire/address.ts'
import * as ipProtocol from '../wire/ip-protocol.ts'

/** `172.18.0.2:40000 → 192.0.2.9:80`: what began the connection, without ports where it has none. */
export function originalText(connections: ConnectionTable, reference: number): string {
  const original = reference & ~1
  const ports = connections.ports(original)
  const hasPorts = connections.protocol(original) !== ipProtocol.ICMP && ports !== 0
  const end = (address: number, port: number): string =>
    hasPorts ? `${formatIpv4(address)}:${port}` : formatIpv4(address)
  const source = end(connections.source(original), ports >>> 16)
  return `${source} → ${end(connections.destination(original), ports & 0xffff)}`
}
