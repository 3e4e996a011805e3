import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { ExplainRequest } from '../../../src/control/api/explain.ts'
import { parseIpAddress } from '../../../src/control/ip-address.ts'
import { macOfAddress } from '../../../src/control/mac-address.ts'
import { sampleQuestion } from '../../../src/control/rules/sample-question.ts'
import { explainSentence } from '../../../src/inspect/explain-text.ts'
import { UPLINK_DOMAIN, UPLINK_PORT } from '../../../src/limits.ts'
import * as arp from '../../../src/wire/arp.ts'
import * as ethernet from '../../../src/wire/ethernet.ts'
import * as ipv4 from '../../../src/wire/ipv4.ts'
import { type Daemon, MemoryMachine, settled } from './memory-machine.ts'

const UPLINK = 'tap:up0,address=203.0.113.10/24,gateway=203.0.113.254'

/** web and db on net, web on more as well; other on more alone; lonely on no network; same shares the network of web. */
async function scene(): Promise<Daemon> {
  const daemon = await new MemoryMachine().boot()
  const { controller } = daemon
  for (const name of ['net', 'more']) await controller.createNetwork({ Name: name })
  const run = async (name: string, network: string): Promise<void> => {
    await controller.createSandbox(name, { Cmd: ['serve'], HostConfig: { NetworkMode: network } })
    await controller.startSandbox(name)
  }
  await run('web', 'net')
  await run('db', 'net')
  await run('other', 'more')
  await run('lonely', 'none')
  await run('onhost', 'host')
  await run('same', 'container:web')
  await controller.createSandbox('idle', { Cmd: ['serve'], HostConfig: { NetworkMode: 'net' } })
  await controller.connect('more', { Container: 'web' })
  await settled()
  return daemon
}

const addressOf = ({ controller }: Daemon, sandbox: string, network: string): string =>
  controller.inspectSandbox(sandbox).NetworkSettings.Networks[network]!.IPAddress

const macOf = ({ controller }: Daemon, sandbox: string, network: string): string =>
  controller.inspectSandbox(sandbox).NetworkSettings.Networks[network]!.MacAddress

/** The frame that the switch was asked about last. */
function asked({ fabric }: Daemon): { port: number; target: string; source: string; destination: string } {
  const { port, frame } = fabric.router.explained.at(-1)!
  const view = new DataView(frame.buffer, frame.byteOffset)
  const packet = ipv4.parse(view, ethernet.HEADER_SIZE, frame.length)!
  return {
    port,
    target: ethernet.parse(view, 0, frame.length)!.target,
    source: packet.source,
    destination: packet.destination,
  }
}

const stagesOf = (steps: readonly { stage: string; verdict: string }[]): string[] =>
  steps.map(({ stage, verdict }) => `${stage} ${verdict}`)

describe('a packet to a sandbox on the same network', () => {
  it('is a frame to that sandbox, and its steps have the names of people', async () => {
    const daemon = await scene()
    const answer = await daemon.controller.explain({ source: 'web', destination: 'db', port: 5432 })
    assert.deepEqual(answer.packet, {
      protocol: 'tcp',
      source: addressOf(daemon, 'web', 'net'),
      destination: addressOf(daemon, 'db', 'net'),
      sourcePort: 49_152,
      destinationPort: 5432,
      sandbox: 'web',
      network: 'net',
    })
    assert.equal(answer.outcome, 'delivered')
    assert.deepEqual(stagesOf(answer.steps), [
      'kernel send',
      'ingress accept',
      'guard accept',
      'bridge forward',
      'egress transmit',
    ])
    assert.equal(asked(daemon).target, macOf(daemon, 'db', 'net'))
    const [kernel, ingress, , , egress] = answer.steps.map(({ values }) => values)
    assert.deepEqual([kernel!['interface'], kernel!['onLink']], ['eth0', true])
    assert.deepEqual(
      [ingress!['sandbox'], ingress!['interface'], ingress!['network']],
      ['web', 'eth0', 'net'],
    )
    assert.deepEqual([egress!['sandbox'], egress!['network']], ['db', 'net'])
    assert.equal('domain' in egress!, false)
  })

  it('takes the network that both are on, or the one that is named', async () => {
    const daemon = await scene()
    const ends = async (source: string, destination: string) => {
      const { packet } = await daemon.controller.explain({ source, destination })
      return [packet.source, packet.destination, packet.network]
    }
    const web = { net: addressOf(daemon, 'web', 'net'), more: addressOf(daemon, 'web', 'more') }
    const other = addressOf(daemon, 'other', 'more')
    assert.deepEqual(await ends('web', 'other'), [web.more, other, 'more'])
    assert.deepEqual(await ends('other', 'web'), [other, web.more, 'more'])
    assert.deepEqual(await ends('db', 'web@net'), [addressOf(daemon, 'db', 'net'), web.net, 'net'])
    assert.deepEqual(await ends('web@more', other), [web.more, other, 'more'])
    assert.deepEqual(await ends(web.more, other), [web.more, other, 'more'])
    assert.deepEqual(await ends('same', 'other'), [web.more, other, 'more'])
  })
})

