/** The question of a client that is asked outside, and what of it makes two questions the same. */

import { FLAG_CD } from '../wire/dns.ts'
import { fold } from '../wire/dns-name.ts'
import { QUERY_OK, QueryReader } from '../wire/dns-query.ts'

export interface ClientQuestion {
  readonly id: number
  readonly flags: number
  /** Wire form, as the client spells it. */
  readonly name: Uint8Array
  readonly type: number
  readonly recordClass: number
  readonly hasEdns: boolean
  /** DO (RFC 3225). */
  readonly dnssecOk: boolean
  /** CD (RFC 4035, 3.2.2). */
  readonly checkingDisabled: boolean
}

const reader = new QueryReader()

/** Undefined where there is not one well-formed question. */
export function readQuestion(message: Uint8Array): ClientQuestion | undefined {
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength)
  if (reader.read(view, 0, message.length) !== QUERY_OK) return undefined
  return {
    id: reader.id,
    flags: reader.flags,
    name: new Uint8Array(message.subarray(reader.name, reader.name + reader.nameSize)),
    type: reader.type,
    recordClass: reader.recordClass,
    hasEdns: reader.hasEdns,
    dnssecOk: reader.dnssecOk,
    checkingDisabled: (reader.flags & FLAG_CD) !== 0,
  }
}

/**
 * What questions share that one answer serves: the group, type and class, DO and CD, and the name whatever its case. A string, since V8
 * hashes those with a seed of the process: nobody outside can choose names that collide.
 */
export function questionKey(group: number, question: ClientQuestion): string {
  const { type, recordClass, dnssecOk, checkingDisabled, name } = question
  const wishes = (dnssecOk ? 1 : 0) | (checkingDisabled ? 2 : 0)
  return `${group}/${type}/${recordClass}/${wishes}/${String.fromCharCode(...name.map(fold))}`
}
