import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { after, before, describe, it } from 'node:test'
import { openUdpTunnel } from '../../src/ports/udp-tunnel.ts'
import { openDescriptors } from '../support/descriptors.ts'
import { events, failures, receiveNothing, result } from '../support/frame-io.ts'
import { OpenedNativeTunnels, Underlay } from '../support/native-tunnels.ts'
import { type NetworkNamespace, plainEnvironment } from '../support/network-namespace.ts'
import { needs, needsTap } from '../support/requirements.ts'
import { Arena, copyDatagrams, setSend, testPayload, testPayloads, tunnelAddress } from '../support/tunnel.ts'
import { tunnelConformance } from './tunnel.conformance.ts'

const skip = needsTap() || needs('ip', 'python3')

/** errno(3), Linux. */
const EACCES = 13
const EMSGSIZE = 90
const ENETUNREACH = 101
const EHOSTUNREACH = 113

for (const backend of ['io_uring', 'epoll'] as const) {
  describe(`tunnels by ${backend}`, { skip }, () => {
    let underlay: Underlay | undefined
    before(() => {
      underlay = new Underlay()
    })
    after(() => underlay?.remove())
    const open = (slots?: number): OpenedNativeTunnels => {
      assert.ok(underlay)
      return new OpenedNativeTunnels(backend, underlay, slots)
    }
    tunnelConformance({ name: `NativeFrameIo by ${backend} with tunnels`, open })
    describe("the kernel's part", () => kernel(open, () => underlay!.near))
  })
}

const NEAR = 1
const FAR = 2
const TO_FAR = 3
const NOWHERE = tunnelAddress('203.0.113.1')

