/**
 * What would become of a packet. The source's kernel has the first word, by its addresses and routes, which are ours; from the frame
 * that it would send the data path itself says how it would decide.
 *
 *     names ─► kernel ─┬─────────────────────────────► the packet's frame ─► data path
 *                      └─► ARP request ─► data path ─┘
 */

import { DNS_PORT } from '../../limits.ts'
import type { ExplainRequest, Explanation, ExplanationStep } from '../api/explain.ts'
import type { SwitchRegistry } from '../drivers/switch-registry.ts'
import { ErrorCode, TapwireError } from '../errors.ts'
import { parseIpAddress } from '../ip-address.ts'
import { macOfAddress, normalMac } from '../mac-address.ts'
import type { ExplainStep } from '../model/machine.ts'
import { arpFrame } from '../rules/arp-frame.ts'
import { explainFrame, MESSAGE_SIZES } from '../rules/explain-frame.ts'
import { firstFragment, fragmentsOf } from '../rules/first-fragment.ts'
import { bridgeGateway } from '../rules/gateway.ts'
import { printable } from '../rules/names.ts'
import { sampleQuestion } from '../rules/sample-question.ts'
import type { Context } from './context.ts'
import type { Dns } from './dns.ts'
import { ExplainCluster } from './explain-cluster.ts'
import { ExplainHops, type Hop, type PendingHop, type Place } from './explain-hops.ts'
import { namedStep } from './explain-names.ts'
import { ExplainPlaces } from './explain-places.ts'
import type { Services } from './services.ts'
import { SwitchNames } from './switch-names.ts'

/** The first one of those that programs get for a while (RFC 6335, 6); an identifier like any other to ICMP. */
const SOURCE_PORT = 49_152
const IPV4_HEADER_SIZE = 20

/** Reasons for which a packet to an address of ours is dropped, which nobody has published anything for. */
const NOBODYS: ReadonlySet<string> = new Set(['port-closed', 'not-ours'])

type Packet = Explanation['packet']

export interface ExplainParts {
  readonly context: Context
  readonly registry: SwitchRegistry
  readonly services: Pick<Services, 'addressOf' | 'closedPort' | 'named' | 'nameOf' | 'virtualOwner'>
  readonly dns: Pick<Dns, 'query' | 'records'>
}

export class Explain {
  readonly #parts: ExplainParts

  constructor(parts: ExplainParts) {
    this.#parts = parts
  }

