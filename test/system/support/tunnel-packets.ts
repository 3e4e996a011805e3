/** VXLAN packets of a capture file, as tshark and as our own dissector read them. */

import assert from 'node:assert/strict'
import { BAD_CHECKSUM, CHECK_CHECKSUMS } from '../../support/tshark-checksums.ts'
import { runOwn } from './own-command.ts'
import { run } from './program.ts'

/** Every checksum is looked at, and fragments are left as they are: that they have no ports is to be seen. */
const OPTIONS = [...CHECK_CHECKSUMS, '-o', 'ip.defragment:FALSE', '-o', 'ipv6.defragment:FALSE']

/** What is wrong with a packet, outside or inside; a UDP checksum of zero is not there. */
const BAD = `${BAD_CHECKSUM} || _ws.malformed`

const FIELDS = [
  ['ip.src', 'ip.dst', 'ipv6.src', 'ipv6.dst', 'udp.srcport', 'udp.dstport', 'tcp.srcport', 'tcp.dstport'],
  [
    'ip.ttl',
    'ipv6.hlim',
    'ip.flags.df',
    'ip.flags.mf',
    'ip.frag_offset',
    'ip.proto',
    'ipv6.fraghdr.nxt',
    'ip.dsfield',
    'ipv6.tclass',
  ],
  ['udp.checksum', 'vxlan.flags', 'vxlan.vni', 'vxlan.reserved8', 'eth.src', 'eth.dst', 'frame.protocols'],
] as const

type Field = (typeof FIELDS)[number][number]

/** One packet: the values of each field, from the outermost header to the innermost one. */
export type TunnelPacket = Readonly<Record<Field, readonly string[]>>

/** Packets of the file in which tshark finds something wrong; none is ''. */
export const badPackets = (file: string): Promise<string> =>
  run({}, 'tshark', '-n', '-r', file, ...OPTIONS, '-Y', BAD)

/** All packets of the file that are VXLAN. */
export async function tunnelPackets(file: string): Promise<TunnelPacket[]> {
  const fields = FIELDS.flat().flatMap((name) => ['-e', name])
  const form = ['-T', 'fields', '-E', 'occurrence=a', '-E', 'aggregator=,', ...fields]
  const output = await run({}, 'tshark', '-n', '-r', file, ...OPTIONS, '-Y', 'vxlan', ...form)
  return output
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const values = line.split('\t')
      const packet = FIELDS.flat().map((name, index) => [
        name,
        (values[index] ?? '').split(',').filter((value) => value !== ''),
      ])
      return Object.fromEntries(packet) as TunnelPacket
    })
}

interface DissectedField {
  readonly name: string
  readonly value?: unknown
  readonly problem?: string
  readonly fields?: readonly DissectedField[]
}

interface DissectedPacket {
  readonly number: number
  readonly layers: readonly { readonly protocol: string; readonly fields: readonly DissectedField[] }[]
}

/** Fields that say which packet it is. */
const IDENTITY = [
  ['ip.src', 'ip.dst', 'ipv6.src', 'ipv6.dst', 'udp.srcport', 'udp.dstport', 'tcp.srcport', 'tcp.dstport'],
  ['vxlan.vni', 'eth.src', 'eth.dst'],
] as const

/** Which packet it is, to compare what two programs read. */
export const identity = (packet: Readonly<Record<string, readonly string[]>>): string =>
  IDENTITY.flat()
    .map((name) => `${name}=${(packet[name] ?? []).join()}`)
    .join(' ')

/** What our own dissector reads: which packets there are, those that are VXLAN, and what it finds wrong with any. */
export async function dissect(file: string): Promise<{ identities: string[]; problems: string[] }> {
  const { code, output, errors } = await runOwn('', 'dissect', '--json', file)
  assert.equal(code, 0, errors)
  const identities: string[] = []
  const problems: string[] = []
  for (const line of output.split('\n').filter((text) => text !== '')) {
    const { number, layers } = JSON.parse(line) as DissectedPacket
    const values: Record<string, string[]> = {}
    const read = (fields: readonly DissectedField[]): void => {
      for (const { name, value, problem, fields: inner = [] } of fields) {
        ;(values[name] ??= []).push(String(value))
        if (problem !== undefined) problems.push(`packet ${number}: ${name}: ${problem}`)
        read(inner)
      }
    }
    for (const { fields } of layers) read(fields)
    if (layers.some(({ protocol }) => protocol === 'vxlan')) identities.push(identity(values))
  }
  return { identities, problems }
}
