import { CAPTURE_COMMENTS_MAX } from '../../limits.ts'
import { formatIpv4, formatIpv6, formatMac } from '../../wire/address.ts'
import type { CaptureInterface } from './capture-file.ts'
import { damaged } from './capture-file-error.ts'
import { type Block, blockOptions, needBody, offsetOf } from './pcapng-block.ts'
import { InterfaceOption, type OptionSpan, textOption } from './pcapng-options.ts'
import { MICROSECONDS, type Resolution, resolutionOf } from './timestamp.ts'

/** Link type, two bytes that are not used, snap length. */
const FIXED = 8

type MutableInterface = {
  -readonly [Key in keyof Omit<CaptureInterface, 'addresses' | 'comments'>]: CaptureInterface[Key]
} & { readonly addresses: string[]; readonly comments: string[] }

/** The interface description block (pcapng, 4.2), of the interface that is to have the number `id`. */
export function readInterface(
  block: Block,
  id: number,
): { readonly description: CaptureInterface; readonly resolution: Resolution } {
  needBody(block, 'an interface', FIXED)
  const { view } = block.buffer
  const description: MutableInterface = {
    id,
    linkType: view.getUint16(block.body, block.littleEndian),
    snapLength: view.getUint32(block.body + 4, block.littleEndian),
    name: '',
    description: '',
    mac: '',
    speed: 0,
    filter: '',
    os: '',
    hardware: '',
    addresses: [],
    comments: [],
    fcsLength: 0,
    timestampDigits: MICROSECONDS.digits,
  }
  let code = 6
  let offset = 0
  for (const option of blockOptions(block, block.body + FIXED)) {
    if (option.code === InterfaceOption.resolution) {
      needLength(block, option, 1, 'resolution of its timestamps')
      code = view.getUint8(option.at)
    } else if (option.code === InterfaceOption.timeOffset) {
      needLength(block, option, 8, 'offset of its timestamps')
      offset = Number(view.getBigInt64(option.at, block.littleEndian))
    } else readOption(block, option, description)
  }
  const resolution = resolutionOf(code, offset)
  description.timestampDigits = resolution.digits
  return { description, resolution }
}

/** Without these two, all times would be wrong. */
function needLength(block: Block, option: OptionSpan, length: number, what: string): void {
  if (option.length === length) return
  throw damaged(
    offsetOf(block),
    `is an interface whose option for the ${what} has ${option.length} bytes and not ${length}`,
  )
}

/** Options of a length that they must not have are passed over. */
function readOption(block: Block, { code, at, length }: OptionSpan, into: MutableInterface): void {
  const { bytes, view } = block.buffer
  switch (code) {
    case InterfaceOption.comment:
      if (into.comments.length < CAPTURE_COMMENTS_MAX) into.comments.push(textOption(bytes, at, length))
      break
    case InterfaceOption.name:
      into.name = textOption(bytes, at, length)
      break
    case InterfaceOption.description:
      into.description = textOption(bytes, at, length)
      break
    case InterfaceOption.ipv4Address:
      if (length === 8 && into.addresses.length < CAPTURE_COMMENTS_MAX)
        into.addresses.push(`${formatIpv4(view.getUint32(at))}/${ones(view.getUint32(at + 4))}`)
      break
    case InterfaceOption.ipv6Address:
      if (length === 17 && into.addresses.length < CAPTURE_COMMENTS_MAX)
        into.addresses.push(`${formatIpv6(bytes.subarray(at, at + 16))}/${view.getUint8(at + 16)}`)
      break
    case InterfaceOption.mac:
      if (length === 6) into.mac = formatMac(view.getUint16(at), view.getInt32(at + 2))
      break
    case InterfaceOption.speed:
      if (length === 8) into.speed = Number(view.getBigUint64(at, block.littleEndian))
      break
    case InterfaceOption.filter:
      into.filter = filterText(bytes, at, length)
      break
    case InterfaceOption.os:
      into.os = textOption(bytes, at, length)
      break
    case InterfaceOption.hardware:
      into.hardware = textOption(bytes, at, length)
      break
    case InterfaceOption.fcsLength:
      if (length === 1) into.fcsLength = fcsBytes(view.getUint8(at))
      break
  }
}

/** Of a netmask. */
const ones = (mask: number): number => Math.clz32(~mask)

const FILTER_TEXT = 0
const FILTER_PROGRAM = 1
const INSTRUCTION_SIZE = 8

/** The first byte tells what the others are: text as people write it, or a program for the kernel. */
function filterText(bytes: Uint8Array, at: number, length: number): string {
  if (length > 0 && bytes[at] === FILTER_TEXT) return textOption(bytes, at + 1, length - 1)
  if (length > 0 && bytes[at] === FILTER_PROGRAM)
    return `(${Math.floor((length - 1) / INSTRUCTION_SIZE)} instructions of BPF)`
  return ''
}

/** The standard counts bits, and has an example of 4, which are bytes: nothing has four bits or more than 16 bytes. */
const fcsBytes = (value: number): number => (value % 8 === 0 ? value / 8 : value)
