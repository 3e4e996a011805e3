/** The chapters of the tour, each with what it shows and what there is to say about it. */
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { NatFlows } from '../control/api/nat.ts'
import type { Fdb, Stats } from '../control/api/switch.ts'
import type { DemoStage } from './demo-stage.ts'
import { formatStations } from './fdb-text.ts'
import { formatListing } from './format/listing.ts'
import { FLOW_LISTING, sortFlows } from './nat-text.ts'
import { plural } from './output.ts'
import { formatTotals } from './stats-text.ts'

const IPERF_SECONDS = '2'

/** The router's address on the network that plays the world: examples/demo.yaml publishes bob's web server there. */
const PUBLIC_ADDRESS = '203.0.113.1'

const CURL = ['curl', '--silent', '--show-error']

/** The server may be about to start. */
const RETRY = ['--retry', '5', '--retry-connrefused']

/** Throws DEMO_FAILED where a program does not end as it should. */
export async function tour(stage: DemoStage): Promise<void> {
  await ping(stage)
  await fetchPage(stage)
  await measure(stage)
  await fetchOutside(stage)
  await fetchFromOutside(stage)
  await tryToCross(stage)
  await showTables(stage)
}

async function ping(stage: DemoStage): Promise<void> {
  await stage.begin('alice pings bob')
  await stage.exec(0, 'alice', ['ping', '-c', '3', '-i', '0.2', stage.address('bob')])
  await stage.tell(
    (now) =>
      "alice did not know bob's MAC address, so she asked everybody: an ARP request to ff:ff:ff:ff:ff:ff. The switch " +
      "sent it to all other ports of the network (flooding), and learned from its source where alice is. bob's answer, " +
      'and all that followed, went to one port only: ' +
      `${now.forwarded} frames forwarded, ${now.flooded} flooded (some announce addresses of fresh interfaces), with ${now.copies} more copies.`,
  )
}

async function fetchPage(stage: DemoStage): Promise<void> {
  await stage.begin("carol fetches bob's web page")
  await stage.exec(0, 'carol', [...CURL, ...RETRY, `http://${stage.address('bob')}/`])
  await stage.tell(
    (now) =>
      'A TCP connection is nothing special to a switch: it looks at the Ethernet header of each frame and at no more. ' +
      `${now.forwarded} frames carried the handshake, the request, the page, the farewell, and the answers to ARP before.`,
  )
}

async function measure(stage: DemoStage): Promise<void> {
  await stage.begin('alice sends to carol as fast as TCP can')
  const server = stage.spawn(
    ['exec', 'carol', 'iperf3', '--server', '--one-off', '--forceflush'],
    ['ignore', 'pipe', 'inherit'],
  )
  const ended = once(server, 'close')
  for await (const line of createInterface({ input: server.stdout! })) if (line.includes('listening')) break
  server.stdout!.resume()
  const shown = ['--time', IPERF_SECONDS, '--interval', '0', '--format', 'g']
  await stage
    .exec(0, 'alice', ['iperf3', '--client', stage.address('carol'), ...shown])
    .catch((error: unknown) => {
      server.kill()
      throw error
    })
  await ended
  await stage.tell((difference, now, before) => {
    const received = (stats: Stats): { frames: number; bytes: number } =>
      stats.ports.find((port) => port.sandbox === 'alice')!.received
    const frames = received(now).frames - received(before).frames
    const size = Math.round((received(now).bytes - received(before).bytes) / frames)
    return (
      `${difference.forwarded} frames passed. Those from alice had ${size.toLocaleString('en')} bytes on average, far more than the MTU of 1,500: ` +
      'her kernel leaves segmentation to the network card, and this one passes the whole super-frame on, with its checksum ' +
      'unfinished, for nothing between the two sandboxes could damage it.'
    )
  })
}

async function fetchOutside(stage: DemoStage): Promise<void> {
  await stage.begin("alice fetches erin's web page, out on the internet")
  await stage.exec(0, 'alice', [...CURL, `http://${stage.address('erin')}/`])
  stage.say(
    `erin is on another network, so alice's kernel sends to its gateway, 10.1.0.1. That is the router, which leaves by the network ` +
      `"internet" and puts its own address there in place of alice's (source NAT): erin greets ${PUBLIC_ADDRESS}, for out there nobody ` +
      `has heard of ${stage.address('alice')}. It remembers the connection, and so knows whom the answers are for.`,
  )
}

async function fetchFromOutside(stage: DemoStage): Promise<void> {
  await stage.begin("erin fetches bob's web page, which is published")
  await stage.exec(0, 'erin', [...CURL, `http://${PUBLIC_ADDRESS}/`])
  await stage.tapwire(0, ['explain', 'erin', `${PUBLIC_ADDRESS}:80`])
  stage.say(
    `examples/demo.yaml publishes bob's port 80 on ${PUBLIC_ADDRESS}. The router puts bob's address in place of its own (destination NAT) ` +
      `and leaves the source as it is: bob greets ${stage.address('erin')}, the real client, and no proxy. ` +
      '`tapwire explain` asks the data path what it would do with the first packet of such a connection, and why; nothing is sent.',
  )
}

async function tryToCross(stage: DemoStage): Promise<void> {
  await stage.begin('dave, on another network, tries to reach bob')
  await stage.exec(1, 'dave', ['ping', '-c', '1', '-W', '1', stage.address('bob')])
  await stage.tapwire(1, ['explain', 'dave', 'bob'])
  await stage.tell((_, now, before) => {
    const isolated = dropsOf(now, 'network-isolated') - dropsOf(before, 'network-isolated')
    return (
      `The router does know where bob is. But networks are kept apart: ${plural(isolated, 'packet')} of dave's dropped for the reason ` +
      `network-isolated, and not one seen by bob. What bob has published is another matter: dave may fetch it from ${PUBLIC_ADDRESS}, ` +
      'as all the world may.'
    )
  })
}

async function showTables(stage: DemoStage): Promise<void> {
  await stage.begin('what the router and the switch know now, and what they counted')
  const { flows } = await stage.get<NatFlows>('/nat/flows')
  stage.show('tapwire nat ls', await formatListing(FLOW_LISTING, sortFlows(flows), {}))
  stage.show('tapwire fdb ls', formatStations(await stage.get<Fdb>('/fdb')))
  const now = await stage.stats()
  stage.show('tapwire stats', formatTotals(now))
  const { totals } = now
  const came = totals.received + totals.copies + totals.segments + totals.originated
  stage.say(
    'Every frame is accounted for: ' +
      `${totals.received} received + ${totals.copies} copies + ${totals.segments} segments + ${totals.originated} made by the router = ${came} ` +
      `= ${totals.transmitted} transmitted + ${totals.dropped} dropped + ${totals.consumed} for the router itself + ${totals.held} waiting.`,
  )
}

const dropsOf = ({ drops }: Stats, name: string): number =>
  drops.find(({ reason }) => reason === name)?.frames ?? 0
