/**
 * VLAN tag (IEEE 802.1Q, 9.3). A tag pushes itself between the source address and the EtherType, so the offset of a
 * tag is that of a type field, and the type field proper moves behind it:
 *
 *     | target 6 | source 6 | TPID 2 | TCI 2 | EtherType 2 | payload
 *                           ^ tag             ^ the next tag, or the payload's type
 *
 * Accessors are only valid after `check` returned true for the same bytes.
 */

import { VLAN_TAGS_MAX } from '../limits.ts'
import { etherType, HEADER_SIZE, TYPE_SERVICE_VLAN, TYPE_VLAN } from './ethernet.ts'

const PROTOCOL = 0
const CONTROL = 2
const NEXT_TYPE = 4
export const TAG_SIZE = 4

/** The drop eligible indicator in the TCI. */
export const DROP_ELIGIBLE = 0x1000

/** Where the first tag of the frame at `offset` is, if it has one. */
export const firstTag = (offset: number): number => offset + HEADER_SIZE - 2

export interface Vlan {
  /** TPID: 0x8100 (C-tag) or 0x88a8 (S-tag). */
  readonly protocol: number
  readonly priority: number
  readonly dropEligible: boolean
  readonly id: number
}

export const isTagType = (type: number): boolean => type === TYPE_VLAN || type === TYPE_SERVICE_VLAN

/** Promises a tag at `offset`, and that it and the type field behind it lie before `end`. */
export const check = (view: DataView, offset: number, end: number): boolean =>
  end - offset >= TAG_SIZE + 2 && isTagType(protocol(view, offset))

/** TPID. */
export const protocol = (view: DataView, offset: number): number => view.getUint16(offset + PROTOCOL)
/** TCI: priority, drop eligible indicator, identifier. */
export const control = (view: DataView, offset: number): number => view.getUint16(offset + CONTROL)
export const priority = (view: DataView, offset: number): number => control(view, offset) >>> 13
export const dropEligible = (view: DataView, offset: number): boolean =>
  (control(view, offset) & DROP_ELIGIBLE) !== 0
export const id = (view: DataView, offset: number): number => control(view, offset) & 0x0fff
/** The type field behind the tag. */
export const nextType = (view: DataView, offset: number): number => view.getUint16(offset + NEXT_TYPE)

export function setProtocol(view: DataView, offset: number, value: number): void {
  view.setUint16(offset + PROTOCOL, value)
}

/** TCI: priority << 13 | DROP_ELIGIBLE | identifier. */
export function setControl(view: DataView, offset: number, value: number): void {
  view.setUint16(offset + CONTROL, value)
}

/**
 * Bytes of the tags of the Ethernet frame at `offset`, 0 for an untagged one. Counts complete tags only and no more
 * than VLAN_TAGS_MAX, so the two bytes before `offset + HEADER_SIZE + tagsSize` are always a type field within
 * `end`: the payload's, or that of a tag which was not counted. The frame must have passed `ethernet.check`.
 */
export function tagsSize(view: DataView, offset: number, end: number): number {
  // Nearly all frames are untagged; they leave here.
  if (!isTagType(etherType(view, offset))) return 0
  let size = 0
  while (size < VLAN_TAGS_MAX * TAG_SIZE && check(view, firstTag(offset) + size, end)) size += TAG_SIZE
  return size
}

/** The tag as a value, or undefined where `check` fails. */
export function parse(view: DataView, offset: number, end: number): Vlan | undefined {
  if (!check(view, offset, end)) return undefined
  return {
    protocol: protocol(view, offset),
    priority: priority(view, offset),
    dropEligible: dropEligible(view, offset),
    id: id(view, offset),
  }
}

/** Writes the tag and returns its size. The type field behind it is the caller's. */
export function emit(value: Vlan, view: DataView, offset: number): number {
  setProtocol(view, offset, value.protocol)
  const eligible = value.dropEligible ? DROP_ELIGIBLE : 0
  setControl(view, offset, (value.priority << 13) | eligible | value.id)
  return TAG_SIZE
}
