/** What a story is told of: a frame on its way through the data path, with names in place of the switch's numbers. */

import {
  FACT_NAMES,
  type FactName,
  type FrameCopy,
  type RecordedFrame,
} from '../../datapath/capture/recorded-frame.ts'
import { DROP_REASONS, DropReason } from '../../datapath/drop-reason.ts'
import type { ExplainedStep } from '../../datapath/router-settings.ts'
import * as ethernet from '../../wire/ethernet.ts'
import * as ipProtocol from '../../wire/ip-protocol.ts'
import * as ipv4 from '../../wire/ipv4.ts'
import type { DecisionStep } from '../explain-text.ts'
import type { StoryPlace } from './frame-story.ts'

export interface SourceCopy {
  readonly place: StoryPlace
  readonly bytes: Uint8Array
  /** Of wire/virtio-net.ts; undefined: nothing is left to be done. */
  readonly virtioHeader?: Uint8Array | undefined
  /** Bytes on the wire, where a capture has cut some off. */
  readonly originalLength?: number | undefined
  /** Ethernet's where undefined. */
  readonly linkType?: number | undefined
}

export interface StorySource {
  readonly number: number
  readonly time: string
  readonly arrival?: SourceCopy | undefined
  readonly facts: readonly FactName[]
  readonly movedFrom?: StoryPlace | undefined
  readonly steps: readonly DecisionStep[]
  readonly flow?: number | undefined
  /** A name of DROP_REASONS. */
  readonly reason?: string | undefined
  readonly departures: readonly SourceCopy[]
  /** It only was seen, and why nothing else is told. */
  readonly seen?: string | undefined
  readonly packets?: readonly number[] | undefined
}

/** Who knows what the switch's numbers are called: control/places.ts. */
export interface StoryNames {
  at(port: number): StoryPlace
  explained(steps: readonly ExplainedStep[], isIcmp: boolean): readonly DecisionStep[]
}

/** `number` and `time` in place of the record's own. */
export function sourceOfRecord(
  record: RecordedFrame,
  names: StoryNames,
  { number, time }: Pick<StorySource, 'number' | 'time'>,
): StorySource {
  const { arrival, facts, movedFrom, steps, flow, reason, departures } = record
  const copy = ({ port, bytes, virtioHeader }: FrameCopy): SourceCopy => ({
    place: storyPlace(names.at(port)),
    bytes,
    virtioHeader,
  })
  return {
    number,
    time,
    arrival: arrival && copy(arrival),
    facts: FACT_NAMES.filter((_, bit) => (facts & (1 << bit)) !== 0),
    movedFrom: movedFrom < 0 ? undefined : storyPlace(names.at(movedFrom)),
    steps: names.explained(steps, arrival !== undefined && isIcmp(arrival.bytes)),
    flow: flow < 0 ? undefined : flow,
    reason: reason === DropReason.none ? undefined : DROP_REASONS[reason]!.name,
    departures: departures.map(copy),
  }
}

/** Of more than a story says of a place. */
export const storyPlace = ({ port, kind, name, interface: device, network }: StoryPlace): StoryPlace => ({
  port,
  kind,
  name,
  interface: device,
  network,
})

/** Whether its ports are an identifier. */
export function isIcmp(frame: Uint8Array): boolean {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength)
  const end = frame.byteLength
  if (end < ethernet.HEADER_SIZE || ethernet.etherType(view, 0) !== ethernet.TYPE_IPV4) return false
  return (
    ipv4.check(view, ethernet.HEADER_SIZE, end) &&
    ipv4.protocol(view, ethernet.HEADER_SIZE) === ipProtocol.ICMP
  )
}
