/** What the data path says of a frame, with what people call the switch's numbers. */

import type { ExplanationStep } from '../api/explain.ts'
import type { ExplainStep } from '../model/machine.ts'
import type { SwitchNames } from './switch-names.ts'

/** Stages whose `port` is one of the switch; elsewhere it is one of TCP or UDP, or ICMP's identifier. */
const SWITCH_STAGES: ReadonlySet<string> = new Set(['link', 'ingress', 'bridge', 'egress'])
/** There the port's name says no more than the address. */
const TUNNEL_STAGE = 'tunnel'
const NAT_STAGES: ReadonlySet<string> = new Set(['source-nat', 'destination-nat'])

/** `domain` becomes `network`, or `place` where it is none. `isIcmp`: the packet has an identifier for its ports. */
export function namedStep(step: ExplainStep, isIcmp: boolean, names: SwitchNames): ExplanationStep {
  const { stage, verdict, reason } = step
  const { domain, network, port, oldPort, from, to, ...rest } = step.values
  const values: ExplanationStep['values'] = {
    ...rest,
    ...(typeof network === 'string' && { prefix: network }),
    ...(typeof domain === 'number' && placeOf(domain, names)),
    ...(typeof from === 'number' && { from: names.place(from) }),
    ...(typeof to === 'number' && { to: names.place(to) }),
  }
  if (typeof oldPort === 'number') Object.assign(values, isIcmp ? { oldIdentifier: oldPort } : { oldPort })
  if (typeof port === 'number') Object.assign(values, portOf(stage, port, isIcmp, names))
  return { stage, verdict, ...(reason !== undefined && { reason }), values }
}

function placeOf(domain: number, names: SwitchNames): ExplanationStep['values'] {
  const network = names.network(domain)
  return network === '' ? { place: names.place(domain) } : { network }
}

function portOf(stage: string, port: number, isIcmp: boolean, names: SwitchNames): ExplanationStep['values'] {
  const host = names.host(port)
  const named = host === '' ? { port } : { port, host }
  if (stage === TUNNEL_STAGE) return named
  if (SWITCH_STAGES.has(stage)) {
    const { sandbox, interface: name } = names.port(port)
    return { ...named, interface: name, sandbox }
  }
  return NAT_STAGES.has(stage) && isIcmp ? { identifier: port } : { port }
}
