/**
 * Tests of the router that read as what happens on the wire. The lines of scenario.ts, with packets (packet-text.ts) in place of frames:
 *
 *     network 1 [icc=no]
 *     port 1,2 network=1 [plain] [mtu=1500] [guard=10.1.0.2] [host]
 *     gateway 1 10.1.0.1/24       the router's interface in network 1; further: internal, mode=routed|unprotected, nat=no, mtu=1400,
 *                                 source=192.0.2.9 (what its packets are translated to), host=9 (the host's port), proxy
 *     uplink 2 192.0.2.1/24       an outside one; further: shared, ports=61000-65095
 *     relay 3 169.254.0.1/30      the host's relay
 *     gateway 1 none              it goes
 *     route 0.0.0.0/0 2 via=192.0.2.254
 *     unroute                     all routes go
 *     host 1 10.1.0.2             behind port 1 a station answers ARP for this address, unseen; `mute 10.1.0.2` ends that
 *     publish 7 tcp 8080 10.1.0.2:80 network=1 owner=1 [at=192.0.2.1]      8080-8089 is a range
 *     unpublish 7
 *     virtual 4 10.1.0.100 network=1 10.1.0.2@1 10.1.0.3@2     service 4 has this address, and backends behind these ports; `none` in place of the address
 *                                 ends it. What is published to its address leads to it (owner=-1)
 *     permit 5 network=1 10.1.0.2 10.1.0.3:80 tcp
 *     zone 1 front                network 1 has names and is called so; further: ttl=60, silent (its gateway answers no questions)
 *     named 5 network=1 10.1.0.2 web alias:api [fd00::2] [tcp/80-81]      host 5 has these addresses, names and services
 *     named 5 none
 *     resolver 1 ports=1,2 networks=1,2 [forwards] [stay] [link=1:db:web]    `stay`: names of one label are asked nowhere
 *     resolver 1 none
 *     service 169.254.0.2:53 network=3       questions by TCP are led there
 *     flush
 *     t=30                        the clock; what the router's timers do is said in the lines behind it
 *     remove 1
 *
 *     1> udp 10.1.0.2:4000>8.8.8.8:53
 *     2< udp 192.0.2.1:4000>8.8.8.8:53 via=192.0.2.254
 *     1! no-route [x3]
 *     1~                          one frame is consumed: it was for the router alone
 *     1=                          one frame waits
 *
 * The lines behind a command are about what it does. What leaves each port in its order, what is dropped, consumed and begins or ends to wait must be exactly what the lines say.
 */

import assert from 'node:assert/strict'
import { Counters, type PortCount } from '../../src/datapath/counters.ts'
import { type NamedHostSettings, NameKind } from '../../src/datapath/dns/dns-settings.ts'
import { DROP_REASONS } from '../../src/datapath/drop-reason.ts'
import type { EngineOptions } from '../../src/datapath/engine.ts'
import {
  GatewayMode,
  InterfaceKind,
  type RouterInterfaceSettings,
  type RouteSettings,
} from '../../src/datapath/router-settings.ts'
import { DNS_TTL_S_DEFAULT, MTU_DEFAULT, NAT_FIRST_PORT, NAT_LAST_PORT } from '../../src/limits.ts'
import type { QueuedFrame } from '../../src/ports/memory-frame-io.ts'
import { formatIpv4 } from '../../src/wire/address.ts'
import { address, MAC_HIGH, packetFrame, packetLine } from './packet-text.ts'
import { Scenario } from './scenario.ts'

const MODES = { nat: GatewayMode.nat, unprotected: GatewayMode.natUnprotected, routed: GatewayMode.routed }
const PROTOCOLS: Readonly<Record<string, number>> = { icmp: 1, tcp: 6, udp: 17 }

