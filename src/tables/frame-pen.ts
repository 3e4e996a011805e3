/**
 * Copies of frames that wait for something: a neighbour's MAC address, or a datagram's first fragment. The frame memory
 * takes its slots back after each burst, so what waits longer stands here.
 *
 *     bytes    | slot 0 | slot 1 | ...                 one buffer, slots of one size
 *     list 12    oldest ─► ... ─► newest               what waits for the same thing, in the order of arrival
 *     all        oldest ─► ... ─► newest
 *
 * A full pen refuses. No list and no owner may hold more than its bound, so no single neighbour that does not answer, and no
 * single sender, can keep the others from waiting.
 */

import { FRAME_PEN_SIZE_MAX, PORTS_MAX } from '../limits.ts'
import { LinkedLists, NONE } from './linked-lists.ts'
import { requireInteger } from './require-integer.ts'

export interface FramePenOptions {
  readonly slotCount: number
  /** Bytes of the longest frame that is held. All slots together have FRAME_PEN_SIZE_MAX at most. */
  readonly slotSize: number
  /** Lists are numbered 0 to `lists - 1`. */
  readonly lists: number
  /** Frames that one list may hold. */
  readonly perList: number
  /** Owners (the ports that frames come from) are numbered 0 to `owners - 1`; up to PORTS_MAX. */
  readonly owners: number
  /** Frames that one owner may hold. */
  readonly perOwner: number
}

/** Words of a slot. */
const SLOT_SHIFT = 3
const SLOT_WORDS = 1 << SLOT_SHIFT
const LIST = 0
const LENGTH = 1
const TAG1 = 2
const TAG2 = 3
const SINCE = 4
const OWNER = 5

/** The two lists of `ages`. */
const IN_USE = 0
const FREE = 1

export class FramePen {
  /** All slots. A frame is at `offset(slot)`, and `length(slot)` bytes long. */
  readonly bytes: Uint8Array
  /** The same bytes, for headers. */
  readonly view: DataView
  readonly slotCount: number
  readonly slotSize: number
  /** Frames in the pen. */
  size = 0

  private readonly perList: number
  private readonly perOwner: number
  private readonly words: Int32Array
  private readonly queues: LinkedLists
  private readonly ages: LinkedLists
  private readonly heldByList: Int32Array
  private readonly heldByOwner: Int32Array

  /** Throws RangeError where an option is out of its range. */
  constructor(options: FramePenOptions) {
    const integer = requireInteger.bind(undefined, 'FramePen')
    const slotCount = integer('slotCount', options.slotCount, 1, FRAME_PEN_SIZE_MAX)
    const slotSize = integer('slotSize', options.slotSize, 1, FRAME_PEN_SIZE_MAX)
    const lists = integer('lists', options.lists, 1, FRAME_PEN_SIZE_MAX)
    const owners = integer('owners', options.owners, 1, PORTS_MAX)
    if (slotCount * slotSize > FRAME_PEN_SIZE_MAX) {
      throw new RangeError(`FramePen: ${slotCount} slots of ${slotSize} bytes are too many`)
    }
    this.slotCount = slotCount
    this.slotSize = slotSize
    this.perList = integer('perList', options.perList, 1, FRAME_PEN_SIZE_MAX)
    this.perOwner = integer('perOwner', options.perOwner, 1, FRAME_PEN_SIZE_MAX)
    const buffer = new ArrayBuffer(slotCount * slotSize)
    this.bytes = new Uint8Array(buffer)
    this.view = new DataView(buffer)
    this.words = new Int32Array(slotCount * SLOT_WORDS)
    this.queues = new LinkedLists(slotCount, lists)
    this.ages = new LinkedLists(slotCount, 2)
    this.heldByList = new Int32Array(lists)
    this.heldByOwner = new Int32Array(owners)
    for (let slot = 0; slot < slotCount; slot++) this.ages.append(FREE, slot)
  }

