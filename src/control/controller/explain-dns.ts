/**
 * Names as destinations that are neither a sandbox's nor lead to a virtual address: those of services in the mode dnsrr, `tasks.NAME`, aliases
 * and links. The name server of the source is asked, as a program there would; the packet goes to the first address of the answer.
 */

import type { ExplanationStep } from '../api/explain.ts'
import { ErrorCode, TapwireError } from '../errors.ts'
import type { NetworkRecord, SandboxRecord } from '../model/records.ts'
import { nameKey } from '../rules/endpoint-names.ts'
import { printable } from '../rules/names.ts'
import { networkNames } from '../rules/network-names.ts'
import type { Context } from './context.ts'
import type { Dns } from './dns.ts'
import type { ExplainCluster } from './explain-cluster.ts'
import type { Services } from './services.ts'

/** Addresses of an answer that a step names; of more it says how many there are. */
const ADDRESSES_TOLD_MAX = 8
const TASKS = 'tasks.'

export interface NamedDestination {
  readonly address: string
  readonly steps: readonly ExplanationStep[]
}

export interface ExplainNamesParts {
  readonly context: Context
  readonly dns: Pick<Dns, 'query' | 'records'>
  readonly services: Pick<Services, 'named'>
  readonly cluster: ExplainCluster
}

/** `sandbox`: that which asks, undefined outside; `networks`: those that it is on. Undefined where nothing is called so. Throws NOT_CONNECTED, SERVICE_INVALID. */
export async function askForName(
  parts: ExplainNamesParts,
  name: string,
  sandbox: SandboxRecord | undefined,
  networks: readonly NetworkRecord[],
): Promise<NamedDestination | undefined> {
  const network = networks.find((one) => hasName(parts.dns, one, name, sandbox?.name))
  if (sandbox === undefined || network === undefined) {
    refuseService(parts, name, sandbox?.name)
    return undefined
  }
  // No server outside is asked, since a network has the name.
  const { answers, steps } = await parts.dns.query({ name, from: sandbox.name })
  const addresses = answers.filter(({ type }) => type === 'A').map(({ data }) => data)
  const [first, next] = addresses
  if (first === undefined) return undefined
  const told = addresses.slice(0, ADDRESSES_TOLD_MAX)
  const values = {
    address: first,
    ...owner(parts.cluster, networks, first),
    addresses: told.join(', '),
    more: addresses.length - told.length,
    ...(next !== undefined && { answers: addresses.length, next }),
  }
  return { address: first, steps: [...steps, { stage: 'names', verdict: 'choose', values }] }
}

function owner(
  cluster: ExplainCluster,
  networks: readonly NetworkRecord[],
  address: string,
): { readonly sandbox: string; readonly host: string } {
  const owners = networks.map(({ id }) => cluster.ownerOf(id, address))
  return owners.find(({ sandbox }) => sandbox !== '') ?? { sandbox: '', host: '' }
}

/** `web`, or `web.front` for that on the network `front`. */
function hasName(
  dns: Pick<Dns, 'records'>,
  network: NetworkRecord,
  text: string,
  asker: string | undefined,
): boolean {
  if (networkNames(network) === undefined) return false
  const key = nameKey(text)
  if (key === undefined) return false
  return dns
    .records(network.name)
    .records.some(
      ({ name, kind, from, ipv4 }) =>
        ipv4 !== '' &&
        (kind !== 'link' || from === asker) &&
        (nameKey(name) === key || nameKey(`${name}.${network.name}`) === key),
    )
}

/** A service has the name, and the source gets no address for it. */
function refuseService(
  { context, services }: ExplainNamesParts,
  text: string,
  asker: string | undefined,
): void {
  const name = text.startsWith(TASKS) ? text.slice(TASKS.length) : text
  const service = services.named(name)
  if (service === undefined) return
  const shown = printable(text)
  if (service.backends === 0) {
    throw new TapwireError(
      ErrorCode.serviceInvalid,
      `service ${name} has no backend, so DNS has no address for the name ${shown}`,
      { hint: `'tapwire service inspect ${name}' says which sandboxes would be backends.` },
    )
  }
  const network = context.model.network(service.network)?.name ?? service.network
  throw new TapwireError(
    ErrorCode.notConnected,
    asker === undefined
      ? `the name ${shown} is known to sandboxes on network ${network} alone, and the packet comes from outside`
      : `container ${asker} is not on network ${network}, where the name ${shown} is known`,
    { hint: `'tapwire service ps ${name}' lists the backends with their addresses.` },
  )
}
