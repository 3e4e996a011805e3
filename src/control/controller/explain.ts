/**
 * What would become of a packet. The source's kernel has the first word, by its addresses and routes, which are ours; from the frame
 * that it would send the data path itself says how it would decide.
 */

import { DNS_PORT } from '../../limits.ts'
import type { ExplainRequest, Explanation, ExplanationStep } from '../api/explain.ts'
import type { SwitchRegistry } from '../drivers/switch-registry.ts'
import { ErrorCode, TapwireError } from '../errors.ts'
import type { ExplainStep } from '../model/machine.ts'
import { explainFrame } from '../rules/explain-frame.ts'
import { sampleQuestion } from '../rules/sample-question.ts'
import type { Context } from './context.ts'
import { namedStep } from './explain-names.ts'
import { ExplainPlaces, type Place } from './explain-places.ts'
import type { Services } from './services.ts'
import { SwitchNames } from './switch-names.ts'

/** The first one of those that programs get for a while (RFC 6335, 6); an identifier like any other to ICMP. */
const SOURCE_PORT = 49_152

type Packet = Explanation['packet']

export class Explain {
  readonly #context: Context
  readonly #registry: SwitchRegistry
  readonly #services: Pick<Services, 'addressOf' | 'nameOf' | 'virtualOwner'>

  constructor(
    context: Context,
    registry: SwitchRegistry,
    services: Pick<Services, 'addressOf' | 'nameOf' | 'virtualOwner'>,
  ) {
    this.#context = context
    this.#registry = registry
    this.#services = services
  }

  /** Throws BAD_REQUEST, SANDBOX_UNKNOWN, NOT_RUNNING, NOT_CONNECTED, or UPLINK_UNUSABLE for a source beyond an uplink that is none. */
  async explain(request: ExplainRequest): Promise<Explanation> {
    const { protocol, port } = transportOf(request)
    const places = new ExplainPlaces(this.#context, this.#registry, this.#services)
    const { source, destination } = places.ends(request)
    const { place, steps } = await places.firstHop(source, destination)
    const packet: Packet = {
      protocol,
      source: place.address,
      destination,
      sourcePort: protocol === 'icmp' ? 0 : SOURCE_PORT,
      destinationPort: port,
      sandbox: place.sandbox,
      network: place.network,
    }
    const all = [...steps, ...(await this.#askSwitch(packet, place))]
    return { packet, steps: all, outcome: outcomeOf(all) }
  }

  /** The packet would wait until the next hop has said where it is: what a sandbox would, and of others nobody knows. */
  #asked({ values: { address, domain } }: ExplainStep, names: SwitchNames): readonly ExplanationStep[] {
    const port = this.#registry
      .ports()
      .find(
        ({ endpoint, network }) =>
          endpoint?.ipv4?.address === address && this.#registry.domainOf(network.id) === domain,
      )
    if (port === undefined) return []
    return [{ stage: 'neighbour', verdict: 'answer', values: { ...names.port(port.port) } }]
  }

  #withService(step: ExplainStep): ExplainStep {
    const { service } = step.values
    if (typeof service !== 'number') return step
    return { ...step, values: { ...step.values, service: this.#services.nameOf(service) } }
  }

  /** Nothing where the packet does not leave its kernel. */
  async #askSwitch(packet: Packet, { hop }: Place): Promise<readonly ExplanationStep[]> {
    if (hop === undefined) return []
    const payload = isQuestion(packet) ? sampleQuestion(packet.sandbox) : undefined
    const frame = explainFrame({ ...packet, ...hop, sourcePort: SOURCE_PORT, payload })
    const steps = await this.#context.parts.fabric.explain(hop.port, frame)
    const names = new SwitchNames(this.#context, this.#registry)
    const told = steps.map((step) => namedStep(this.#withService(step), packet.protocol === 'icmp', names))
    const last = steps.at(-1)
    if (last?.stage !== 'neighbour' || last.verdict !== 'unknown') return told
    return [...told, ...this.#asked(last, names)]
  }
}

/** RFC 1035, 4.2.1. Without a question in it, a name server would drop it. */
const isQuestion = ({ protocol, destinationPort }: Packet): boolean =>
  protocol === 'udp' && destinationPort === DNS_PORT

/** Throws BAD_REQUEST. */
function transportOf({ protocol, port }: ExplainRequest): { protocol: Packet['protocol']; port: number } {
  const chosen = protocol ?? (port === undefined ? 'icmp' : 'tcp')
  if (chosen === 'icmp' && port !== undefined)
    throw new TapwireError(ErrorCode.badRequest, 'icmp has no ports, so none can be asked for')
  if (chosen !== 'icmp' && port === undefined)
    throw new TapwireError(ErrorCode.badRequest, `${chosen} needs a port`)
  return { protocol: chosen, port: port ?? 0 }
}

/** By the last word that was said. */
function outcomeOf(steps: readonly ExplanationStep[]): Explanation['outcome'] {
  const last = steps.at(-1)
  if (last === undefined) return 'unknown'
  if (steps.some(({ verdict }) => verdict === 'drop')) return 'dropped'
  // The gateway's name server answers in any case, if only after it has asked outside.
  if (last.stage === 'answer' || last.stage === 'names') return 'answered'
  if (last.stage === 'tunnel' && last.verdict === 'encapsulate') return 'tunnelled'
  return DELIVERED.has(`${last.stage} ${last.verdict}`) ? 'delivered' : 'unknown'
}

const DELIVERED: ReadonlySet<string> = new Set([
  'kernel local',
  'neighbour answer',
  'bridge forward',
  'bridge flood',
  'egress transmit',
])