/** Plays the lines on a new data path, or on one that is there. */
export function playRouter(text: string, scene: RouterScene = new RouterScene()): RouterScene {
  for (const [index, line] of text.split('\n').entries()) {
    const said = line.replace(/(^|\s)#.*$/, '').trim()
    if (said !== '') scene.play(said, index + 1)
  }
  scene.finish()
  return scene
}

/** Of a port that is new. */
const NOTHING = new Counters().port(0)

interface Step {
  readonly line: number
  readonly before: ReadonlyMap<number, PortCount>
  readonly arrivals: { readonly port: number; readonly frame: QueuedFrame }[]
  /** What has left so far. */
  readonly departures: string[]
  /** Lines as they are written, spaces made one. */
  readonly outcomes: string[]
  /** There is nothing more to arrive in this step. */
  said: boolean
}

export class RouterScene {
  readonly scenario: Scenario
  readonly #domains = new Map<number, number>()
  readonly #gateways = new Map<number, number>()
  readonly #hosts = new Map<string, number>()
  readonly #settings = new Map<number, RouterInterfaceSettings>()
  readonly #routes: RouteSettings[] = []
  /** By port: replies of its hosts, which the router consumes. */
  readonly #answered = new Map<number, number>()
  #step: Step | undefined

  constructor(options: Partial<EngineOptions> = {}) {
    this.scenario = new Scenario(options)
  }

  get engine(): Scenario['engine'] {
    return this.scenario.engine
  }

  play(line: string, number: number): void {
    const [, port, event, rest] = /^(\d+)([><!~=])(?:\s+(.*))?$/.exec(line) ?? []
    if (event === undefined) {
      this.finish()
      const [command, ...words] = line.split(/\s+/)
      this.#begin(number).said = true
      this.#command(command!, words, number)
      return
    }
    if (event === '>') {
      if (this.#step?.said === true) this.finish()
      const step = this.#begin(number)
      step.arrivals.push({ port: Number(port), frame: this.frame(Number(port), rest!) })
      return
    }
    const step = this.#begin(number)
    step.said = true
    step.outcomes.push(...outcomesOf(Number(port), event, rest ?? ''))
  }

  /** The frame of a line that arrives at this port. */
  frame(port: number, line: string): QueuedFrame {
    return packetFrame(line, this.#gateways.get(this.#domains.get(port) ?? -1) ?? 0)
  }

  /** Runs what has arrived, and compares. */
  finish(): void {
    const step = this.#step
    this.#step = undefined
    if (step === undefined) return
    const { ports, engine } = this.scenario
    for (const { port, frame } of step.arrivals) this.scenario.arrive(port, frame)
    const left = [...step.departures, ...this.run()]
    const counted = ports.flatMap((port) =>
      counterLines(
        port,
        step.before.get(port) ?? NOTHING,
        engine.counters.port(port),
        this.#answered.get(port) ?? 0,
      ),
    )
    this.#answered.clear()
    assert.deepEqual(byPort([...left, ...counted]), byPort(step.outcomes), `after line ${step.line}`)
  }

  /** Turns until nothing moves any more, and returns the lines of what leaves, while hosts answer ARP. */
  run(): string[] {
    const { scenario } = this
    const lines: string[] = []
    let asked = true
    while (asked) {
      asked = false
      scenario.run()
      for (const port of scenario.ports) {
        for (const departure of scenario.departures(port)) {
          const line = packetLine(departure, this.#gateways.get(this.#domains.get(port)!))
          const [, asker, target] = /^arp (\S+) asks (\S+)/.exec(line) ?? []
          const home = this.#isGateway(port, asker) ? this.#hosts.get(target!) : undefined
          if (home === undefined) lines.push(`${port}< ${line}`)
          else if (home === port) {
            scenario.arrive(port, packetFrame(`arp ${target} tells ${asker}`, 0))
            this.#answered.set(port, (this.#answered.get(port) ?? 0) + 1)
            asked = true
          }
        }
      }
    }
    return lines
  }

  #begin(line: number): Step {
    const { ports, engine } = this.scenario
    this.#step ??= {
      line,
      before: new Map(ports.map((port) => [port, engine.counters.port(port)])),
      arrivals: [],
      departures: [],
      outcomes: [],
      said: false,
    }
    return this.#step
  }

  /** Carries out a command, and says nothing of what it does. */
  command(line: string): void {
    const [command, ...words] = line.split(/\s+/)
    this.#command(command!, words, 0)
  }

  #isGateway(port: number, asker: string | undefined): boolean {
    return asker !== undefined && address(asker) === this.#gateways.get(this.#domains.get(port)!)
  }

  #command(command: string, words: readonly string[], number: number): void {
    const { engine } = this
    const time = /^t=(\d+)$/.exec(command)
    if (time !== null) this.#advance(Number(time[1]), number)
    else if (command === 'network') {
      engine.addDomain(Number(words[0]), { transparent: false, icc: !words.includes('icc=no') })
    } else if (command === 'port') this.#addPorts(words)
    else if (command === 'gateway') this.#setInterface(InterfaceKind.inside, words)
    else if (command === 'uplink') this.#setInterface(InterfaceKind.outside, words)
    else if (command === 'relay') this.#setInterface(InterfaceKind.relay, words)
    else if (command === 'route') this.#addRoute(words)
    else if (command === 'unroute') {
      this.#routes.length = 0
      engine.setRoutes([])
    } else if (command === 'host') this.#hosts.set(words[1]!, Number(words[0]))
    else if (command === 'mute') this.#hosts.delete(words[0]!)
    else if (command === 'publish') this.#publish(words)
    else if (command === 'virtual') this.#setVirtual(words)
    else if (command === 'unpublish') engine.unpublish(Number(words[0]))
    else if (command === 'permit') this.#permit(words)
    else if (command === 'zone') this.#setZone(words)
    else if (command === 'named') this.#setNamedHost(words)
    else if (command === 'resolver') this.#setResolver(words)
    else if (command === 'service') this.#setService(words)
    else if (command === 'flush') engine.flushFlows({})
    else if (command === 'remove') this.scenario.remove(Number(words[0]))
    else throw new Error(`no such command: ${command}`)
  }

  /** Second by second; what the timers send is what the next lines are about. */
  #advance(nowS: number, line: number): void {
    const { scenario } = this
    const step = this.#begin(line)
    while (scenario.nowS < nowS) {
      scenario.nowS++
      while (this.engine.tick(scenario.nowS));
      step.departures.push(...this.run())
    }
  }

  #addPorts([ports, ...words]: readonly string[]): void {
    const guarded = valueOf(words, 'guard')
    for (const text of ports!.split(',')) {
      const port = Number(text)
      const domain = Number(valueOf(words, 'network'))
      this.#domains.set(port, domain)
      this.scenario.port(port, {
        domain,
        mtu: Number(valueOf(words, 'mtu') ?? MTU_DEFAULT),
        plain: words.includes('plain'),
        host: words.includes('host'),
        guard:
          guarded === undefined
            ? undefined
            : { macHigh: MAC_HIGH, macLow: address(guarded), ipv4: [address(guarded)], ipv6: [] },
      })
    }
  }

  #setInterface(kind: InterfaceKind, [number, subnet, ...words]: readonly string[]): void {
    const domain = Number(number)
    if (subnet === 'none') {
      this.#gateways.delete(domain)
      this.engine.setInterface(domain, undefined)
      return
    }
    const [own, prefixLength] = subnet!.split('/')
    const ports = (valueOf(words, 'ports') ?? `${NAT_FIRST_PORT}-${NAT_LAST_PORT}`).split('-').map(Number)
    const settings: RouterInterfaceSettings = {
      kind,
      macHigh: MAC_HIGH,
      macLow: address(own!),
      address: address(own!),
      prefixLength: Number(prefixLength),
      mtu: Number(valueOf(words, 'mtu') ?? MTU_DEFAULT),
      mode: MODES[(valueOf(words, 'mode') ?? 'nat') as keyof typeof MODES],
      internal: words.includes('internal'),
      masquerade: !words.includes('nat=no'),
      sourceAddress: address(valueOf(words, 'source') ?? '0.0.0.0'),
      hostPort: Number(valueOf(words, 'host') ?? -1),
      proxyArp: words.includes('proxy'),
      shared: words.includes('shared'),
      firstPort: ports[0]!,
      lastPort: ports[1]!,
    }
    this.#gateways.set(domain, settings.address)
    this.#settings.set(domain, settings)
    this.engine.setInterface(domain, settings)
  }

  #addRoute([prefix, domain, ...words]: readonly string[]): void {
    const [network, length] = prefix!.split('/')
    this.#routes.push({
      prefix: address(network!),
      prefixLength: Number(length),
      domain: Number(domain),
      nextHop: address(valueOf(words, 'via') ?? '0.0.0.0'),
    })
    this.engine.setRoutes(this.#routes)
  }

  #publish([id, protocol, ports, target, ...words]: readonly string[]): void {
    const [first, last] = ports!.split('-').map(Number)
    const [host, port] = target!.split(':')
    this.engine.publish({
      id: Number(id),
      protocol: PROTOCOLS[protocol!]!,
      address: address(valueOf(words, 'at') ?? '0.0.0.0'),
      first: first!,
      last: last ?? first!,
      targetAddress: address(host!),
      targetFirst: Number(port),
      targetDomain: Number(valueOf(words, 'network')),
      owner: Number(valueOf(words, 'owner')),
    })
  }

  #setVirtual([id, own, ...words]: readonly string[]): void {
    if (own === 'none') {
      this.engine.removeService(Number(id))
      return
    }
    const backends = words.flatMap((word) => (word.includes('@') ? [word.split('@')] : []))
    this.engine.setService({
      id: Number(id),
      domain: Number(valueOf(words, 'network')),
      address: address(own!),
      seed: Number(id),
      backends: backends.map(([host, owner]) => ({ address: address(host!), owner: Number(owner) })),
    })
  }

  #permit([id, ...words]: readonly string[]): void {
    const [client, server, protocol] = words.filter((word) => !word.includes('='))
    const [host, port] = server!.split(':')
    this.engine.permit({
      id: Number(id),
      domain: Number(valueOf(words, 'network')),
      client: address(client!),
      server: address(host!),
      protocol: PROTOCOLS[protocol!]!,
      port: Number(port),
    })
  }

  #setZone([domain, name, ...words]: readonly string[]): void {
    const ttlS = Number(valueOf(words, 'ttl') ?? DNS_TTL_S_DEFAULT)
    const zone = name === 'none' ? undefined : { name: name!, ttlS, served: !words.includes('silent') }
    this.engine.dns.setZone(Number(domain), zone)
  }

  #setNamedHost([id, ...words]: readonly string[]): void {
    this.engine.dns.setNamedHost(Number(id), words[0] === 'none' ? undefined : namedHostOf(Number(id), words))
  }

  #setResolver([id, ...words]: readonly string[]): void {
    const { dns } = this.engine
    if (words[0] === 'none') {
      dns.setResolver(Number(id), undefined)
      return
    }
    const links = words.flatMap((word) => (word.startsWith('link=') ? [word.slice(5).split(':')] : []))
    dns.setResolver(Number(id), {
      id: Number(id),
      ports: (valueOf(words, 'ports') ?? '').split(',').filter(Boolean).map(Number),
      scopes: (valueOf(words, 'networks') ?? '')
        .split(',')
        .filter(Boolean)
        .map((domain) => ({
          domain: Number(domain),
          links: links
            .filter(([on]) => on === domain)
            .map(([, alias, target]) => ({ alias: alias!, target: target! })),
        })),
      forwards: words.includes('forwards'),
      singleLabelsStay: words.includes('stay'),
    })
  }

  #setService([end, ...words]: readonly string[]): void {
    const [host, port] = end!.split(':')
    this.engine.dns.setService(
      host === 'none'
        ? undefined
        : { address: address(host!), port: Number(port), domain: Number(valueOf(words, 'network')) },
    )
  }

  /** The connections, one line each: `tcp established 10.1.0.2:4000>8.8.8.8:53 reply 8.8.8.8:53>192.0.2.1:4000`. */
  flows(): string[] {
    const { flows } = this.engine.flows({}, 1000, this.scenario.nowS)
    return flows.map(({ protocol, state, original, reply }) => {
      const name =
        Object.entries(PROTOCOLS).find(([, number]) => number === protocol)?.[0] ?? String(protocol)
      return `${name} ${state} ${tupleText(original)} reply ${tupleText(reply)}`
    })
  }
}

