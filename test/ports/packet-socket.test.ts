import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { closeSync } from 'node:fs'
import { after, before, describe, it } from 'node:test'
import { VIRTIO_NET_HEADER_SIZE } from '../../src/datapath/frame-memory.ts'
import { native } from '../../src/ports/native.ts'
import { NativeFrameIo, openWake } from '../../src/ports/native-frame-io.ts'
import {
  openPacketSocket,
  PacketSocketError,
  type PacketSocketOptions,
} from '../../src/ports/packet-socket.ts'
import * as virtio from '../../src/wire/virtio-net.ts'
import { openDescriptors } from '../support/descriptors.ts'
import {
  assertFrames,
  events,
  failures,
  frameBytes,
  placeInArena,
  receive,
  receiveNothing,
  result,
  setTransmit,
  testFrame,
  testFrames,
} from '../support/frame-io.ts'
import { NetworkNamespace, plainNodeEnvironment } from '../support/network-namespace.ts'
import { OpenedPacketSocketFrameIo } from '../support/packet-socket-frame-io.ts'
import { repositoryRoot } from '../support/repository.ts'
import { needs, needsTap } from '../support/requirements.ts'
import { type FrameIoUnderTest, frameIoConformance } from './frame-io.conformance.ts'

const skip = needsTap() || needs('ip')

/** errno(3), Linux. */
const EINVAL = 22
const EMSGSIZE = 90
const ENETDOWN = 100

const ETHERNET_HEADER = 14

function subject(backend: 'io_uring' | 'epoll'): FrameIoUnderTest {
  let namespace: NetworkNamespace | undefined
  return {
    name: `NativeFrameIo by ${backend} as a FrameIo, over packet sockets`,
    manyPorts: 10,
    modelRuns: 2,
    skip,
    start() {
      namespace = new NetworkNamespace()
    },
    async open(slots) {
      assert.ok(namespace)
      return new OpenedPacketSocketFrameIo(backend, namespace, slots)
    },
    async stop() {
      namespace?.remove()
    },
  }
}

for (const backend of ['io_uring', 'epoll'] as const) {
  frameIoConformance(subject(backend))
  describe(`packet sockets by ${backend}`, { skip }, () => interfaces(backend))
}

/** Two ends of a veth pair in a namespace, `near` and `far`, each a port. */
class Pair {
  readonly namespace = new NetworkNamespace()
  readonly io: NativeFrameIo
  readonly #wakeDescriptor = openWake()

