/**
 * The first stage: is this a frame at all, and one that its port may send?
 */

import * as ethernet from '../wire/ethernet.ts'
import * as virtio from '../wire/virtio-net.ts'
import * as vlan from '../wire/vlan.ts'
import { DropReason } from './drop-reason.ts'
import * as frameMemory from './frame-memory.ts'
import { offloadReason } from './offload.ts'

// Constants of this module, whose values V8 compiles in; an imported one it would load and check at each use.
const { etherType, HEADER_SIZE, isMulticast, sourceHigh } = ethernet
const { offloads } = virtio
const { VIRTIO_NET_HEADER_SIZE } = frameMemory
const TAGGED_HEADER_SIZE = HEADER_SIZE + vlan.TAG_SIZE

/**
 * 0, or the DropReason. 0 promises to the rest of the path: the Ethernet header is whole, so is a VLAN tag where the
 * EtherType announces one; the source is one station's address; no packet on the wire is longer than `frameMax` and its VLAN
 * tags; and what the virtio-net header asks for can be done to this frame.
 */
export function classify(view: DataView, offset: number, length: number, frameMax: number): number {
  if (length < HEADER_SIZE) return DropReason.runtFrame
  if (length < TAGGED_HEADER_SIZE && vlan.isTagType(etherType(view, offset))) return DropReason.runtFrame
  if (isMulticast(sourceHigh(view, offset))) return DropReason.sourceMulticast
  if (offloads(view, offset - VIRTIO_NET_HEADER_SIZE) !== 0) {
    return offloadReason(view, offset, length, frameMax)
  }
  return length > frameMax ? taggedLength(view, offset, length, frameMax) : DropReason.none
}

/** A tag comes on top of the MTU, as it does in the kernel (IEEE 802.3, 3.2.7: an envelope frame). Two at most. */
function taggedLength(view: DataView, offset: number, length: number, frameMax: number): number {
  const allowed = frameMax + vlan.tagsSize(view, offset, offset + length)
  return length > allowed ? DropReason.frameTooLong : DropReason.none
}
