import { type Command, InvalidArgumentError, Option } from 'commander'
import type { CaptureSummary } from '../../control/api/capture.ts'
import type { CapturePoint } from '../../control/capture-points.ts'
import { TIME_FORMATS, type TimeFormat } from '../../inspect/dissect/line-time.ts'
import { CAPTURE_SNAP_LENGTH_MAX } from '../../limits.ts'
import { apiClient } from '../api-client.ts'
import type { CaptureOutput } from '../capture/capture-output.ts'
import { CaptureProgress } from '../capture/capture-progress.ts'
import { captureTable } from '../capture/capture-table.ts'
import { LineOutput } from '../capture/line-output.ts'
import { openOutput } from '../capture/open-output.ts'
import { RingOutput } from '../capture/ring-output.ts'
import { type FileRing, parseFileRing } from '../capture/ring-size.ts'
import { runCapture } from '../capture/run-capture.ts'
import { CaptureTally } from '../capture/whole-blocks.ts'
import { type Cli, isTerminal } from '../cli.ts'
import { parseDuration } from '../format/time.ts'
import { examples, parseInteger, usage } from '../options.ts'
import { printJson } from '../output.ts'

interface Options {
  readonly write?: string
  readonly filter?: string
  readonly snaplen?: number
  readonly ring?: FileRing
  readonly preNat?: boolean
  readonly postNat?: boolean
  readonly both?: boolean
  readonly drops?: boolean
  readonly raw?: boolean
  readonly count?: number
  readonly duration?: number
  readonly time: TimeFormat
  readonly numeric?: boolean
  readonly hex?: boolean
  readonly quiet?: boolean
  readonly list?: boolean
  readonly json?: boolean
}

/** What a timer of Node can wait. */
const DURATION_MAX_S = 2_147_483

const PLACES = `
Places:
  NETWORK, SANDBOX   all of a network, all of a sandbox; network:NAME and sandbox:NAME where both have the name
  SANDBOX@NETWORK    what the sandbox sends and gets by this network
  uplink             what goes out of the networks and comes in
  host               what the machine itself sends to published ports
  any                everything, as without a place`

export function defineCapture(command: Command, cli: Cli): void {
  command
    .description(
      'Shows what passes the switch as it passes, a line for each packet, or writes it as pcapng for Wireshark and others. ' +
        'Comments tell what was decided: what was learned, how addresses were translated, why a packet was dropped. ' +
        'Ctrl-C ends it. A capture that is read too slowly loses copies, never traffic.',
    )
    .argument('[place...]', 'where to look, as below')
    .option('-w, --write <file>', 'write pcapng in place of lines; - is standard output')
    .option(
      '--filter <expression>',
      "only packets that it describes, in tcpdump's language: 'tcp port 80 and host web'",
    )
    .option('--snaplen <bytes>', 'keep only so many bytes of each packet', parseSnapLength)
    .option(
      '--ring <size×count>',
      'write so many files of this size, and the first again: 100MB×5',
      parseFileRing,
    )
    .option('--pre-nat', 'packets as they arrive at the switch')
    .option('--post-nat', 'packets as they leave it')
    .option('--both', 'packets as they arrive and as they leave, as without a choice')
    .option('--drops', 'only packets that are dropped, and why')
    .option('--raw', 'super-frames whole and checksums unfinished, as the devices give and take them')
    .option('-c, --count <number>', 'end after so many packets', parseCount)
    .option('--duration <time>', 'end after this time: 30s, 5m', parseTime)
    .addOption(
      new Option('--time <format>', 'of the lines: clock (of UTC), date, epoch, relative, delta or none')
        .choices([...TIME_FORMATS])
        .default('clock'),
    )
    .option('-n, --numeric', 'addresses in the lines, also where they have names')
    .option('--hex', 'the bytes of each packet below its line')
    .option('-q, --quiet', 'tell neither how far it is nor how much it was')
    .option('--list', 'list the captures that run')
    .option('--json', 'print that as JSON')
    .addHelpText(
      'after',
      `${PLACES}\n${examples(
        'tapwire capture',
        'tapwire capture web@blue uplink -w web.pcapng',
        "tapwire capture blue --filter 'host web and tcp port 80'",
        'tapwire capture any -w - | wireshark -k -i -',
        'tapwire capture any -w lab.pcapng --ring 100MB×5',
        'tapwire capture web --drops --duration 30s',
      )}`,
    )
    .action((places: string[], options: Options) =>
      options.list === true ? list(cli, options) : capture(cli, places, options),
    )
}

async function list(cli: Cli, { json }: Options): Promise<void> {
  const captures = await apiClient(cli).get<CaptureSummary[]>('/captures')
  if (json === true) printJson(cli, captures)
  else cli.stdout.write(captureTable(captures))
}

async function capture(cli: Cli, places: readonly string[], options: Options): Promise<void> {
  check(cli, options)
  const api = apiClient(cli)
  const tally = new CaptureTally()
  const { filter = '', snaplen = 0, drops = false, raw = false, count, duration, quiet, write } = options
  const progress = quiet === true ? undefined : new CaptureProgress(cli, api, tally)
  try {
    await runCapture(cli, {
      api,
      request: { places, point: pointOf(options), filter, snapLength: snaplen, drops, raw, count },
      duration,
      tally,
      open: (signal) => outputOf(cli, options, signal),
      onBegin: ({ id }) => progress?.begin(id, places, write !== undefined),
    })
  } catch (error) {
    progress?.failed(error)
    throw error
  } finally {
    progress?.end()
  }
}

function check(cli: Cli, { write, ring, json }: Options): void {
  if (json === true)
    throw usage('--json goes with --list', 'Packets as JSON: tapwire capture -w - | tapwire dissect - --json')
  if (ring !== undefined && (write === undefined || write === '-')) {
    throw usage('--ring takes a file', 'Name it with -w: lab.pcapng becomes lab-00001.pcapng and so on.')
  }
  if (write === '-' && isTerminal(cli.stdout)) {
    throw usage(
      'A capture is no text for a terminal.',
      'Send it to a program or a file, or leave -w away for a line a packet: tapwire capture -w - | wireshark -k -i -',
    )
  }
}

function outputOf(cli: Cli, options: Options, signal: AbortSignal): CaptureOutput | Promise<CaptureOutput> {
  const { write, ring, time, numeric = false, hex = false } = options
  if (write === undefined) return new LineOutput(cli, { time, numeric, hex })
  return ring === undefined ? openOutput(cli, write, signal) : new RingOutput(write, ring)
}

function pointOf({ preNat = false, postNat = false, both = false }: Options): CapturePoint {
  if (both || preNat === postNat) return 'both'
  return preNat ? 'pre-nat' : 'post-nat'
}

function parseSnapLength(text: string): number {
  const length = parseInteger(text)
  if (length >= 0 && length <= CAPTURE_SNAP_LENGTH_MAX) return length
  throw new InvalidArgumentError(`It must be from 0, for all, to ${CAPTURE_SNAP_LENGTH_MAX}.`)
}

function parseCount(text: string): number {
  const count = parseInteger(text)
  if (count >= 1 && Number.isSafeInteger(count)) return count
  throw new InvalidArgumentError('It must be a number from 1.')
}

/** Seconds. */
function parseTime(text: string): number {
  const seconds = /^\d+$/.test(text) ? Number(text) : parseDuration(text)
  if (seconds !== undefined && seconds > 0 && seconds <= DURATION_MAX_S) return seconds
  throw new InvalidArgumentError('It must be a time as in 30s, 5m or 1h30m, of at most 24 days.')
}
