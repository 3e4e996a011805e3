/** Packets of capture files as stories have them. */

import { type CapturedPacket, type CaptureInterface, LINK_TYPE_ETHERNET } from '../pcap/capture-file.ts'
import type { StoryPlace } from './frame-story.ts'
import type { SourceCopy } from './story-source.ts'

/** A copy of what the reader stands at, without the frame check sequence. */
export function capturedCopy(
  { bytes, offset, capturedLength, originalLength }: CapturedPacket,
  { linkType, fcsLength }: CaptureInterface,
  place: StoryPlace,
): SourceCopy {
  const length = Math.max(originalLength - fcsLength, 0)
  const present = Math.min(capturedLength, length)
  return {
    place,
    bytes: bytes.slice(offset, offset + present),
    originalLength: length,
    ...(linkType !== LINK_TYPE_ETHERNET && { linkType }),
  }
}

/** `eth0`; of our own captures what the interface is there: describePlace of capture-places.ts wrote it. */
export function placeOfInterface({ id, name, description }: CaptureInterface, isOwn: boolean): StoryPlace {
  const found = isOwn ? /^(.+) of sandbox (.+) on network (.+)$/.exec(description) : null
  if (found !== null) {
    const [, device = '', sandbox = '', network = ''] = found
    return { port: id, kind: 'sandbox', name: sandbox, interface: device, network }
  }
  const other = isOwn ? /^(uplink|host|router) (\S+)(?: of (.+))?$/.exec(description) : null
  if (other !== null) {
    const [, kind, device = '', network = ''] = other
    return { port: id, kind: kind as 'uplink' | 'host' | 'router', name: device, interface: device, network }
  }
  return { port: id, kind: 'interface', name: name === '' ? String(id) : name, interface: name, network: '' }
}

const MS_PER_S = 1000

/** `2026-03-01T12:00:00.000000001Z`; where no calendar has the time, seconds since 1970. */
export function timeText(seconds: number, nanoseconds: number): string {
  const fraction = String(nanoseconds).padStart(9, '0')
  const time = new Date(seconds * MS_PER_S)
  if (Number.isNaN(time.getTime())) return `${seconds}.${fraction}`
  return `${time.toISOString().slice(0, -5)}.${fraction}Z`
}
