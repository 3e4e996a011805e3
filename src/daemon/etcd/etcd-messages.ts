/** The messages of etcd's API (api/etcdserverpb/rpc.proto) that a registry takes. */

import type {
  RegistryChange,
  RegistryCondition,
  RegistryEntry,
  RegistryOperation,
  RegistryTransaction,
} from '../../control/registry/registry.ts'
import {
  decodeText,
  EtcdGarbage,
  encodeText,
  idOf,
  type Json,
  listOf,
  numberOf,
  objectOf,
  prefixRange,
} from './etcd-text.ts'

/** In front of every answer. */
export interface EtcdHeader {
  readonly clusterId: string
  /** Of the registry, when it answered. */
  readonly revision: number
  /** Counts elections of a leader. */
  readonly term: number
}

export function headerOf(answer: Json): EtcdHeader {
  const header = objectOf(answer['header'], 'header')
  const clusterId = idOf(header['cluster_id'], 'cluster_id')
  if (clusterId === '') throw new EtcdGarbage('header has no cluster_id')
  return {
    clusterId,
    revision: numberOf(header['revision'], 'revision'),
    term: numberOf(header['raft_term'], 'raft_term'),
  }
}

export function entryOf(value: unknown): RegistryEntry {
  const entry = objectOf(value, 'an entry')
  const key = decodeText(entry['key'], 'key')
  if (key === '') throw new EtcdGarbage('an entry has no key')
  return {
    key,
    value: decodeText(entry['value'], 'value'),
    revision: numberOf(entry['mod_revision'], 'mod_revision'),
    created: numberOf(entry['create_revision'], 'create_revision'),
    lease: idOf(entry['lease'], 'lease'),
  }
}

export const entriesOf = (answer: Json): RegistryEntry[] => listOf(answer['kvs'], 'kvs').map(entryOf)

/** What a watch was told, in the order of the revisions. */
export function changesOf(answer: Json): RegistryChange[] {
  let last = 0
  return listOf(answer['events'], 'events').map((value) => {
    const event = objectOf(value, 'an event')
    const entry = entryOf(event['kv'])
    if (entry.revision < last || entry.revision === 0) throw new EtcdGarbage('events are not in order')
    last = entry.revision
    if (event['type'] === undefined || event['type'] === 'PUT') return { kind: 'put', entry }
    if (event['type'] !== 'DELETE') throw new EtcdGarbage('an event has an unknown type')
    return { kind: 'delete', key: entry.key, revision: entry.revision }
  })
}

export const txnRequest = (transaction: RegistryTransaction): Json => ({
  compare: transaction.when.map(compare),
  success: transaction.do.map(requestOp),
})

function compare(condition: RegistryCondition): Json {
  // What is not there has been created at 0, and changed at 0. No key of a range was, where there is none.
  if ('prefix' in condition)
    return { ...prefixRange(condition.prefix), target: 'CREATE', result: 'EQUAL', create_revision: '0' }
  const key = encodeText(condition.key)
  if ('is' in condition) {
    const result = condition.is === 'absent' ? 'EQUAL' : 'GREATER'
    return { key, target: 'CREATE', result, create_revision: '0' }
  }
  return 'revision' in condition
    ? { key, target: 'MOD', result: 'EQUAL', mod_revision: String(condition.revision) }
    : { key, target: 'VALUE', result: 'EQUAL', value: encodeText(condition.value) }
}

function requestOp(operation: RegistryOperation): Json {
  if ('delete' in operation) return { request_delete_range: { key: encodeText(operation.delete) } }
  if ('deletePrefix' in operation) return { request_delete_range: prefixRange(operation.deletePrefix) }
  const { put, value, lease = '' } = operation
  const under = lease === '' ? {} : { lease }
  return { request_put: { key: encodeText(put), value: encodeText(value), ...under } }
}
