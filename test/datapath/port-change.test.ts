import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { DropReason } from '../../src/datapath/drop-reason.ts'
import { InterfaceKind } from '../../src/datapath/router-settings.ts'
import { gatewayInterface } from '../support/gateway-interface.ts'
import { address, packetFrame } from '../support/packet-text.ts'
import { Scenario } from '../support/scenario.ts'
import { underlay } from '../support/tunnel-scene.ts'

/** A sandbox at port 1, and at port 2 an uplink, where 10.0.0.1 and 10.0.0.3 are. */
function withUplink(): Scenario {
  const scenario = new Scenario()
  for (const port of [1, 2]) {
    scenario.network(port)
    scenario.port(port, { domain: port, lan: port === 2 })
  }
  const outside = { kind: InterfaceKind.outside, firstPort: 1000, lastPort: 65_535 }
  scenario.engine.setInterface(1, gatewayInterface('10.1.0.1', 1500))
  scenario.engine.setInterface(2, { ...gatewayInterface('10.0.0.9', 1500), ...outside })
  for (const host of ['10.0.0.1', '10.0.0.3'])
    scenario.arrive(2, packetFrame(`arp ${host} asks 10.0.0.9`, address('10.0.0.9')))
  scenario.run()
  scenario.departures(2)
  return scenario
}

describe('a tunnel’s port', () => {
  it('ends what sandboxes have begun with its own address and UDP port, and nothing else', () => {
    const scenario = withUplink()
    const { engine } = scenario
    const send = (destination: string): number => {
      scenario.arrive(1, packetFrame(`udp 10.1.0.2:5>${destination}`, address('10.1.0.1')))
      scenario.run()
      return scenario.departures(2).length
    }
    const others = ['10.0.0.1:4790', '10.0.0.3:4789']
    for (const destination of ['10.0.0.1:4789', ...others]) assert.equal(send(destination), 1, destination)
    engine.addTunnel(200, { local: underlay(0), udpPort: 4789, sources: 16 })
    assert.equal(engine.natCounts().flows, others.length)
    assert.equal(send('10.0.0.1:4789'), 0)
    assert.equal(engine.counters.port(1).drops[DropReason.tunnelRecursion], 1)
    for (const destination of others) assert.equal(send(destination), 1, destination)
  })
})
