import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { NatFlow, NatFlowSelection } from '../../../src/control/api/nat.ts'
import type { FabricFlow, FlowTuple } from '../../../src/control/model/machine.ts'
import { UPLINK_DOMAIN } from '../../../src/limits.ts'
import { type Daemon, MemoryMachine, settled } from './memory-machine.ts'

/** Networks net and more; c1 on both, c2 on net. */
async function scene(): Promise<Daemon> {
  const daemon = await new MemoryMachine().boot()
  const { controller } = daemon
  for (const name of ['net', 'more']) await controller.createNetwork({ Name: name })
  for (const name of ['c1', 'c2']) {
    await controller.createSandbox(name, { Cmd: ['serve'], HostConfig: { NetworkMode: 'net' } })
    await controller.startSandbox(name)
  }
  await controller.connect('more', { Container: 'c1' })
  await settled()
  return daemon
}

const endpointOf = ({ controller }: Daemon, sandbox: string, network: string) =>
  controller.inspectSandbox(sandbox).NetworkSettings.Networks[network]!

const portOf = (daemon: Daemon, sandbox: string, network: string) =>
  [...daemon.fabric.ports.values()].find(
    ({ mac }) => mac === endpointOf(daemon, sandbox, network).MacAddress,
  )!

/** `10.0.0.1:80` */
function tuple(source: string, destination: string, domain: number): FlowTuple {
  const [from = '', fromPort] = source.split(':')
  const [to = '', toPort] = destination.split(':')
  return {
    source: from,
    sourcePort: Number(fromPort),
    destination: to,
    destinationPort: Number(toPort),
    domain,
    packets: 1,
  }
}

const UPLINK = '203.0.113.10'
const OUTSIDE = '192.0.2.9:443'

/** c1 out from net, c2 out from net, and a published port of c1 on more. */
function putFlows(daemon: Daemon): void {
  const flow = (
    protocol: FabricFlow['protocol'],
    owner: { port: number },
    original: FlowTuple,
    reply: FlowTuple,
    mapping = 0,
  ): FabricFlow => ({
    number: 17,
    protocol,
    state: 'established',
    original,
    reply,
    expiresS: 60,
    owner: owner.port,
    mapping,
    service: 0,
  })
  const c1 = portOf(daemon, 'c1', 'net')
  const c2 = portOf(daemon, 'c2', 'net')
  const more = portOf(daemon, 'c1', 'more')
  daemon.fabric.router.flows = [
    flow(
      'tcp',
      c1,
      tuple('172.18.0.2:5000', OUTSIDE, c1.domain),
      tuple(OUTSIDE, `${UPLINK}:5000`, UPLINK_DOMAIN),
    ),
    flow(
      'icmp',
      c2,
      tuple('172.18.0.3:77', '192.0.2.9:77', c2.domain),
      tuple('192.0.2.9:78', `${UPLINK}:78`, UPLINK_DOMAIN),
    ),
    flow(
      'tcp',
      more,
      tuple('198.51.100.7:4000', `${UPLINK}:8080`, UPLINK_DOMAIN),
      tuple('172.19.0.2:80', '198.51.100.7:4000', more.domain),
      7,
    ),
  ]
}

