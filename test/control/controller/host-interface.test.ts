import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { FabricPort } from '../../../src/control/model/machine.ts'
import { type Daemon, MemoryMachine } from './memory-machine.ts'
import { assertConsistent } from './snapshot.ts'

const OPEN = {
  Name: 'open',
  Options: { 'tapwire.host': 'true' },
  IPAM: { Config: [{ Subnet: '10.1.0.0/24' }] },
}

const hostPort = ({ fabric }: Daemon): FabricPort | undefined =>
  [...fabric.ports.values()].find(({ host }) => host === true)

describe("the machine's own end of a network", () => {
  it("has the gateway's addresses, and the gateway knows it", async () => {
    const machine = new MemoryMachine()
    const daemon = await machine.boot()
    await daemon.controller.createNetwork(OPEN)
    const { port, domain, name, mac, mtu, addresses, namespace, patient } = hostPort(daemon)!
    const id = daemon.controller.inspectNetwork('open').Id
    assert.deepEqual(
      { name, mac, mtu, addresses, namespace, patient },
      {
        name: `tw-${id.slice(0, 12)}`,
        mac: '02:42:0a:01:00:01',
        mtu: 1500,
        addresses: ['10.1.0.1/24'],
        namespace: '',
        patient: false,
      },
    )
    assert.equal(daemon.fabric.gateways.get(domain)!.hostPort, port)
    assert.equal(daemon.controller.stats().ports.find((one) => one.port === port)!.network, 'open')
    await daemon.controller.removeNetwork('open')
    assert.equal(hostPort(daemon), undefined)
    assertConsistent(daemon, machine)
  })

  it("has the name that the bridge's would be, and IPv6 where the network has", async () => {
    const daemon = await new MemoryMachine().boot()
    await daemon.controller.createNetwork({
      ...OPEN,
      EnableIPv6: true,
      Options: { ...OPEN.Options, 'com.docker.network.bridge.name': 'br-open' },
      IPAM: { Config: [{ Subnet: '10.1.0.0/24', Gateway: '10.1.0.9' }, { Subnet: 'fd00:1::/64' }] },
    })
    const { name, addresses } = hostPort(daemon)!
    assert.deepEqual([name, addresses], ['br-open', ['10.1.0.9/24', 'fd00:1::1/64']])
  })

  it('there is none of by default, and none without a gateway', async () => {
    const daemon = await new MemoryMachine().boot()
    await daemon.controller.createNetwork({ Name: 'shut' })
    await daemon.controller.createNetwork({
      ...OPEN,
      Internal: true,
      Options: {
        ...OPEN.Options,
        'com.docker.network.bridge.gateway_mode_ipv4': 'isolated',
      },
    })
    assert.equal(hostPort(daemon), undefined)
    await daemon.controller.removeNetwork('open')
  })

  it('is refused where its name is taken, and waited for by the next daemon', async () => {
    const machine = new MemoryMachine()
    const daemon = await machine.boot()
    const named = { ...OPEN, Options: { ...OPEN.Options, 'com.docker.network.bridge.name': 'br0' } }
    daemon.fabric.interfaces.set('br0', 1500)
    await assert.rejects(daemon.controller.createNetwork(named), /br0: Device or resource busy/)
    assertConsistent(daemon, machine)
    daemon.fabric.interfaces.delete('br0')
    await daemon.controller.createNetwork(named)
    machine.die()
    const next = await machine.boot()
    assert.equal(hostPort(next)!.patient, true)
    assertConsistent(next, machine)
  })
})
