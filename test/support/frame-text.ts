import { VIRTIO_NET_HEADER_SIZE } from '../../src/datapath/frame-memory.ts'
import type { QueuedFrame } from '../../src/ports/memory-frame-io.ts'
import { parseMac } from '../../src/wire/address.ts'
import * as ethernet from '../../src/wire/ethernet.ts'
import * as virtioNet from '../../src/wire/virtio-net.ts'

/** IEEE 802 local experimental: no protocol that the switch could know. */
const TYPE_EXPERIMENTAL = 0x88b5

/** The frame that the words of a scenario's line describe; see scenario.ts for them. */
export function frameOf([target, source, ...words]: readonly string[]): QueuedFrame {
  if (target === undefined || source === undefined) throw new Error('a frame needs a target and a source')
  const options = new Map<string, string>()
  const payload: string[] = []
  const tags: number[] = []
  for (const word of words) {
    const [, name, value] = /^(vlan|svlan|type|length|cut|virtio)=(.+)$/.exec(word) ?? []
    if (name === 'vlan') tags.push(ethernet.TYPE_VLAN, Number(value))
    else if (name === 'svlan') tags.push(ethernet.TYPE_SERVICE_VLAN, Number(value))
    else if (name === undefined) payload.push(word)
    else options.set(name, value!)
  }

  const type = Number.parseInt(options.get('type') ?? TYPE_EXPERIMENTAL.toString(16), 16)
  const types = Buffer.alloc((tags.length + 1) * 2)
  for (const [index, value] of [...tags, type].entries()) types.writeUInt16BE(value, index * 2)
  const content = Buffer.concat([macBytes(target), macBytes(source), types, Buffer.from(payload.join(' '))])
  const filled = fill(content, Number(options.get('length') ?? content.length))
  return {
    frame: filled.subarray(0, Number(options.get('cut') ?? filled.length)),
    virtioHeader: virtioHeaderOf(options.get('virtio') ?? '0,0,0,0,0,0'),
  }
}

/** A frame as failures show it: addresses by name, the rest in hexadecimal, long ones by their hash. */
export function frameText({ frame, virtioHeader }: QueuedFrame): string {
  const bytes = Buffer.from(frame)
  const rest = bytes.subarray(12)
  const content = rest.length <= 64 ? rest.toString('hex') : `${rest.toString('hex', 0, 48)}… #${hash(rest)}`
  const unfinished = virtioHeader.some((byte) => byte !== 0)
  const virtio = unfinished ? ` virtio ${Buffer.from(virtioHeader).toString('hex')}` : ''
  return `${macName(bytes.subarray(0, 6))} ${macName(bytes.subarray(6, 12))} ${frame.length} bytes ${content}${virtio}`
}

export function macText(name: string): string {
  if (name === '*') return 'ff:ff:ff:ff:ff:ff'
  return /^[a-z]$/.test(name) ? `02:00:00:00:00:${name.charCodeAt(0).toString(16)}` : name
}

function macBytes(name: string): Buffer {
  const address = parseMac(macText(name))
  if (address === undefined) throw new Error(`no address: ${name}`)
  const bytes = Buffer.alloc(6)
  bytes.writeUInt16BE(address.high)
  bytes.writeInt32BE(address.low, 2)
  return bytes
}

function macName(bytes: Buffer): string {
  const text = bytes.toString('hex')
  if (text === 'ffffffffffff') return '*'
  const letter = /^0200000000([67][0-9a-f])$/.exec(text)?.[1]
  return letter === undefined ? text : String.fromCharCode(Number.parseInt(letter, 16))
}

/** Up to `length` bytes, the new ones counting on from the first, so that a shift of a byte shows. */
function fill(bytes: Buffer, length: number): Buffer {
  const filled = Buffer.alloc(Math.max(length, bytes.length))
  for (let i = bytes.length; i < length; i++) filled[i] = i
  bytes.copy(filled)
  return filled
}

function virtioHeaderOf(text: string): Uint8Array {
  const [flags, gsoType, headerLength, gsoSize, checksumStart, checksumOffset] = text.split(',').map(Number)
  const header = new Uint8Array(VIRTIO_NET_HEADER_SIZE)
  virtioNet.emit(
    {
      flags: flags!,
      gsoType: gsoType!,
      headerLength: headerLength!,
      gsoSize: gsoSize!,
      checksumStart: checksumStart!,
      checksumOffset: checksumOffset!,
    },
    new DataView(header.buffer),
    0,
  )
  return header
}

/** FNV-1a. */
function hash(bytes: Uint8Array): string {
  let value = 0x811c9dc5
  for (const byte of bytes) value = Math.imul(value ^ byte, 0x01000193)
  return (value >>> 0).toString(16)
}
