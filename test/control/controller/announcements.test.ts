import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as arp from '../../../src/wire/arp.ts'
import { pseudoHeaderIpv6 } from '../../../src/wire/checksum.ts'
import * as ethernet from '../../../src/wire/ethernet.ts'
import * as icmpv6 from '../../../src/wire/icmpv6.ts'
import { ICMPV6 } from '../../../src/wire/ip-protocol.ts'
import * as ipv6 from '../../../src/wire/ipv6.ts'
import { type Daemon, MemoryMachine, settled } from './memory-machine.ts'

const on = (network: string, settings: object = {}): object => ({
  HostConfig: { NetworkMode: network },
  NetworkingConfig: { EndpointsConfig: { [network]: settings } },
})

async function booted(): Promise<{ machine: MemoryMachine; daemon: Daemon }> {
  const machine = new MemoryMachine()
  const daemon = await machine.boot()
  await daemon.controller.createNetwork({ Name: 'net', IPAM: { Config: [{ Subnet: '10.1.0.0/24' }] } })
  return { machine, daemon }
}

async function run(daemon: Daemon, name: string, request: object): Promise<void> {
  await daemon.controller.createSandbox(name, request)
  await daemon.controller.startSandbox(name)
  await settled()
}

describe('the announcement of an address', () => {
  it('is a request for it by its owner, to everybody, on IPv4', async () => {
    const { daemon } = await booted()
    await run(daemon, 'c1', on('net'))
    const { MacAddress, IPAddress } = daemon.controller.inspectSandbox('c1').NetworkSettings.Networks['net']!
    const [{ port, frame }] = daemon.fabric.injected as [{ port: number; frame: Uint8Array }]
    assert.equal(daemon.fabric.ports.get(port)!.mac, MacAddress)
    const view = new DataView(frame.buffer, frame.byteOffset, frame.length)
    assert.deepEqual(ethernet.parse(view, 0, frame.length), {
      target: 'ff:ff:ff:ff:ff:ff',
      source: MacAddress,
      etherType: ethernet.TYPE_ARP,
    })
    const packet = arp.parse(view, ethernet.HEADER_SIZE, frame.length)!
    assert.equal(packet.operation, arp.OPERATION_REQUEST)
    assert.equal(packet.senderHardware, MacAddress)
    assert.equal(packet.senderProtocol, IPAddress)
    assert.equal(packet.targetProtocol, IPAddress)
  })

  it('is an advertisement that overrides, to all nodes, on IPv6', async () => {
    const { daemon } = await booted()
    const Config = [{ Subnet: 'fd00:1::/64' }]
    await daemon.controller.createNetwork({
      Name: 'six',
      EnableIPv4: false,
      EnableIPv6: true,
      IPAM: { Config },
    })
    await run(daemon, 'c1', on('six'))
    const { MacAddress, GlobalIPv6Address } =
      daemon.controller.inspectSandbox('c1').NetworkSettings.Networks['six']!
    assert.equal(daemon.fabric.injected.length, 1)
    const { frame } = daemon.fabric.injected[0]!
    const view = new DataView(frame.buffer, frame.byteOffset, frame.length)
    assert.equal(ethernet.parse(view, 0, frame.length)!.target, '33:33:00:00:00:01')
    const packet = ethernet.HEADER_SIZE
    const header = ipv6.parse(view, packet, frame.length)!
    assert.equal(header.hopLimit, 255)
    assert.equal(header.source, GlobalIPv6Address)
    assert.equal(header.destination, 'ff02::1')
    const message = packet + ipv6.HEADER_SIZE
    assert.equal(icmpv6.type(view, message), icmpv6.TYPE_NEIGHBOR_ADVERTISEMENT)
    assert.equal(icmpv6.rest(view, message), 0x2000_0000)
    const pseudoHeader = pseudoHeaderIpv6(view, packet, ICMPV6, frame.length - message)
    assert.ok(icmpv6.checksumValid(view, message, frame.length, pseudoHeader))
    const mac = Buffer.from(frame.subarray(-6)).toString('hex').match(/../g)!.join(':')
    assert.equal(mac, MacAddress)
    assert.deepEqual([...frame.subarray(-8, -6)], [2, 1])
  })

  it('is made three times, a second apart', async () => {
    const { machine, daemon } = await booted()
    await run(daemon, 'c1', on('net'))
    const times = [daemon.fabric.injected.length]
    for (const ms of [999, 1, 999, 1, 10_000]) {
      await machine.pass(ms)
      times.push(daemon.fabric.injected.length)
    }
    assert.deepEqual(times, [1, 1, 2, 2, 3, 3])
  })

  it('is made as often, and with as much between, as endpoint or network want', async () => {
    const { machine, daemon } = await booted()
    const options = (count: number, ms: number): Record<string, string> => ({
      'com.docker.network.advertise_addr_nmsgs': String(count),
      'com.docker.network.advertise_addr_ms': String(ms),
    })
    await daemon.controller.createNetwork({ Name: 'quiet', Options: options(0, 100) })
    await run(daemon, 'none', on('quiet'))
    await machine.pass(5000)
    assert.equal(daemon.fabric.injected.length, 0)
    await run(daemon, 'two', on('quiet', { DriverOpts: options(2, 150) }))
    assert.equal(daemon.fabric.injected.length, 1)
    await machine.pass(149)
    assert.equal(daemon.fabric.injected.length, 1)
    await machine.pass(5000)
    assert.equal(daemon.fabric.injected.length, 2)
  })

  it('is made when a sandbox that runs is connected, and no more once it is disconnected', async () => {
    const { machine, daemon } = await booted()
    await daemon.controller.createNetwork({ Name: 'later' })
    await run(daemon, 'c1', on('net'))
    await machine.pass(5000)
    daemon.fabric.injected.length = 0
    await daemon.controller.connect('later', { Container: 'c1' })
    await machine.pass(1000)
    assert.equal(daemon.fabric.injected.length, 2)
    await daemon.controller.disconnect('later', { Container: 'c1' })
    await machine.pass(5000)
    assert.equal(daemon.fabric.injected.length, 2)
    assert.deepEqual(daemon.warnings, [])
  })

  it('is made no more once the sandbox has ended, or the daemon is about to', async () => {
    const { machine, daemon } = await booted()
    await run(daemon, 'c1', on('net'))
    await run(daemon, 'c2', on('net'))
    await daemon.controller.stopSandbox('c1', {})
    await machine.pass(1000)
    assert.equal(daemon.fabric.injected.length, 3)
    await daemon.controller.shutdown({ liveRestore: true })
    await machine.pass(5000)
    assert.equal(daemon.fabric.injected.length, 3)
    assert.deepEqual(daemon.warnings, [])
  })

  it('is not made again by the next daemon', async () => {
    const { machine, daemon } = await booted()
    await run(daemon, 'c1', on('net'))
    machine.die()
    const next = await machine.boot()
    await machine.pass(5000)
    assert.equal(next.fabric.injected.length, 0)
    assert.equal(next.fabric.ports.size, 1)
  })
})
