/**
 * TLS (RFC 8446): the records, and of the handshake what both sides send in the clear: version, server name, protocols. What follows is
 * encrypted.
 */

import { type Fields, named, nameIn } from './fields.ts'
import { cutShort, type Extent, type Packet } from './packet.ts'
import { showClientHello, showServerHello, TLS_VERSIONS } from './tls-hello.ts'

const RECORD_HEADER_SIZE = 5
const HANDSHAKE_HEADER_SIZE = 4
/** RFC 8446, 5.2: 2^14 + 256; those of TLS 1.2 may have 2^14 + 2048. */
const RECORD_MAX = 16_384 + 2048
/** Records of one segment that are shown. */
const RECORDS_MAX = 64

const CHANGE_CIPHER_SPEC = 20
const ALERT = 21
const HANDSHAKE = 22
const APPLICATION_DATA = 23

const CLIENT_HELLO = 1
const SERVER_HELLO = 2

export const CONTENT_TYPES: Readonly<Record<number, string>> = {
  [CHANGE_CIPHER_SPEC]: 'change cipher spec',
  [ALERT]: 'alert',
  [HANDSHAKE]: 'handshake',
  [APPLICATION_DATA]: 'application data',
}

const HANDSHAKES: Readonly<Record<number, string>> = {
  0: 'hello request',
  [CLIENT_HELLO]: 'client hello',
  [SERVER_HELLO]: 'server hello',
  4: 'new session ticket',
  8: 'encrypted extensions',
  11: 'certificate',
  12: 'server key exchange',
  13: 'certificate request',
  14: 'server hello done',
  15: 'certificate verify',
  16: 'client key exchange',
  20: 'finished',
}

const ALERTS: Readonly<Record<number, string>> = {
  0: 'close notify',
  10: 'unexpected message',
  20: 'bad record MAC',
  40: 'handshake failure',
  42: 'bad certificate',
  45: 'certificate expired',
  47: 'illegal parameter',
  48: 'unknown CA',
  50: 'decode error',
  70: 'protocol version',
  80: 'internal error',
  112: 'unrecognized name',
  120: 'no application protocol',
}

/** Whether a record of TLS begins at `offset`: its type, version 3.x and a length that a record can have. */
export const isTls = (view: DataView, offset: number, end: number): boolean =>
  end - offset >= RECORD_HEADER_SIZE &&
  CONTENT_TYPES[view.getUint8(offset)] !== undefined &&
  view.getUint8(offset + 1) === 3 &&
  view.getUint8(offset + 2) <= 4 &&
  view.getUint16(offset + 3) > 0 &&
  view.getUint16(offset + 3) <= RECORD_MAX

export function dissectTls(packet: Packet, extent: Extent): undefined {
  const { offset, end } = extent
  const { view } = packet
  const layer = packet.layer('tls', 'Transport Layer Security', extent, end - offset)
  const fields = packet.fields(layer, extent)
  const titles: string[] = []
  let at = offset
  for (let count = 0; count < RECORDS_MAX && isTls(view, at, end); count++) {
    const length = view.getUint16(at + 3)
    const here = Math.min(length, end - at - RECORD_HEADER_SIZE)
    titles.push(showRecord(view, fields, at, here))
    if (here < length) layer.problem = cutShort(here, length)
    at += RECORD_HEADER_SIZE + here
  }
  if (at < end) fields.bytes('tls.segment.data', 'Rest', at, end - at)
  layer.title = `Transport Layer Security, ${titles.slice(0, 4).join(', ')}${titles.length > 4 ? ', …' : ''}`
}

/** A record with `here` bytes behind its header. Returns what it is, in words. */
function showRecord(view: DataView, fields: Fields, offset: number, here: number): string {
  const body = offset + RECORD_HEADER_SIZE
  const end = body + here
  const type = view.getUint8(offset)
  const name = CONTENT_TYPES[type] ?? `type ${type}`
  const record = fields.add('tls.record', 'Record', name, name, offset, end - offset)
  const inside = fields.under(record)
  inside.number('tls.record.content_type', 'Content type', offset, 1, named(CONTENT_TYPES))
  inside.hex('tls.record.version', 'Version', offset + 1, 2, nameIn(TLS_VERSIONS))
  inside.number('tls.record.length', 'Length', offset + 3, 2)
  switch (type) {
    case HANDSHAKE:
      return showHandshakes(view, inside, body, end, view.getUint16(offset + 3)) ?? name
    case ALERT:
      if (here === 2) {
        const alert = inside.under(inside.add('tls.alert_message', 'Alert', '', '', body, 2))
        alert.number('tls.alert_message.level', 'Level', body, 1, named({ 1: 'warning', 2: 'fatal' }))
        alert.number('tls.alert_message.desc', 'Description', body + 1, 1, named(ALERTS))
      } else inside.add('tls.alert_message', 'Alert', '', 'encrypted', body, here)
      return name
    case APPLICATION_DATA:
      inside.bytes('tls.app_data', 'Encrypted data', body, here)
      return name
    default:
      inside.add('tls.change_cipher_spec', 'Change cipher spec', '', '', body, here)
      return name
  }
}

/** The handshake messages of a record of `length` bytes, of which those up to `end` are here. Returns what the first one is. */
function showHandshakes(
  view: DataView,
  fields: Fields,
  offset: number,
  end: number,
  length: number,
): string | undefined {
  let first: string | undefined
  for (let at = offset; end - at >= HANDSHAKE_HEADER_SIZE; ) {
    const type = view.getUint8(at)
    const size = view.getUint32(at) & 0xffffff
    const name = HANDSHAKES[type]
    if (name === undefined || size > offset + length - at - HANDSHAKE_HEADER_SIZE) {
      // No message begins so: it goes on from the record before, or it is encrypted.
      fields.add('tls.handshake', 'Handshake', '', 'encrypted, or a part of a message', at, end - at)
      return first
    }
    const body = at + HANDSHAKE_HEADER_SIZE
    const bodyEnd = Math.min(body + size, end)
    const message = fields.add('tls.handshake', 'Handshake', name, name, at, bodyEnd - at)
    const inside = fields.under(message)
    inside.number('tls.handshake.type', 'Type', at, 1, named(HANDSHAKES))
    inside.number('tls.handshake.length', 'Length', at + 1, 3)
    const hello = { view, fields: inside.within(bodyEnd), offset: body, end: bodyEnd }
    if (type === CLIENT_HELLO) message.text = join(name, showClientHello(hello))
    else if (type === SERVER_HELLO) message.text = join(name, showServerHello(hello))
    if (bodyEnd < body + size) message.problem = cutShort(bodyEnd - body, size)
    first ??= message.text
    at = body + size
  }
  return first
}

const join = (name: string, detail: string): string => (detail === '' ? name : `${name} ${detail}`)
