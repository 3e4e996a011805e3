import { ROUTER_PORT } from '../../datapath/router-port.ts'
import { RELAY_PORT, UPLINK_PORT } from '../../limits.ts'
import type { ExplanationStep } from '../api/explain.ts'
import type { SwitchPort, SwitchRegistry } from '../drivers/switch-registry.ts'
import { ErrorCode, TapwireError } from '../errors.ts'
import { normalAddress } from '../ip-address.ts'
import type { ExplainStep } from '../model/machine.ts'
import type { NetworkRecord, SandboxRecord } from '../model/records.ts'
import type { NamedAddress, PlaceSelection, Places, SwitchPlace } from '../places.ts'
import { findNetwork, findSandbox } from '../rules/references.ts'
import type { Context } from './context.ts'
import { namedStep } from './explain-names.ts'
import { SwitchNames } from './switch-names.ts'

/** Of the ports that are always the same one's. */
const UPLINK = {}
const RELAY = {}
const ROUTER = {}
const NOBODY = {}

/** What the name of a place begins with that is another host. */
const PEER = 'peer:'

/** Whether a port is meant; `entry` is undefined for the uplink and the relay. */
type Rule = (port: number, entry: SwitchPort | undefined) => boolean

export class SwitchPlaces implements Places {
  readonly #context: Context
  readonly #registry: SwitchRegistry

  constructor(context: Context, registry: SwitchRegistry) {
    this.#context = context
    this.#registry = registry
  }

  select(places: readonly string[]): PlaceSelection {
    const rules = places.length === 0 ? [() => true] : places.map((place) => this.#rule(place))
    return {
      has: ({ port }) => rules.some((rule) => rule(port, this.#registry.portOf(port))),
    }
  }

  all(): readonly SwitchPlace[] {
    const ports = this.#registry.ports().map(({ port }) => port)
    return [...ports, UPLINK_PORT, RELAY_PORT].map((port) => this.at(port))
  }

  at(port: number): SwitchPlace {
    if (port === UPLINK_PORT) {
      const { interface: name, mac } = this.#context.parts.fabric.uplink()
      return { port, kind: 'uplink', name, interface: name, network: '', mac, owner: UPLINK }
    }
    if (port === RELAY_PORT) return placeOf(port, 'host', 'relay', RELAY)
    if (port === ROUTER_PORT) return placeOf(port, 'router', 'gateway', ROUTER)
    const entry = this.#registry.portOf(port)
    return entry === undefined ? placeOf(port, 'host', '', NOBODY) : this.#known(entry)
  }

  addresses(): readonly NamedAddress[] {
    const { networks, sandboxes } = this.#context.model
    const names = new Map<string, string[]>()
    const add = (address: string | undefined, name: string): void => {
      if (address === undefined) return
      const known = names.get(address)
      if (known === undefined) names.set(address, [name])
      else if (!known.includes(name)) known.push(name)
    }
    for (const { name, endpoints } of sandboxes.values()) {
      for (const { joined } of endpoints) {
        add(joined?.ipv4?.address, name)
        add(joined?.ipv6?.address, name)
      }
    }
    for (const { name, ipam } of networks.values()) {
      for (const { gateway } of ipam.pools) add(gateway, `gateway.${name}`)
    }
    return [...names].map(([address, known]) => ({ address, names: known }))
  }

  addressesOf(name: string): readonly string[] {
    const found = this.addresses().filter(({ names }) => names.includes(name))
    return found.map(({ address }) => address)
  }

  explained(steps: readonly ExplainStep[], isIcmp: boolean): readonly ExplanationStep[] {
    const names = new SwitchNames(this.#context, this.#registry)
    return steps.map((step) => namedStep(step, isIcmp, names))
  }

  onChange(listener: () => void): () => void {
    return this.#registry.onChange(listener)
  }

  #known({ port, interface: name, network, endpoint }: SwitchPort): SwitchPlace {
    const sandbox = endpoint && this.#context.model.sandbox(endpoint.sandbox)
    return {
      port,
      kind: endpoint === undefined ? 'host' : 'sandbox',
      name: sandbox?.name ?? name,
      interface: name,
      network: network.name,
      mac: this.#macOf(sandbox, network),
      owner: this.#registry.portOf(port)!,
    }
  }

  #macOf(sandbox: SandboxRecord | undefined, network: NetworkRecord): string {
    return sandbox?.endpoints.find((endpoint) => endpoint.network === network.id)?.joined?.mac ?? ''
  }

  #rule(text: string): Rule {
    if (text === 'any') return () => true
    if (text.startsWith(PEER)) return this.#peerRule(text.slice(PEER.length))
    const [kind, name] = splitKind(text)
    const [sandbox, network] = splitAt(name)
    if (network !== undefined) {
      const there = this.#network(network).id
      const owner = this.#owner(this.#sandbox(sandbox)).id
      return (_port, entry) => entry?.endpoint?.sandbox === owner && entry.network.id === there
    }
    if (kind === 'sandbox') return this.#sandboxRule(this.#sandbox(name))
    if (kind === 'network') return networkRule(this.#network(name))
    const found = [this.#knownSandbox(name), this.#knownNetwork(name)] as const
    if (found[0] !== undefined && found[1] !== undefined) {
      throw new TapwireError(
        ErrorCode.referenceAmbiguous,
        `${name} is the name of a sandbox and of a network`,
        {
          hint: `Write sandbox:${name} or network:${name}.`,
        },
      )
    }
    if (found[0] !== undefined) return this.#sandboxRule(found[0])
    if (found[1] !== undefined) return networkRule(found[1])
    if (name === 'uplink') return (port, entry) => port === UPLINK_PORT || this.#isWorld(entry)
    if (name === 'host') return (port, entry) => isHost(port, entry)
    throw new TapwireError(ErrorCode.objectUnknown, `there is no sandbox and no network ${name}`, {
      hint: 'any, uplink, host and peer:ADDRESS are places, too.',
    })
  }

  /** A network that plays the world is the uplink: all that is on it. Asked each time: it may come later. */
  #isWorld(entry: SwitchPort | undefined): boolean {
    const { domain } = this.#context.parts.fabric.uplink()
    return entry !== undefined && domain !== undefined && this.#registry.domainOf(entry.network.id) === domain
  }

  /** `192.0.2.2`, or `192.0.2.2@blue`; the name of its host will do. Asked each time: it may come later. */
  #peerRule(text: string): Rule {
    const [name, network] = splitAt(text)
    const there = network === undefined ? undefined : this.#network(network).id
    const address = normalAddress(name)
    return (_port, entry) =>
      entry?.peer !== undefined &&
      (entry.peer.address === address || entry.peer.host === name) &&
      (there === undefined || entry.network.id === there)
  }

  #sandboxRule(sandbox: SandboxRecord): Rule {
    const { id } = this.#owner(sandbox)
    return (_port, entry) => entry?.endpoint?.sandbox === id
  }

