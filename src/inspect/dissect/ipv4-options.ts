/** Options of an IPv4 header (RFC 791, 3.1). */

import type { Field, Fields } from './fields.ts'
import { named } from './fields.ts'
import type { Layer, Packet } from './packet.ts'

const END = 0
const NO_OPERATION = 1
const RECORD_ROUTE = 7
const TIMESTAMP = 68
const SECURITY = 130
const LOOSE_SOURCE_ROUTE = 131
const STREAM = 136
const STRICT_SOURCE_ROUTE = 137
const ROUTER_ALERT = 148

interface Option {
  /** Of the field. */
  readonly name: string
  readonly label: string
}

const OPTIONS: Readonly<Record<number, Option>> = {
  [END]: { name: 'ip.options.eol', label: 'End of options' },
  [NO_OPERATION]: { name: 'ip.options.nop', label: 'No operation' },
  [RECORD_ROUTE]: { name: 'ip.options.record_route', label: 'Record route' },
  [TIMESTAMP]: { name: 'ip.options.timestamp', label: 'Timestamp' },
  [SECURITY]: { name: 'ip.options.security', label: 'Security' },
  [LOOSE_SOURCE_ROUTE]: { name: 'ip.options.route', label: 'Loose source route' },
  [STREAM]: { name: 'ip.options.sid', label: 'Stream identifier' },
  [STRICT_SOURCE_ROUTE]: { name: 'ip.options.route', label: 'Strict source route' },
  [ROUTER_ALERT]: { name: 'ip.options.routeralert', label: 'Router alert' },
}
const UNKNOWN: Option = { name: '', label: 'Unknown option' }

/** Shows the options from `offset` to `end`. */
export function showOptions(packet: Packet, layer: Layer, offset: number, end: number): void {
  const fields = packet.fields(layer, { offset, end, wireEnd: end })
  for (let at = offset; at < end; ) {
    const kind = packet.view.getUint8(at)
    const length = kind <= NO_OPERATION ? 1 : at + 1 < end ? packet.view.getUint8(at + 1) : 0
    const { name, label } = OPTIONS[kind] ?? UNKNOWN
    if ((kind > NO_OPERATION && length < 2) || length > end - at) {
      const field = fields.bytes(name, label, at, end - at)
      field.problem = `its length of ${length} bytes does not fit the ${end - at} that are left`
      return
    }
    showOption(packet, fields, fields.bytes(name, label, at, length), kind)
    // Behind the end of the options is padding (RFC 791, 3.1).
    if (kind === END) return
    at += length
  }
}

function showOption(packet: Packet, fields: Fields, option: Field, kind: number): void {
  const { offset, length } = option
  const inside = fields.under(option)
  const type = inside.under(inside.number('ip.opt.type', 'Type', offset, 1))
  type.flag('ip.opt.type.copy', 'Copied into fragments', offset, 1, 0x80)
  type.bits('ip.opt.type.class', 'Class', offset, 1, 0x60, named({ 0: 'control', 2: 'debugging' }))
  type.bits('ip.opt.type.number', 'Number', offset, 1, 0x1f)
  if (kind <= NO_OPERATION) return
  inside.number('ip.opt.len', 'Length', offset + 1, 1)
  if (kind === ROUTER_ALERT && length === 4) inside.number('ip.opt.ra', 'Router alert', offset + 2, 2)
  else if (kind === STREAM && length === 4) inside.number('ip.opt.sid', 'Stream', offset + 2, 2)
  else if (kind === TIMESTAMP && length >= 4) showTimestamps(packet.view, inside, offset, length)
  else if (kind === RECORD_ROUTE || kind === LOOSE_SOURCE_ROUTE || kind === STRICT_SOURCE_ROUTE) {
    if (length >= 3) showRoute(packet.view, inside, option, kind)
  }
}

/** The pointer counts from the option's first byte, which is 1; the address it points at is the next one to be used. */
function showRoute(view: DataView, fields: Fields, { offset, length }: Field, kind: number): void {
  const pointer = fields.number('ip.opt.ptr', 'Pointer', offset + 2, 1)
  if ((pointer.value as number) % 4 !== 0 || pointer.value === 0) pointer.problem = 'points at no address'
  const next = offset + view.getUint8(offset + 2) - 1
  const names = kind === RECORD_ROUTE ? ['ip.rec_rt', 'ip.empty_rt'] : ['ip.rec_rt', 'ip.src_rt']
  for (let at = offset + 3; at + 4 <= offset + length; at += 4) {
    if (at < next) fields.ipv4(names[0]!, 'Recorded', at)
    else fields.ipv4(names[1]!, kind === RECORD_ROUTE ? 'Empty' : 'To go', at)
  }
}

/** RFC 791, 3.1: with addresses where the flag says so. */
function showTimestamps(view: DataView, fields: Fields, offset: number, length: number): void {
  fields.number('ip.opt.ptr', 'Pointer', offset + 2, 1)
  fields.bits('ip.opt.overflow', 'Overflow', offset + 3, 1, 0xf0)
  fields.bits('ip.opt.flag', 'Flag', offset + 3, 1, 0x0f)
  const addresses = (view.getUint8(offset + 3) & 0x0f) !== 0
  for (let at = offset + 4; at + (addresses ? 8 : 4) <= offset + length; at += 4) {
    if (addresses) {
      fields.ipv4('ip.opt.time_stamp_addr', 'Address', at)
      at += 4
    }
    fields.number('ip.opt.time_stamp', 'Timestamp', at, 4)
  }
}