type Tuple = ReturnType<Scenario['engine']['flows']>['flows'][number]['original']

const tupleText = ({ source, sourcePort, destination, destinationPort }: Tuple): string =>
  `${formatIpv4(source)}:${sourcePort}>${formatIpv4(destination)}:${destinationPort}`

const NAME_KINDS_BY_WORD: Readonly<Record<string, NameKind>> = {
  sandbox: NameKind.sandbox,
  alias: NameKind.alias,
  id: NameKind.shortId,
  host: NameKind.hostname,
}

function namedHostOf(id: number, words: readonly string[]): NamedHostSettings {
  const ipv6 = words.find((word) => /^[0-9a-f:]*::/.test(word))
  const ipv4 = words.find((word) => /^\d+\.\d+\.\d+\.\d+$/.test(word))
  const services = words.flatMap((word) => {
    const [, protocol, first, last] = /^(tcp|udp|sctp)\/(\d+)(?:-(\d+))?$/.exec(word) ?? []
    if (protocol === undefined) return []
    return [{ protocol: PROTOCOLS[protocol] ?? 132, first: Number(first), last: Number(last ?? first) }]
  })
  const names = words.filter((word) => word !== ipv4 && word !== ipv6 && !/[=/]/.test(word))
  return {
    id,
    domain: Number(valueOf(words, 'network')),
    ipv4: ipv4 === undefined ? undefined : address(ipv4),
    ipv6: ipv6 === undefined ? undefined : ipv6Words(ipv6),
    names: names.map((word) => {
      const [kind, text] = word.includes(':') ? word.split(':') : ['sandbox', word]
      return { kind: NAME_KINDS_BY_WORD[kind!]!, text: text! }
    }),
    services,
  }
}

