/** The data of DNS records, field by field. What a type does not allow is shown as bytes. */

import {
  TYPE_A,
  TYPE_AAAA,
  TYPE_CAA,
  TYPE_CNAME,
  TYPE_DNAME,
  TYPE_HTTPS,
  TYPE_MX,
  TYPE_NS,
  TYPE_OPT,
  TYPE_PTR,
  TYPE_SOA,
  TYPE_SRV,
  TYPE_SVCB,
  TYPE_TXT,
} from '../../wire/dns.ts'
import { MALFORMED, skipName } from '../../wire/dns-name.ts'
import { type DnsSource, nameText } from './dns-source.ts'
import { asciiText, type Fields, named } from './fields.ts'

export interface RecordData {
  readonly source: DnsSource
  readonly fields: Fields
  readonly offset: number
  readonly end: number
}

/** Shows the data and returns true, or returns false where they are not what their type demands. */
type Show = (data: RecordData) => boolean

export function showUnknown({ fields, offset, end }: RecordData): boolean {
  if (end > offset) fields.bytes('dns.data', 'Data', offset, end - offset)
  return true
}

/** Shows a name at `offset` and returns where it ends; 0 where there is none. */
function showName({ source, fields, end }: RecordData, name: string, label: string, offset: number): number {
  const size = skipName(source.packet.view, source.message, offset, end)
  const text = size === MALFORMED ? undefined : nameText({ ...source, end }, offset)
  if (text === undefined) return 0
  fields.add(name, label, text, text, offset, size)
  return offset + size
}

const oneName =
  (name: string, label: string): Show =>
  (data) =>
    showName(data, name, label, data.offset) === data.end

function showSoa(data: RecordData): boolean {
  const { fields, end } = data
  const mailbox = showName(data, 'dns.soa.mname', 'Primary server', data.offset)
  const at = mailbox === 0 ? 0 : showName(data, 'dns.soa.rname', 'Mailbox', mailbox)
  if (at === 0 || end - at !== 20) return false
  const seconds = (value: number): string => `${value} s`
  fields.number('dns.soa.serial_number', 'Serial', at, 4)
  fields.number('dns.soa.refresh_interval', 'Refresh', at + 4, 4, seconds)
  fields.number('dns.soa.retry_interval', 'Retry', at + 8, 4, seconds)
  fields.number('dns.soa.expire_limit', 'Expire', at + 12, 4, seconds)
  fields.number('dns.soa.minimum_ttl', 'Minimum', at + 16, 4, seconds)
  return true
}

function showMx(data: RecordData): boolean {
  const { fields, offset, end } = data
  if (end - offset < 3) return false
  fields.number('dns.mx.preference', 'Preference', offset, 2)
  return showName(data, 'dns.mx.mail_exchange', 'Mail exchange', offset + 2) === end
}

function showSrv(data: RecordData): boolean {
  const { fields, offset, end } = data
  if (end - offset < 7) return false
  fields.number('dns.srv.priority', 'Priority', offset, 2)
  fields.number('dns.srv.weight', 'Weight', offset + 2, 2)
  fields.number('dns.srv.port', 'Port', offset + 4, 2)
  return showName(data, 'dns.srv.target', 'Target', offset + 6) === end
}

function showTxt({ source, fields, offset, end }: RecordData): boolean {
  for (let at = offset; at < end; ) {
    const size = source.packet.view.getUint8(at)
    if (size > end - at - 1 || source.packet.full) return false
    fields.number('dns.txt.length', 'Length', at, 1)
    fields.string('dns.txt', 'Text', at + 1, size)
    at += size + 1
  }
  return end > offset
}

/** RFC 8659, 4.1. */
function showCaa({ source, fields, offset, end }: RecordData): boolean {
  if (end - offset < 2) return false
  const tag = source.packet.view.getUint8(offset + 1)
  if (tag > end - offset - 2) return false
  const flags = fields.under(fields.hex('dns.caa.flags', 'Flags', offset, 1))
  flags.flag('dns.caa.flags.issuer_critical', 'Critical', offset, 1, 0x80)
  fields.number('dns.caa.tag_length', 'Tag length', offset + 1, 1)
  fields.string('dns.caa.tag', 'Tag', offset + 2, tag)
  fields.string('dns.caa.value', 'Value', offset + 2 + tag, end - offset - 2 - tag)
  return true
}

const OPTION_COOKIE = 10
const OPTION_PADDING = 12

/** Options of EDNS (IANA, "DNS EDNS0 Option Codes (OPT)"). */
const OPTIONS: Readonly<Record<number, string>> = {
  3: 'NSID',
  8: 'client subnet',
  9: 'expire',
  [OPTION_COOKIE]: 'cookie',
  11: 'TCP keepalive',
  [OPTION_PADDING]: 'padding',
  15: 'extended error',
}