  /**
   * Throws BAD_REQUEST, SANDBOX_UNKNOWN, NOT_RUNNING, NOT_CONNECTED, SERVICE_INVALID for a name without addresses, or UPLINK_UNUSABLE for a
   * source beyond an uplink that is none.
   */
  async explain(request: ExplainRequest): Promise<Explanation> {
    const { protocol, port } = transportOf(request)
    const mac = macOf(request)
    const cluster = new ExplainCluster(this.#parts.context, this.#parts.registry)
    const places = new ExplainPlaces({ ...this.#parts, cluster })
    const source = places.source(request.source)
    const destination = await places.destination(request.destination, source)
    const first = await new ExplainHops({ ...this.#parts, cluster }).first(source, destination.address, mac)
    const { place, steps, pending } = first
    const packet: Packet = {
      protocol,
      source: place.address,
      destination: destination.address,
      sourcePort: protocol === 'icmp' ? 0 : (request.sourcePort ?? SOURCE_PORT),
      destinationPort: port,
      sandbox: place.sandbox,
      network: place.network,
    }
    const question = new Question(this.#parts, cluster, packet, request)
    const told =
      pending === undefined ? await question.ask(place.hop) : await question.askPending(place, pending)
    const all = [...destination.steps, ...steps, ...told]
    return { packet, steps: all, outcome: outcomeOf(all) }
  }
}

/** What the data path is asked about one packet. */
class Question {
  readonly #parts: ExplainParts
  readonly #cluster: ExplainCluster
  readonly #packet: Packet
  readonly #request: ExplainRequest
  readonly #names: SwitchNames

  constructor(parts: ExplainParts, cluster: ExplainCluster, packet: Packet, request: ExplainRequest) {
    this.#parts = parts
    this.#cluster = cluster
    this.#packet = packet
    this.#request = request
    this.#names = new SwitchNames(parts.context, parts.registry)
  }

  /** Nothing where the packet does not leave its kernel. */
  async ask(hop: Hop | undefined): Promise<readonly ExplanationStep[]> {
    if (hop === undefined) return []
    const packet = this.#packet
    const payload = isQuestion(packet) ? sampleQuestion(packet.sandbox) : undefined
    const sourcePort = this.#request.sourcePort ?? SOURCE_PORT
    const whole = explainFrame({ ...packet, ...hop, sourcePort, payload, size: this.#request.size })
    const { frame, steps: cut } = this.#cut(whole, hop)
    const steps = await this.#decide(hop.port, frame)
    const told = [...cut, ...steps.map((step) => this.#named(step)), ...this.#closed(steps)]
    const last = steps.at(-1)
    if (last?.stage !== 'neighbour' || last.verdict !== 'unknown') return told
    return [...told, ...this.#asked(last)]
  }

  /** The kernel asks for its next hop first; where that is known to answer, the packet follows. */
  async askPending({ sandbox }: Place, pending: PendingHop): Promise<readonly ExplanationStep[]> {
    const { port, network, nextHop } = pending
    const steps = await this.#decide(port, arpFrame(pending))
    const told = steps.map((step) => this.#named(step))
    if (steps.some(({ verdict }) => verdict === 'drop')) return told
    const values = { sandbox, nextHop }
    const answer = answerOf(steps) ?? (isRouters(steps) ? bridgeGateway(network)?.mac : undefined)
    const likely = answer === undefined ? await this.#likely(pending) : undefined
    const mac = answer ?? likely
    if (mac === undefined) return [...told, { stage: 'kernel', verdict: 'wait', values }]
    const verdict = answer === undefined ? 'guess' : 'answered'
    const rest = await this.ask({ ...pending, targetMac: mac })
    return [...told, { stage: 'kernel', verdict, values: { ...values, mac } }, ...rest]
  }

  #decide(port: number, frame: Uint8Array): Promise<readonly ExplainStep[]> {
    return this.#parts.context.parts.fabric.explain(port, frame)
  }

  /** What the source's interface does not take whole, its kernel sends in fragments: the first one is asked about. */
  #cut(frame: Uint8Array, { mtu }: Hop): { frame: Uint8Array; steps: readonly ExplanationStep[] } {
    const { size } = this.#request
    if (size === undefined || size <= mtu) return { frame, steps: [] }
    const { sandbox } = this.#packet
    const values = { sandbox, size, mtu, fragments: fragmentsOf(size, mtu) }
    // Whose kernel or router it was that cut a packet of the world is not known.
    const stage = sandbox === '' ? 'uplink' : 'kernel'
    return { frame: firstFragment(frame, mtu), steps: [{ stage, verdict: 'fragment', values }] }
  }

  /** What was published for the packet, and is not open here. */
  #closed(steps: readonly ExplainStep[]): readonly ExplanationStep[] {
    if (!NOBODYS.has(steps.at(-1)?.reason ?? '')) return []
    const { protocol, destinationPort: port } = this.#packet
    const closed = this.#parts.services.closedPort(protocol, port)
    return closed === undefined ? [] : [{ stage: 'service', verdict: 'closed', values: { ...closed, port } }]
  }

  /** MAC addresses that Docker and Tapwire give follow from the address: a station that the switch has heard with it. */
  async #likely({ network, nextHop }: PendingHop): Promise<string | undefined> {
    const { context, registry } = this.#parts
    const domain = registry.domainOf(network.id)
    const mac = macOfAddress(parseIpAddress(nextHop)!)
    const stations = await context.parts.fabric.stations()
    return stations.some((one) => one.domain === domain && one.mac === mac) ? mac : undefined
  }

  /** The packet would wait until the next hop has said where it is: what a sandbox would, and of others nobody knows. */
  #asked({ values: { address, domain } }: ExplainStep): readonly ExplanationStep[] {
    const { registry } = this.#parts
    const port = registry
      .ports()
      .find(
        ({ endpoint, network }) =>
          endpoint?.ipv4?.address === address && registry.domainOf(network.id) === domain,
      )
    if (port === undefined) return []
    const { network, sandbox, interface: device } = this.#names.port(port.port)
    return [{ stage: 'neighbour', verdict: 'answer', values: { network, sandbox, interface: device } }]
  }

  #named(step: ExplainStep): ExplanationStep {
    return namedStep(this.#withOwners(step), this.#packet.protocol === 'icmp', this.#names)
  }

  /** Whose the service and its backend are, and on which host who is behind a tunnel. */
  #withOwners(step: ExplainStep): ExplainStep {
    const { service, backend, address, domain } = step.values
    const network = typeof domain === 'number' ? this.#parts.registry.networkOf(domain) : undefined
    if (typeof service === 'number') {
      const { nameOf } = this.#parts.services
      const name = nameOf.call(this.#parts.services, service)
      const owner =
        network !== undefined && typeof backend === 'string' ? this.#cluster.ownerOf(network, backend) : {}
      return { ...step, values: { ...step.values, ...owner, service: name } }
    }
    if (step.stage !== 'neighbour' || step.verdict !== 'remote' || network === undefined) return step
    const { host } = this.#cluster.ownerOf(network, String(address))
    return { ...step, values: { ...step.values, host } }
  }
}

/** The MAC address by which another host's station was answered for. */
function answerOf(steps: readonly ExplainStep[]): string | undefined {
  const mac = steps.find(({ verdict }) => verdict === 'suppress')?.values['mac']
  return typeof mac === 'string' ? mac : undefined
}

/** The router has said that it leads there. */
const isRouters = (steps: readonly ExplainStep[]): boolean =>
  steps.some(({ verdict }) => verdict === 'arp-reply')

/** RFC 1035, 4.2.1. Without a question in it, a name server would drop it. */
const isQuestion = ({ protocol, destinationPort }: Packet): boolean =>
  protocol === 'udp' && destinationPort === DNS_PORT

/** Throws BAD_REQUEST. */
function macOf({ mac }: ExplainRequest): string | undefined {
  if (mac === undefined) return undefined
  const normal = normalMac(mac)
  if (normal !== undefined) return normal
  throw new TapwireError(ErrorCode.badRequest, `invalid MAC address: ${printable(mac)}`)
}

/** Throws BAD_REQUEST. */
function transportOf(request: ExplainRequest): { protocol: Packet['protocol']; port: number } {
  const { protocol, port, size, sourcePort } = request
  const chosen = protocol ?? (port === undefined ? 'icmp' : 'tcp')
  if (chosen === 'icmp' && (port ?? sourcePort) !== undefined)
    throw new TapwireError(ErrorCode.badRequest, 'icmp has no ports, so none can be asked for')
  if (chosen !== 'icmp' && port === undefined)
    throw new TapwireError(ErrorCode.badRequest, `${chosen} needs a port`)
  if (size !== undefined) checkSize(chosen, size)
  return { protocol: chosen, port: port ?? 0 }
}

/** Throws BAD_REQUEST. */
function checkSize(protocol: Packet['protocol'], size: number): void {
  if (protocol === 'tcp') {
    throw new TapwireError(
      ErrorCode.badRequest,
      "the first packet of TCP is a SYN, whose size is the kernel's matter",
      {
        hint: 'Ask for a size with icmp or udp.',
      },
    )
  }
  const least = IPV4_HEADER_SIZE + MESSAGE_SIZES[protocol]
  if (size < least)
    throw new TapwireError(
      ErrorCode.badRequest,
      `a packet of ${protocol} has at least ${least} bytes, not ${size}`,
    )
}

/** By the last word that was said. */
function outcomeOf(steps: readonly ExplanationStep[]): Explanation['outcome'] {
  const last = steps.at(-1)
  if (last === undefined) return 'unknown'
  if (steps.some(({ verdict }) => verdict === 'drop')) return 'dropped'
  // The gateway's name server answers in any case, if only after it has asked outside.
  if (last.stage === 'answer' || last.stage === 'names') return 'answered'
  if (last.stage === 'tunnel') return TUNNELLED.has(last.verdict) ? 'tunnelled' : 'unknown'
  return DELIVERED.has(`${last.stage} ${last.verdict}`) ? 'delivered' : 'unknown'
}

const TUNNELLED: ReadonlySet<string> = new Set(['encapsulate', 'replicate'])

const DELIVERED: ReadonlySet<string> = new Set([
  'kernel local',
  'neighbour answer',
  'bridge forward',
  'bridge flood',
  'egress transmit',
])
