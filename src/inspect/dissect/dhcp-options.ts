/** Options of DHCP (RFC 2132; RFC 3046, 3397, 3442, 4702). */

import { formatIpv4 } from '../../wire/address.ts'
import { OPTION_END, OPTION_MESSAGE_TYPE, OPTION_PAD } from '../../wire/dhcp.ts'
import { type Fields, named } from './fields.ts'

/** RFC 2132, 9.6, and RFC 4388. */
export const DHCP_MESSAGES: Readonly<Record<number, string>> = {
  1: 'discover',
  2: 'offer',
  3: 'request',
  4: 'decline',
  5: 'ACK',
  6: 'NAK',
  7: 'release',
  8: 'inform',
  9: 'force renew',
  10: 'lease query',
}

/** How the data of an option are shown. */
type Kind = 'address' | 'addresses' | 'seconds' | 'number' | 'flag' | 'string' | 'bytes'

interface Option {
  readonly label: string
  /** Behind `dhcp.option.`; `value` is what others have. */
  readonly name: string
  readonly kind: Kind
}

const option = (label: string, name: string, kind: Kind): Option => ({ label, name, kind })

const CLIENT_IDENTIFIER = 61
const PARAMETER_LIST = 55
const OVERLOAD = 52
const RELAY_AGENT = 82
const CLASSLESS_ROUTES = 121
const STATIC_ROUTES = 33

const OPTIONS: Readonly<Record<number, Option>> = {
  1: option('Subnet mask', 'subnet_mask', 'address'),
  2: option('Time offset', 'time_offset', 'seconds'),
  3: option('Router', 'router', 'addresses'),
  4: option('Time server', 'time_server', 'addresses'),
  5: option('Name server', 'name_server', 'addresses'),
  6: option('DNS server', 'domain_name_server', 'addresses'),
  7: option('Log server', 'log_server', 'addresses'),
  8: option('Quotes server', 'quotes_server', 'addresses'),
  9: option('LPR server', 'lpr_server', 'addresses'),
  10: option('Impress server', 'impress_server', 'addresses'),
  11: option('Resource location server', 'resource_location_server', 'addresses'),
  12: option('Host name', 'hostname', 'string'),
  13: option('Boot file size', 'boot_file_size', 'number'),
  14: option('Merit dump file', 'merit_dump_file', 'string'),
  15: option('Domain name', 'domain_name', 'string'),
  16: option('Swap server', 'swap_server', 'address'),
  17: option('Root path', 'root_path', 'string'),
  18: option('Extensions path', 'extension_path', 'string'),
  19: option('IP forwarding', 'ip_forwarding', 'flag'),
  20: option('Non-local source routing', 'non_local_source_routing', 'flag'),
  22: option('Largest datagram to reassemble', 'max_datagram_reassembly_size', 'number'),
  23: option('Default TTL', 'default_ip_ttl', 'number'),
  24: option('Path MTU ageing time', 'path_mtu_aging_timeout', 'seconds'),
  26: option('Interface MTU', 'interface_mtu', 'number'),
  27: option('All subnets are local', 'all_subnets_are_local', 'flag'),
  28: option('Broadcast address', 'broadcast_address', 'address'),
  29: option('Mask discovery', 'perform_mask_discovery', 'flag'),
  30: option('Mask supplier', 'mask_supplier', 'flag'),
  31: option('Router discovery', 'perform_router_discover', 'flag'),
  32: option('Router solicitation address', 'router_solicitation_address', 'address'),
  35: option('ARP cache time', 'arp_cache_timeout', 'seconds'),
  36: option('Ethernet encapsulation', 'ethernet_encapsulation', 'flag'),
  37: option('TCP default TTL', 'tcp_default_ttl', 'number'),
  38: option('TCP keepalive interval', 'tcp_keepalive_interval', 'seconds'),
  39: option('TCP keepalive garbage', 'tcp_keepalive_garbage', 'flag'),
  40: option('NIS domain', 'nis_domain', 'string'),
  41: option('NIS server', 'nis_server', 'addresses'),
  42: option('NTP server', 'ntp_server', 'addresses'),
  43: option('Vendor data', 'vendor.value', 'bytes'),
  44: option('NetBIOS name server', 'netbios_over_tcpip_name_server', 'addresses'),
  45: option('NetBIOS distribution server', 'netbios_over_tcpip_dd_name_server', 'addresses'),
  46: option('NetBIOS node type', 'netbios_over_tcpip_node_type', 'number'),
  47: option('NetBIOS scope', 'netbios_over_tcpip_scope', 'string'),
  48: option('X font server', 'xwindows_system_font_server', 'addresses'),
  49: option('X display manager', 'xwindows_system_display_manager', 'addresses'),
  50: option('Requested address', 'requested_ip_address', 'address'),
  51: option('Lease time', 'ip_address_lease_time', 'seconds'),
  [OVERLOAD]: option('Overload', 'option_overload', 'number'),
  [OPTION_MESSAGE_TYPE]: option('Message type', 'dhcp', 'number'),
  54: option('Server identifier', 'dhcp_server_id', 'address'),
  56: option('Message', 'message', 'string'),
  57: option('Largest message', 'dhcp_max_message_size', 'number'),
  58: option('Renewal time', 'renewal_time_value', 'seconds'),
  59: option('Rebinding time', 'rebinding_time_value', 'seconds'),
  60: option('Vendor class', 'vendor_class_id', 'string'),
  66: option('TFTP server name', 'tftp_server_name', 'string'),
  67: option('Boot file name', 'bootfile_name', 'string'),
}

