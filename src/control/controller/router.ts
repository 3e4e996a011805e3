/** What the router knows, told with the names of networks and sandboxes. */

import type { NatFlow, NatFlowSelection, NatFlows, NatFlushed, NatStats, Neighbours } from '../api/nat.ts'
import type { SwitchRegistry } from '../drivers/switch-registry.ts'
import type { FabricFlow, FabricNeighbour, FlowFilter, FlowTuple } from '../model/machine.ts'
import { parseRouterAddress } from '../rules/router-address.ts'
import type { Context } from './context.ts'
import type { Services } from './services.ts'
import { SwitchNames } from './switch-names.ts'

export class Router {
  readonly #context: Context
  readonly #registry: SwitchRegistry
  readonly #services: Pick<Services, 'nameOf'>

  constructor(context: Context, registry: SwitchRegistry, services: Pick<Services, 'nameOf'>) {
    this.#context = context
    this.#registry = registry
    this.#services = services
  }

  async flows(selection: NatFlowSelection, limit: number): Promise<NatFlows> {
    const filter = this.#filter(selection)
    if (filter === undefined) return { flows: [], total: 0 }
    const { flows, total } = await this.#context.parts.fabric.flows(filter, limit)
    const names = new SwitchNames(this.#context, this.#registry)
    const serviceOf = (number: number): string => (number === 0 ? '' : this.#services.nameOf(number))
    return { flows: flows.map((flow) => natFlow(flow, names, serviceOf(flow.service))), total }
  }

  async flush(selection: NatFlowSelection): Promise<NatFlushed> {
    const filter = this.#filter(selection)
    return { Flows: filter === undefined ? 0 : await this.#context.parts.fabric.flushFlows(filter) }
  }

  stats(): Promise<NatStats> {
    return this.#context.parts.fabric.natStats()
  }

  async neighbours(): Promise<Neighbours> {
    const neighbours = await this.#context.parts.fabric.neighbours()
    const names = new SwitchNames(this.#context, this.#registry)
    const owners = this.#ownersOfAddresses()
    const neighbourOf = ({ domain, address, mac, state }: FabricNeighbour) => ({
      network: names.network(domain),
      uplink: names.isUplink(domain),
      address,
      mac,
      sandbox: owners.get(`${domain} ${address}`) ?? '',
      state,
    })
    return { neighbours: neighbours.map(neighbourOf) }
  }

  /** Undefined where nothing can match: the sandbox, or the network, has no part in the switch. */
  #filter({ protocol, sandbox, network, address, port }: NatFlowSelection): FlowFilter | undefined {
    const onNetwork = network === undefined ? undefined : this.#context.findNetwork(network).id
    const ofSandbox = sandbox === undefined ? undefined : this.#context.findSandbox(sandbox).id
    const filter = {
      protocol,
      address: address === undefined ? undefined : parseRouterAddress(address),
      port,
    }
    if (ofSandbox !== undefined) {
      const ports = this.#registry
        .ports()
        .filter(({ endpoint }) => endpoint?.sandbox === ofSandbox)
        .filter(({ network: { id } }) => onNetwork === undefined || id === onNetwork)
        .map((one) => one.port)
      return ports.length === 0 ? undefined : { ...filter, ports }
    }
    if (onNetwork === undefined) return filter
    const domain = this.#registry.domainOf(onNetwork)
    return domain === undefined ? undefined : { ...filter, domains: [domain] }
  }

  /** Names of sandboxes by domain and address. */
  #ownersOfAddresses(): ReadonlyMap<string, string> {
    const owners = new Map<string, string>()
    for (const { network, endpoint } of this.#registry.ports()) {
      if (endpoint === undefined) continue
      const domain = this.#registry.domainOf(network.id)
      const sandbox = this.#context.model.sandbox(endpoint.sandbox)
      if (domain === undefined || sandbox === undefined || endpoint.ipv4 === undefined) continue
      owners.set(`${domain} ${endpoint.ipv4.address}`, sandbox.name)
    }
    return owners
  }
}

function natFlow(flow: FabricFlow, names: SwitchNames, service: string): NatFlow {
  const { number, protocol, state, original, reply, expiresS, owner, mapping } = flow
  return {
    number,
    protocol,
    state,
    original: natTuple(original, names),
    reply: natTuple(reply, names),
    translation: translationOf(flow),
    expiresS,
    sandbox: names.port(owner).sandbox,
    ...(mapping !== 0 && { publishedPort: original.destinationPort }),
    ...(service !== '' && { service }),
  }
}

const natTuple = ({ domain, ...tuple }: FlowTuple, names: SwitchNames): NatFlow['original'] => ({
  ...tuple,
  network: names.network(domain),
})

/** Answers come from where the first packet was sent to, and go to where it came from, unless that end is translated. */
function translationOf({ protocol, original, reply }: FabricFlow): NatFlow['translation'] {
  const source = original.source !== reply.destination || original.sourcePort !== reply.destinationPort
  // ICMP's identifier is of both ends, and the source is who has chosen it.
  const destination =
    original.destination !== reply.source ||
    (protocol !== 'icmp' && original.destinationPort !== reply.sourcePort)
  if (source) return destination ? 'both' : 'source'
  return destination ? 'destination' : 'none'
}
