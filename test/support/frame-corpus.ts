/**
 * Frames as they occur, for fuzzing to begin with: a capture of two hosts that ping, fetch a page and run iperf3
 * (test/fixtures/lan.pcap), and what a capture on a veth pair cannot show: VLAN tags, super-frames, checksums left to do.
 */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { VIRTIO_NET_HEADER_SIZE } from '../../src/datapath/frame-memory.ts'
import type { QueuedFrame } from '../../src/ports/memory-frame-io.ts'
import { frameOf } from './frame-text.ts'
import { repositoryRoot } from './repository.ts'
import { pattern, transportFrame } from './transport-frame.ts'

/** Each is a virtio-net header and the Ethernet frame behind it. */
export function frameCorpus(): Uint8Array[] {
  return [...capturedFrames('test/fixtures/lan.pcap'), ...madeFrames(), ...superFrames()].map(
    ({ frame, virtioHeader }) => Buffer.concat([virtioHeader, frame]),
  )
}

const PCAP_MAGIC = 0xa1b2c3d4
const PCAP_HEADER_SIZE = 24
const PCAP_RECORD_HEADER_SIZE = 16

/** The packets of a pcap file in this machine's byte order (libpcap's savefile format, pcap-savefile(5)). */
function capturedFrames(path: string): QueuedFrame[] {
  const file = readFileSync(join(repositoryRoot, path))
  if (file.readUInt32LE(0) !== PCAP_MAGIC) throw new Error(`${path} is no little-endian pcap file`)
  const frames: QueuedFrame[] = []
  for (let at = PCAP_HEADER_SIZE; at < file.length; ) {
    const length = file.readUInt32LE(at + 8)
    at += PCAP_RECORD_HEADER_SIZE
    frames.push({
      frame: file.subarray(at, at + length),
      virtioHeader: new Uint8Array(VIRTIO_NET_HEADER_SIZE),
    })
    at += length
  }
  return frames
}

const madeFrames = (): QueuedFrame[] =>
  [
    '* a type=0806',
    '01:80:c2:00:00:00 b length=60 type=0027',
    '01:80:c2:00:00:0e c type=88cc',
    'b a vlan=5 length=64',
    'b a svlan=100 vlan=5 length=128',
    'b a svlan=1 vlan=2 vlan=3 length=200',
    'b a cut=14',
    'b a vlan=5 cut=18',
    'b a length=590',
    'b a length=1514',
    'b a length=9014',
  ].map((text) => frameOf(text.split(' ')))

function superFrames(): QueuedFrame[] {
  const frames: QueuedFrame[] = []
  for (const protocol of ['tcp', 'udp'] as const) {
    for (const version of [4, 6] as const) {
      for (const tags of [[], [5], [100, 5]]) {
        const kind = { protocol, version, tags, target: 'b', source: 'a' }
        frames.push(
          transportFrame({ ...kind, payload: pattern(100) }),
          transportFrame({ ...kind, payload: pattern(999), left: 'checksum' }),
          transportFrame({ ...kind, payload: pattern(1), left: 'segmentation', gsoSize: 1400 }),
          transportFrame({ ...kind, payload: pattern(3000), left: 'segmentation', gsoSize: 1400 }),
          transportFrame({ ...kind, payload: pattern(4000), left: 'segmentation', gsoSize: 500 }),
          transportFrame({ ...kind, payload: pattern(900), left: 'segmentation', gsoSize: 48 }),
        )
      }
    }
  }
  return frames
}

/** A super-frame as long as they get, too dear to be drawn as often as the others. */
export const longestSuperFrame = (): Uint8Array => {
  const { frame, virtioHeader } = transportFrame({
    protocol: 'tcp',
    version: 4,
    payload: pattern(65_495),
    target: 'b',
    source: 'a',
    left: 'segmentation',
    gsoSize: 1448,
  })
  return Buffer.concat([virtioHeader, frame])
}
