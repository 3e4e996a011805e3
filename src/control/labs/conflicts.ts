/** What a lab wants and others have. Found before anything is done, so that nothing has to be undone. */

import type { NetworkInspect } from '../api/network.ts'
import { ErrorCode, TapwireError } from '../errors.ts'
import { overlap, parseCidr, type Subnet, subnetOf } from '../ip-address.ts'
import { LAB_LABEL } from './labels.ts'
import type { Wanted } from './plan.ts'
import { ownerOf, type Present } from './present.ts'

/** Throws LAB_CONFLICT, which names what is in the way and whose it is. */
export function checkConflicts(wanted: Wanted, present: Present, removed: readonly NetworkInspect[]): void {
  const found = [
    ...nameConflicts(wanted, present),
    ...subnetConflicts(wanted, present),
    ...memberConflicts(wanted.lab, present, removed),
    ...serviceConflicts(wanted.lab, present, removed),
  ]
  if (found.length === 0) return
  const [first, ...others] = found
  const more =
    others.length === 0
      ? ''
      : others.length === 1
        ? `, and ${others[0]}`
        : `, and ${others.length} more conflicts`
  throw new TapwireError(
    ErrorCode.labConflict,
    `Lab '${wanted.lab}' is in conflict with what is there: ${first}${more}.`,
    {
      hint: 'Give one of them another name or subnet, remove what is in the way, or use a daemon of its own (--root DIR).',
    },
  )
}

function nameConflicts({ lab, networks, sandboxes, services }: Wanted, present: Present): string[] {
  const networkNames = new Set(networks.map(({ name }) => name))
  const sandboxNames = new Set(sandboxes.map(({ name }) => name))
  const serviceNames = new Set(services.map(({ name }) => name))
  return [
    ...present.networks
      .filter(({ Name, Labels }) => networkNames.has(Name) && Labels[LAB_LABEL] !== lab)
      .map(({ Name, Labels }) => `there is a network '${Name}' ${ownerOf(Labels)}`),
    ...present.sandboxes
      .filter(({ Name, Config }) => sandboxNames.has(Name) && Config.Labels[LAB_LABEL] !== lab)
      .map(({ Name, Config }) => `there is a sandbox '${Name}' ${ownerOf(Config.Labels)}`),
    ...present.services
      .filter(({ Name, Labels }) => serviceNames.has(Name) && Labels[LAB_LABEL] !== lab)
      .map(({ Name, Labels }) => `there is a service '${Name}' ${ownerOf(Labels)}`),
  ]
}

function subnetConflicts({ lab, networks }: Wanted, present: Present): string[] {
  const names = new Set(networks.map(({ name }) => name))
  const others = present.networks.filter(({ Name, Labels }) => Labels[LAB_LABEL] !== lab && !names.has(Name))
  const taken = others.flatMap((network) =>
    (network.IPAM.Config ?? []).flatMap(({ Subnet: text }) => {
      const subnet = parsed(text)
      return subnet === undefined ? [] : [{ network, subnet, text }]
    }),
  )
  return networks.flatMap(({ name, network }) =>
    network.subnets.flatMap(({ subnet: text }) => {
      const subnet = parsed(text)
      const other = subnet === undefined ? undefined : taken.find((one) => overlap(one.subnet, subnet))
      if (other === undefined) return []
      const whose = `network '${other.network.Name}' ${ownerOf(other.network.Labels)}`
      return [`subnet ${text} of network '${name}' overlaps ${other.text} of ${whose}`]
    }),
  )
}

function parsed(text: string): Subnet | undefined {
  const cidr = parseCidr(text)
  return cidr === undefined ? undefined : subnetOf(cidr.address, cidr.prefixLength)
}

/** Sandboxes of others that are joined to networks that have to go. */
export function memberConflicts(lab: string, present: Present, removed: readonly NetworkInspect[]): string[] {
  const names = new Set(removed.map(({ Name }) => Name))
  return present.sandboxes
    .filter(({ Config }) => Config.Labels[LAB_LABEL] !== lab)
    .flatMap(({ Name, Config, NetworkSettings }) =>
      Object.keys(NetworkSettings.Networks)
        .filter((network) => names.has(network))
        .map(
          (network) =>
            `network '${network}' has to go, and sandbox '${Name}' ${ownerOf(Config.Labels)} is on it`,
        ),
    )
}

/** Services of others on networks that have to go. */
export function serviceConflicts(
  lab: string,
  present: Present,
  removed: readonly NetworkInspect[],
): string[] {
  const ids = new Set(removed.map(({ Id }) => Id))
  return present.services
    .filter(({ Labels, Network }) => Labels[LAB_LABEL] !== lab && ids.has(Network.ID))
    .map(
      ({ Name, Labels, Network }) =>
        `network '${Network.Name}' has to go, and service '${Name}' ${ownerOf(Labels)} is on it`,
    )
}