/** RFC 6891, 6.1.2. */
function showOptions({ source, fields, offset, end }: RecordData): boolean {
  const { view } = source.packet
  let at = offset
  while (end - at >= 4 && !source.packet.full) {
    const code = view.getUint16(at)
    const size = view.getUint16(at + 2)
    const label = OPTIONS[code] ?? `option ${code}`
    if (size > end - at - 4) return false
    const inside = fields.under(fields.add('dns.opt', 'Option', label, label, at, size + 4))
    inside.number('dns.opt.code', 'Code', at, 2, named(OPTIONS))
    inside.number('dns.opt.len', 'Length', at + 2, 2)
    if (size > 0) inside.bytes('dns.opt.data', 'Data', at + 4, size)
    at += size + 4
  }
  return at === end
}

/** Parameters of SVCB and HTTPS that have fields (RFC 9460, 14.3.2). */
const ALPN = 1
const PORT = 3
const IPV4_HINT = 4
const IPV6_HINT = 6
const PARAMETERS: Readonly<Record<number, string>> = {
  0: 'mandatory',
  [ALPN]: 'alpn',
  2: 'no-default-alpn',
  [PORT]: 'port',
  [IPV4_HINT]: 'ipv4hint',
  5: 'ech',
  [IPV6_HINT]: 'ipv6hint',
}

function showService(data: RecordData): boolean {
  const { source, fields, offset, end } = data
  const { view } = source.packet
  if (end - offset < 3) return false
  fields.number('dns.svcb.svcpriority', 'Priority', offset, 2)
  let at = showName(data, 'dns.svcb.targetname', 'Target', offset + 2)
  if (at === 0) return false
  while (end - at >= 4 && !source.packet.full) {
    const key = view.getUint16(at)
    const size = view.getUint16(at + 2)
    if (size > end - at - 4) return false
    const label = PARAMETERS[key] ?? `key${key}`
    const inside = fields.under(fields.add('dns.svcb.svcparam', 'Parameter', label, label, at, size + 4))
    inside.number('dns.svcb.svcparam.key', 'Key', at, 2, named(PARAMETERS))
    inside.number('dns.svcb.svcparam.value.length', 'Length', at + 2, 2)
    showParameter(view, inside, key, at + 4, at + 4 + size)
    at += size + 4
  }
  return at === end
}

function showParameter(view: DataView, fields: Fields, key: number, offset: number, end: number): void {
  let at = offset
  switch (key) {
    case ALPN:
      while (at < end && view.getUint8(at) < end - at) {
        const size = view.getUint8(at)
        const text = asciiText(view, at + 1, size)
        fields.number('dns.svcb.svcparam.alpn.length', 'Length', at, 1)
        fields.add('dns.svcb.svcparam.alpn', 'Protocol', text, text, at + 1, size)
        at += size + 1
      }
      return
    case PORT:
      if (end - at === 2) fields.number('dns.svcb.svcparam.port', 'Port', at, 2)
      return
    case IPV4_HINT:
      for (; at + 4 <= end; at += 4) fields.ipv4('dns.svcb.svcparam.ipv4hint.ip', 'Address', at)
      return
    case IPV6_HINT:
      for (; at + 16 <= end; at += 16) fields.ipv6('dns.svcb.svcparam.ipv6hint.ip', 'Address', at)
      return
    default:
      if (end > at) fields.bytes('dns.svcb.svcparam.value', 'Value', at, end - at)
  }
}

export const RDATA: ReadonlyMap<number, Show> = new Map<number, Show>([
  [
    TYPE_A,
    ({ fields, offset, end }) => {
      if (end - offset !== 4) return false
      fields.ipv4('dns.a', 'Address', offset)
      return true
    },
  ],
  [
    TYPE_AAAA,
    ({ fields, offset, end }) => {
      if (end - offset !== 16) return false
      fields.ipv6('dns.aaaa', 'Address', offset)
      return true
    },
  ],
  [TYPE_NS, oneName('dns.ns', 'Name server')],
  [TYPE_CNAME, oneName('dns.cname', 'Canonical name')],
  [TYPE_PTR, oneName('dns.ptr.domain_name', 'Name')],
  [TYPE_DNAME, oneName('dns.dname', 'Target')],
  [TYPE_SOA, showSoa],
  [TYPE_MX, showMx],
  [TYPE_TXT, showTxt],
  [TYPE_SRV, showSrv],
  [TYPE_OPT, showOptions],
  [TYPE_CAA, showCaa],
  [TYPE_SVCB, showService],
  [TYPE_HTTPS, showService],
])
