import assert from 'node:assert/strict'
import { closeSync, readSync } from 'node:fs'
import { after, before, describe, it } from 'node:test'
import { TUNNEL_SOURCES_MAX } from '../../src/limits.ts'
import { NativeFrameIo, openWake } from '../../src/ports/native-frame-io.ts'
import { openPacketSocket } from '../../src/ports/packet-socket.ts'
import {
  closeUdpTunnel,
  openUdpTunnel,
  routeMtu,
  TunnelError,
  type UdpTunnelOptions,
} from '../../src/ports/udp-tunnel.ts'
import { openDescriptors } from '../support/descriptors.ts'
import { copyBurst, type ReceivedFrame } from '../support/frame-io.ts'
import { ADDRESSES, Underlay } from '../support/native-tunnels.ts'
import { NetworkNamespace } from '../support/network-namespace.ts'
import { needs, needsTap } from '../support/requirements.ts'
import { Arena, setSend, testPayload, tunnelAddress } from '../support/tunnel.ts'

const skip = needsTap() || needs('ip', 'python3')

const NEAR = tunnelAddress(ADDRESSES.near.ipv4)
const FAR = tunnelAddress(ADDRESSES.far.ipv4)
const NEAR_IPV6 = tunnelAddress(ADDRESSES.near.ipv6)
const FAR_IPV6 = tunnelAddress(ADDRESSES.far.ipv6)

