/** TCP (RFC 9293) in a line: `TCP [S.], seq 1, ack 2, win 64240, options [mss 1460, sackOK], length 0`. Numbers are as they stand in the packet. */

import type { LinePacket } from './line-packet.ts'
import { applicationLine } from './line-stream.ts'
import { ascii } from './line-text.ts'

const HEADER_MIN = 20
const ACK = 0x10
const URG = 0x20

/** tcpdump's letters, and its order: the dot is ACK. */
const LETTERS = ['F', 'S', 'R', 'P', '.', 'U', 'E', 'W']
/** `TCP [S.], seq `, for each value of the flags. */
const HEADS = Array.from({ length: 256 }, (_, flags) => {
  const letters = LETTERS.filter((_letter, bit) => (flags & (1 << bit)) !== 0).join('')
  return ascii(`TCP [${letters === '' ? 'none' : letters}], seq `)
})

const TCP = ascii('TCP')
const ACKNOWLEDGES = ascii(', ack ')
const WINDOW = ascii(', win ')
const URGENT = ascii(', urg ')
const OPTIONS = ascii(', options [')
const LENGTH = ascii(', length ')
const BAD_HEADER = ascii(', header of ')
const BYTES = ascii(' bytes')
const SEPARATOR = ascii(', ')
const BRACKET = 0x5d

export function tcpLine(line: LinePacket, at: number): void {
  if (!line.has(at, HEADER_MIN)) return line.put(TCP)
  const { view } = line
  const flags = view.getUint8(at + 13)
  line.put(HEADS[flags]!)
  line.uint32(at + 4)
  if ((flags & ACK) !== 0) {
    line.put(ACKNOWLEDGES)
    line.uint32(at + 8)
  }
  line.put(WINDOW)
  line.decimal(view.getUint16(at + 14))
  if ((flags & URG) !== 0) {
    line.put(URGENT)
    line.decimal(view.getUint16(at + 18))
  }
  const headerSize = (view.getUint8(at + 12) >>> 4) << 2
  if (headerSize < HEADER_MIN || at + headerSize > line.wireEnd) return wrongHeader(line, headerSize)
  if (headerSize > HEADER_MIN) options(line, at + HEADER_MIN, at + headerSize)
  const data = at + headerSize
  line.put(LENGTH)
  line.decimal(line.wireEnd - data)
  if (line.limit > data) applicationLine(line, data, view.getUint16(at), view.getUint16(at + 2))
}

function wrongHeader(line: LinePacket, size: number): void {
  line.put(BAD_HEADER)
  line.decimal(size)
  line.put(BYTES)
}

const NOP_NOP_TIMESTAMPS = 0x0101_080a
const NOP_NOP = ascii('nop, nop, ')
const MSS = ascii('mss ')
const SCALE = ascii('wscale ')
const SACK_PERMITTED = ascii('sackOK')
const SACK = ascii('sack')
const TIMESTAMP = ascii('TS val ')
const ECHO = ascii(' ecr ')
const END_OF_LIST = ascii('eol')
const NO_OPERATION = ascii('nop')
const OPTION = ascii('option ')
const BAD = ascii('bad')

function options(line: LinePacket, start: number, wanted: number): void {
  if (!line.has(start, wanted - start)) return
  const { view } = line
  line.put(OPTIONS)
  if (wanted - start === 12 && view.getInt32(start) === NOP_NOP_TIMESTAMPS) {
    // Of nearly all segments: RFC 7323, appendix A.
    line.put(NOP_NOP)
    timestamps(line, start + 2)
    return line.byte(BRACKET)
  }
  for (let at = start; at < wanted; ) {
    if (at > start) line.put(SEPARATOR)
    const kind = view.getUint8(at)
    if (kind <= 1) {
      line.put(kind === 0 ? END_OF_LIST : NO_OPERATION)
      if (kind === 0) break
      at++
      continue
    }
    const size = at + 1 < wanted ? view.getUint8(at + 1) : 0
    if (size < 2 || at + size > wanted) {
      line.put(BAD)
      break
    }
    option(line, at, kind, size)
    at += size
  }
  line.byte(BRACKET)
}

function option(line: LinePacket, at: number, kind: number, size: number): void {
  const { view } = line
  if (kind === 2 && size === 4) {
    line.put(MSS)
    line.decimal(view.getUint16(at + 2))
  } else if (kind === 3 && size === 3) {
    line.put(SCALE)
    line.decimal(view.getUint8(at + 2))
  } else if (kind === 4 && size === 2) line.put(SACK_PERMITTED)
  else if (kind === 8 && size === 10) timestamps(line, at)
  else if (kind === 5 && (size - 2) % 8 === 0) {
    line.put(SACK)
    for (let block = at + 2; block < at + size; block += 8) {
      line.byte(0x20)
      line.uint32(block)
      line.byte(0x2d)
      line.uint32(block + 4)
    }
  } else {
    line.put(OPTION)
    line.decimal(kind)
  }
}

function timestamps(line: LinePacket, at: number): void {
  line.put(TIMESTAMP)
  line.uint32(at + 2)
  line.put(ECHO)
  line.uint32(at + 6)
}
