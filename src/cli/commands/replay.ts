import { resolve } from 'node:path'
import type { Command } from 'commander'
import { loadLab } from '../../control/lab-file.ts'
import type { CaptureInput } from '../../inspect/pcap/capture-input.ts'
import { makeRoomForInlining } from '../../simulation/inlining.ts'
import { Replay } from '../../simulation/replay/replay.ts'
import { ReplayCapture } from '../../simulation/replay/replay-capture.ts'
import type { FileSummary, ReplaySummary } from '../../simulation/replay/replay-summary.ts'
import { parseSourceRule } from '../../simulation/replay/source-rules.ts'
import { SimulatedLab } from '../../simulation/simulated-lab.ts'
import { apiClient } from '../api-client.ts'
import { captureError, openCaptureFile } from '../capture/capture-input.ts'
import { type Cli, EXIT_FAILED, isTerminal } from '../cli.ts'
import { untilInterrupted } from '../interrupt.ts'
import { LiveReplay } from '../live-replay.ts'
import { collect, examples, leaveAway, parseInteger, usage } from '../options.ts'
import { formatCount, plural, printJson } from '../output.ts'
import { OutputFile } from '../output-file.ts'
import { formatLiveReplay, formatReplay } from '../replay-text.ts'

const MAPS = `
Where frames come from (--from-port), the first kind that fits:
  eth0=web               what was captured on the interface eth0 comes from the sandbox web
  02:42:ac:11:00:02=web  what has this source address
  10.1.0.2=web@blue      what has this source address; web's place on the network blue
  *=web, web             everything
  uplink                 everything comes from outside, by the uplink
Without it frames come from whoever in the lab has their source address: MAC, then IPv4, IPv6 or ARP. In captures of Tapwire they come
from the place that the interface is named after.`

interface ReplayCommandOptions {
  readonly lab?: string
  readonly labHost?: string
  readonly uplink?: string
  readonly fromPort?: readonly string[]
  readonly answerArp?: true
  readonly live?: string
  readonly speed?: string
  readonly write?: string
  readonly json?: true
  readonly strict?: true
  readonly seed?: number
}

export function defineReplay(command: Command, cli: Cli): void {
  command
    .description(
      "Takes the frames of a capture (pcap or pcapng; - is standard input) through Tapwire's data path in memory, as it would be in the lab, " +
        'at the times at which they were captured. No root is needed, and nothing is sent: the same capture always gives the same ' +
        'result. With --live the frames are sent into a network that is there. The exit code is 1 where no frame could be placed.',
    )
    .argument('<file>', 'the capture')
    .option('--lab <lab.yaml>', 'the lab file (required, unless --live)')
    .option('--lab-host <name>', 'of a lab with hosts: the one whose networks are simulated')
    .option(
      '--uplink <uplink>',
      'the way out of the networks: none, or tap:NAME,address=203.0.113.1/24[,gateway=203.0.113.254]',
    )
    .option('--from-port <map>', 'where frames come from (may be given several times)', collect)
    .option(
      '-w, --write <file>',
      'write what the data path did as a capture (pcapng; - is standard output, and all else goes to standard error)',
    )
    .option(
      '--answer-arp',
      'answer ARP requests in the place of sandboxes, and of whoever is behind the uplink',
    )
    .option('--seed <number>', 'of what is chosen at random, such as the ports of masquerading', parseInteger)
    .option('--strict', 'fail where any frame comes from nowhere in the lab')
    .option(
      '--live <network>',
      'send the frames into this network of the daemon, in the place of its sandboxes',
    )
    .option('--speed <factor>', 'of a live replay: 1x (the default), 10x and so on, or max')
    .option('--json', 'print what came of it as JSON')
    .addHelpText(
      'after',
      `${MAPS}\n${examples(
        'tapwire replay capture.pcapng --lab lab.yaml',
        'tapwire replay web.pcap --lab lab.yaml --from-port web',
        'tapwire replay capture.pcapng --live blue --speed 10x',
        "tapwire replay trace.pcap --lab lab.yaml --from-port '02:42:ac:11:00:02=web' --from-port '*=uplink' --json",
      )}`,
    )
    .action((path: string, options: ReplayCommandOptions) =>
      options.live === undefined ? replayOffline(cli, path, options) : replayLive(cli, path, options),
    )
}

async function replayOffline(cli: Cli, path: string, options: ReplayCommandOptions): Promise<void> {
  const summary = await simulate(cli, path, options)
  const out = options.write === '-' ? Object.assign(Object.create(cli) as Cli, { stdout: cli.stderr }) : cli
  if (options.json === true) printJson(out, summary)
  else out.stdout.write(formatReplay(path, summary, options.answerArp === true))
  judge(cli, summary, options)
}

