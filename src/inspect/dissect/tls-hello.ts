/** ClientHello and ServerHello (RFC 8446, 4.1.2 and 4.1.3; RFC 5246, 7.4.1). */

import { asciiText, type Fields, hex, named, nameIn } from './fields.ts'

export const TLS_VERSIONS: Readonly<Record<number, string>> = {
  0x0300: 'SSL 3.0',
  0x0301: 'TLS 1.0',
  0x0302: 'TLS 1.1',
  0x0303: 'TLS 1.2',
  0x0304: 'TLS 1.3',
}

const RANDOM_SIZE = 32
const EXTENSION_HEADER_SIZE = 4
/** Entries of one list that are shown. */
const ENTRIES_MAX = 256

const SERVER_NAME = 0
const ALPN = 16
const SUPPORTED_VERSIONS = 43

const EXTENSIONS: Readonly<Record<number, string>> = {
  [SERVER_NAME]: 'server name',
  5: 'status request',
  10: 'supported groups',
  11: 'point formats',
  13: 'signature algorithms',
  [ALPN]: 'application protocols',
  18: 'certificate timestamps',
  21: 'padding',
  22: 'encrypt then MAC',
  23: 'extended master secret',
  35: 'session ticket',
  41: 'pre-shared key',
  42: 'early data',
  [SUPPORTED_VERSIONS]: 'supported versions',
  45: 'key exchange modes',
  51: 'key share',
  0xff01: 'renegotiation',
}

const CIPHER_SUITES: Readonly<Record<number, string>> = {
  0x1301: 'TLS_AES_128_GCM_SHA256',
  0x1302: 'TLS_AES_256_GCM_SHA384',
  0x1303: 'TLS_CHACHA20_POLY1305_SHA256',
  0xc02b: 'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256',
  0xc02c: 'TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384',
  0xc02f: 'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256',
  0xc030: 'TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384',
  0xcca8: 'TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256',
  0xcca9: 'TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256',
  0x00ff: 'TLS_EMPTY_RENEGOTIATION_INFO_SCSV',
}

/** A hello's bytes behind its type and length, those that are here. */
export interface Hello {
  readonly view: DataView
  readonly fields: Fields
  readonly offset: number
  readonly end: number
}

/** Returns the server's name that the client asks for, empty where it says none. */
export function showClientHello(hello: Hello): string {
  const { view, fields, end } = hello
  let at = showBeginning(hello)
  if (end - at < 2) return ''
  const suites = view.getUint16(at)
  fields.number('tls.handshake.cipher_suites_length', 'Cipher suites length', at, 2)
  at += 2
  const list = fields.under(
    fields.add('tls.handshake.ciphersuites', 'Cipher suites', '', `${suites >>> 1}`, at, suites),
  )
  for (
    let one = at, count = 0;
    one + 2 <= Math.min(at + suites, end) && count < ENTRIES_MAX;
    one += 2, count++
  ) {
    list.hex('tls.handshake.ciphersuite', 'Cipher suite', one, 2, nameIn(CIPHER_SUITES))
  }
  at += suites
  if (end - at < 1) return ''
  const methods = view.getUint8(at)
  fields.number('tls.handshake.comp_methods_length', 'Compression methods length', at, 1)
  return showExtensions(hello, at + 1 + methods, true)
}

/** Returns the version, empty where it is cut off. */
export function showServerHello(hello: Hello): string {
  const { view, fields, end } = hello
  const at = showBeginning(hello)
  if (end - at < 3) return ''
  fields.hex('tls.handshake.ciphersuite', 'Cipher suite', at, 2, nameIn(CIPHER_SUITES))
  fields.number('tls.handshake.comp_method', 'Compression method', at + 2, 1)
  const version = showExtensions(hello, at + 3, false)
  const legacy = view.getUint16(hello.offset)
  return version === '' ? (TLS_VERSIONS[legacy] ?? hex(legacy, 4)) : version
}