describe('a packet that leaves its network', () => {
  const NEXT_HOP = {
    domain: UPLINK_DOMAIN,
    address: '203.0.113.254',
    mac: '02:00:00:00:00:fe',
    state: 'reachable',
  }

  it('is a frame to the gateway, and goes out by the uplink', async () => {
    const daemon = await scene()
    const { controller, fabric } = daemon
    await controller.setUplink(UPLINK)
    fabric.router.neighbours = [NEXT_HOP]
    const request = { source: 'db', destination: '192.0.2.9', port: 53, protocol: 'udp' } as const
    const { outcome, steps } = await controller.explain(request)
    const gateway = controller.inspectSandbox('db').NetworkSettings.Networks['net']!.Gateway
    assert.equal(asked(daemon).target, macOfAddress(parseIpAddress(gateway)!))
    assert.equal(outcome, 'delivered')
    const valuesOf = (stage: string) => steps.find((step) => step.stage === stage)!.values
    assert.deepEqual(valuesOf('policy'), { from: 'net', to: 'the uplink' })
    assert.deepEqual(valuesOf('source-nat'), { address: '203.0.113.10', port: 49_152 })
    assert.deepEqual(valuesOf('route'), {
      prefix: '0.0.0.0/0',
      nextHop: '203.0.113.254',
      place: 'the uplink',
    })
    assert.deepEqual(valuesOf('egress'), {
      port: UPLINK_PORT,
      interface: 'up0',
      sandbox: '',
      place: 'the uplink',
    })
    const ping = await controller.explain({ source: 'db', destination: 'internet' })
    assert.deepEqual(ping.steps.find(({ stage }) => stage === 'source-nat')!.values, {
      address: '203.0.113.10',
      identifier: 49_152,
    })
  })

  it('ends where there is no way', async () => {
    const { controller } = await scene()
    const { outcome, steps } = await controller.explain({ source: 'db', destination: '192.0.2.9' })
    assert.deepEqual([outcome, steps.at(-1)!.reason], ['dropped', 'no-route'])
  })

  it('waits for a next hop that nobody has heard of: a sandbox would answer, and who knows of others', async () => {
    const daemon = await scene()
    const { controller } = daemon
    await controller.setUplink(UPLINK)
    const out = await controller.explain({ source: 'db', destination: 'internet' })
    assert.deepEqual([out.outcome, stagesOf(out.steps).at(-1)], ['unknown', 'neighbour unknown'])
    const over = await controller.explain({ source: 'db', destination: 'other' })
    assert.deepEqual([over.outcome, stagesOf(over.steps).at(-1)], ['delivered', 'neighbour answer'])
    assert.deepEqual(over.steps.at(-1)!.values, { network: 'more', sandbox: 'other', interface: 'eth0' })
  })

  it('to the gateway itself is answered by it', async () => {
    const daemon = await scene()
    const { packet, outcome } = await daemon.controller.explain({ source: 'other', destination: 'gateway' })
    const gateway = daemon.controller.inspectSandbox('other').NetworkSettings.Networks['more']!.Gateway
    assert.deepEqual([packet.protocol, packet.destination, packet.sourcePort], ['icmp', gateway, 0])
    assert.equal(asked(daemon).target, macOfAddress(parseIpAddress(gateway)!))
    assert.equal(outcome, 'answered')
  })

  it('to a name server has a question in it, for the sandbox itself', async () => {
    const daemon = await scene()
    const lengthTo = async (port: number): Promise<number> => {
      await daemon.controller.explain({ source: 'db', destination: 'gateway', port, protocol: 'udp' })
      return daemon.fabric.router.explained.at(-1)!.frame.length
    }
    const empty = await lengthTo(54)
    assert.equal(await lengthTo(53), empty + sampleQuestion('db').length)
    const { frame } = daemon.fabric.router.explained.at(-1)!
    assert.deepEqual(frame.subarray(empty), sampleQuestion('db'))
    await daemon.controller.explain({ source: 'db', destination: 'gateway', port: 53, protocol: 'tcp' })
    assert.equal(daemon.fabric.router.explained.at(-1)!.frame.length, 58)
  })

  it('to a name server is answered by that, whatever it says', async () => {
    const { controller, fabric } = await scene()
    for (const verdict of ['answer', 'nxdomain', 'forward']) {
      fabric.router.explain = () => [{ stage: 'names', verdict, values: { name: 'db', type: 'A', host: 3 } }]
      const request = { source: 'db', destination: 'gateway', port: 53, protocol: 'udp' } as const
      const { outcome, steps } = await controller.explain(request)
      assert.deepEqual([outcome, steps.at(-1)!.verdict], ['answered', verdict])
    }
  })
})

