/** Names, as clients of the model ask about them. */

import { DNS_LOG_LISTED_MAX } from '../../limits.ts'
import { formatType, parseType } from '../../wire/dns.ts'
import { encodeName } from '../../wire/dns-name.ts'
import type {
  DnsAnswer,
  DnsFlushed,
  DnsLog,
  DnsLogOptions,
  DnsQuery,
  DnsRecord,
  DnsRecords,
  DnsStats,
} from '../api/dns.ts'
import type { ExplanationStep } from '../api/explain.ts'
import type { ClusterEndpoint } from '../cluster/cluster-records.ts'
import type { SwitchRegistry } from '../drivers/switch-registry.ts'
import { ErrorCode, TapwireError } from '../errors.ts'
import type { ExplainStep } from '../model/machine.ts'
import type { FabricDnsLog } from '../model/names.ts'
import type { EndpointRecord, NetworkRecord, SandboxRecord } from '../model/records.ts'
import { endpointNames, nameKey } from '../rules/endpoint-names.ts'
import { printable } from '../rules/names.ts'
import { type NetworkNames, networkNames } from '../rules/network-names.ts'
import type { Context } from './context.ts'
import type { NetworkMember } from './model.ts'
import type { Names } from './names.ts'
import type { Runs } from './runs.ts'
import type { Services } from './services.ts'
import { SwitchNames } from './switch-names.ts'
import { nameLinks } from './told-names.ts'

export class Dns {
  readonly #context: Context
  readonly #runs: Runs
  readonly #names: Names
  readonly #registry: SwitchRegistry
  readonly #services: Pick<Services, 'addressesOn'>

  constructor(
    context: Context,
    runs: Runs,
    registry: SwitchRegistry,
    services: Pick<Services, 'addressesOn'>,
  ) {
    this.#context = context
    this.#runs = runs
    this.#names = runs.names
    this.#registry = registry
    this.#services = services
  }

  /** By network and sandbox, each one's in the order in which they are looked for. Throws NETWORK_UNKNOWN, NOT_CONNECTED. */
  records(reference: string | undefined): DnsRecords {
    const { networks } = this.#context.model
    const chosen = reference === undefined ? undefined : this.#context.findNetwork(reference)
    if (chosen !== undefined && networkNames(chosen) === undefined) throw withoutNames(chosen)
    const listed = chosen === undefined ? [...networks.values()].toSorted(byName) : [chosen]
    return {
      records: listed.flatMap((network) => {
        const names = networkNames(network)
        return names === undefined ? [] : this.#recordsOf(network, names)
      }),
    }
  }