/** Version, random and session: the same in both. Returns where they end. */
function showBeginning({ view, fields, offset, end }: Hello): number {
  if (end - offset < 2 + RANDOM_SIZE + 1) return end
  fields.hex('tls.handshake.version', 'Version', offset, 2, nameIn(TLS_VERSIONS))
  fields.bytes('tls.handshake.random', 'Random', offset + 2, RANDOM_SIZE)
  const at = offset + 2 + RANDOM_SIZE
  const size = view.getUint8(at)
  fields.number('tls.handshake.session_id_length', 'Session identifier length', at, 1)
  if (size > 0 && at + 1 + size <= end)
    fields.bytes('tls.handshake.session_id', 'Session identifier', at + 1, size)
  return Math.min(at + 1 + size, end)
}

/** Returns the server's name of a client, the version of a server. */
function showExtensions({ view, fields, end }: Hello, offset: number, client: boolean): string {
  if (end - offset < 2) return ''
  fields.number('tls.handshake.extensions_length', 'Extensions length', offset, 2)
  let told = ''
  let at = offset + 2
  const last = Math.min(end, at + view.getUint16(offset))
  for (let count = 0; last - at >= EXTENSION_HEADER_SIZE && count < ENTRIES_MAX; count++) {
    const type = view.getUint16(at)
    const length = view.getUint16(at + 2)
    const body = at + EXTENSION_HEADER_SIZE
    const bodyEnd = body + length
    const name = EXTENSIONS[type] ?? `type ${type}`
    const extension = fields.add('', 'Extension', name, name, at, Math.min(bodyEnd, last) - at)
    const inside = fields.under(extension)
    inside.number('tls.handshake.extension.type', 'Type', at, 2, named(EXTENSIONS))
    inside.number('tls.handshake.extension.len', 'Length', at + 2, 2)
    if (bodyEnd > last) {
      extension.problem = `its length of ${length} bytes does not fit the ${last - body} that are left`
      return told
    }
    const text = showExtension(
      { view, fields: inside.within(bodyEnd), offset: body, end: bodyEnd },
      type,
      client,
    )
    if (text !== '') extension.text = `${name}: ${text}`
    if (type === (client ? SERVER_NAME : SUPPORTED_VERSIONS)) told = text
    at = bodyEnd
  }
  return told
}

function showExtension(extension: Hello, type: number, client: boolean): string {
  const { view, fields, offset, end } = extension
  switch (type) {
    case SERVER_NAME:
      return showServerName(extension)
    case ALPN:
      return showProtocols(extension)
    case SUPPORTED_VERSIONS: {
      const list = client ? offset + 1 : offset
      const versions: string[] = []
      for (let at = list; at + 2 <= end; at += 2) {
        fields.hex('tls.handshake.extensions.supported_version', 'Version', at, 2, nameIn(TLS_VERSIONS))
        versions.push(TLS_VERSIONS[view.getUint16(at)] ?? hex(view.getUint16(at), 4))
      }
      return versions.join(', ')
    }
    default:
      if (end > offset) fields.bytes('tls.handshake.extension.data', 'Data', offset, end - offset)
      return ''
  }
}

/** RFC 6066, 3: a list with one entry, `list length 2 | type 1 | length 2 | name`. A server answers with nothing. */
function showServerName({ view, fields, offset, end }: Hello): string {
  if (end - offset < 5) return ''
  fields.number('tls.handshake.extensions_server_name_list_len', 'List length', offset, 2)
  fields.number('tls.handshake.extensions_server_name_type', 'Type', offset + 2, 1, named({ 0: 'host name' }))
  const size = view.getUint16(offset + 3)
  fields.number('tls.handshake.extensions_server_name_len', 'Length', offset + 3, 2)
  if (size > end - offset - 5) return ''
  return fields.string('tls.handshake.extensions_server_name', 'Server name', offset + 5, size).text
}

/** RFC 7301, 3.1. */
function showProtocols({ view, fields, offset, end }: Hello): string {
  if (end - offset < 2) return ''
  fields.number('tls.handshake.extensions_alpn_len', 'List length', offset, 2)
  const protocols: string[] = []
  for (let at = offset + 2; at < end; ) {
    const size = view.getUint8(at)
    if (size > end - at - 1) break
    fields.number('tls.handshake.extensions_alpn_str_len', 'Length', at, 1)
    protocols.push(asciiText(view, at + 1, size))
    fields.string('tls.handshake.extensions_alpn_str', 'Protocol', at + 1, size)
    at += 1 + size
  }
  return protocols.join(', ')
}