describe('a packet that its kernel keeps', () => {
  it('is one to itself', async () => {
    const daemon = await scene()
    for (const destination of ['web', addressOf(daemon, 'web', 'more'), '127.0.0.1']) {
      const { outcome, steps } = await daemon.controller.explain({ source: 'web', destination })
      assert.deepEqual([outcome, stagesOf(steps)], ['delivered', ['kernel local']])
    }
    assert.deepEqual(daemon.fabric.router.explained, [])
  })

  it('is one that it has no route for', async () => {
    const { controller } = await scene()
    await controller.createNetwork({ Name: 'closed', Internal: true })
    await controller.createSandbox('inmate', { HostConfig: { NetworkMode: 'closed' } })
    await controller.startSandbox('inmate')
    const { outcome, steps } = await controller.explain({ source: 'inmate', destination: '192.0.2.9' })
    assert.deepEqual([outcome, stagesOf(steps)], ['dropped', ['kernel drop']])
  })

  it('is one to an address that nobody has', async () => {
    const daemon = await scene()
    const nobody = addressOf(daemon, 'web', 'net').replace(/\d+$/, '200')
    const { outcome, steps } = await daemon.controller.explain({ source: 'web', destination: nobody })
    const way = ['kernel unresolved', 'ingress accept', 'bridge flood', 'kernel wait']
    assert.deepEqual([outcome, stagesOf(steps)], ['unknown', way])
    const { frame } = daemon.fabric.router.explained.at(-1)!
    const question = arp.parse(new DataView(frame.buffer), ethernet.HEADER_SIZE, frame.length)!
    assert.deepEqual(question, {
      operation: arp.OPERATION_REQUEST,
      senderHardware: macOf(daemon, 'web', 'net'),
      senderProtocol: addressOf(daemon, 'web', 'net'),
      targetHardware: '00:00:00:00:00:00',
      targetProtocol: nobody,
    })
  })
})

