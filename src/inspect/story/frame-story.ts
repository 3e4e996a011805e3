/**
 * The story of a frame, for people and for tools: what arrived, what was learned, what was decided and by which row of which table, how its bytes
 * changed, and where it left or why it did not. The data path tells it (datapath/capture/recorded-frame.ts); names are filled in by who knows them.
 */

import type { Dissection } from '../dissect/dissection.ts'

/** A port of the switch, as people know it. */
export interface StoryPlace {
  readonly port: number
  /** `sandbox`, `uplink`, `host`, `router`. */
  readonly kind: 'sandbox' | 'uplink' | 'host' | 'router'
  /** `web`; of an uplink its interface. */
  readonly name: string
  /** `eth0`; empty where there is none. */
  readonly interface: string
  /** `blue`; empty where there is none. */
  readonly network: string
}

export interface StoryStep {
  readonly stage: string
  readonly verdict: string
  readonly reason?: string | undefined
  readonly values: Readonly<Record<string, string | number | boolean>>
  /** For people. */
  readonly sentence: string
}

export interface StoryFrame {
  readonly place: StoryPlace
  /** Hex, without blanks: JSON carries it. */
  readonly bytes: string
  /** Asked for separately, where it is shown: made from `bytes`. */
  readonly dissection?: Dissection | undefined
}

/** A field that differs between arrival and departure: `ip.dst`. */
export interface StoryChange {
  readonly name: string
  readonly label: string
  readonly before: string
  readonly after: string
}

export interface StoryDeparture extends StoryFrame {
  readonly changes: readonly StoryChange[]
}

export interface FrameStory {
  /** From 1. */
  readonly number: number
  /** Since 1970, UTC, with nanoseconds: `2026-03-01T12:00:00.000000001Z`. */
  readonly time: string
  /** One line, as the dissector says it. */
  readonly summary: string
  /** Undefined where the router itself made what leaves. */
  readonly arrival: StoryFrame | undefined
  readonly steps: readonly StoryStep[]
  readonly outcome: 'delivered' | 'answered' | 'consumed' | 'waiting' | 'dropped' | 'originated'
  /** A name of DROP_REASONS. */
  readonly reason?: string | undefined
  readonly departures: readonly StoryDeparture[]
}