  /** Throws SANDBOX_UNKNOWN, NOT_RUNNING, NOT_CONNECTED where no network of it has names, NAME_INVALID, BAD_REQUEST. */
  async query(query: DnsQuery): Promise<DnsAnswer> {
    const sandbox = this.#context.findSandbox(query.from)
    const type = typeOf(query.type ?? 'A')
    if (encodeName(query.name) === undefined) {
      throw new TapwireError(ErrorCode.nameInvalid, `${printable(query.name)} is no name that DNS can carry`)
    }
    const resolver = this.#resolverOf(sandbox)
    const { steps, answers, additionals, ...answer } = await this.#context.parts.fabric.resolve({
      resolver,
      name: query.name,
      type,
    })
    const names = new SwitchNames(this.#context, this.#registry)
    return {
      name: query.name,
      type: formatType(type),
      sandbox: sandbox.name,
      ...answer,
      answers: [...answers],
      additionals: [...additionals],
      steps: steps.map((step) => this.#named(step, names)),
    }
  }

  async stats(): Promise<DnsStats> {
    const { hosts, servers, ...stats } = await this.#context.parts.fabric.dnsStats()
    return {
      ...stats,
      endpoints: hosts,
      servers: servers.map(({ resolver, roundTripMs, ...server }) => ({
        ...server,
        sandbox: resolver === undefined ? '' : this.#nameOf(resolver),
        ...(roundTripMs === undefined ? undefined : { roundTripMs }),
      })),
    }
  }

  /** Throws SANDBOX_UNKNOWN. */
  async log({ after, limit, sandbox: reference }: DnsLogOptions): Promise<DnsLog> {
    const { fabric } = this.#context.parts
    if (reference === undefined) {
      const { entries, ...rest } = await fabric.dnsLog(after, limit)
      return { entries: entries.map((entry) => this.#entry(entry)), ...rest }
    }
    const { id } = this.#ownerOf(this.#context.findSandbox(reference))
    const { entries, ...rest } = await fabric.dnsLog(after, DNS_LOG_LISTED_MAX)
    const own = entries.filter(({ resolver }) => this.#names.ownerOf(resolver)?.id === id)
    return { entries: own.slice(0, limit).map((entry) => this.#entry(entry)), ...rest }
  }

  async flushCache(): Promise<DnsFlushed> {
    return { Answers: await this.#context.parts.fabric.flushDnsCache() }
  }

  #recordsOf(network: NetworkRecord, { ttlS }: NetworkNames): readonly DnsRecord[] {
    const members = this.#context.model.members(network.id).toSorted((a, b) => byName(a.sandbox, b.sandbox))
    const called = byKey(members)
    const remote = (this.#context.cluster?.remotes(network.id) ?? []).flatMap((endpoint) =>
      remoteRecords(network, endpoint, ttlS),
    )
    const local = members.flatMap((member) => {
      const { sandbox, endpoint } = member
      const own = endpointNames(sandbox, endpoint.settings)
        .filter(({ text }) => nameKey(text) !== undefined)
        .map(
          ({ text: name, kind }): DnsRecord => ({
            network: network.name,
            name,
            kind,
            sandbox: sandbox.name,
            from: '',
            ...addressesOf(endpoint),
            ttlS,
          }),
        )
      return [...own, ...this.#linksOf(network, member, called, ttlS)]
    })
    const services = this.#services.addressesOn(network.id).map(
      ({ name, sandbox, address }): DnsRecord => ({
        network: network.name,
        name,
        kind: 'service',
        sandbox,
        from: '',
        ipv4: address,
        ipv6: '',
        ttlS,
      }),
    )
    const others = remote.toSorted((a, b) => byName({ name: a.sandbox }, { name: b.sandbox }))
    return [...local, ...others, ...services]
  }

  /** Of a link that leads nowhere now, what it stands for. */
  #linksOf(
    network: NetworkRecord,
    { sandbox, endpoint }: NetworkMember,
    called: ReadonlyMap<string | undefined, readonly NetworkMember[]>,
    ttlS: number,
  ): readonly DnsRecord[] {
    return nameLinks(this.#context, endpoint).flatMap(({ alias, target }) => {
      const common = { network: network.name, name: alias, kind: 'link', from: sandbox.name, ttlS } as const
      const found = called.get(nameKey(target))
      if (found === undefined) return [{ ...common, sandbox: target, ipv4: '', ipv6: '' }]
      return found.map((member) => ({
        ...common,
        sandbox: member.sandbox.name,
        ...addressesOf(member.endpoint),
      }))
    })
  }

  #resolverOf(sandbox: SandboxRecord): number {
    if (this.#runs.find(sandbox.id) === undefined) {
      throw new TapwireError(ErrorCode.notRunning, `container ${sandbox.name} is not running`, {
        hint: `'tapwire start ${sandbox.name}' starts it.`,
      })
    }
    const owner = this.#ownerOf(sandbox)
    const resolver = this.#names.resolverOf(owner.id)
    if (resolver !== undefined) return resolver
    const hint =
      'The default bridge network has no names, nor has the mode host or none: ' +
      "'tapwire network create NETWORK' makes a network that has, "
    throw new TapwireError(
      ErrorCode.notConnected,
      `container ${sandbox.name} is on no network that has names`,
      { hint: `${hint}'tapwire network connect NETWORK ${owner.name}' joins it.` },
    )
  }

  /** The sandbox whose network it has. */
  #ownerOf(sandbox: SandboxRecord): SandboxRecord {
    const mode = sandbox.config.networkMode
    const owner = mode.kind === 'container' ? this.#context.model.sandbox(mode.sandbox) : undefined
    return owner === undefined ? sandbox : this.#ownerOf(owner)
  }

  #entry({ atMs, resolver, ...entry }: FabricDnsLog['entries'][number]): DnsLog['entries'][number] {
    return { ...entry, at: new Date(atMs).toISOString(), sandbox: this.#nameOf(resolver) }
  }

  #nameOfHost(number: number): string {
    const owner = this.#names.ownerOfHost(number)
    const remote = this.#names.remoteOfHost(number)
    if (owner !== undefined || remote === undefined) return owner?.name ?? ''
    const { cluster, model } = this.#context
    const all = [...model.networks.keys()].flatMap((id) => cluster?.remotes(id) ?? [])
    return all.find(({ id }) => id === remote)?.sandbox.name ?? ''
  }

  /** Names of services are aliases to the switch. */
  #isService(domain: unknown, name: unknown): boolean {
    const network = typeof domain === 'number' ? this.#registry.networkOf(domain) : undefined
    if (network === undefined || typeof name !== 'string') return false
    const key = nameKey(name)
    return this.#services.addressesOn(network).some((service) => nameKey(service.name) === key)
  }

  #nameOf(resolver: number): string {
    return this.#names.ownerOf(resolver)?.name ?? ''
  }

  /** With what people call the switch's numbers. */
  #named({ stage, verdict, reason, values }: ExplainStep, names: SwitchNames): ExplanationStep {
    const { domain, host, ...rest } = values
    const isService = verdict === 'match' && this.#isService(domain, values['name'])
    return {
      stage,
      verdict,
      ...(reason !== undefined && { reason }),
      values: {
        ...rest,
        ...(isService && { kind: 'service' }),
        ...(typeof domain === 'number' && { network: names.network(domain) }),
        ...(typeof host === 'number' && { sandbox: this.#nameOfHost(host) }),
      },
    }
  }
}

