/** How a sandbox's questions are answered: by which networks' names, by whom it asks, and who is asked for all others. */

import { DNS_LOOPBACK_ADDRESS, DNS_SERVERS_MAX } from '../../limits.ts'
import type { NetworkRecord, SandboxRecord } from '../model/records.ts'
import { macvlanOptions } from '../rules/macvlan-options.ts'
import { networkNames } from '../rules/network-names.ts'
import { isNdots } from '../rules/resolv-conf.ts'
import { chooseResolver, type ResolverCandidate } from '../rules/resolver-choice.ts'
import { type EndpointCandidate, routeCandidates } from '../views/default-route-inspect.ts'
import type { Context } from './context.ts'

export interface Resolution {
  /** What the sandbox's resolv.conf names. */
  readonly address: string
  /** Endpoints on networks with names, in the order in which those are looked through. */
  readonly scopes: readonly EndpointCandidate[]
  readonly upstream: 'none' | 'machine' | readonly string[]
  readonly singleLabelsStay: boolean
}

/** What a sandbox says about names, or what is said for all that do not. */
export interface DnsSettings {
  readonly dns: readonly string[]
  readonly dnsSearch: readonly string[]
  readonly dnsOptions: readonly string[]
}

type Candidate = EndpointCandidate & ResolverCandidate

/** Of a sandbox as it is to be, which the model need not know yet. Undefined where no network of it has names. */
export function resolutionOf(context: Context, sandbox: SandboxRecord): Resolution | undefined {
  const networkOf = (id: string): NetworkRecord | undefined => context.model.network(id)
  const candidates = routeCandidates(sandbox, { network: networkOf }).map((candidate): Candidate => {
    const network = networkOf(candidate.endpoint.network)
    return { ...candidate, names: network && networkNames(network) }
  })
  const choice = chooseResolver(candidates)
  if (choice === undefined) return undefined
  return {
    ...choice,
    upstream: upstreamOf(context, sandbox, choice),
    singleLabelsStay: dnsSettingsOf(context, sandbox).dnsOptions.some(isNdots),
  }
}

export function dnsSettingsOf(context: Context, { config }: SandboxRecord): DnsSettings {
  const defaults = context.parts.defaults()
  const choose = (own: readonly string[], otherwise: readonly string[]) => (own.length > 0 ? own : otherwise)
  return {
    dns: choose(config.dns, defaults.dns),
    dnsSearch: choose(config.dnsSearch, defaults.dnsSearch),
    dnsOptions: choose(config.dnsOptions, defaults.dnsOptions),
  }
}

/**
 * The servers that the user has named are asked from the sandbox's own network, whatever that reaches. The machine's are asked by the daemon,
 * as long as an uplink leads out by the machine: a sandbox that cannot reach the world does not reach it by its questions either.
 */
function upstreamOf(
  context: Context,
  sandbox: SandboxRecord,
  { address, scopes }: { readonly address: string; readonly scopes: readonly Candidate[] },
): Resolution['upstream'] {
  // Our own: they would ask themselves, without end.
  const own = new Set(scopes.map(({ names }) => names?.gateway))
  if (address === DNS_LOOPBACK_ADDRESS) own.add(address)
  const named = dnsSettingsOf(context, sandbox).dns.filter((server) => !own.has(server))
  if (named.length > 0) return named.slice(0, DNS_SERVERS_MAX)
  const leadsOut = sandbox.endpoints.some(({ network: id, joined }) => {
    const network = context.model.network(id)
    return joined !== undefined && network !== undefined && !isClosed(network)
  })
  return leadsOut ? 'machine' : 'none'
}

/** Nothing leads out of it: it is internal, or a LAN that is on no interface of the machine. */
function isClosed({ internal, driver, options }: NetworkRecord): boolean {
  return internal || (driver === 'macvlan' && macvlanOptions(options).parent === '')
}
