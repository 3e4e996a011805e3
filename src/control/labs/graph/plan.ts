/** What a drawing of a lab shows: panels of networks and sandboxes, and who is on what. */

import type { Lab, LabEndpoint, LabHost, LabNetwork, LabSandbox } from '../../lab.ts'

/** What one daemon has: the lab's own, or a host's. */
export interface Panel {
  /** Empty for the lab's own. */
  readonly host: string
  readonly networks: readonly GraphNetwork[]
  readonly sandboxes: readonly GraphSandbox[]
}

export interface GraphNetwork {
  readonly name: string
  /** Subnets, and what is unusual. */
  readonly notes: readonly string[]
}

export interface GraphSandbox {
  readonly name: string
  readonly kind: 'sandbox' | 'host'
  /** The command, or what is unusual. */
  readonly note: string
  readonly edges: readonly GraphEdge[]
}

export interface GraphEdge {
  readonly network: string
  readonly interface: string
  readonly addresses: readonly string[]
}

export function panelsOf(lab: Lab): readonly Panel[] {
  const hosts = lab.hosts.map(
    (host): GraphSandbox => ({
      name: host.name,
      kind: 'host',
      note: `host of ${counted(host.networks.length + sharedOf(lab, host).length, 'network')}, ${counted(host.sandboxes.length, 'sandbox')}`,
      edges: host.endpoints.map(edgeOf),
    }),
  )
  return [
    panel(
      '',
      [...lab.networks, ...lab.links],
      [...lab.sandboxes.map(sandboxOf), ...hosts, ...registryOf(lab)],
    ),
    ...lab.hosts.map((host) =>
      panel(host.name, [...host.networks, ...sharedOf(lab, host)], host.sandboxes.map(sandboxOf)),
    ),
  ].filter(({ networks, sandboxes }) => networks.length + sandboxes.length > 0)
}

/** What the host has of the cluster's networks: those that its sandboxes are on. */
function sharedOf({ cluster }: Lab, { sandboxes }: LabHost): readonly LabNetwork[] {
  const joined = new Set(sandboxes.flatMap(({ endpoints }) => endpoints.map(({ network }) => network)))
  return (cluster?.networks ?? []).filter(({ name }) => joined.has(name))
}

function registryOf({ cluster }: Lab): GraphSandbox[] {
  if (cluster?.sandbox === undefined) return []
  const { name, endpoints } = cluster.sandbox
  return [
    { name, kind: 'sandbox', note: `registry of cluster ${cluster.name}`, edges: endpoints.map(edgeOf) },
  ]
}

/** The default bridge, and networks that no lab makes, are there as far as somebody is on them. */
function panel(host: string, networks: readonly LabNetwork[], sandboxes: readonly GraphSandbox[]): Panel {
  const known = new Set(networks.map(({ name }) => name))
  const joined = sandboxes.flatMap(({ edges }) => edges.map(({ network }) => network))
  const others = [...new Set(joined)].filter((name) => !known.has(name))
  return {
    host,
    networks: [...networks.map(networkOf), ...others.map((name) => ({ name, notes: [] }))],
    sandboxes,
  }
}

function networkOf({ name, driver, subnets, internal, mtu }: LabNetwork): GraphNetwork {
  return {
    name,
    notes: [
      ...subnets.map(({ subnet }) => subnet),
      ...(driver === 'bridge' ? [] : [driver]),
      ...(internal ? ['internal'] : []),
      ...(mtu === 1500 ? [] : [`MTU ${mtu}`]),
    ],
  }
}

function sandboxOf({ name, networkMode, endpoints, command }: LabSandbox): GraphSandbox {
  const shared = /^container:(.+)$/.exec(networkMode)?.[1]
  const mode = networkMode === 'host' ? "the host's network" : shared && `the network of ${shared}`
  return { name, kind: 'sandbox', note: mode ?? commandText(command ?? []), edges: endpoints.map(edgeOf) }
}

/** A line for the shell is known to be one. */
function commandText(command: readonly string[]): string {
  const [shell, option, line] = command
  return shell === '/bin/sh' && option === '-c' && line !== undefined ? line : command.join(' ')
}

function edgeOf({ network, interface: name, address, ipv6 }: LabEndpoint): GraphEdge {
  return {
    network,
    interface: name,
    addresses: [address, ipv6].filter((one) => one !== undefined),
  }
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : noun.endsWith('x') ? 'es' : 's'}`
}