/** Of an endpoint of another host. */
function remoteRecords(
  network: NetworkRecord,
  { names, sandbox, ipv4 = '', ipv6 = '' }: ClusterEndpoint,
  ttlS: number,
): readonly DnsRecord[] {
  return names.map(({ text: name, kind }) => ({
    network: network.name,
    name,
    kind,
    sandbox: sandbox.name,
    from: '',
    ipv4,
    ipv6,
    ttlS,
  }))
}

function addressesOf({ joined }: EndpointRecord): Pick<DnsRecord, 'ipv4' | 'ipv6'> {
  return { ipv4: joined?.ipv4?.address ?? '', ipv6: joined?.ipv6?.address ?? '' }
}

/** Throws BAD_REQUEST. */
function typeOf(text: string): number {
  const type = /^\d+$/.test(text) ? parseType(`TYPE${text}`) : parseType(text)
  if (type !== undefined) return type
  throw new TapwireError(ErrorCode.badRequest, `${printable(text)} is no type of record`, {
    hint: 'Types are A, AAAA, PTR, SRV and so on; any other one is TYPE and its number, TYPE65.',
  })
}

function withoutNames({ name }: NetworkRecord): TapwireError {
  return new TapwireError(ErrorCode.notConnected, `network ${name} has no names`, {
    hint: "The built-in networks have none, nor has one with tapwire.dns=none: 'tapwire network create NETWORK' makes one that has.",
  })
}

/** By each of their names. */
function byKey(members: readonly NetworkMember[]): ReadonlyMap<string | undefined, readonly NetworkMember[]> {
  const called = new Map<string | undefined, NetworkMember[]>()
  for (const member of members) {
    for (const { text } of endpointNames(member.sandbox, member.endpoint.settings)) {
      const key = nameKey(text)
      const others = called.get(key)
      if (others === undefined) called.set(key, [member])
      else others.push(member)
    }
  }
  return called
}

const byName = (a: { readonly name: string }, b: { readonly name: string }): number =>
  a.name < b.name ? -1 : Number(a.name > b.name)
