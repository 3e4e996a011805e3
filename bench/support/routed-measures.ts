/**
 * The routed path in memory, beside the switched one in the same process and turns: small frames of known flows through gateway and
 * NAT, first packets, the expiry of all flows at once, a range of published ports.
 */

import { Engine } from '../../src/datapath/engine.ts'
import { FrameMemory, frameLayout } from '../../src/datapath/frame-memory.ts'
import { BURST_MAX } from '../../src/limits.ts'
import { type RoutedShape, RoutedTraffic } from './routed-traffic.ts'
import { median } from './statistics.ts'
import { SwitchedTraffic } from './switched-traffic.ts'

const SMALL = 1000
const LARGE = 1_000_000
const SWITCH = { ports: 3, stations: 30 }

/** Passes of a round, and bursts of the switched path between two of them: as many frames. */
const PASSES = 4
const BURSTS = 64
const WARM_UP_PASSES = 20
const WARM_UP_LIVES = 20

const PUBLISHED_PORTS = 10_000

export interface RoutedFigures {
  readonly protocol: string
  readonly way: string
  readonly flows: number
  /** Nanoseconds for a packet: routed and translated, and switched meanwhile. */
  readonly routed: number
  readonly switched: number
  /** The one over the other: the median of the rounds' ratios. */
  readonly ratio: number
  /** Nanoseconds of a flow's first packet, all that it needs being known. */
  readonly newFlow: number
  /** Microseconds of a call of `tick` while all flows expire: the middle, and the longest. */
  readonly tickMedian: number
  readonly tickLongest: number
  /** The longest of the first time that so many expire, with what the compiler does meanwhile. */
  readonly tickLongestFirst: number
}

export interface RouterFigures {
  readonly shapes: readonly RoutedFigures[]
  /** LARGE flows over SMALL. */
  readonly largeToSmall: number
  /** Microseconds to publish a range of PUBLISHED_PORTS, and to take it back. */
  readonly publish: number
}

const SHAPES: readonly RoutedShape[] = [
  { protocol: 'tcp', way: 'out', flows: SMALL },
  { protocol: 'tcp', way: 'out', flows: LARGE },
  { protocol: 'udp', way: 'out', flows: SMALL },
  { protocol: 'tcp', way: 'in', flows: SMALL },
]

/** Measures each shape `rounds` times; each figure is the median of the rounds. */
export function measureRouter(rounds: number): RouterFigures {
  for (const shape of SHAPES) warmUp(shape)
  const shapes = SHAPES.map((shape) => measureShape(shape, rounds))
  return {
    shapes,
    largeToSmall: shapes[1]!.routed / shapes[0]!.routed,
    publish: median(Array.from({ length: rounds }, measurePublishing)),
  }
}

/** The compiler gets to know all that flows go through, from the first packet to the last second, before any of it is measured. */
function warmUp(shape: RoutedShape): void {
  const traffic = new RoutedTraffic({ ...shape, flows: SMALL })
  for (let life = 0; life < WARM_UP_LIVES; life++) {
    traffic.open()
    traffic.pass()
    traffic.expire()
  }
}

function measureShape(shape: RoutedShape, rounds: number): RoutedFigures {
  const routed = new RoutedTraffic(shape)
  const switched = new SwitchedTraffic(SWITCH)
  routed.open()
  const firstTicks = routed.expire()
  routed.open()
  routed.expire()
  const newFlow = median(routed.open())
  for (let pass = 0; pass < WARM_UP_PASSES; pass++) {
    routed.pass()
    switched.round(BURSTS)
  }
  routed.check()
  const times = Array.from({ length: rounds }, () => round(routed, switched))
  const ticks = routed.expire().map((ns) => ns / 1000)
  return {
    ...shape,
    routed: median(times.map((time) => time.routed)),
    switched: median(times.map((time) => time.switched)),
    ratio: median(times.map((time) => time.routed / time.switched)),
    newFlow,
    tickMedian: median(ticks),
    tickLongest: Math.max(...ticks),
    tickLongestFirst: Math.max(...firstTicks) / 1000,
  }
}

/** Nanoseconds for a packet on both paths, in turns: medians over the bursts, which nobody else's turn on the processor falls into. */
function round(routed: RoutedTraffic, switched: SwitchedTraffic): { routed: number; switched: number } {
  const routedTimes: number[] = []
  const switchedTimes: number[] = []
  for (let pass = 0; pass < PASSES; pass++) {
    routedTimes.push(...routed.pass())
    for (let burst = 0; burst < BURSTS; burst++) {
      const start = process.hrtime.bigint()
      switched.round(1)
      switchedTimes.push(Number(process.hrtime.bigint() - start) / BURST_MAX)
    }
  }
  return { routed: median(routedTimes), switched: median(switchedTimes) }
}

function measurePublishing(): number {
  const engine = new Engine(new FrameMemory(frameLayout(1)), { seed: 1 })
  const mapping = {
    id: 1,
    protocol: 6,
    address: 0,
    first: 20_000,
    last: 20_000 + PUBLISHED_PORTS - 1,
    targetAddress: 0x0a00_0002,
    targetFirst: 20_000,
    targetDomain: 1,
    owner: 1,
  }
  const start = process.hrtime.bigint()
  engine.publish(mapping)
  engine.unpublish(1)
  return Number(process.hrtime.bigint() - start) / 1000
}
