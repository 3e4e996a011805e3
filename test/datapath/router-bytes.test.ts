import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import { Fragmenter } from '../../src/datapath/fragmenter.ts'
import { FrameMemory, frameLayout, VIRTIO_NET_HEADER_SIZE } from '../../src/datapath/frame-memory.ts'
import { rewriteEmbedded } from '../../src/datapath/icmp-error.ts'
import { completeChecksum } from '../../src/datapath/offload.ts'
import { clampMss, decrementTimeToLive, rewriteAddresses } from '../../src/datapath/rewrite.ts'
import { ARENA_SIZE } from '../../src/limits.ts'
import { composeError, turnIntoEchoReply } from '../../src/protocols/icmp.ts'
import { composeReset } from '../../src/protocols/tcp-reset.ts'
import { samePorts } from '../support/ipv4-arbitrary.ts'
import {
  ETHERNET_SIZE,
  frameOf,
  INSIDE,
  type Ipv4FrameSpec,
  PLAIN_IPV4,
  PUBLIC,
  upperStart,
  virtioOf,
} from '../support/ipv4-frame.ts'
import { writePcap } from '../support/pcap.ts'
import { needs } from '../support/requirements.ts'
import { noise } from '../support/super-frame.ts'
import { BAD_CHECKSUM, CHECK_CHECKSUMS } from '../support/tshark-checksums.ts'
import { hex } from '../support/wire-bytes.ts'

const memory = new FrameMemory(frameLayout(1))
const { view, bytes } = memory
const OFFSET = memory.slotFrame(0)
const NETWORK = OFFSET + ETHERNET_SIZE
const ARENA = memory.layout.arena
const AT = ARENA + VIRTIO_NET_HEADER_SIZE
const GATEWAY = { macHigh: 0x0242, macLow: 0x0a010001, address: 0x0a010001 }

const specs: Ipv4FrameSpec[] = [6, 17, 1].flatMap((protocol) =>
  (['whole', 'partial', 'none'] as const)
    .filter((checksum) => checksum !== 'none' || protocol === 17)
    .map((checksum) => ({
      ...PLAIN_IPV4,
      protocol,
      checksum,
      fragment: 0,
      controlBits: 0x02,
      tcpOptions: hex('01020405b4010100'),
      ports: protocol === 1 ? samePorts(77) : (40_000 << 16) | 9999,
      payload: noise(1301, protocol),
    })),
)

function receive(frame: Uint8Array, virtio: Uint8Array): number {
  bytes.set(virtio, OFFSET - VIRTIO_NET_HEADER_SIZE)
  bytes.set(frame, OFFSET)
  return frame.length
}

/** Takes a frame as a router with NAT does on its way out. */
function translate(spec: Ipv4FrameSpec): number {
  const length = receive(frameOf(spec), virtioOf(spec))
  const transport = OFFSET + upperStart(spec)
  const ports = spec.protocol === 1 ? samePorts(61_000) : (61_000 << 16) | 9999
  decrementTimeToLive(view, NETWORK)
  const to = [PUBLIC, spec.destination, ports] as const
  rewriteAddresses(view, OFFSET, NETWORK, transport, spec.protocol, true, ...to)
  clampMss(view, OFFSET, NETWORK, transport, OFFSET + length, 1000)
  return length
}

function translated(spec: Ipv4FrameSpec): Uint8Array {
  const length = translate(spec)
  completeChecksum(view, OFFSET, length)
  return bytes.slice(OFFSET, OFFSET + length)
}

function fragmented(spec: Ipv4FrameSpec): Uint8Array[] {
  const fragmenter = new Fragmenter(memory)
  const length = translate({ ...spec, identification: spec.protocol })
  assert.ok(fragmenter.fragment(OFFSET, length, NETWORK, 576, ARENA, ARENA + ARENA_SIZE))
  return Array.from({ length: fragmenter.count }, (_, index) => {
    const offset = fragmenter.firstOffset + index * fragmenter.stride
    return bytes.slice(offset, offset + fragmenter.lengthOf(index))
  })
}

