import { MemoryFrameIo } from '../../src/ports/memory-frame-io.ts'
import type { SentDatagram } from '../../src/ports/memory-tunnel.ts'
import { concat, tunnelAddress } from '../support/tunnel.ts'
import { type OpenedTunnels, type Side, tunnelConformance } from './tunnel.conformance.ts'

const IPV4 = { near: tunnelAddress('192.0.2.1'), far: tunnelAddress('192.0.2.2') }
const IPV6 = { near: tunnelAddress('2001:db8::1'), far: tunnelAddress('2001:db8::2') }

const sameBytes = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0

/** Datagrams of one source that follow each other, as a network interface joins them: all but the last of one length. */
function joinable(sent: readonly SentDatagram[]): SentDatagram[][] {
  const groups: SentDatagram[][] = []
  for (const datagram of sent) {
    const group = groups.at(-1)
    const first = group?.[0]
    const fits =
      group !== undefined &&
      first !== undefined &&
      first.source === datagram.source &&
      first.tos === datagram.tos &&
      datagram.payload.length > 0 &&
      datagram.payload.length <= first.payload.length &&
      group.at(-1)?.payload.length === first.payload.length &&
      group.length < 64 &&
      (group.length + 1) * first.payload.length <= 65_000
    if (fits) group.push(datagram)
    else groups.push([datagram])
  }
  return groups
}

function open(slots?: number): OpenedTunnels {
  const io = new MemoryFrameIo(slots)
  const tunnels = new Map<number, { address: Uint8Array }>()
  const detach = io.detach.bind(io)
  io.detach = (port) => {
    tunnels.delete(port)
    detach(port)
  }
  const address = (side: Side, ipv6 = false): Uint8Array => (ipv6 ? IPV6 : IPV4)[side]
  return {
    io,
    address,
    attachTunnel(port, side, ipv6 = false) {
      io.attachTunnel(port, { sources: 4, ipv6 })
      tunnels.set(port, { address: address(side, ipv6) })
    },
    attachPeer(port, tunnelPort, remote) {
      const payloadMax = remote[10] === 0xff ? 1472 : 1452
      io.attachPeer(port, tunnelPort, remote, 4789, { payloadMax })
    },
    attachFrames: (port) => io.attach(port),
    collectFrames: (port) => io.collect(port).map(({ frame, virtioHeader }) => concat([virtioHeader, frame])),
    settle() {
      for (const [from, { address: source }] of tunnels) {
        for (const group of joinable(io.collectDatagrams(from))) {
          const [first] = group
          const to = [...tunnels].find(([, tunnel]) => sameBytes(tunnel.address, first!.address))
          if (to === undefined) continue
          io.injectDatagram(to[0], {
            payload: concat(group.map(({ payload }) => payload)),
            source,
            sourcePort: 50_000 + from * 100 + first!.source,
            segmentSize: first!.payload.length,
            tos: first!.tos,
          })
        }
      }
    },
    close: () => io.close(),
  }
}

tunnelConformance({ name: 'MemoryFrameIo with tunnels', open })
