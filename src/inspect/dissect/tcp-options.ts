/** Options of a TCP header (RFC 9293, 3.1; RFC 7323; RFC 2018). */

import { type Field, type Fields, hex, named } from './fields.ts'
import type { Layer, Packet } from './packet.ts'

const END = 0
const NO_OPERATION = 1
const MSS = 2
const WINDOW_SCALE = 3
const SACK_PERMITTED = 4
const SACK = 5
const TIMESTAMPS = 8
const MD5 = 19
const USER_TIMEOUT = 28
const FAST_OPEN = 34
/** RFC 6994. */
const EXPERIMENT_1 = 253
const EXPERIMENT_2 = 254

/** RFC 7323, 2.3: what is above counts as this. */
const SHIFT_MAX = 14

interface Option {
  readonly name: string
  readonly label: string
  /** Bytes that an option of this kind always has. */
  readonly length?: number
}

const OPTIONS: Readonly<Record<number, Option>> = {
  [END]: { name: 'tcp.options.eol', label: 'End of options' },
  [NO_OPERATION]: { name: 'tcp.options.nop', label: 'No operation' },
  [MSS]: { name: 'tcp.options.mss', label: 'Maximum segment size', length: 4 },
  [WINDOW_SCALE]: { name: 'tcp.options.wscale', label: 'Window scale', length: 3 },
  [SACK_PERMITTED]: { name: 'tcp.options.sack_perm', label: 'SACK permitted', length: 2 },
  [SACK]: { name: 'tcp.options.sack', label: 'SACK' },
  [TIMESTAMPS]: { name: 'tcp.options.timestamp', label: 'Timestamps', length: 10 },
  [MD5]: { name: 'tcp.options.md5', label: 'MD5 signature', length: 18 },
  [USER_TIMEOUT]: { name: 'tcp.options.user_to', label: 'User timeout', length: 4 },
  [FAST_OPEN]: { name: 'tcp.options.tfo', label: 'Fast open cookie' },
  [EXPERIMENT_1]: { name: 'tcp.options.experimental', label: 'Experiment' },
  [EXPERIMENT_2]: { name: 'tcp.options.experimental', label: 'Experiment' },
}
const UNKNOWN: Option = { name: 'tcp.options.unknown', label: 'Unknown option' }

const KINDS = Object.fromEntries(
  Object.entries(OPTIONS).map(([kind, { label }]) => [kind, label.toLowerCase()]),
)

/** Shows the options from `offset` to `end`. */
export function showOptions(packet: Packet, layer: Layer, offset: number, end: number): void {
  if (offset >= end) return
  const outer = packet.fields(layer, { offset, end, wireEnd: end })
  const heading = outer.bytes('tcp.options', 'Options', offset, end - offset, '')
  const fields = outer.under(heading)
  const labels: string[] = []
  for (let at = offset; at < end; ) {
    const kind = packet.view.getUint8(at)
    const length = kind <= NO_OPERATION ? 1 : at + 1 < end ? packet.view.getUint8(at + 1) : 0
    const { name, label, length: right } = OPTIONS[kind] ?? UNKNOWN
    labels.push(label)
    if ((kind > NO_OPERATION && length < 2) || length > end - at) {
      const field = fields.bytes(name, label, at, end - at)
      field.problem = `its length of ${length} bytes does not fit the ${end - at} that are left`
      break
    }
    const option = fields.bytes(name, label, at, length)
    showOption(packet.view, fields.under(option), option, kind, right)
    // Behind the end of the options is padding (RFC 9293, 3.1).
    if (kind === END) break
    at += length
  }
  heading.text = labels.join(', ')
}

function showOption(
  view: DataView,
  fields: Fields,
  option: Field,
  kind: number,
  right: number | undefined,
): void {
  const { offset, length } = option
  fields.number('tcp.option_kind', 'Kind', offset, 1, named(KINDS))
  if (kind <= NO_OPERATION) {
    option.text = ''
    return
  }
  fields.number('tcp.option_len', 'Length', offset + 1, 1)
  if (right !== undefined && length !== right) {
    option.problem = `its length should be ${right}`
    return
  }
  switch (kind) {
    case MSS:
      option.text = fields.number('tcp.options.mss_val', 'Value', offset + 2, 2).text
      return
    case WINDOW_SCALE:
      option.text = showWindowScale(fields, offset)
      return
    case SACK_PERMITTED:
      option.text = ''
      return
    case SACK:
      option.text = showSack(fields, option)
      return
    case TIMESTAMPS: {
      const value = fields.number('tcp.options.timestamp.tsval', 'Value', offset + 2, 4).text
      option.text = `${value}, echo reply ${fields.number('tcp.options.timestamp.tsecr', 'Echo reply', offset + 6, 4).text}`
      return
    }
    case FAST_OPEN:
      if (length > 2) fields.bytes('tcp.options.tfo.cookie', 'Cookie', offset + 2, length - 2)
      return
    case MD5:
      fields.bytes('tcp.options.md5.digest', 'Digest', offset + 2, length - 2)
      return
    case USER_TIMEOUT:
      fields.flag('tcp.options.user_to_granularity', 'In minutes', offset + 2, 2, 0x8000)
      fields.bits('tcp.options.user_to_val', 'Timeout', offset + 2, 2, 0x7fff)
      return
    case EXPERIMENT_1:
    case EXPERIMENT_2:
      if (length >= 4)
        fields.add(
          'tcp.options.experimental.exid',
          'Experiment',
          view.getUint16(offset + 2),
          hex(view.getUint16(offset + 2), 4),
          offset + 2,
          2,
        )
      if (length > 4) fields.bytes('tcp.options.experimental.data', 'Data', offset + 4, length - 4)
      return
    default:
      if (length > 2) fields.bytes('tcp.options.unknown.payload', 'Data', offset + 2, length - 2)
  }
}

function showWindowScale(fields: Fields, offset: number): string {
  const shift = fields.number('tcp.options.wscale.shift', 'Shift', offset + 2, 1)
  const factor = 1 << Math.min(shift.value as number, SHIFT_MAX)
  fields.add('tcp.options.wscale.multiplier', 'Factor', factor, String(factor), offset + 2, 1)
  return `${shift.text} (times ${factor})`
}

/** RFC 2018, 3: pairs of a left and a right edge. */
function showSack(fields: Fields, { offset, length }: Field): string {
  const blocks: string[] = []
  let at = offset + 2
  for (; at + 8 <= offset + length; at += 8) {
    const left = fields.number('tcp.options.sack_le', 'Left edge', at, 4).text
    blocks.push(`${left}-${fields.number('tcp.options.sack_re', 'Right edge', at + 4, 4).text}`)
  }
  return blocks.join(', ')
}