describe('sockets of a tunnel', { skip }, () => {
  let underlay: Underlay | undefined
  const near = (options: Partial<UdpTunnelOptions> = {}): UdpTunnelOptions => ({
    namespace: underlay!.near.path,
    local: NEAR,
    udpPort: 4789,
    ...options,
  })
  before(() => {
    underlay = new Underlay()
  })
  after(() => underlay?.remove())

  function refused(options: UdpTunnelOptions, code: string, message: RegExp, hint: RegExp): void {
    const descriptors = openDescriptors().length
    assert.throws(
      () => openUdpTunnel(options),
      (error) => {
        assert.ok(error instanceof TunnelError)
        assert.equal(error.code, code)
        assert.match(error.message, message)
        assert.match(error.hint, hint)
        return true
      },
    )
    assert.equal(openDescriptors().length, descriptors)
  }

  it('an address that is not there is refused', () => {
    refused(
      near({ local: tunnelAddress('198.51.100.7') }),
      'EADDRNOTAVAIL',
      /^198\.51\.100\.7 is no address/,
      /ip address/,
    )
    refused(
      near({ local: tunnelAddress('2001:db8::77') }),
      'EADDRNOTAVAIL',
      /^2001:db8::77 is no address/,
      /ip address/,
    )
    refused(near({ local: tunnelAddress('fe80::1') }), 'EINVAL', /^fe80::1 is no address/, /link scope/)
  })

  it('a port that is taken is refused, and another is not', () => {
    const first = openUdpTunnel(near({ sources: 2 }))
    refused(near(), 'EADDRINUSE', /^UDP port 4789 of 192\.0\.2\.1 is taken/, /ss -lunp/)
    const other = openUdpTunnel(near({ udpPort: 4790 }))
    closeUdpTunnel(other)
    closeUdpTunnel(first)
  })

  it('a port that the kernel has for a vxlan device is refused', (t) => {
    const { near: namespace } = underlay!
    try {
      namespace.ip('link', 'add', 'vx', 'type', 'vxlan', 'id', '1', 'dstport', '4789', 'dev', 'under')
    } catch (error) {
      return t.skip(`no vxlan devices here: ${String(error)}`)
    }
    namespace.ip('link', 'set', 'vx', 'up')
    refused(near(), 'EADDRINUSE', /is taken/, /vxlan device/)
    namespace.ip('link', 'delete', 'vx')
    closeUdpTunnel(openUdpTunnel(near()))
  })

  it('a namespace that is none is refused', () => {
    refused(near({ namespace: '/run/netns/twtest-nobody' }), 'ENOENT', /was not found/, /ip netns/)
    refused(near({ namespace: '/dev/null' }), 'EINVAL', /is not a network namespace/, /ip netns/)
  })

  it('has as many sources as are asked for, each with a port of its own, up to a bound', () => {
    for (const sources of [1, TUNNEL_SOURCES_MAX]) {
      const tunnel = openUdpTunnel(near({ sources }))
      assert.equal(tunnel.sources.length, sources)
      const lines = underlay!.near.exec('cat', '/proc/net/udp').trim().split('\n').slice(1)
      const ports = lines.map((line) => Number.parseInt(line.trim().split(/\s+/)[1]?.split(':')[1] ?? '', 16))
      assert.equal(new Set(ports).size, sources + 1)
      assert.equal(ports.filter((port) => port >= 49_152).length, sources)
      closeUdpTunnel(tunnel)
    }
    for (const sources of [0, -1, 1.5, TUNNEL_SOURCES_MAX + 1, Number.NaN]) {
      assert.throws(() => openUdpTunnel(near({ sources })), RangeError)
    }
    const inside = openUdpTunnel(near({ udpPort: 50_000, sources: 64 }))
    closeUdpTunnel(inside)
  })

  it('receives nothing at its sources', () => {
    const tunnel = openUdpTunnel(near({ sources: 1 }))
    const lines = underlay!.near.exec('cat', '/proc/net/udp').trim().split('\n').slice(1)
    const ports = lines.map((line) => Number.parseInt(line.trim().split(/\s+/)[1]?.split(':')[1] ?? '', 16))
    const program =
      'import socket, sys; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); [s.sendto(b"x", (sys.argv[1], int(p))) for p in sys.argv[2:]]'
    // The source first: when the other has its datagram, this one has been dropped.
    const inTurn = ports.toSorted((one, other) => other - one).map(String)
    underlay!.far.exec('python3', '-c', program, ADDRESSES.near.ipv4, ...inTurn)
    assert.equal(readWhenThere(tunnel.descriptor), 1)
    assert.throws(() => readSync(tunnel.sources[0] ?? -1, Buffer.alloc(10)), { code: 'EAGAIN' })
    closeUdpTunnel(tunnel)
  })

  it('takes datagrams without a checksum, as tunnels may send them, also over IPv6 (RFC 7348, 4.1, RFC 6935)', () => {
    for (const [family, option, local, address] of [
      ['AF_INET', '(socket.SOL_SOCKET, 11, 1)', NEAR, ADDRESSES.near.ipv4],
      ['AF_INET6', '(socket.IPPROTO_UDP, 101, 1)', NEAR_IPV6, ADDRESSES.near.ipv6],
    ] as const) {
      const tunnel = openUdpTunnel(near({ local, sources: 1 }))
      const program = `import socket; s = socket.socket(socket.${family}, socket.SOCK_DGRAM); s.setsockopt${option}; s.sendto(b"none", ("${address}", 4789))`
      underlay!.far.exec('python3', '-c', program)
      assert.equal(readWhenThere(tunnel.descriptor), 4)
      closeUdpTunnel(tunnel)
    }
  })

  /** The size of the next datagram; what was sent just now may take the kernel a moment. */
  function readWhenThere(descriptor: number): number {
    for (const end = Date.now() + 5000; ; ) {
      try {
        return readSync(descriptor, Buffer.alloc(10))
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EAGAIN' || Date.now() > end) throw error
      }
    }
  }

  /** What leaves towards the far side, as Ethernet frames. */
  function sent(local: Uint8Array, remote: Uint8Array, ttl?: number): ReceivedFrame {
    const wakeDescriptor = openWake()
    const io = new NativeFrameIo({ backend: 'epoll', wakeDescriptor })
    try {
      io.attachTunnel(1, openUdpTunnel(near({ local, sources: 1, ...(ttl !== undefined && { ttl }) })))
      io.attachPeer(2, 1, remote, 4789)
      const { descriptor } = openPacketSocket({ namespace: underlay!.far.path, interface: 'under' })
      // The neighbour is known from here on, so that no ARP comes first.
      const at = new Arena(io).put(testPayload(1, 100))
      setSend(io, 0, 2, at, 100, { tos: 0xb9 })
      io.transmit(1)
      io.attach(3, descriptor, true)
      setSend(io, 0, 2, at, 100, { tos: 0xb9 })
      io.transmit(1)
      const ipType = local[10] === 0xff ? 0x0800 : 0x86dd
      for (let polls = 0; polls < 10; polls++) {
        const frames = copyBurst(io, io.poll(0, 1_000_000))
        const ours = frames.find(({ frame }) => {
          const view = new DataView(frame.buffer)
          return view.getUint16(12) === ipType && view.getUint8(ipType === 0x0800 ? 23 : 20) === 17
        })
        if (ours !== undefined) return ours
      }
      return assert.fail('nothing was sent')
    } finally {
      io.close()
      closeSync(wakeDescriptor)
    }
  }

  it('sends with the TTL and the traffic class that are wished for, never in fragments, over IPv4', () => {
    for (const ttl of [undefined, 1, 255]) {
      const { frame } = sent(NEAR, FAR, ttl)
      const view = new DataView(frame.buffer)
      assert.equal(view.getUint8(15), 0xb9)
      assert.equal(view.getUint8(22), ttl ?? 64)
      assert.equal(view.getUint16(20), 0x4000)
      assert.equal(view.getUint16(36), 4789)
      assert.ok(view.getUint16(34) >= 49_152)
      assert.notEqual(view.getUint16(40), 0)
    }
  })

  it('and over IPv6', () => {
    const { frame } = sent(NEAR_IPV6, FAR_IPV6, 7)
    const view = new DataView(frame.buffer)
    assert.equal((view.getUint16(14) >> 4) & 0xff, 0xb9)
    assert.equal(view.getUint8(21), 7)
    assert.equal(view.getUint16(56), 4789)
    assert.notEqual(view.getUint16(60), 0)
  })

  it('knows how wide the way to an address is', () => {
    const namespace = underlay!.near.path
    assert.equal(routeMtu({ namespace, local: NEAR, address: FAR }), 1500)
    assert.equal(routeMtu({ namespace, local: NEAR_IPV6, address: FAR_IPV6 }), 1500)
    assert.equal(routeMtu({ namespace, local: NEAR, address: tunnelAddress('203.0.113.1') }), undefined)
    assert.equal(routeMtu({ namespace, local: NEAR, address: FAR_IPV6 }), undefined)
    underlay!.near.ip('route', 'add', 'unreachable', '203.0.113.2')
    underlay!.near.ip('route', 'add', 'blackhole', '203.0.113.3')
    underlay!.near.ip('route', 'add', 'prohibit', '203.0.113.4')
    for (const last of [2, 3, 4]) {
      assert.equal(
        routeMtu({ namespace, local: NEAR, address: tunnelAddress(`203.0.113.${last}`) }),
        undefined,
      )
    }
    underlay!.near.ip('route', 'add', '203.0.113.9', 'via', '192.0.2.2', 'mtu', '1280')
    assert.equal(routeMtu({ namespace, local: NEAR, address: tunnelAddress('203.0.113.9') }), 1280)
    underlay!.near.ip('link', 'set', 'under', 'mtu', '9000')
    assert.equal(routeMtu({ namespace, local: NEAR, address: FAR }), 9000)
    underlay!.near.ip('link', 'set', 'under', 'mtu', '1500')
    assert.throws(
      () => routeMtu({ namespace, local: tunnelAddress('198.51.100.1'), address: FAR }),
      (error) => error instanceof TunnelError && error.code === 'EADDRNOTAVAIL',
    )
  })

  it('hears of a path that has become narrow', () => {
    // A third network behind the far side, with a narrow link.
    const narrow = new NetworkNamespace()
    try {
      const { near: a, far } = underlay!
      far.ip('link', 'add', 'thin', 'type', 'veth', 'peer', 'name', 'thin', 'netns', narrow.name)
      far.ip('address', 'add', '198.51.100.1/24', 'dev', 'thin')
      narrow.ip('address', 'add', '198.51.100.2/24', 'dev', 'thin')
      for (const side of [far, narrow]) side.ip('link', 'set', 'thin', 'mtu', '1300', 'up')
      far.exec('sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward')
      a.ip('route', 'add', '198.51.100.0/24', 'via', '192.0.2.2')
      const address = tunnelAddress('198.51.100.2')
      const before = routeMtu({ namespace: a.path, local: NEAR, address })
      const wakeDescriptor = openWake()
      const io = new NativeFrameIo({ backend: 'epoll', wakeDescriptor })
      io.attachTunnel(1, openUdpTunnel(near({ sources: 1 })))
      io.attachPeer(2, 1, address, 4789)
      const at = new Arena(io).put(testPayload(1, 1400))
      setSend(io, 0, 2, at, 1400)
      io.transmit(1)
      // Until the router's ICMP message is there.
      for (
        let polls = 0;
        polls < 100 && routeMtu({ namespace: a.path, local: NEAR, address }) === 1500;
        polls++
      )
        io.poll(0, 10_000)
      const behind = routeMtu({ namespace: a.path, local: NEAR, address })
      io.close()
      closeSync(wakeDescriptor)
      assert.deepEqual([before, behind], [1500, 1300])
    } finally {
      narrow.remove()
    }
  })
})
