/**
 * What would become of a packet. The source's kernel has the first word, by its addresses and routes, which are ours; from the frame
 * that it would send the data path itself says how it would decide.
 */

import { TYPE_ECHO_REPLY } from '../../wire/icmp.ts'
import type { ExplainRequest, Explanation, ExplanationStep } from '../api/explain.ts'
import type { SwitchRegistry } from '../drivers/switch-registry.ts'
import { ErrorCode, TapwireError } from '../errors.ts'
import type { ExplainStep } from '../model/machine.ts'
import { explainFrame } from '../rules/explain-frame.ts'
import type { Context } from './context.ts'
import { ExplainPlaces, type Place } from './explain-places.ts'
import { SwitchNames } from './switch-names.ts'

/** The first one of those that programs get for a while (RFC 6335, 6); an identifier like any other to ICMP. */
const SOURCE_PORT = 49_152

type Packet = Explanation['packet']

export class Explain {
  readonly #context: Context
  readonly #registry: SwitchRegistry

  constructor(context: Context, registry: SwitchRegistry) {
    this.#context = context
    this.#registry = registry
  }

  /** Throws BAD_REQUEST, SANDBOX_UNKNOWN, NOT_RUNNING, NOT_CONNECTED, or UPLINK_UNUSABLE for a source beyond an uplink that is none. */
  async explain(request: ExplainRequest): Promise<Explanation> {
    const { protocol, port } = transportOf(request)
    const places = new ExplainPlaces(this.#context, this.#registry)
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

  /** Nothing where the packet does not leave its kernel. */
  async #askSwitch(packet: Packet, { hop }: Place): Promise<readonly ExplanationStep[]> {
    if (hop === undefined) return []
    const frame = explainFrame({ ...packet, ...hop, sourcePort: SOURCE_PORT })
    const steps = await this.#context.parts.fabric.explain(hop.port, frame)
    const names = new SwitchNames(this.#context, this.#registry)
    return steps.map((step) => named(step, names))
  }
}

/** Throws BAD_REQUEST. */
function transportOf({ protocol, port }: ExplainRequest): { protocol: Packet['protocol']; port: number } {
  const chosen = protocol ?? (port === undefined ? 'icmp' : 'tcp')
  if (chosen === 'icmp' && port !== undefined)
    throw new TapwireError(ErrorCode.badRequest, 'icmp has no ports, so none can be asked for')
  if (chosen !== 'icmp' && port === undefined)
    throw new TapwireError(ErrorCode.badRequest, `${chosen} needs a port`)
  return { protocol: chosen, port: port ?? 0 }
}

/** Stages whose `port` is one of the switch; elsewhere it is one of TCP or UDP. */
const SWITCH_STAGES: ReadonlySet<string> = new Set(['ingress', 'bridge', 'egress'])
const DOMAINS = ['network', 'domain', 'from', 'to'] as const

/** With what people call the switch's numbers. */
function named(step: ExplainStep, names: SwitchNames): ExplanationStep {
  const { stage, verdict, reason } = step
  const values: ExplanationStep['values'] = { ...step.values }
  for (const key of DOMAINS) {
    const domain = values[key]
    if (typeof domain !== 'number') continue
    values[key] = names.network(domain) || (names.isUplink(domain) ? 'the uplink' : 'the host')
  }
  const { port } = values
  if (typeof port === 'number' && SWITCH_STAGES.has(stage)) {
    const { network, ...owner } = names.port(port)
    Object.assign(values, owner, values['network'] === undefined && network !== '' && { network })
  }
  return { stage, verdict, ...(reason !== undefined && { reason }), values }
}

/** By the last word that was said. */
function outcomeOf(steps: readonly ExplanationStep[]): Explanation['outcome'] {
  const last = steps.at(-1)
  if (last === undefined) return 'unknown'
  if (steps.some(({ verdict }) => verdict === 'drop')) return 'dropped'
  if (last.stage === 'answer') return isRefusal(last) ? 'dropped' : 'answered'
  return DELIVERED.has(`${last.stage} ${last.verdict}`) ? 'delivered' : 'unknown'
}

/** An answer that says that the packet has not arrived: a reset, or an ICMP message that is no echo reply. */
const isRefusal = ({ verdict, values: { type } }: ExplanationStep): boolean =>
  verdict === 'rst' || (typeof type === 'number' && type !== TYPE_ECHO_REPLY)

const DELIVERED: ReadonlySet<string> = new Set([
  'kernel local',
  'bridge forward',
  'bridge flood',
  'egress transmit',
  'egress segment',
  'egress fragment',
])
