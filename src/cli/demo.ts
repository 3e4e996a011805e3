/**
 * The guided tour: brings the example lab up, lets real programs talk through the switch, and tells after each what the
 * switch did, from its own counters. Everything lives in namespaces that the tour makes and removes.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Command } from 'commander'
import type { LabStatus } from '../control/api/lab.ts'
import type { Fdb, Stats } from '../control/api/switch.ts'
import { ErrorCode, TapwireError } from '../control/errors.ts'
import { loadLab } from '../control/lab-file.ts'
import { ApiClient } from './api-client.ts'
import { type Cli, EXIT_INTERRUPTED } from './cli.ts'
import { DemoDaemon } from './demo-daemon.ts'
import { formatStations } from './fdb-text.ts'
import { followLab } from './labs.ts'
import { examples } from './options.ts'
import { plural } from './output.ts'
import { formatTotals } from './stats-text.ts'
import { bringUp } from './up.ts'

const LAB_FILE = fileURLToPath(new URL('../../../examples/demo.yaml', import.meta.url))

/** This program itself, for `tapwire exec`. */
const MAIN = fileURLToPath(new URL('./main.js', import.meta.url))

const IPERF_SECONDS = '2'

export function defineDemo(command: Command, cli: Cli): void {
  command
    .description(
      'Brings the lab examples/demo.yaml up on a daemon of its own, lets ping, curl and iperf3 talk through its switch, ' +
        'tells what the switch did, and removes all of it. Needs root, and touches no interface of this machine.',
    )
    .addHelpText('after', examples('tapwire demo'))
    .action(() => demo(cli))
}

async function demo(cli: Cli): Promise<void> {
  const lab = loadLab(LAB_FILE)
  cli.stdout.write(INTRODUCTION)
  const interrupt = new Interrupt(cli)
  try {
    const daemon = await DemoDaemon.start(cli)
    try {
      await interrupt.check()
      const api = new ApiClient(daemon.address)
      const { status } = await bringUp(cli, api, lab)
      await new Tour(cli, { api, daemon, lab: status, interrupt }).run()
      cli.stdout.write('\n')
      await followLab(cli, api, lab.name, { method: 'DELETE' })
    } finally {
      await daemon.end()
    }
  } finally {
    interrupt.close()
  }
}

/** Ctrl-C ends what runs in a sandbox, then the tour, and the lab is taken down in peace. */
class Interrupt {
  readonly close: () => void
  running: ChildProcess | undefined
  #happened = false

  constructor(cli: Cli) {
    this.close = cli.onInterrupt((signal) => {
      this.#happened = true
      this.running?.kill(signal)
    })
  }

  /** Throws INTERRUPTED where it happened. The end of a child may be seen before the signal that ended it. */
  async check(): Promise<void> {
    await new Promise(setImmediate)
    if (this.#happened)
      throw new TapwireError(ErrorCode.interrupted, 'Interrupted.', { exitCode: EXIT_INTERRUPTED })
  }
}

const INTRODUCTION = `
Four sandboxes, two networks, and one switch: a Node.js process that owns a TAP in each sandbox.
No kernel bridge, no iptables, no interface of this machine takes part.

      alice        bob        carol              dave
    10.1.0.2    10.1.0.3    10.1.0.4           10.2.0.2
        │           │           │                  │
        └────────── web ────────┘                other

`

interface TourParts {
  readonly api: ApiClient
  readonly daemon: DemoDaemon
  readonly lab: LabStatus
  readonly interrupt: Interrupt
}

class Tour {
  readonly #cli: Cli
  readonly #api: ApiClient
  readonly #daemon: DemoDaemon
  readonly #lab: LabStatus
  readonly #interrupt: Interrupt
  #chapter = 0
  #before: Stats | undefined

  constructor(cli: Cli, { api, daemon, lab, interrupt }: TourParts) {
    this.#cli = cli
    this.#api = api
    this.#daemon = daemon
    this.#lab = lab
    this.#interrupt = interrupt
  }

  async run(): Promise<void> {
    await this.#ping()
    await this.#fetch()
    await this.#measure()
    await this.#tryToCross()
    await this.#show()
  }

