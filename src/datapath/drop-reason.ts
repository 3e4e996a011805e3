/**
 * Why a frame was dropped. A drop is a named, counted, printable fact: the number indexes the counters, the
 * name is what the command line and JSON show, the sentence is for people.
 *
 * The order is the order of the path: ingress checks, bridge decisions, egress, device.
 */
export const DropReason = {
  /** Index 0 is "not dropped", so that 0 can mean success where a stage returns a reason. */
  none: 0,
  runtFrame: 1,
  frameTooLong: 2,
  sourceMulticast: 3,
  offloadInvalid: 4,
  noDomain: 5,
  reservedAddress: 6,
  samePort: 7,
  noOtherPort: 8,
  segmentLimit: 9,
  transmitListFull: 10,
  deviceDown: 11,
  deviceQueueFull: 12,
  deviceRefused: 13,
  deviceGone: 14,
} as const

export type DropReason = (typeof DropReason)[keyof typeof DropReason]

export interface DropReasonText {
  readonly name: string
  readonly sentence: string
}

/** Indexed by DropReason. */
export const DROP_REASONS: readonly DropReasonText[] = [
  { name: 'none', sentence: 'The frame was not dropped.' },
  {
    name: 'runt-frame',
    sentence: 'The frame is shorter than an Ethernet header (14 bytes, 18 with a VLAN tag).',
  },
  {
    name: 'frame-too-long',
    sentence: "The frame, or a segment of it, is longer than the network's MTU allows.",
  },
  {
    name: 'source-multicast',
    sentence: 'The source address is a multicast address; no station sends from one.',
  },
  {
    name: 'offload-invalid',
    sentence: 'The virtio-net header asks for an offload that the frame does not fit.',
  },
  { name: 'no-domain', sentence: 'The port belongs to no network at the moment.' },
  {
    name: 'reserved-address',
    sentence: 'The target is a link-local bridge address (01:80:c2:00:00:0X), which a bridge never forwards.',
  },
  { name: 'same-port', sentence: 'The target station lives behind the port that the frame came from.' },
  { name: 'no-other-port', sentence: 'The frame was to be flooded, but the network has no other port.' },
  { name: 'segment-limit', sentence: 'The super-frame would make more segments than one frame may.' },
  {
    name: 'transmit-list-full',
    sentence: 'The burst makes more transmissions than one poll takes; the copies beyond are dropped.',
  },
  { name: 'device-down', sentence: "The egress port's interface is down." },
  {
    name: 'device-queue-full',
    sentence: "The egress port's queue is full; nobody waits holding the switch.",
  },
  { name: 'device-refused', sentence: 'The kernel refused the frame on the egress port.' },
  { name: 'device-gone', sentence: "The egress port's interface has vanished." },
]

export const DROP_REASON_COUNT = DROP_REASONS.length
