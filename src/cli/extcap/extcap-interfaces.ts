/** Networks and sandboxes as interfaces of Wireshark. */

import type { NetworkInspect } from '../../control/api/network.ts'
import type { SandboxSummary } from '../../control/api/sandbox.ts'
import { EXTCAP_INTERFACES_MAX } from '../../limits.ts'
import { type ApiClient, isNobodyThere } from '../api-client.ts'
import { naturalOrder } from '../natural-order.ts'
import { usage } from '../options.ts'

export interface ExtcapInterface {
  /** The name that Wireshark keeps settings under, and that `tshark -i` takes. */
  readonly value: string
  readonly display: string
}

const ANY: ExtcapInterface = { value: 'tapwire-any', display: 'Tapwire: all networks' }
const UPLINK: ExtcapInterface = { value: 'tapwire-uplink', display: 'Tapwire: uplink' }
const NEEDS_ROOT: ExtcapInterface = {
  ...ANY,
  display: `${ANY.display} (no permission for the daemon's socket)`,
}

const NETWORK = 'tapwire-network-'
const SANDBOX = 'tapwire-sandbox-'

/** Those of the daemon that runs, the first ones where there are very many; none where there is none. Throws what ApiClient throws else. */
export async function extcapInterfaces(api: ApiClient): Promise<readonly ExtcapInterface[]> {
  try {
    const [networks, sandboxes] = await Promise.all([networkNames(api), sandboxNames(api)])
    const all = [
      ANY,
      UPLINK,
      ...networks.map((name) => ({ value: `${NETWORK}${name}`, display: `Tapwire: network ${name}` })),
      ...sandboxes.map((name) => ({ value: `${SANDBOX}${name}`, display: `Tapwire: sandbox ${name}` })),
    ]
    return all.slice(0, EXTCAP_INTERFACES_MAX)
  } catch (error) {
    const cause = (error as Error).cause as NodeJS.ErrnoException | undefined
    if (isNobodyThere(cause ?? error)) return []
    // Shown nothing, one would not know why; to capture at it tells.
    if (cause?.code === 'EACCES' || cause?.code === 'EPERM') return [NEEDS_ROOT]
    throw error
  }
}

/** The place that an interface stands for. Throws USAGE. */
export function placeOf(value: string): string {
  if (value === ANY.value) return 'any'
  if (value === UPLINK.value) return 'uplink'
  if (value.startsWith(NETWORK)) return `network:${value.slice(NETWORK.length)}`
  if (value.startsWith(SANDBOX)) return `sandbox:${value.slice(SANDBOX.length)}`
  throw usage(`'${value}' is no interface of Tapwire`)
}

/** Networks that have a switch port to look at. */
export async function networkNames(api: ApiClient): Promise<readonly string[]> {
  const networks = await api.get<NetworkInspect[]>('/networks')
  const switched = networks.filter(({ Driver }) => Driver === 'bridge')
  return switched.map(({ Name }) => Name).toSorted(naturalOrder)
}

/** Those that run. */
export async function sandboxNames(api: ApiClient): Promise<readonly string[]> {
  const sandboxes = await api.get<SandboxSummary[]>('/sandboxes')
  return sandboxes.map(nameOf).toSorted(naturalOrder)
}

/** `web@blue` of the sandboxes that run. */
export async function endpointNames(api: ApiClient): Promise<readonly string[]> {
  const sandboxes = await api.get<SandboxSummary[]>('/sandboxes')
  return sandboxes
    .flatMap((one) => Object.keys(one.NetworkSettings.Networks).map((network) => `${nameOf(one)}@${network}`))
    .toSorted(naturalOrder)
}

const nameOf = ({ Id, Names }: SandboxSummary): string => (Names[0] ?? Id).replace(/^\//, '')
