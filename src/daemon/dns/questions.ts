import { DNS_UDP_SIZE_MAX } from '../../limits.ts'
import { FLAG_CD, FLAG_QR, FLAG_RA, FLAG_RD } from '../../wire/dns.ts'
import { QueryReader } from '../../wire/dns-query.ts'
import { DnsWriter } from '../../wire/dns-writer.ts'

const reader = new QueryReader()
const writer = new DnsWriter()

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

/** Nothing but this code, for a question that is well-formed. */
export function answerOfCode(question: Uint8Array, rcode: number): Uint8Array {
  reader.read(viewOf(question), 0, question.length)
  const answer = question.slice()
  writer.begin(viewOf(answer), answer, 0, answer.length)
  writer.copyQuestion(viewOf(question), reader.name, reader.questionEnd)
  if (reader.hasEdns) writer.edns(DNS_UDP_SIZE_MAX, reader.dnssecOk, rcode)
  const flags = (reader.flags & (FLAG_RD | FLAG_CD)) | FLAG_QR | FLAG_RA | rcode
  return answer.slice(0, writer.finish(reader.id, flags))
}

/** Bytes that whoever asks by UDP takes (RFC 6891, 6.2.5), as far as we give them. */
export function answerLimit(question: Uint8Array): number {
  reader.read(viewOf(question), 0, question.length)
  return Math.min(reader.udpSize, DNS_UDP_SIZE_MAX)
}