  constructor(backend: 'io_uring' | 'epoll') {
    this.io = new NativeFrameIo({ backend, wakeDescriptor: this.#wakeDescriptor })
    this.addLink()
  }

  addLink(): void {
    const { namespace } = this
    namespace.ip('link', 'add', 'near', 'type', 'veth', 'peer', 'name', 'far')
    for (const name of ['near', 'far']) namespace.ip('link', 'set', name, 'addrgenmode', 'none', 'up')
    this.settle()
  }

  /**
   * The kernel notices later that the other end of a link is up, and drops what is sent before. It takes a lock to do so that
   * the last command here waits for.
   */
  settle(): void {
    const { namespace } = this
    while (namespace.links().some((link) => link.operstate !== 'UP'));
    namespace.ip('link', 'set', 'near', 'alias', 'ready')
  }

  attach(port: number, name: string, promiscuous = true): void {
    const { descriptor } = openPacketSocket({ namespace: this.namespace.path, interface: name, promiscuous })
    this.io.attach(port, descriptor, true)
  }

  /** Sends frames out of a port. */
  send(port: number, frames: readonly Uint8Array[]): void {
    placeInArena(this.io, frames).forEach((offset, index) => {
      setTransmit(this.io, index, port, offset, frames[index]?.length ?? 0)
    })
    this.io.transmit(frames.length)
    assert.equal(failures(this.io), 0)
  }

  /** Polls until an event comes. */
  event(): [number, number][] {
    for (let polls = 0; polls < 10; polls++) {
      this.io.poll(0, 1_000_000)
      if (events(this.io).length > 0) return events(this.io)
    }
    return []
  }

  close(): void {
    this.io.close()
    closeSync(this.#wakeDescriptor)
    this.namespace.remove()
  }
}

const addressed = (frame: Uint8Array, target: Uint8Array): Uint8Array => {
  frame.set(target, 0)
  return frame
}

function interfaces(backend: 'io_uring' | 'epoll'): void {
  const using = (body: (pair: Pair) => void | Promise<void>) => async () => {
    const pair = new Pair(backend)
    try {
      await body(pair)
    } finally {
      pair.close()
    }
  }

  it(
    'an interface that goes down is one event, and works when it is up and opened anew',
    using((pair) => {
      pair.attach(1, 'near')
      pair.attach(2, 'far')
      const before = openDescriptors()
      pair.namespace.ip('link', 'set', 'near', 'down')
      assert.deepEqual(pair.event(), [[1, ENETDOWN]])
      assert.ok(openDescriptors().length < before.length)
      receiveNothing(pair.io)
      pair.namespace.ip('link', 'set', 'near', 'up')
      pair.settle()
      pair.attach(1, 'near')
      pair.send(2, testFrames(3))
      assertFrames(receive(pair.io, 3).map(frameBytes), testFrames(3))
      assert.deepEqual(openDescriptors().length, before.length)
    }),
  )

  it(
    'an interface that is deleted is one event, and its successor of the same name works',
    using((pair) => {
      pair.attach(1, 'near')
      pair.namespace.ip('link', 'delete', 'near')
      const [[port] = [0]] = pair.event()
      assert.equal(port, 1)
      receiveNothing(pair.io)
      assert.throws(() => pair.attach(1, 'near'), { code: 'ENODEV' })
      pair.addLink()
      pair.attach(1, 'near')
      pair.attach(2, 'far')
      pair.send(2, testFrames(3))
      assertFrames(receive(pair.io, 3).map(frameBytes), testFrames(3))
    }),
  )

  it(
    'an interface whose namespace is gone from /run/netns is still there: the socket holds it',
    using((pair) => {
      pair.attach(1, 'near')
      pair.attach(2, 'far')
      pair.namespace.remove()
      pair.send(2, testFrames(3))
      assertFrames(receive(pair.io, 3).map(frameBytes), testFrames(3))
    }),
  )

  it(
    'an interface that is down refuses frames as ENETDOWN',
    using((pair) => {
      pair.attach(1, 'near')
      const [offset = 0] = placeInArena(pair.io, testFrames(1))
      setTransmit(pair.io, 0, 1, offset, 60)
      pair.namespace.ip('link', 'set', 'near', 'down')
      pair.io.transmit(1)
      assert.deepEqual([failures(pair.io), result(pair.io, 0)], [1, -ENETDOWN])
    }),
  )

  it(
    'a frame longer than the MTU, and a header that makes no sense, are refused; the port goes on',
    using((pair) => {
      pair.attach(1, 'near')
      pair.attach(2, 'far')
      const { io } = pair
      const frames = [testFrame(1, 1500 + 200), testFrame(2, 60), testFrame(3, 60)]
      const offsets = placeInArena(io, frames)
      offsets.forEach((offset, index) => setTransmit(io, index, 1, offset, frames[index]?.length ?? 0))
      virtio.emit(
        {
          flags: virtio.FLAG_NEEDS_CSUM,
          gsoType: virtio.GSO_TCPV4,
          headerLength: 54,
          gsoSize: 0,
          checksumStart: 4000,
          checksumOffset: 16,
        },
        io.memory.view,
        (offsets[1] ?? 0) - VIRTIO_NET_HEADER_SIZE,
      )
      io.transmit(3)
      assert.deepEqual([result(io, 0), result(io, 1), result(io, 2)], [-EMSGSIZE, -EINVAL, 0])
      const [frame] = receive(io, 1)
      assert.ok(frame)
      assertFrames([frame.frame], [testFrame(3, 60)])
    }),
  )

  it(
    'a super-frame comes and goes whole, with what its header asks for',
    using((pair) => {
      pair.attach(1, 'near')
      pair.attach(2, 'far')
      const { io } = pair
      const { frame, header } = superFrame(40_000)
      const [offset = 0] = placeInArena(io, [frame])
      virtio.emit(header, io.memory.view, offset - VIRTIO_NET_HEADER_SIZE)
      setTransmit(io, 0, 1, offset, frame.length)
      io.transmit(1)
      assert.deepEqual([failures(io), result(io, 0)], [0, 0])
      const [received] = receive(io, 1)
      assert.ok(received)
      assert.equal(received.port, 2)
      assert.equal(Buffer.compare(received.frame, frame), 0)
      const view = new DataView(received.header.buffer, received.header.byteOffset)
      assert.equal(virtio.gsoType(view, 0), virtio.GSO_TCPV4)
      assert.equal(virtio.gsoSize(view, 0), header.gsoSize)
      assert.equal(virtio.flags(view, 0), virtio.FLAG_NEEDS_CSUM)
    }),
  )

  it(
    'frames of a VLAN are not received, and those for other stations only if asked for',
    using((pair) => {
      pair.attach(1, 'near', false)
      pair.attach(2, 'far')
      const near = macOf(pair.namespace, 'near')
      const mine = (sequence: number) => addressed(testFrame(sequence, 60), near)
      const tagged = addressed(testFrame(2, 64), near)
      tagged.set([0x81, 0, 0, 42, 0x88, 0xb5], 12)
      const broadcast = addressed(testFrame(4, 60), new Uint8Array(6).fill(0xff))
      pair.send(2, [mine(1), tagged, testFrame(3, 60), broadcast, mine(5)])
      const of = (sent: readonly Uint8Array[]) =>
        assertFrames(receive(pair.io, sent.length).map(frameBytes), sent)
      of([mine(1), broadcast, mine(5)])
      pair.io.detach(1)
      pair.attach(1, 'near', true)
      pair.send(2, [mine(1), tagged, testFrame(3, 60)])
      of([mine(1), testFrame(3, 60)])
      receiveNothing(pair.io)
    }),
  )

  it(
    'its own frames do not come back',
    using((pair) => {
      pair.attach(1, 'near')
      pair.send(1, testFrames(3))
      receiveNothing(pair.io)
    }),
  )

  it(
    'the longest frame that an interface can send has room in a slot',
    using((pair) => {
      for (const name of ['near', 'far']) pair.namespace.ip('link', 'set', name, 'mtu', '65535')
      pair.attach(1, 'near')
      pair.attach(2, 'far')
      const frames = [testFrame(1, 65_535 + ETHERNET_HEADER), testFrame(2, 60)]
      pair.send(1, frames)
      assertFrames(receive(pair.io, 2).map(frameBytes), frames)
    }),
  )

  it(
    'leaves out what is for the machine, where asked',
    using((pair) => {
      const { io, namespace } = pair
      const options = { namespace: namespace.path, interface: 'near', promiscuous: true, withoutOwn: true }
      io.attach(1, openPacketSocket(options).descriptor, true)
      pair.attach(2, 'far')
      const others = [
        addressed(testFrame(2, 60), Uint8Array.of(2, 0, 0, 0, 0, 9)),
        addressed(testFrame(3, 60), new Uint8Array(6).fill(0xff)),
      ]
      pair.send(2, [addressed(testFrame(1, 60), macOf(namespace, 'near')), ...others])
      assertFrames(receive(io, 2).map(frameBytes), others)
      receiveNothing(io)
    }),
  )

  it(
    'a frame that is longer than is said to be received is not, and the next one is',
    using((pair) => {
      const options = {
        namespace: pair.namespace.path,
        interface: 'near',
        promiscuous: true,
        withoutOwn: false,
      }
      const buffers = { receiveBuffer: 1 << 20, sendBuffer: 1 << 20 }
      const { descriptor } = native().openPacketSocket({ ...options, ...buffers, frameMax: 1000 })
      pair.io.attach(1, descriptor, true)
      pair.attach(2, 'far')
      pair.send(2, [testFrame(1, 1000), testFrame(2, 1001), testFrame(3, 60)])
      assertFrames(receive(pair.io, 2).map(frameBytes), [testFrame(1, 1000), testFrame(3, 60)])
      receiveNothing(pair.io)
    }),
  )
}

const macOf = (namespace: NetworkNamespace, name: string): Uint8Array =>
  Uint8Array.from((namespace.link(name)?.address ?? '').split(':'), (byte) => Number.parseInt(byte, 16))

/** A TCP segment of IPv4 whose checksum is left to be finished. */
function superFrame(payload: number) {
  const frame = testFrame(7, ETHERNET_HEADER + 40 + payload)
  const view = new DataView(frame.buffer)
  view.setUint16(12, 0x0800)
  view.setUint16(14, 0x4500)
  view.setUint16(16, 40 + payload)
  view.setUint16(20, 0x4000)
  view.setUint16(22, 0x4006)
  view.setUint32(26, 0x0a000001)
  view.setUint32(30, 0x0a000002)
  view.setUint16(46, 0x5010)
  const header = {
    flags: virtio.FLAG_NEEDS_CSUM,
    gsoType: virtio.GSO_TCPV4,
    headerLength: 54,
    gsoSize: 1460,
    checksumStart: 34,
    checksumOffset: 16,
  }
  return { frame, header }
}

describe('openPacketSocket', { skip }, () => {
  let namespace: NetworkNamespace
  before(() => {
    namespace = new NetworkNamespace()
    namespace.ip('link', 'add', 'near', 'type', 'veth', 'peer', 'name', 'far')
    namespace.ip('link', 'set', 'near', 'address', '02:42:0a:00:00:07', 'mtu', '9000', 'up')
    namespace.ip('link', 'set', 'far', 'up')
  })
  after(() => namespace.remove())

  const fails = (
    options: Partial<PacketSocketOptions>,
    code: string,
    message: RegExp,
    hint: RegExp,
  ): void => {
    const descriptors = openDescriptors()
    assert.throws(
      () => openPacketSocket({ namespace: namespace.path, interface: 'near', ...options }),
      (error) => {
        assert.ok(error instanceof PacketSocketError)
        assert.equal(error.code, code)
        assert.match(error.message, message)
        assert.match(error.hint, hint)
        return true
      },
    )
    assert.deepEqual(openDescriptors(), descriptors)
  }

  it('says what the interface is', () => {
    const socket = openPacketSocket({ namespace: namespace.path, interface: 'near' })
    closeSync(socket.descriptor)
    assert.deepEqual(socket.mac, Uint8Array.of(0x02, 0x42, 0x0a, 0, 0, 7))
    assert.equal(socket.mtu, 9000)
    assert.ok(socket.ifindex > 1)
  })

  it('makes the interface promiscuous for as long as it is open, where asked', () => {
    const promiscuity = () => {
      const [link] = JSON.parse(namespace.ip('-j', '-d', 'link', 'show', 'near')) as { promiscuity: number }[]
      return link?.promiscuity
    }
    const plain = openPacketSocket({ namespace: namespace.path, interface: 'near' })
    assert.equal(promiscuity(), 0)
    closeSync(plain.descriptor)
    const socket = openPacketSocket({ namespace: namespace.path, interface: 'near', promiscuous: true })
    assert.equal(promiscuity(), 1)
    closeSync(socket.descriptor)
    assert.equal(promiscuity(), 0)
  })

  it('no such interface, or no such name', () => {
    for (const name of ['none', '', 'sixteen-bytes-ab', 'ne\0ar']) {
      fails({ interface: name }, 'ENODEV', /^there is no interface .* in .* \(ENODEV\)$/, /ip link/)
    }
  })

  it('interface down', () => {
    namespace.ip('link', 'add', 'down0', 'type', 'veth', 'peer', 'name', 'down1')
    fails({ interface: 'down0' }, 'ENETDOWN', /^the interface down0 is down/, /ip link set down0 up/)
    namespace.ip('link', 'delete', 'down0')
  })

  it('not Ethernet', () => {
    fails({ interface: 'lo' }, 'EPROTONOSUPPORT', /^lo is not an Ethernet interface/, /link\/ether/)
  })

  it('namespace not found, or none', () => {
    fails({ namespace: '/run/netns/there-is-none' }, 'ENOENT', /was not found \(ENOENT\)$/, /ip netns list/)
    fails({ namespace: '/proc/self/ns/uts' }, 'EINVAL', /is not a network namespace/, /ip netns delete/)
  })

  it('not permitted', { skip: needs('setpriv') }, () => {
    const script = `import { openPacketSocket } from './dist/src/ports/packet-socket.js'
      try { openPacketSocket({ interface: 'near' }) }
      catch ({ name, code, message, hint }) { console.log(JSON.stringify({ name, code, message, hint })) }`
    const without = ['setpriv', '--bounding-set=-net_raw,-net_admin', '--inh-caps=-all']
    const output = execFileSync(
      'ip',
      ['netns', 'exec', namespace.name, ...without, process.execPath, '--input-type=module', '-e', script],
      { encoding: 'utf8', env: plainNodeEnvironment(), cwd: repositoryRoot },
    )
    const error = JSON.parse(output) as PacketSocketError
    assert.equal(error.name, 'PacketSocketError')
    assert.equal(error.code, 'EPERM')
    assert.match(error.message, /^not allowed to open a packet socket on near/)
    assert.match(error.hint, /CAP_NET_RAW/)
  })
})
