/** Which part of a lab is simulated: one data path is one daemon's. */

import { ErrorCode, TapwireError } from '../control/errors.ts'
import type { Lab, LabHost, LabNetwork, LabService } from '../control/lab.ts'
import { innerLab } from '../control/labs/cluster.ts'
import { BRIDGE_OPTION } from '../control/rules/bridge-options.ts'
import { OVERLAY_OPTION } from '../control/rules/overlay-options.ts'
import { isBackend } from '../control/rules/service-members.ts'
import { formatUplink, parseUplink } from '../control/rules/uplink.ts'
import { VXLAN_OPTION } from '../control/rules/vxlan-options.ts'
import { didYouMean } from '../control/suggest.ts'
import { MTU_DEFAULT } from '../limits.ts'

export interface SimulatedPart {
  readonly lab: Lab
  /** In its text form; `none` where a network of the lab plays the world. */
  readonly uplink: string
  /** What of it is not simulated. */
  readonly warnings: readonly string[]
}

export interface PartOptions {
  /** Of a lab with hosts: whose. */
  readonly host?: string | undefined
  /** The way out, in its text form, in place of the one that would be chosen. */
  readonly uplink?: string | undefined
}

/** In a network for documentation (RFC 5737), which is nobody's. */
const DEFAULT_UPLINK = 'tap:uplink,address=203.0.113.1/24,gateway=203.0.113.254'

/** Throws SIMULATION_IMPOSSIBLE. */
export function partOf(lab: Lab, { host: name, uplink }: PartOptions): SimulatedPart {
  const hosts = lab.hosts.map((host) => host.name)
  if (name === undefined) {
    if (hosts.length > 0) throw several(lab.name, hosts)
    return { lab, uplink: uplink ?? uplinkOf(lab), warnings: [] }
  }
  const host = lab.hosts.find((one) => one.name === name)
  if (host === undefined) throw unknown(lab.name, name, hosts)
  const { awaited = [], ...own } = innerLab(lab, host)
  const shared = sharedServices(lab, host)
  const inner = {
    ...own,
    networks: [...own.networks, ...awaited.map((one) => withPeers(one, host, lab))],
    services: [...(own.services ?? []), ...shared.services],
  }
  return { lab: inner, uplink: uplink ?? hostUplink(host) ?? uplinkOf(inner), warnings: shared.warnings }
}

/** Without a registry, the hosts that a network of the cluster goes on to are those of the lab. */
function withPeers(network: LabNetwork, { advertise = '' }: LabHost, { hosts }: Lab): LabNetwork {
  const { [OVERLAY_OPTION.vni]: vni = '', ...options } = network.options
  const remotes = hosts.flatMap((host) => (host.advertise === advertise ? [] : (host.advertise ?? [])))
  return {
    ...network,
    driver: 'vxlan',
    options: {
      ...options,
      [VXLAN_OPTION.vni]: vni,
      [VXLAN_OPTION.local]: advertise,
      [VXLAN_OPTION.remote]: remotes.join(','),
    },
  }
}

/** Of the cluster's: those that no other host has a part in, of which nothing would be known here. */
function sharedServices(
  { cluster, hosts }: Lab,
  host: LabHost,
): { readonly services: readonly LabService[]; readonly warnings: readonly string[] } {
  const all = cluster?.services ?? []
  const others = hosts.filter((one) => one !== host).flatMap(({ sandboxes }) => sandboxes)
  const isElsewhere = (service: LabService): boolean =>
    others.some(
      (sandbox) =>
        isBackend(service, { ...sandbox, sandbox: '' }) &&
        sandbox.endpoints.some(({ network }) => network === service.network),
    )
  return {
    services: all.filter((service) => !isElsewhere(service)),
    warnings: all
      .filter(isElsewhere)
      .map(
        ({ name }) =>
          `service ${name} is not simulated: sandboxes of other hosts serve, and which of them gets a flow is not known here`,
      ),
  }
}

const uplinkOf = ({ networks }: Lab): string =>
  networks.some(({ options }) => options[BRIDGE_OPTION.uplink] === 'true') ? 'none' : DEFAULT_UPLINK

/** An interface of the host is its end of a link, whose address is known. */
function hostUplink({ uplink, endpoints }: LabHost): string | undefined {
  const spec = uplink === undefined ? undefined : parseUplink(uplink)
  if (spec?.kind !== 'nic') return uplink
  const endpoint = endpoints.find((one) => spec.interface === '' || one.interface === spec.interface)
  if (endpoint?.address === undefined) return undefined
  const { interface: name, address, prefixLength = 24 } = endpoint
  const place = { name, address, prefixLength, namespace: '', gateway: '', mtu: MTU_DEFAULT }
  return formatUplink({ kind: 'tap', ...place })
}

const several = (lab: string, hosts: readonly string[]): TapwireError =>
  new TapwireError(
    ErrorCode.simulationImpossible,
    `Lab '${lab}' has hosts (${hosts.join(', ')}), and each has a data path of its own: one at a time can be simulated.`,
    { hint: `Choose one, as in \`--lab-host ${hosts[0]}\`.` },
  )

const unknown = (lab: string, name: string, hosts: readonly string[]): TapwireError =>
  new TapwireError(ErrorCode.simulationImpossible, `Lab '${lab}' has no host '${name}'.`, {
    hint: hosts.length === 0 ? 'It has no hosts at all.' : didYouMean(name, hosts),
  })