async function replayLive(cli: Cli, path: string, options: ReplayCommandOptions): Promise<void> {
  const { live, speed = '1x', fromPort = [], json } = options
  const useless = SIMULATION_OPTIONS.filter((option) => options[option] !== undefined)
  if (useless.length > 0)
    throw usage('What is sent into a live network is not simulated.', leaveAway(useless))
  const rules = fromPort.map(parseSourceRule)
  const factor = parseSpeed(speed)
  const input = openCaptureFile(path)
  try {
    await untilInterrupted(cli, async (signal) => {
      const replay = await LiveReplay.start(apiClient(cli), {
        network: live!,
        rules,
        speed: factor,
        signal,
        progress: (frames) => {
          if (isTerminal(cli.stderr)) cli.stderr.write(`\r${plural(frames, 'frame')} sent`)
        },
      })
      const summary = await replay.run(path, input)
      if (isTerminal(cli.stderr)) cli.stderr.write('\n')
      if (json === true) printJson(cli, summary)
      else cli.stdout.write(formatLiveReplay(path, summary))
      judge(cli, summary, options)
    })
  } finally {
    input.close()
  }
}

const SIMULATION_OPTIONS = ['lab', 'labHost', 'uplink', 'write', 'answerArp', 'seed'] as const

/** `1x`, `0.5x`, `max`. Throws USAGE. */
function parseSpeed(text: string): number {
  const factor =
    text === 'max' ? Number.POSITIVE_INFINITY : Number(/^(\d{1,6}(?:\.\d{1,6})?)x$/.exec(text)?.[1])
  if (factor > 0) return factor
  throw usage(`'${text}' is no speed.`, 'It is 1x, 10x and so on, or max.')
}

function judge(
  cli: Cli,
  { file: { read, placed, unplaced } }: FileSummary,
  { strict }: ReplayCommandOptions,
): void {
  if (!(unplaced > 0 && strict === true) && !(placed === 0 && read > 0)) return
  cli.exitCode = EXIT_FAILED
  cli.stderr.write(
    `${plural(unplaced, 'frame')} could not be placed. Say where they come from with --from-port.\n`,
  )
}

async function simulate(cli: Cli, path: string, options: ReplayCommandOptions): Promise<ReplaySummary> {
  if (options.lab === undefined)
    throw usage(
      'A replay needs a lab.',
      'Name its file, as in `tapwire replay capture.pcapng --lab lab.yaml`.',
    )
  if (options.speed !== undefined)
    throw usage('What is simulated goes as fast as it can.', leaveAway(['speed']))
  const rules = (options.fromPort ?? []).map(parseSourceRule)
  const file = loadLab(options.lab)
  const input = openCaptureFile(path)
  makeRoomForInlining()
  try {
    const lab = await SimulatedLab.start(file, {
      host: options.labHost,
      uplink: options.uplink,
      seed: options.seed,
      answersArp: options.answerArp,
    })
    const output = options.write === undefined ? undefined : outputFor(options.write, path)
    const capture = output && new ReplayCapture(lab, (bytes) => output.write(bytes), COMMENT)
    const replay = new Replay(lab, { rules, watcher: capture })
    const started = performance.now()
    try {
      readAll(path, input, replay)
      return replay.finish()
    } finally {
      // Of a broken file, what came of all that could be read.
      capture?.end()
      output?.close()
      tellSpeed(cli, replay.counts.read, (performance.now() - started) / 1000)
    }
  } finally {
    input.close()
  }
}

const COMMENT = 'What Tapwire made of a capture, in a lab that was simulated.'

function readAll(path: string, input: CaptureInput, replay: Replay): void {
  try {
    while (!replay.read(input.reader)) input.fill()
  } catch (error) {
    throw captureError(path, error)
  }
}

/** Throws USAGE where it is the capture itself. */
function outputFor(path: string, input: string): OutputFile {
  if (path !== '-' && resolve(path) === resolve(input))
    throw usage(`${path} would be written over while it is read.`, 'Give -w another file.')
  return new OutputFile(path)
}

/** On standard error: all else is the same each time. */
function tellSpeed(cli: Cli, packets: number, seconds: number): void {
  const speed = formatCount(packets / Math.max(seconds, 1e-3))
  cli.stderr.write(`${plural(packets, 'packet')} in ${seconds.toFixed(2)} s, ${speed} a second\n`)
}