/** What the router answers itself. */
function answers(spec: Ipv4FrameSpec): Uint8Array[] {
  const frame = frameOf(spec)
  receive(frame, virtioOf(spec))
  const error = { type: 11, code: 0, rest: 0 }
  const made: Uint8Array[] = []
  const errorLength = composeError(view, bytes, AT, error, GATEWAY, OFFSET, NETWORK)
  made.push(bytes.slice(AT, AT + errorLength))
  const resetLength = composeReset(view, bytes, AT, OFFSET, NETWORK)
  if (resetLength > 0) made.push(bytes.slice(AT, AT + resetLength))
  if (spec.protocol === 1) {
    turnIntoEchoReply(view, OFFSET, NETWORK, OFFSET + upperStart(spec))
    completeChecksum(view, OFFSET, frame.length)
    made.push(bytes.slice(OFFSET, OFFSET + frame.length))
  }
  return made
}

/** An error from outside about the translated packet, translated back. */
function translatedError(spec: Ipv4FrameSpec): Uint8Array {
  const outside = {
    ...spec,
    source: PUBLIC,
    ports: spec.protocol === 1 ? samePorts(61_000) : (61_000 << 16) | 9999,
  }
  receive(frameOf(outside), virtioOf(outside))
  const length = composeError(view, bytes, AT, { type: 3, code: 1, rest: 0 }, GATEWAY, OFFSET, NETWORK)
  const network = AT + ETHERNET_SIZE
  const to = [spec.source, spec.destination, spec.ports, GATEWAY.address, INSIDE] as const
  rewriteEmbedded(view, AT, network, network + 20, AT + length, ...to)
  return bytes.slice(AT, AT + length)
}

describe('what a router makes of frames, as tshark sees it', { skip: needs('tshark') }, () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'tapwire-router-bytes-'))
  after(() => rmSync(directory, { recursive: true }))
  const file = path.join(directory, 'made.pcap')
  const made: Uint8Array[] = []

  function tshark(capture: string, ...args: string[]): string[] {
    const output = execFileSync('tshark', ['-n', '-r', capture, ...CHECK_CHECKSUMS, ...args], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    return output.split('\n').filter((line) => line !== '')
  }

  before(() => {
    for (const spec of specs) {
      made.push(translated(spec), ...fragmented(spec))
      // Short enough to be quoted whole, so that tshark can judge the quoted checksum; an unfinished one it could not.
      const short = { ...spec, payload: noise(300, spec.protocol) }
      if (spec.checksum !== 'partial') made.push(...answers(short), translatedError(short))
    }
    writeFileSync(file, writePcap(made))
  })

  it('has no bad checksum and nothing malformed', () => {
    assert.deepEqual(tshark(file, '-Y', BAD_CHECKSUM), [])
    assert.deepEqual(tshark(file, '-Y', '_ws.malformed || ip.fragment.error || ip.fragment.overlap'), [])
    assert.equal(tshark(file, '-Y', 'ip.checksum.status == "Good"').length, made.length)
  })

  it('is put together again from fragments, with a good upper checksum', () => {
    const reassembled = 'ip.reassembled.length && !(icmp.type == 3) && !(icmp.type == 11)'
    const statuses = ['tcp', 'udp', 'icmp']
      .map((protocol) => `${protocol}.checksum.status == "Good"`)
      .join(' || ')
    assert.equal(tshark(file, '-Y', `${reassembled} && (${statuses})`).length, specs.length - 1)
    // The datagram without a checksum, too.
    assert.equal(tshark(file, '-Y', reassembled).length, specs.length)
  })

  it('has the lower MSS', () => {
    assert.deepEqual(
      [
        ...new Set(
          tshark(file, '-Y', 'tcp.flags.syn == 1 && !icmp', '-T', 'fields', '-e', 'tcp.options.mss_val'),
        ),
      ],
      ['1000'],
    )
  })

  it('would be found bad if it were', () => {
    const spoiled = made.map((frame) => {
      const copy = frame.slice()
      copy[26]! ^= 1
      return copy
    })
    const other = path.join(directory, 'spoiled.pcap')
    writeFileSync(other, writePcap(spoiled))
    assert.equal(tshark(other, '-Y', BAD_CHECKSUM).length, made.length)
  })
})
