/** What tshark makes of a capture: of each frame the protocols and the fields with their bytes, from its PDML. */

import { execFileSync } from 'node:child_process'

export interface TsharkField {
  readonly offset: number
  readonly length: number
  /** As a display filter has it; empty where the field has no value. */
  readonly show: string
}

export interface TsharkFrame {
  /** `eth:ip:udp`. */
  readonly protocols: string
  readonly fields: ReadonlyMap<string, readonly TsharkField[]>
}

/** It verifies all checksums, and takes each packet on its own: no reassembly, no relative sequence numbers. */
const PREFERENCES = {
  'ip.check_checksum': true,
  'tcp.check_checksum': true,
  'udp.check_checksum': true,
  'tcp.desegment_tcp_streams': false,
  'tcp.analyze_sequence_numbers': false,
  'tcp.relative_sequence_numbers': false,
  'ip.defragment': false,
  'ipv6.defragment': false,
}

const OUTPUT_MAX = 512 * 1024 * 1024

export function tsharkTrees(path: string): TsharkFrame[] {
  const preferences = Object.entries(PREFERENCES).flatMap(([name, value]) => [
    '-o',
    `${name}:${String(value).toUpperCase()}`,
  ])
  const pdml = execFileSync('tshark', ['-n', ...preferences, '-r', path, '-T', 'pdml'], {
    maxBuffer: OUTPUT_MAX,
    stdio: ['ignore', 'pipe', 'ignore'],
    timeout: 60_000,
  }).toString()
  return pdml.split('<packet>').slice(1).map(readFrame)
}

function readFrame(packet: string): TsharkFrame {
  const fields = new Map<string, TsharkField[]>()
  for (const [, attributes] of packet.matchAll(/<field ([^>]*)>/g)) {
    const name = attribute(attributes!, 'name')
    const list = fields.get(name) ?? []
    fields.set(name, list)
    list.push({
      offset: Number(attribute(attributes!, 'pos')),
      length: Number(attribute(attributes!, 'size')),
      show: unescaped(attribute(attributes!, 'show')),
    })
  }
  const protocols = (fields.get('frame.protocols')?.[0]?.show ?? '')
    .split(':')
    .filter((name) => name !== 'ethertype')
    .join(':')
  return { protocols, fields }
}

const attribute = (attributes: string, name: string): string =>
  new RegExp(`(?:^| )${name}="([^"]*)"`).exec(attributes)?.[1] ?? ''

const ENTITIES: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', '#x27': "'" }

const unescaped = (text: string): string =>
  text.includes('&') ? text.replaceAll(/&([^;]+);/g, (whole, name: string) => ENTITIES[name] ?? whole) : text
