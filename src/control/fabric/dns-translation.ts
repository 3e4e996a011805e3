/** What the name server is told and tells, between the model's words and the data path's numbers. */

import {
  type DnsLogEntry,
  type DnsVerdict,
  type NamedHostSettings,
  NameKind,
  type ResolverSettings,
} from '../../datapath/dns/dns-settings.ts'
import {
  FLAG_RD,
  formatRcode,
  formatType,
  RCODE_FORMAT_ERROR,
  RCODE_NAME_ERROR,
  RCODE_NO_ERROR,
  RCODE_REFUSED,
  RCODE_SERVER_FAILURE,
  TYPE_OPT,
} from '../../wire/dns.ts'
import { composeQuery, type DnsRecord, parseMessage } from '../../wire/dns-message.ts'
import { SCTP, TCP, UDP } from '../../wire/ip-protocol.ts'
import type {
  FabricDnsLog,
  FabricNamedHost,
  FabricQuestion,
  FabricRecord,
  FabricResolution,
  FabricResolver,
} from '../model/names.ts'
import { ipv4Number, ipv6Words } from './router-translation.ts'

const KINDS = {
  sandbox: NameKind.sandbox,
  alias: NameKind.alias,
  'short-id': NameKind.shortId,
  hostname: NameKind.hostname,
} as const

const PROTOCOLS = { tcp: TCP, udp: UDP, sctp: SCTP } as const

export const namedHostSettings = (id: number, host: FabricNamedHost): NamedHostSettings => ({
  id,
  domain: host.domain,
  ipv4: host.ipv4 === undefined ? undefined : ipv4Number(host.ipv4),
  ipv6: host.ipv6 === undefined ? undefined : ipv6Words(host.ipv6),
  names: host.names.map(({ text, kind }) => ({ text, kind: KINDS[kind] })),
  services: host.services.map(({ protocol, first, last }) => ({
    protocol: PROTOCOLS[protocol],
    first,
    last,
  })),
  aside: host.aside,
})

export const resolverSettings = (id: number, resolver: FabricResolver): ResolverSettings => ({
  id,
  ports: resolver.ports,
  scopes: resolver.scopes,
  forwards: resolver.upstream.kind !== 'none',
  singleLabelsStay: resolver.singleLabelsStay,
})

/** A question as a resolver of today would ask it. */
export const composeQuestion = (
  id: number,
  name: Uint8Array,
  { type }: FabricQuestion,
  udpSize: number,
): Uint8Array => composeQuery({ id, name, type, flags: FLAG_RD, edns: { udpSize } })

/** What an answer says; the verdict is what became of a question that was answered from the networks' names. */
export function decodeAnswer(
  bytes: Uint8Array,
): Pick<FabricResolution, 'rcode' | 'answers' | 'additionals'> & { readonly verdict: DnsVerdict } {
  const message = parseMessage(bytes)
  // An answer from outside that nobody can read. The asker would not know what to make of it, either.
  if (message === undefined) {
    return { rcode: formatRcode(RCODE_FORMAT_ERROR), answers: [], additionals: [], verdict: 'failed' }
  }
  const { rcode, answers, additionals } = message
  return {
    rcode: formatRcode(rcode),
    answers: answers.map(fabricRecord),
    additionals: additionals.filter(({ type }) => type !== TYPE_OPT).map(fabricRecord),
    verdict: verdictOf(rcode, answers.length),
  }
}

function verdictOf(rcode: number, answers: number): DnsVerdict {
  switch (rcode) {
    case RCODE_NO_ERROR:
      return answers > 0 ? 'answered' : 'empty'
    case RCODE_NAME_ERROR:
      return 'nxdomain'
    case RCODE_REFUSED:
      return 'refused'
    case RCODE_FORMAT_ERROR:
      return 'malformed'
    case RCODE_SERVER_FAILURE:
      return 'failed'
    default:
      return 'unsupported'
  }
}

const fabricRecord = ({ name, type, ttl, data }: DnsRecord): FabricRecord => ({
  name,
  type: formatType(type),
  ttlS: ttl,
  data,
})

export const fabricLogEntry = (
  entry: DnsLogEntry,
  { atMs, server }: { readonly atMs: number; readonly server: string },
): FabricDnsLog['entries'][number] => ({
  ...entry,
  atMs,
  type: formatType(entry.type),
  rcode: formatRcode(entry.rcode),
  server,
})