  async #ping(): Promise<void> {
    await this.#begin('alice pings bob')
    await this.#expect(0, 'alice', ['ping', '-c', '3', '-i', '0.2', this.#address('bob')])
    await this.#tell(
      (now) =>
        "alice did not know bob's MAC address, so she asked everybody: an ARP request to ff:ff:ff:ff:ff:ff. The switch " +
        "sent it to all other ports of the network (flooding), and learned from its source where alice is. bob's answer, " +
        'and all that followed, went to one port only: ' +
        `${now.forwarded} frames forwarded, ${now.flooded} flooded (some announce addresses of fresh interfaces), with ${now.copies} more copies.`,
    )
  }

  async #fetch(): Promise<void> {
    await this.#begin("carol fetches bob's web page")
    await this.#expect(0, 'carol', [
      'curl',
      '--silent',
      '--show-error',
      '--retry',
      '5',
      '--retry-connrefused',
      `http://${this.#address('bob')}/`,
    ])
    await this.#tell(
      (now) =>
        'A TCP connection is nothing special to a switch: it looks at the Ethernet header of each frame and at no more. ' +
        `${now.forwarded} frames carried the handshake, the request, the page, the farewell, and the answers to ARP before.`,
    )
  }

  async #measure(): Promise<void> {
    await this.#begin('alice sends to carol as fast as TCP can')
    const server = this.#spawn(
      'carol',
      ['iperf3', '--server', '--one-off', '--forceflush'],
      ['ignore', 'pipe', 'inherit'],
    )
    const ended = once(server, 'close')
    for await (const line of createInterface({ input: server.stdout! })) if (line.includes('listening')) break
    server.stdout!.resume()
    const client = [
      'iperf3',
      '--client',
      this.#address('carol'),
      '--time',
      IPERF_SECONDS,
      '--interval',
      '0',
      '--format',
      'g',
    ]
    await this.#expect(0, 'alice', client).catch((error: unknown) => {
      server.kill()
      throw error
    })
    await ended
    await this.#tell((difference, now) => {
      const received = (stats: Stats): { frames: number; bytes: number } =>
        stats.ports.find((port) => port.sandbox === 'alice')!.received
      const frames = received(now).frames - received(this.#before!).frames
      const size = Math.round((received(now).bytes - received(this.#before!).bytes) / frames)
      return (
        `${difference.forwarded} frames passed. Those from alice had ${size.toLocaleString('en')} bytes on average, far more than the MTU of 1,500: ` +
        'her kernel leaves segmentation to the network card, and this one passes the whole super-frame on, with its checksum ' +
        'unfinished, for nothing between the two sandboxes could damage it.'
      )
    })
  }

  async #tryToCross(): Promise<void> {
    await this.#begin('dave, on the other network, tries to reach bob')
    await this.#expect(0, 'dave', ['ip', 'route', 'add', '10.1.0.0/24', 'dev', 'eth0'])
    await this.#expect(1, 'dave', ['ping', '-c', '1', '-W', '1', this.#address('bob')])
    await this.#tell(
      (now) =>
        'dave even gave himself a route, so his ARP requests for bob did reach the switch. But a broadcast goes to the ports of ' +
        `its own network, and "other" has none but dave's: ${plural(now.dropped, 'frame')} dropped, and not one seen by bob. There is no rule that ` +
        'forbids it; there simply is no way.',
    )
  }

  async #show(): Promise<void> {
    await this.#begin('what the switch knows now, and what it counted')
    this.#echo('tapwire fdb ls')
    this.#cli.stdout.write(formatStations(await this.#api.get<Fdb>('/fdb')))
    this.#echo('tapwire stats')
    const now = await this.#stats()
    this.#cli.stdout.write(formatTotals(now))
    const { totals } = now
    const made = totals.received + totals.copies + totals.segments
    this.#say(
      'Every frame is accounted for: ' +
        `${totals.received} received + ${totals.copies} copies + ${totals.segments} segments = ${made} ` +
        `= ${totals.transmitted} transmitted + ${totals.dropped} dropped.`,
    )
  }

  async #begin(title: string): Promise<void> {
    await this.#interrupt.check()
    this.#before = await this.#stats()
    this.#cli.stdout.write(
      `\n── ${++this.#chapter}. ${title} ${'─'.repeat(Math.max(3, 90 - title.length))}\n\n`,
    )
  }

  /** Tells about the difference between the counters at the chapter's beginning and now. */
  async #tell(story: (difference: Stats['totals'], now: Stats) => string): Promise<void> {
    const before = this.#before!.totals
    const now = await this.#stats()
    const difference = Object.fromEntries(
      Object.entries(now.totals).map(([name, value]) => [
        name,
        value - before[name as keyof Stats['totals']],
      ]),
    ) as Stats['totals']
    this.#say(story(difference, now))
  }

  #say(text: string): void {
    const width = Math.min(100, this.#cli.stdout.columns ?? 100)
    this.#cli.stdout.write(
      `\n${wrapped(text, width - 2)
        .map((line) => `▏ ${line}\n`)
        .join('')}`,
    )
  }

  #echo(command: string): void {
    this.#cli.stdout.write(`$ ${command}\n`)
  }

  #stats(): Promise<Stats> {
    return this.#api.get<Stats>('/stats')
  }

  #address(sandbox: string): string {
    return this.#sandbox(sandbox).endpoints[0]!.address
  }

  #sandbox(name: string): LabStatus['sandboxes'][number] {
    return this.#lab.sandboxes.find((sandbox) => sandbox.name === name)!
  }

  /** Runs a command in a sandbox and shows it; throws where it ends with another code than it should. */
  async #expect(exitCode: number, sandbox: string, command: readonly string[]): Promise<void> {
    this.#echo(`tapwire exec ${sandbox} ${command.join(' ')}`)
    const child = this.#spawn(sandbox, command, ['ignore', 'inherit', 'inherit'])
    const [code] = (await once(child, 'close')) as [number | null]
    await this.#interrupt.check()
    if (code === exitCode) return
    throw new TapwireError(
      'DEMO_FAILED',
      `In ${sandbox}, \`${command.join(' ')}\` ended with ${code}, not ${exitCode}.`,
      {
        hint: 'See what `tapwire doctor` says.',
      },
    )
  }

  #spawn(
    sandbox: string,
    command: readonly string[],
    stdio: ('ignore' | 'inherit' | 'pipe')[],
  ): ChildProcess {
    const program = [MAIN, '--root', this.#daemon.root, 'exec', sandbox, ...command]
    const child = spawn(process.execPath, program, { env: this.#cli.env, stdio })
    this.#interrupt.running = child
    return child
  }
}

function wrapped(text: string, width: number): string[] {
  const lines = ['']
  for (const word of text.split(' ')) {
    const line = lines.at(-1)!
    if (line.length + 1 + word.length > width) lines.push(word)
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`
  }
  return lines
}