describe('connections of the router', () => {
  it('have the names of sandboxes and networks, and say what is translated', async () => {
    const daemon = await scene()
    putFlows(daemon)
    const { flows, total } = await daemon.controller.natFlows({}, 10)
    assert.equal(total, 3)
    const told = ({ sandbox, original, reply, translation, publishedPort }: NatFlow) => [
      sandbox,
      original.network,
      reply.network,
      translation,
      publishedPort,
    ]
    assert.deepEqual(flows.map(told), [
      ['c1', 'net', '', 'source', undefined],
      ['c2', 'net', '', 'source', undefined],
      ['c1', '', 'more', 'destination', 8080],
    ])
    assert.equal('domain' in flows[0]!.original, false)
  })

  it('are translated at both ends, or at none', async () => {
    const daemon = await scene()
    const { domain, port: owner } = portOf(daemon, 'c1', 'net')
    const of = (original: FlowTuple, reply: FlowTuple): FabricFlow => ({
      number: 1,
      protocol: 'tcp',
      state: 'new',
      original,
      reply,
      expiresS: 1,
      owner,
      mapping: 0,
      service: 0,
    })
    const first = tuple('172.18.0.2:5000', `${UPLINK}:8080`, domain)
    daemon.fabric.router.flows = [
      of(first, tuple('172.18.0.3:80', '172.18.0.1:5000', domain)),
      of(first, tuple(`${UPLINK}:8080`, '172.18.0.2:5000', domain)),
      // Ports alone are a translation as well.
      of(first, tuple(`${UPLINK}:8080`, '172.18.0.2:5001', domain)),
      of(first, tuple(`${UPLINK}:80`, '172.18.0.2:5000', domain)),
    ]
    const { flows } = await daemon.controller.natFlows({}, 10)
    assert.deepEqual(
      flows.map(({ translation }) => translation),
      ['both', 'none', 'source', 'destination'],
    )
  })

  const SELECTIONS: readonly [selection: NatFlowSelection, count: number][] = [
    [{}, 3],
    [{ protocol: 'icmp' }, 1],
    [{ sandbox: 'c1' }, 2],
    [{ sandbox: 'c1', network: 'more' }, 1],
    [{ sandbox: 'c2', network: 'more' }, 0],
    [{ network: 'net' }, 2],
    [{ network: 'host' }, 0],
    [{ address: UPLINK }, 3],
    [{ address: '172.19.0.2' }, 1],
    [{ port: 8080 }, 1],
    [{ protocol: 'tcp', port: 77 }, 0],
  ]
  for (const [selection, count] of SELECTIONS) {
    it(`are listed and ended by ${JSON.stringify(selection)}`, async () => {
      const daemon = await scene()
      putFlows(daemon)
      const { controller, fabric } = daemon
      const { flows, total } = await controller.natFlows(selection, 1)
      assert.deepEqual([flows.length, total], [Math.min(count, 1), count])
      assert.deepEqual(await controller.flushNatFlows(selection), { Flows: count })
      assert.equal(fabric.router.flows.length, 3 - count)
    })
  }

  it('of what is not there are refused', async () => {
    const { controller } = await scene()
    const refused = (selection: NatFlowSelection, message: string) =>
      assert.rejects(controller.natFlows(selection, 1), { message })
    await refused({ sandbox: 'nobody' }, 'No such container: nobody')
    await refused({ network: 'nowhere' }, 'network nowhere not found')
    await refused({ address: 'fd00::1' }, 'invalid IPv4 address: fd00::1')
    await assert.rejects(controller.flushNatFlows({ address: '1.2.3' }), { code: 'BAD_REQUEST' })
  })

  it('are counted', async () => {
    const daemon = await scene()
    putFlows(daemon)
    const { flows, byProtocol } = await daemon.controller.natStats()
    assert.deepEqual([flows, byProtocol], [3, { tcp: 2, udp: 0, icmp: 1 }])
  })
})

describe('neighbours of the router', () => {
  it('have the names of networks and sandboxes', async () => {
    const daemon = await scene()
    await daemon.controller.setUplink('nic')
    const { domain } = portOf(daemon, 'c2', 'net')
    const { IPAddress, MacAddress } = endpointOf(daemon, 'c2', 'net')
    daemon.fabric.router.neighbours = [
      { domain, address: IPAddress, mac: MacAddress, state: 'reachable' },
      { domain, address: '172.18.0.99', mac: '', state: 'failed' },
      { domain: UPLINK_DOMAIN, address: IPAddress, mac: MacAddress, state: 'stale' },
    ]
    const { neighbours } = await daemon.controller.neighbours()
    assert.deepEqual(
      neighbours.map(({ network, uplink, sandbox, state }) => [network, uplink, sandbox, state]),
      [
        ['net', false, 'c2', 'reachable'],
        ['net', false, '', 'failed'],
        ['', true, '', 'stale'],
      ],
    )
  })
})