function kernel(open: () => OpenedNativeTunnels, near: () => NetworkNamespace): void {
  const using = (body: (tunnels: OpenedNativeTunnels) => void) => () => {
    const tunnels = open()
    try {
      tunnels.attachTunnel(NEAR, 'near')
      tunnels.attachTunnel(FAR, 'far')
      tunnels.attachPeer(TO_FAR, NEAR, tunnels.address('far'))
      body(tunnels)
    } finally {
      tunnels.close()
    }
  }

  /** Datagrams that come until `count` are there, and how many descriptors they took. */
  function receive({ io }: OpenedNativeTunnels, count: number) {
    const datagrams: ReturnType<typeof copyDatagrams> = []
    let descriptors = 0
    for (let empty = 0; datagrams.length < count && empty < 10; ) {
      const burst = io.poll(0, 1_000_000)
      assert.deepEqual(events(io), [])
      datagrams.push(...copyDatagrams(io, burst))
      descriptors += burst
      if (burst === 0) empty++
    }
    assert.equal(datagrams.length, count)
    return { datagrams, descriptors }
  }

  it(
    'datagrams of one length come as few',
    using((tunnels) => {
      const { io } = tunnels
      const arena = new Arena(io)
      const payloads = testPayloads(180, 1400)
      // Two flows, one frame of each in turn: nothing is sent one by one for that.
      payloads.forEach((payload, index) => {
        setSend(io, index, TO_FAR, arena.put(payload), 1400, { source: index % 2 })
      })
      io.transmit(payloads.length)
      assert.equal(failures(io), 0)
      const { datagrams, descriptors } = receive(tunnels, payloads.length)
      assert.ok(datagrams.every(({ joined }) => joined))
      // 46 of 1400 bytes have room in one.
      assert.equal(descriptors, 4)
    }),
  )

  it(
    'a result says where there is no way, and of which transmission',
    using((tunnels) => {
      const { io } = tunnels
      const ways = [
        ['203.0.113.1', undefined, ENETUNREACH],
        ['203.0.113.2', 'unreachable', EHOSTUNREACH],
        ['203.0.113.3', 'prohibit', EACCES],
      ] as const
      const at = new Arena(io).put(testPayload(1, 500))
      ways.forEach(([address, type], index) => {
        if (type !== undefined) near().ip('route', 'add', type, address)
        tunnels.attachPeer(10 + index, NEAR, tunnelAddress(address))
      })
      const list = [10, 10, TO_FAR, 11, 12, TO_FAR, 12, 10]
      list.forEach((port, index) => setSend(io, index, port, at, 500))
      io.transmit(list.length)
      assert.deepEqual(
        list.map((_, index) => result(io, index)),
        list.map((port) => (port === TO_FAR ? 0 : -ways[port - 10]![2])),
      )
      assert.equal(failures(io), 6)
      receive(tunnels, 2)
      receiveNothing(io)
    }),
  )

  it(
    'ICMP errors do not end a tunnel',
    using((tunnels) => {
      const { io } = tunnels
      const at = new Arena(io).put(testPayload(1, 500))
      // Nobody listens there from here on: each datagram is answered with "port unreachable".
      io.detach(FAR)
      for (let times = 0; times < 5; times++) {
        setSend(io, 0, TO_FAR, at, 500)
        io.poll(1, 0)
        assert.deepEqual(events(io), [])
      }
      tunnels.attachTunnel(FAR, 'far')
      tunnels.attachPeer(4, FAR, tunnels.address('near'))
      for (const port of [TO_FAR, 4]) {
        setSend(io, 0, port, at, 500)
        io.transmit(1)
        assert.equal(result(io, 0), 0)
        receive(tunnels, 1)
      }
    }),
  )

  it(
    'a path that has become narrow is EMSGSIZE for what does not fit, and no port is lost',
    using((tunnels) => {
      const { io } = tunnels
      const arena = new Arena(io)
      near().ip('route', 'replace', '192.0.2.2', 'dev', 'under', 'mtu', 'lock', '1000')
      const lengths = [972, 973, 973, 973, 100, 1400, 972, 972]
      lengths.forEach((length, index) =>
        setSend(io, index, TO_FAR, arena.put(testPayload(index, length)), length),
      )
      io.transmit(lengths.length)
      assert.deepEqual(
        lengths.map((_, index) => result(io, index)),
        lengths.map((length) => (length > 972 ? -EMSGSIZE : 0)),
      )
      near().ip('route', 'delete', '192.0.2.2')
      receive(tunnels, 4)
    }),
  )

  it(
    'where the kernel refuses several datagrams in one call, each goes for itself',
    using((tunnels) => {
      const { io } = tunnels
      const local = tunnels.address('near')
      io.detach(NEAR)
      const sockets = openUdpTunnel({
        namespace: tunnels.namespace('near'),
        local,
        udpPort: 4789,
        sources: 1,
      })
      // Linux cuts nothing whose checksum it is told to leave out (SO_NO_CHECK): EINVAL.
      const program = 'import socket; socket.socket(fileno=3).setsockopt(socket.SOL_SOCKET, 11, 1)'
      execFileSync('python3', ['-c', program], {
        env: plainEnvironment(),
        stdio: ['ignore', 'ignore', 'inherit', sockets.sources[0]],
      })
      io.attachTunnel(NEAR, sockets)
      for (let times = 0; times < 3; times++) {
        const arena = new Arena(io)
        const payloads = testPayloads(50, 700, times * 50)
        payloads.forEach((payload, index) => setSend(io, index, TO_FAR, arena.put(payload), 700))
        io.transmit(payloads.length)
        assert.equal(failures(io), 0)
        const { datagrams } = receive(tunnels, payloads.length)
        datagrams.forEach(({ payload, joined }, index) => {
          assert.deepEqual(payload, payloads[index])
          assert.equal(joined, false)
        })
      }
    }),
  )

  it(
    'leaves no descriptor behind, and gives back the one that it is asked for',
    using((tunnels) => {
      const { io } = tunnels
      const before = openDescriptors().length
      tunnels.attachPeer(20, 21, NOWHERE)
      tunnels.attachPeer(22, NEAR, NOWHERE)
      assert.equal(openDescriptors().length, before)
      const released = io.release(FAR)
      assert.ok(released >= 0)
      assert.equal(openDescriptors().length, before - 4)
      closeSync(released)
      assert.equal(io.release(22), -1)
      assert.equal(io.release(22), -1)
      io.detach(NEAR)
      assert.equal(openDescriptors().length, before - 10)
      assert.throws(() => tunnels.attachPeer(20, NEAR, NOWHERE), { code: 'EEXIST' })
      const file = openSync('/dev/null', 'r')
      assert.throws(() => io.attachTunnel(30, { descriptor: file, sources: [file] }), {
        code: 'ENOTSOCK',
      })
      closeSync(file)
      assert.equal(openDescriptors().length, before - 10)
    }),
  )
}
