import type { EndpointConfig } from '../../control/api/network.ts'
import { parseInteger, splitAtEquals, usage } from '../options.ts'

/** One --network of `run` and `create`. */
export interface NetworkOption {
  readonly target: string
  readonly endpoint: EndpointConfig
}

/** `NAME`, or `name=NAME,alias=A,ip=…,ip6=…,mac-address=…,link-local-ip=…,driver-opt=K=V,gw-priority=N`. Throws USAGE. */
export function parseNetworkOption(spec: string): NetworkOption {
  if (!/^[a-z0-9-]+=|,/.test(spec)) return { target: spec, endpoint: {} }
  let target = ''
  const aliases: string[] = []
  const linkLocal: string[] = []
  const driverOptions: Record<string, string> = {}
  const endpoint: EndpointConfig = {}
  const ipam: NonNullable<EndpointConfig['IPAMConfig']> = {}
  for (const field of fieldsOf(spec)) {
    const [key, value] = splitAtEquals(field)
    if (!field.includes('=')) throw usage(`invalid field ${field}`)
    switch (key.trim().toLowerCase()) {
      case 'name':
        target = value
        break
      case 'alias':
        aliases.push(value)
        break
      case 'ip':
        ipam.IPv4Address = value
        break
      case 'ip6':
        ipam.IPv6Address = value
        break
      case 'mac-address':
        endpoint.MacAddress = value
        break
      case 'link-local-ip':
        linkLocal.push(value)
        break
      case 'driver-opt':
        driverOptions[splitAtEquals(value)[0]] = splitAtEquals(value)[1]
        break
      case 'gw-priority':
        endpoint.GwPriority = integerOf(value)
        break
      default:
        throw usage(`invalid field key ${key}`)
    }
  }
  if (target === '') throw usage(`network name must be set: ${spec}`)
  if (linkLocal.length > 0) ipam.LinkLocalIPs = linkLocal
  if (Object.keys(ipam).length > 0) endpoint.IPAMConfig = ipam
  if (aliases.length > 0) endpoint.Aliases = aliases
  if (Object.keys(driverOptions).length > 0) endpoint.DriverOpts = driverOptions
  return { target, endpoint }
}

function integerOf(value: string): number {
  try {
    return parseInteger(value)
  } catch {
    throw usage(`invalid gw-priority (${value}): invalid syntax`)
  }
}

/** Fields of one line of CSV: one in quotes may have commas in it. */
function fieldsOf(spec: string): string[] {
  const fields = spec.match(/("(?:[^"]|"")*"|[^,"][^,]*|)(?:,|$)/g) ?? []
  return fields
    .map((field) => field.replace(/,$/, ''))
    .map((field) => (field.startsWith('"') ? field.slice(1, -1).replaceAll('""', '"') : field))
    .filter((field) => field !== '')
}

/** Whether it is a network that a user made, of which a sandbox may have several. */
export function isUserDefined(target: string): boolean {
  return !['', 'default', 'bridge', 'host', 'none'].includes(target) && !target.startsWith('container:')
}