describe('a station that no sandbox is', () => {
  const MAC = '02:00:00:00:00:99'

  /** Where it would be on the network of web. */
  async function stranger(): Promise<{ daemon: Daemon; address: string; domain: number }> {
    const daemon = await scene()
    const address = addressOf(daemon, 'web', 'net').replace(/\d+$/, '200')
    const port = [...daemon.fabric.ports.values()].find(({ mac }) => mac === macOf(daemon, 'web', 'net'))!
    return { daemon, address, domain: port.domain }
  }

  it('is where the ARP table of the gateway says', async () => {
    const { daemon, address, domain } = await stranger()
    daemon.fabric.router.neighbours = [{ domain, address, mac: MAC, state: 'reachable' }]
    const { steps } = await daemon.controller.explain({ source: 'web', destination: address })
    assert.deepEqual([stagesOf(steps)[0], asked(daemon).target], ['kernel send', MAC])
    assert.equal(steps[0]!.values['says'], "the gateway's ARP table")
  })

  it('is where the user says', async () => {
    const { daemon, address } = await stranger()
    const request = { source: 'web', destination: address, mac: MAC.toUpperCase() }
    const { steps } = await daemon.controller.explain(request)
    assert.deepEqual([stagesOf(steps)[0], asked(daemon).target], ['kernel send', MAC])
    assert.equal('says' in steps[0]!.values, false)
  })

  it('is taken for the one that the switch has heard with the MAC address that the address makes', async () => {
    const { daemon, address, domain } = await stranger()
    const mac = macOfAddress(parseIpAddress(address)!)
    daemon.fabric.learned.push({ domain, port: 7, mac, ageS: 3, static: false })
    const { steps } = await daemon.controller.explain({ source: 'web', destination: address })
    assert.deepEqual(stagesOf(steps).slice(0, 5), [
      'kernel unresolved',
      'ingress accept',
      'bridge flood',
      'kernel guess',
      'ingress accept',
    ])
    assert.equal(asked(daemon).target, mac)
  })

  it('is behind the router, where that answers', async () => {
    const { daemon, address } = await stranger()
    const { router } = daemon.fabric
    const real = router.explain.bind(router)
    router.explain = (port, frame) => {
      const steps = real(port, frame)
      return steps.at(-1)?.verdict === 'flood'
        ? [{ stage: 'answer', verdict: 'arp-reply', values: { domain: 1 } }]
        : steps
    }
    const { steps } = await daemon.controller.explain({ source: 'web', destination: address })
    assert.deepEqual(stagesOf(steps).slice(0, 3), [
      'kernel unresolved',
      'answer arp-reply',
      'kernel answered',
    ])
    const gateway = daemon.controller.inspectSandbox('web').NetworkSettings.Networks['net']!.Gateway
    assert.equal(asked(daemon).target, macOfAddress(parseIpAddress(gateway)!))
  })

  it('gets nothing where the question for it is dropped', async () => {
    const { daemon, address } = await stranger()
    const dropped = { stage: 'bridge', verdict: 'drop', reason: 'no-other-port', values: {} }
    daemon.fabric.router.explain = () => [dropped]
    const { steps, outcome } = await daemon.controller.explain({ source: 'web', destination: address })
    assert.deepEqual([outcome, stagesOf(steps)], ['dropped', ['kernel unresolved', 'bridge drop']])
  })
})

describe('a packet of some size', () => {
  const MTU = 1500

  it('is that long', async () => {
    const daemon = await scene()
    for (const protocol of ['icmp', 'udp'] as const) {
      const port = protocol === 'udp' ? { port: 9 } : {}
      const request = { source: 'web', destination: 'db', protocol, size: MTU, ...port }
      const { steps } = await daemon.controller.explain(request)
      const { frame } = daemon.fabric.router.explained.at(-1)!
      assert.equal(frame.length, ethernet.HEADER_SIZE + MTU)
      assert.equal(stagesOf(steps).includes('kernel fragment'), false)
    }
  })

  it('goes in fragments where the interface takes less, of which the first is asked about', async () => {
    const daemon = await scene()
    const request = { source: 'web', destination: 'db', size: 4000 }
    const { steps } = await daemon.controller.explain(request)
    assert.deepEqual(stagesOf(steps).slice(0, 2), ['kernel send', 'kernel fragment'])
    assert.deepEqual(steps[1]!.values, { sandbox: 'web', size: 4000, mtu: MTU, fragments: 3 })
    const { frame } = daemon.fabric.router.explained.at(-1)!
    const packet = ipv4.parse(new DataView(frame.buffer), ethernet.HEADER_SIZE, frame.length)!
    assert.deepEqual(
      [packet.totalLength, packet.moreFragments, packet.dontFragment, packet.fragmentOffset],
      [MTU, true, false, 0],
    )
  })

  it('comes in fragments from the world, as the uplink takes them', async () => {
    const daemon = await scene()
    const { controller, fabric } = daemon
    await controller.setUplink(`${UPLINK},mtu=1400`)
    const request = {
      source: 'internet',
      destination: 'uplink',
      protocol: 'udp',
      port: 9,
      size: 3000,
    } as const
    const { steps } = await controller.explain(request)
    assert.deepEqual(stagesOf(steps).slice(0, 2), ['uplink arrive', 'uplink fragment'])
    assert.match(explainSentence(steps[1]!), /up to 1400 bytes: the 3000 bytes come in 3 fragments/)
    const { frame } = fabric.router.explained.at(-1)!
    assert.ok(frame.length <= ethernet.HEADER_SIZE + 1400)
  })
})

