/** Frames for filters to choose from: those of the corpus, tagged, cut, in fragments, with options, and with single bytes changed. */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { VIRTIO_NET_HEADER_SIZE } from '../../../src/datapath/frame-memory.ts'
import { frameCorpus } from '../../support/frame-corpus.ts'
import { readPcap } from '../../support/pcap.ts'
import { Random } from '../../support/random.ts'
import { repositoryRoot } from '../../support/repository.ts'

export interface FilterFrame {
  readonly bytes: Uint8Array
  /** On the wire. */
  readonly length: number
}

const LONGEST = 1600
const TYPES = [0x0800, 0x86dd, 0x0806, 0x8035, 0x8100, 0x88a8, 0x9100, 0x0010, 0x9000]
const PROTOCOLS = [1, 2, 6, 9, 17, 44, 50, 51, 58, 103, 112, 132]

/** Repeats with the seed. */
export function filterFrames(seed: number): FilterFrame[] {
  const random = new Random(seed)
  const gateway = ['kernel-gateway-inside.pcap', 'kernel-gateway-outside.pcap'].flatMap((name) =>
    readPcap(readFileSync(join(repositoryRoot, 'test/fixtures', name))),
  )
  const plain = [...frameCorpus().map((frame) => frame.subarray(VIRTIO_NET_HEADER_SIZE)), ...gateway].filter(
    ({ length }) => length <= LONGEST,
  )
  const whole = plain.flatMap((frame) => [
    frame,
    changed(frame, random),
    changed(frame, random),
    tagged(frame, random),
  ])
  return whole.map((frame) => {
    const kept = random.oneIn(4) ? random.below(Math.min(frame.length, 80) + 1) : frame.length
    return { bytes: frame.slice(0, kept), length: frame.length }
  })
}

/** With other values where filters look. */
function changed(frame: Uint8Array, random: Random): Uint8Array {
  const copy = Uint8Array.from(frame)
  if (copy.length < 60) return copy
  const view = new DataView(copy.buffer)
  for (let times = random.below(3) + 1; times > 0; times--) {
    switch (random.below(9)) {
      case 0:
        view.setUint16(12, random.pick(TYPES))
        break
      case 1:
        view.setUint8(23, random.pick(PROTOCOLS))
        break
      case 2:
        view.setUint8(20, random.pick(PROTOCOLS))
        break
      case 3:
        view.setUint16(20, random.pick([0x2000, 0x4000, 0x00b9, 0x20b9, 0x8000]))
        break
      case 4:
        view.setUint8(14, random.pick([0x45, 0x46, 0x4f, 0x40, 0x60, 0x41]))
        break
      case 5:
        view.setUint16(random.pick([34, 36, 54, 56]), random.pick([22, 53, 80, 443, 8080, 5201]))
        break
      case 6:
        view.setUint8(54, random.pick(PROTOCOLS))
        break
      case 7:
        copy.set(
          random.pick([
            [255, 255, 255, 255, 255, 255],
            [1, 0, 94, 0, 0, 1],
            [0x33, 0x33, 0, 0, 0, 1],
          ]),
        )
        break
      default:
        view.setUint8(random.below(60), random.next() & 0xff)
    }
  }
  return copy
}

function tagged(frame: Uint8Array, random: Random): Uint8Array {
  const tag = (): number[] => [
    ...random.pick([
      [0x81, 0],
      [0x88, 0xa8],
      [0x91, 0],
    ]),
    0x60,
    random.pick([5, 100]),
  ]
  const tags = random.oneIn(3) ? [...tag(), ...tag()] : tag()
  return Uint8Array.from([...frame.subarray(0, 12), ...tags, ...frame.subarray(12)])
}

const ETHERNET = 1

/** A capture in the classic format, in which each frame's number stands in its timestamp. */
export function writeNumbered(frames: readonly FilterFrame[]): Uint8Array {
  const words = (...values: number[]): Uint8Array => new Uint8Array(Uint32Array.from(values).buffer)
  const header = words(0xa1b2c3d4, 0x0004_0002, 0, 0, 262_144, ETHERNET)
  const records = frames.flatMap(({ bytes, length }, number) => [
    words(number, 0, bytes.length, length),
    bytes,
  ])
  return Buffer.concat([header, ...records])
}

/** The numbers of the frames in such a capture. */
export function readNumbers(file: Uint8Array): number[] {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength)
  const numbers: number[] = []
  for (let at = 24; at < file.length; at += 16 + view.getUint32(at + 8, true))
    numbers.push(view.getUint32(at, true))
  return numbers
}