  /**
   * Copies `length` bytes of `from` that begin at `start` to the end of a list. The tags are int32 of the caller's own.
   * False where the frame is longer than a slot, or the pen, the list or the owner has no room. The copy allocates
   * the view that it is made through.
   */
  hold(
    list: number,
    from: Uint8Array,
    start: number,
    length: number,
    tag1: number,
    tag2: number,
    owner: number,
    nowS: number,
  ): boolean {
    if (length > this.slotSize || !this.hasRoom(list, owner)) return false
    const slot = this.ages.first(FREE)
    this.bytes.set(from.subarray(start, start + length), slot * this.slotSize)
    const at = slot << SLOT_SHIFT
    this.words[at + LIST] = list
    this.words[at + LENGTH] = length
    this.words[at + TAG1] = tag1
    this.words[at + TAG2] = tag2
    this.words[at + SINCE] = nowS
    this.words[at + OWNER] = owner
    this.ages.unlink(slot)
    this.ages.append(IN_USE, slot)
    this.queues.append(list, slot)
    this.heldByList[list]!++
    this.heldByOwner[owner]!++
    this.size++
    return true
  }

  /** Whether one more frame of the owner may wait in the list. */
  hasRoom(list: number, owner: number): boolean {
    return (
      this.size < this.slotCount &&
      this.heldByList[list]! < this.perList &&
      this.heldByOwner[owner]! < this.perOwner
    )
  }

  /** The slot of the list's oldest frame, or NONE. */
  first(list: number): number {
    return this.queues.first(list)
  }

  /** The slot of the frame that was held before all others, or NONE. */
  oldest(): number {
    return this.ages.first(IN_USE)
  }

  /** Frames of the owner. */
  countOfOwner(owner: number): number {
    return this.heldByOwner[owner]!
  }

  /** The oldest frame of the owner that has most, or NONE: looks at all slots. */
  oldestOfRichest(): number {
    let found = NONE
    for (let slot = this.oldest(); slot !== NONE; slot = this.ages.next(slot)) {
      if (found === NONE || this.countOfOwner(this.owner(slot)) > this.countOfOwner(this.owner(found)))
        found = slot
    }
    return found
  }

  /** Frames in the list. */
  countOf(list: number): number {
    return this.heldByList[list]!
  }

  isHeld(slot: number): boolean {
    return this.queues.isLinked(slot)
  }

  /** Where the frame begins in `bytes`. */
  offset(slot: number): number {
    return slot * this.slotSize
  }

  /** Bytes. */
  length(slot: number): number {
    return this.words[(slot << SLOT_SHIFT) + LENGTH]!
  }

  list(slot: number): number {
    return this.words[(slot << SLOT_SHIFT) + LIST]!
  }

  tag1(slot: number): number {
    return this.words[(slot << SLOT_SHIFT) + TAG1]!
  }

  tag2(slot: number): number {
    return this.words[(slot << SLOT_SHIFT) + TAG2]!
  }

  owner(slot: number): number {
    return this.words[(slot << SLOT_SHIFT) + OWNER]!
  }

  /** The second in which the frame was held. */
  heldSinceS(slot: number): number {
    return this.words[(slot << SLOT_SHIFT) + SINCE]!
  }

  /** Frees a slot; its bytes stay as they are until the next `hold`. */
  release(slot: number): void {
    this.queues.unlink(slot)
    this.ages.unlink(slot)
    this.ages.append(FREE, slot)
    this.heldByList[this.list(slot)]!--
    this.heldByOwner[this.owner(slot)]!--
    this.size--
  }

  /** Frees all slots of a list. Returns how many there were. */
  releaseAll(list: number): number {
    const before = this.size
    for (let slot = this.first(list); slot !== NONE; slot = this.first(list)) this.release(slot)
    return before - this.size
  }

  /** Frees all slots whose frames are held since before second `timeS`. Returns how many there were. */
  expireBefore(timeS: number): number {
    const before = this.size
    for (let slot = this.oldest(); slot !== NONE; slot = this.oldest()) {
      if (this.heldSinceS(slot) >= timeS) break
      this.release(slot)
    }
    return before - this.size
  }
}