describe('a packet from beyond the uplink', () => {
  it('arrives on it from its next hop, if that is known', async () => {
    const daemon = await scene()
    const { controller, fabric } = daemon
    await controller.setUplink(UPLINK)
    const answer = await controller.explain({ source: '198.51.100.9', destination: 'uplink', port: 8080 })
    assert.deepEqual(answer.packet, {
      protocol: 'tcp',
      source: '198.51.100.9',
      destination: '203.0.113.10',
      sourcePort: 49_152,
      destinationPort: 8080,
      sandbox: '',
      network: '',
    })
    assert.deepEqual(stagesOf(answer.steps).slice(0, 2), ['uplink arrive', 'ingress accept'])
    assert.deepEqual([asked(daemon).port, asked(daemon).target], [UPLINK_PORT, fabric.uplink().mac])
    fabric.router.neighbours = [
      { domain: UPLINK_DOMAIN, address: '203.0.113.254', mac: '02:00:00:00:00:fe', state: 'reachable' },
    ]
    await controller.explain({ source: 'internet', destination: 'web', port: 80 })
    const { frame } = fabric.router.explained.at(-1)!
    assert.equal(ethernet.parse(new DataView(frame.buffer), 0, frame.length)!.source, '02:00:00:00:00:fe')
  })
})

describe('a sandbox with the name of such a word', () => {
  it('is meant before the word', async () => {
    const daemon = await scene()
    const { controller } = daemon
    await controller.createSandbox('internet', { HostConfig: { NetworkMode: 'net' } })
    await controller.startSandbox('internet')
    const { packet } = await controller.explain({ source: 'web', destination: 'internet' })
    assert.equal(packet.destination, addressOf(daemon, 'internet', 'net'))
  })
})

describe('what cannot be explained', () => {
  const REFUSED: readonly [request: ExplainRequest, code: string, message: string | RegExp][] = [
    [{ source: 'web', destination: 'db', protocol: 'udp' }, 'BAD_REQUEST', 'udp needs a port'],
    [
      { source: 'web', destination: 'db', protocol: 'icmp', port: 7 },
      'BAD_REQUEST',
      'icmp has no ports, so none can be asked for',
    ],
    [{ source: 'web', destination: 'db', sourcePort: 7 }, 'BAD_REQUEST', /icmp has no ports/],
    [{ source: 'web', destination: 'db', port: 7, size: 100 }, 'BAD_REQUEST', /the first packet of TCP/],
    [{ source: 'web', destination: 'db', mac: '02:42' }, 'BAD_REQUEST', 'invalid MAC address: 02:42'],
    [{ source: 'nobody', destination: 'db' }, 'SANDBOX_UNKNOWN', 'No such container: nobody'],
    [{ source: 'web', destination: 'db@nowhere' }, 'NETWORK_UNKNOWN', 'network nowhere not found'],
    [
      { source: 'web', destination: 'db@more' },
      'NOT_CONNECTED',
      'container db has no IPv4 address on network more',
    ],
    [{ source: 'idle', destination: 'db' }, 'NOT_RUNNING', 'container idle is not running'],
    [
      { source: 'web', destination: 'lonely' },
      'NOT_CONNECTED',
      'container lonely has no IPv4 address on any network',
    ],
    [
      { source: 'onhost', destination: 'db' },
      'NOT_CONNECTED',
      "container onhost has the machine's own network, which the switch does not see",
    ],
    [{ source: 'web', destination: 'fd00::1' }, 'BAD_REQUEST', 'invalid IPv4 address: fd00::1'],
    [{ source: 'gateway', destination: 'web' }, 'BAD_REQUEST', /can be a destination only/],
    [{ source: 'web', destination: 'uplink' }, 'UPLINK_UNUSABLE', /there is no uplink/],
    [{ source: '192.0.2.9', destination: 'web' }, 'UPLINK_UNUSABLE', /there is no uplink/],
  ]
  for (const [request, code, message] of REFUSED) {
    it(`is ${JSON.stringify(request)}`, async () => {
      const { controller } = await scene()
      await assert.rejects(controller.explain(request), { code, message })
    })
  }

  it('is a sandbox whose interface was deleted', async () => {
    const daemon = await scene()
    const { fabric } = daemon
    const { port } = [...fabric.ports.values()].find(({ mac }) => mac === macOf(daemon, 'db', 'net'))!
    fabric.lose(port)
    await assert.rejects(daemon.controller.explain({ source: 'db', destination: 'web' }), {
      message: 'the interface eth0 of container db has been deleted',
    })
  })
})
