import type { MetricId } from './metrics.ts'

/** What the project has set itself for a ratio of medians, or for a median itself. */
export interface Target {
  readonly metric: MetricId
  readonly of: string
  /** Without it the median itself is meant, in the unit of the metric. */
  readonly to?: string
  /** Bounds of the ratio `of / to`. */
  readonly atLeast?: number
  readonly atMost?: number
}

export const L2_TARGETS: readonly Target[] = [
  { metric: 'tcp1', of: 'tapwire', to: 'kernel-bridge', atLeast: 1.0 },
  { metric: 'tcp1', of: 'tapwire', to: 'open-vswitch', atLeast: 1.3 },
  { metric: 'tcp1', of: 'tapwire', to: 'vde-switch', atLeast: 8 },
  { metric: 'frames', of: 'tapwire', to: 'c-readwrite', atLeast: 1.2 },
  { metric: 'frames', of: 'tapwire', to: 'c-uring', atLeast: 0.95 },
  { metric: 'pingP50', of: 'tapwire', to: 'kernel-bridge', atMost: 1.5 },
]

export const NAT_TARGETS: readonly Target[] = [
  { metric: 'tcpOut', of: 'tapwire', to: 'kernel', atLeast: 0.8 },
  { metric: 'tcpOut', of: 'tapwire', to: 'slirp4netns', atLeast: 3 },
  { metric: 'tcpOut', of: 'tapwire', to: 'pasta', atLeast: 1.5 },
  { metric: 'tcpIn', of: 'tapwire', to: 'kernel', atLeast: 0.8 },
  { metric: 'tcpIn', of: 'tapwire', to: 'slirp4netns', atLeast: 3 },
  { metric: 'tcpIn', of: 'tapwire', to: 'pasta', atLeast: 1.5 },
  { metric: 'connectionsOut', of: 'tapwire', to: 'kernel', atLeast: 0.5 },
  { metric: 'connectionsIn', of: 'tapwire', to: 'kernel', atLeast: 0.5 },
  { metric: 'pingP50', of: 'tapwire', to: 'kernel', atMost: 2 },
  { metric: 'publish', of: 'tapwire', atMost: 100 },
]

export const DNS_TARGETS: readonly Target[] = [
  { metric: 'dnsRate', of: 'tapwire', to: 'dnsmasq', atLeast: 1.5 },
  { metric: 'dnsP99', of: 'tapwire', to: 'dnsmasq', atMost: 1 },
  { metric: 'dnsLost', of: 'tapwire', atMost: 0 },
  { metric: 'dnsManyCost', of: 'tapwire', atMost: 1.5 },
  { metric: 'dnsMissExtra', of: 'tapwire', atMost: 200 },
]

export const OVERLAY_TARGETS: readonly Target[] = [
  { metric: 'tcp1', of: 'tapwire', to: 'kernel-plain', atLeast: 1.0 },
  { metric: 'tcp1', of: 'tapwire', to: 'kernel', atLeast: 0.5 },
  { metric: 'tcp1', of: 'tapwire', to: 'open-vswitch', atLeast: 2 },
]

export interface Verdict extends Target {
  /** The median where the target is not a ratio. Undefined when one of the two was not measured. */
  readonly ratio: number | undefined
  readonly outcome: 'met' | 'missed' | 'not measured'
}

/** Holds the medians of each contender against a target. */
export function judge(
  target: Target,
  medianOf: (contender: string, metric: MetricId) => number | undefined,
): Verdict {
  const ours = medianOf(target.of, target.metric)
  const theirs = target.to === undefined ? 1 : medianOf(target.to, target.metric)
  if (ours === undefined || theirs === undefined || theirs === 0)
    return { ...target, ratio: undefined, outcome: 'not measured' }
  const ratio = ours / theirs
  const met = ratio >= (target.atLeast ?? 0) && ratio <= (target.atMost ?? Number.POSITIVE_INFINITY)
  return { ...target, ratio, outcome: met ? 'met' : 'missed' }
}
