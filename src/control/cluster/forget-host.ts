/** Gives back what hosts have that will never come back to do so: addresses, and the memory of them. */

import type { HostForgotten } from '../api/cluster.ts'
import { ErrorCode, TapwireError } from '../errors.ts'
import type { RegistryCondition, RegistryOperation } from '../registry/registry.ts'
import { printable } from '../rules/names.ts'
import { addressKey, hostIdKey, knownHostKey } from './cluster-keys.ts'
import type { ClusterSession } from './cluster-session.ts'
import { claimText } from './cluster-texts.ts'

/** Claims that one transaction gives back. */
const AT_ONCE = 60

/** By name or id. Throws OBJECT_UNKNOWN, HOST_PRESENT, REGISTRY_UNAVAILABLE. */
export async function forgetHost(session: ClusterSession, reference: string): Promise<HostForgotten> {
  const { view, registry, settings } = session
  const known = [...view.knownHosts.values()].filter(({ id, name }) => id === reference || name === reference)
  const away = known.filter(({ id, name }) => view.hosts.get(name)?.id !== id && id !== settings.host.id)
  if (known.length === 0) {
    throw new TapwireError(
      ErrorCode.objectUnknown,
      `no host ${printable(reference)} has ever been in cluster ${settings.name}`,
    )
  }
  if (away.length === 0) {
    throw new TapwireError(ErrorCode.hostPresent, `host ${reference} is in cluster ${settings.name}`, {
      hint: 'Only one that is away can be forgotten. Stop its daemon first.',
    })
  }
  const addresses: string[] = []
  for (const { id } of away) {
    // It may have come back, of which the view is yet to hear; or do so meanwhile.
    const isAway = { key: hostIdKey(id), is: 'absent' } as const
    const claims = [...claimsOf(session, id)]
    for (let first = 0; first < claims.length; first += AT_ONCE) {
      const some = claims.slice(first, first + AT_ONCE)
      await commit(session, [isAway, ...some.map(({ key, value }) => ({ key, value }))], some)
      addresses.push(...some.map(({ address }) => address))
    }
    await registry.commit({ when: [isAway], do: [{ delete: knownHostKey(id) }] })
  }
  return { hosts: away.map(({ id }) => id), addresses }
}

async function commit(
  { registry, settings }: ClusterSession,
  when: readonly RegistryCondition[],
  claims: readonly { readonly key: string }[],
): Promise<void> {
  const operations: readonly RegistryOperation[] = claims.map(({ key }) => ({ delete: key }))
  const { succeeded } = await registry.commit({ when, do: operations })
  if (succeeded) return
  throw new TapwireError(
    ErrorCode.hostPresent,
    `the host has come back to cluster ${settings.name} meanwhile`,
  )
}

function* claimsOf(
  { view }: ClusterSession,
  host: string,
): Iterable<{ readonly key: string; readonly value: string; readonly address: string }> {
  for (const network of view.claimedNetworks()) {
    for (const [address, claim] of view.claims(network)) {
      if (claim.host !== host || view.services.has(claim.owner)) continue
      yield { key: addressKey(network, address), value: claimText(claim), address }
    }
  }
}
