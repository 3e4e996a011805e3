/**
 * The story of a frame, for people and for tools: what arrived, what was learned, what was decided and by which row of which table, how its bytes
 * changed, and where it left or why it did not. Plain data: JSON carries it as it is. Fields are added in time, never renamed (docs/explain.md).
 */

import type { FactName } from '../../datapath/capture/recorded-frame.ts'

/** A port of the switch, as people know it; or an interface of a capture. */
export interface StoryPlace {
  /** The port's number; in a capture without a lab the interface's there. */
  readonly port: number
  readonly kind: 'sandbox' | 'uplink' | 'host' | 'router' | 'interface'
  /** `web`; of an uplink its interface. */
  readonly name: string
  /** `eth0`; empty where there is none. */
  readonly interface: string
  /** `blue`; empty where there is none. */
  readonly network: string
}

export interface StoryStep {
  /** `learn`, `ingress`, `guard`, `bridge`, … as in explain-text.ts. */
  readonly stage: string
  readonly verdict: string
  /** A name of DROP_REASONS. */
  readonly reason?: string | undefined
  /** What was looked at, and the row that was found. */
  readonly values: Readonly<Record<string, string | number | boolean>>
  /** For people. */
  readonly sentence: string
}

export interface StoryFrame {
  readonly place: StoryPlace
  /** One line, as the dissector says it. */
  readonly summary: string
  /** The frame as a wire would carry it, hexadecimal: a checksum that its sender left unfinished is filled in. */
  readonly bytes: string
  /** Bytes of the frame; more than in `bytes` where a capture has cut it. */
  readonly length: number
  /** A super-frame, which a wire would carry as several: its payload is cut into pieces of so many bytes; 0: none. Its checksum is unfinished. */
  readonly segmentSize: number
  /** LINKTYPE of the registry, where it is not Ethernet's. */
  readonly linkType?: number | undefined
  /** What the dissector finds wrong: `ip.checksum: wrong, it should be 0x1c46`. */
  readonly problems: readonly string[]
}

/** A field that differs between arrival and departure. Bytes count from the first of each. */
export interface StoryChange {
  /** `ip.dst`; Wireshark's name. */
  readonly name: string
  /** `Destination`. */
  readonly label: string
  /** For people; empty where the field is not there. */
  readonly before: string
  readonly after: string
}

export interface StoryDeparture extends StoryFrame {
  /** The frame itself, perhaps rewritten; or one that the router made because of it: an answer, a question by ARP, an error. */
  readonly origin: 'frame' | 'router'
  /** Empty of what the router made. */
  readonly changes: readonly StoryChange[]
}

/**
 * `delivered`  it left, by as many ports as there are departures
 * `answered`   the router itself has answered it
 * `consumed`   it was for the router alone
 * `waiting`    for an answer to ARP, for a first fragment, on an impaired link, for an answer from outside; it comes again as `continued`
 * `dropped`    for `reason`
 * `originated` no frame arrived: the router itself made what leaves
 * `seen`       in a capture that does not say; or it could not arrive in the lab
 */
export type StoryOutcome =
  | 'delivered'
  | 'answered'
  | 'consumed'
  | 'waiting'
  | 'dropped'
  | 'originated'
  | 'seen'

export interface FrameStory {
  /** From 1: of the packet in its file, or of the frame since the daemon looks. 0: the router itself made what leaves. */
  readonly number: number
  /** Since 1970, UTC, with nanoseconds: `2026-03-01T12:00:00.000000001Z`. */
  readonly time: string
  /** Numbers of its packets in a capture that has it more than once: as it arrived, and as it left. */
  readonly packets?: readonly number[] | undefined
  /** One line, as the dissector says it: of the arrival, or of the first departure. */
  readonly summary: string
  /** It had waited, and goes on: its arrival is in an earlier story of the same number. */
  readonly continued: boolean
  /** Undefined where there is none: originated, continued. */
  readonly arrival?: StoryFrame | undefined
  /** Of what is continued, the arrival that was told of before; undefined where it was not. */
  readonly waited?: StoryFrame | undefined
  /** What the data path noted on the way. */
  readonly facts: readonly FactName[]
  /** Number of its connection, as `tapwire nat ls` has it. */
  readonly flow?: number | undefined
  readonly steps: readonly StoryStep[]
  readonly outcome: StoryOutcome
  /** A name of DROP_REASONS. With another outcome than `dropped`, a copy of the frame was. */
  readonly reason?: string | undefined
  /** How it ended, in a sentence. */
  readonly ending: string
  /** What to do about it, where somebody may not have wanted it so. */
  readonly advice?: string | undefined
  readonly departures: readonly StoryDeparture[]
}