function ipv6Words(text: string): [number, number, number, number] {
  const [front, back] = text.split('::').map((half) => half.split(':').filter(Boolean))
  const groups = [
    ...front!,
    ...Array<string>(8 - front!.length - (back?.length ?? 0)).fill('0'),
    ...(back ?? []),
  ]
  const halves = groups.map((group) => Number.parseInt(group, 16))
  const word = (index: number): number => (halves[2 * index]! << 16) | halves[2 * index + 1]!
  return [word(0), word(1), word(2), word(3)]
}

const valueOf = (words: readonly string[], name: string): string | undefined =>
  words.find((word) => word.startsWith(`${name}=`))?.slice(name.length + 1)

function outcomesOf(port: number, event: string, rest: string): string[] {
  const text = rest.split(/\s+/).join(' ')
  if (event === '<') return [`${port}< ${text}`]
  if (event !== '!') return [`${port}${event}`]
  const [reason, times] = text.split(' ')
  assert.ok(
    DROP_REASONS.some(({ name }) => name === reason),
    `no such reason: ${reason}`,
  )
  return Array<string>(Number(times?.slice(1) ?? 1)).fill(`${port}! ${reason}`)
}

/** Lines of one port keep their order, those of counters are sorted behind them. */
function byPort(lines: readonly string[]): string[] {
  const departures = lines.filter((line) => line.includes('<'))
  const others = lines.filter((line) => !line.includes('<')).toSorted()
  return [
    ...departures.toSorted((one, other) => Number.parseInt(one, 10) - Number.parseInt(other, 10)),
    ...others,
  ]
}

function counterLines(port: number, before: PortCount, after: PortCount, unseen: number): string[] {
  const drops = after.drops.flatMap((count, reason) =>
    Array<string>(count - before.drops[reason]!).fill(`${port}! ${DROP_REASONS[reason]!.name}`),
  )
  const consumed = Array<string>(Math.max(0, after.consumed - before.consumed - unseen)).fill(`${port}~`)
  const held = Array<string>(Math.max(0, after.held - before.held)).fill(`${port}=`)
  return [...drops, ...consumed, ...held]
}