  /** Whose network it is: that of another sandbox, for one that shares it. */
  #owner(sandbox: SandboxRecord): SandboxRecord {
    const { networkMode } = sandbox.config
    const owner =
      networkMode.kind === 'container' ? this.#context.model.sandbox(networkMode.sandbox) : undefined
    return owner ?? sandbox
  }

  #sandbox(reference: string): SandboxRecord {
    return findSandbox(this.#context.model.sandboxes.values(), reference)
  }

  #network(reference: string): NetworkRecord {
    return findNetwork(this.#context.model.networks.values(), reference)
  }

  #knownSandbox(reference: string): SandboxRecord | undefined {
    return unlessUnknown(ErrorCode.sandboxUnknown, () => this.#sandbox(reference))
  }

  #knownNetwork(reference: string): NetworkRecord | undefined {
    return unlessUnknown(ErrorCode.networkUnknown, () => this.#network(reference))
  }
}

const networkRule =
  ({ id }: NetworkRecord): Rule =>
  (_port, entry) =>
    entry?.network.id === id

const isHost = (port: number, entry: SwitchPort | undefined): boolean =>
  port === RELAY_PORT || (entry !== undefined && entry.endpoint === undefined && entry.peer === undefined)

function placeOf(port: number, kind: SwitchPlace['kind'], name: string, owner: object): SwitchPlace {
  return { port, kind, name, interface: name, network: '', mac: '', owner }
}

function splitKind(text: string): readonly [kind: string | undefined, name: string] {
  const found = /^(sandbox|network):(.+)$/.exec(text)
  return found === null ? [undefined, text] : [found[1], found[2]!]
}

function splitAt(text: string): readonly [name: string, network: string | undefined] {
  const at = text.indexOf('@')
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)]
}

function unlessUnknown<T>(code: string, find: () => T): T | undefined {
  try {
    return find()
  } catch (error) {
    if (error instanceof TapwireError && error.code === code) return undefined
    throw error
  }
}