export const OPTION_LABELS: Readonly<Record<number, string>> = {
  ...Object.fromEntries(Object.entries(OPTIONS).map(([code, { label }]) => [code, label])),
  [OPTION_PAD]: 'Padding',
  [STATIC_ROUTES]: 'Static routes',
  [PARAMETER_LIST]: 'Parameters wanted',
  [CLIENT_IDENTIFIER]: 'Client identifier',
  [RELAY_AGENT]: "Relay's information",
  [CLASSLESS_ROUTES]: 'Classless routes',
  [OPTION_END]: 'End',
}

/** Shows the option of `size` bytes, code and length included, and returns what it says. */
export function showOption(
  view: DataView,
  fields: Fields,
  code: number,
  offset: number,
  size: number,
): string {
  const data = offset + 2
  const end = offset + size
  fields.number('dhcp.option.length', 'Length', offset + 1, 1)
  if (data === end) return ''
  switch (code) {
    case OPTION_MESSAGE_TYPE:
      return fields.number('dhcp.option.dhcp', 'Message type', data, 1, named(DHCP_MESSAGES)).text
    case PARAMETER_LIST:
      return showParameters(fields, data, end)
    case CLIENT_IDENTIFIER:
      return showClientIdentifier(view, fields, data, end)
    case RELAY_AGENT:
      return showRelayAgent(view, fields, data, end)
    case CLASSLESS_ROUTES:
      return showClasslessRoutes(view, fields, data, end)
    case STATIC_ROUTES:
      return showStaticRoutes(fields, data, end)
    default:
      return showValue(fields, OPTIONS[code] ?? option('Value', 'value', 'bytes'), data, end)
  }
}

/** A value that is not as long as its kind demands is shown as bytes. */
function showValue(fields: Fields, { label, name, kind }: Option, offset: number, end: number): string {
  const length = end - offset
  const field = `dhcp.option.${name}`
  switch (kind) {
    case 'address':
    case 'addresses': {
      const texts: string[] = []
      for (let at = offset; at + 4 <= end; at += 4) texts.push(fields.ipv4(field, label, at).text)
      return texts.join(', ')
    }
    case 'seconds':
      if (length !== 4) break
      return fields.number(field, label, offset, 4, (value) => `${value} s`).text
    case 'number':
      if (length !== 1 && length !== 2 && length !== 4) break
      return fields.number(field, label, offset, length).text
    case 'flag':
      if (length !== 1) break
      return fields.flag(field, label, offset, 1, 0xff).text
    case 'string':
      return fields.string(field, label, offset, length).text
    case 'bytes':
      return fields.bytes(field, label, offset, length).text
  }
  return fields.bytes('dhcp.option.value', label, offset, length).text
}

function showParameters(fields: Fields, offset: number, end: number): string {
  const wanted = named(OPTION_LABELS)
  for (let at = offset; at < end; at++) {
    fields.number('dhcp.option.request_list_item', 'Parameter', at, 1, wanted)
  }
  return `${end - offset} of them`
}

/** RFC 2132, 9.14: a hardware type with an address, or any bytes behind a zero. */
function showClientIdentifier(view: DataView, fields: Fields, offset: number, end: number): string {
  if (view.getUint8(offset) === 1 && end - offset === 7) {
    fields.hex('dhcp.hw.type', 'Hardware type', offset, 1, 'Ethernet')
    return fields.mac('dhcp.hw.mac_addr', 'Hardware address', offset + 1).text
  }
  fields.number('dhcp.client_id.type', 'Type', offset, 1)
  if (end - offset < 2) return ''
  return fields.string('dhcp.client_id.undef', 'Identifier', offset + 1, end - offset - 1).text
}

/** RFC 3046, 2.0. */
function showRelayAgent(view: DataView, fields: Fields, offset: number, end: number): string {
  const names: Readonly<Record<number, string>> = { 1: 'agent_circuit_id', 2: 'agent_remote_id' }
  const prefix = 'dhcp.option.agent_information_option'
  for (let at = offset; end - at >= 2; ) {
    const code = view.getUint8(at)
    const size = view.getUint8(at + 1)
    if (size > end - at - 2) break
    const suboption = fields.add(`${prefix}.suboption`, 'Suboption', code, String(code), at, size + 2)
    const inside = fields.under(suboption)
    inside.number('dhcp.option.suboption_length', 'Length', at + 1, 1)
    const name = names[code]
    if (name !== undefined && size > 0) inside.bytes(`${prefix}.${name}`, 'Value', at + 2, size)
    at += size + 2
  }
  return ''
}

/** RFC 3442: the prefix's length, as many bytes of it as it needs, the router. */
function showClasslessRoutes(view: DataView, fields: Fields, offset: number, end: number): string {
  const routes: string[] = []
  for (let at = offset; at < end; ) {
    const bits = view.getUint8(at)
    const bytes = (bits + 7) >>> 3
    if (bits > 32 || end - at < 1 + bytes + 4) break
    let prefix = 0
    for (let i = 0; i < bytes; i++) prefix |= view.getUint8(at + 1 + i) << (24 - 8 * i)
    const router = formatIpv4(view.getInt32(at + 1 + bytes))
    const text = `${bits === 0 ? 'default' : `${formatIpv4(prefix)}/${bits}`} by ${router}`
    fields.bytes('dhcp.option.classless_static_route', 'Route', at, 5 + bytes, text)
    routes.push(text)
    at += 5 + bytes
  }
  return routes.join(', ')
}

function showStaticRoutes(fields: Fields, offset: number, end: number): string {
  const routes: string[] = []
  for (let at = offset; at + 8 <= end; at += 8) {
    const to = fields.ipv4('dhcp.option.static_route.ip', 'Destination', at).text
    routes.push(`${to} by ${fields.ipv4('dhcp.option.static_route.router', 'Router', at + 4).text}`)
  }
  return routes.join(', ')
}
