import { type Command, Option } from 'commander'
import { TIME_FORMATS, type TimeFormat } from '../../inspect/dissect/line-time.ts'
import type { CaptureReader } from '../../inspect/pcap/capture-reader.ts'
import { ReadResult } from '../../inspect/pcap/read-result.ts'
import { CaptureNames } from '../capture/capture-names.ts'
import { CaptureSummary } from '../capture/capture-summary.ts'
import { PacketChoice, parsePacketRange } from '../capture/packet-choice.ts'
import { JsonPrinter, LinePrinter, type PacketPrinter, TreePrinter } from '../capture/packet-printer.ts'
import { type CaptureVisitor, readCapture } from '../capture/read-capture.ts'
import type { Cli } from '../cli.ts'
import { examples, parseInteger, usage } from '../options.ts'
import { plural, printJson } from '../output.ts'

interface DissectOptions {
  readonly tree?: true
  readonly hex?: true
  readonly json?: true
  readonly summary?: true
  readonly packet?: string
  readonly filter?: string
  readonly count?: number
  readonly numeric?: true
  readonly time: TimeFormat
}

/** Characters that are collected before they are written. */
const OUTPUT_MAX = 256 * 1024

export function defineDissect(command: Command, cli: Cli): void {
  command
    .description(
      'Shows the packets of a capture file, pcap or pcapng: a line each, or everything that is in them. ' +
        'Comments in the file stand below the packets that they are about.',
    )
    .argument('<file>', 'the capture; - is standard input')
    .option('--tree', 'all fields of each packet')
    .option('--hex', 'the bytes of each packet')
    .option('--json', 'a JSON document a line, with all fields and where their bytes are')
    .option('--summary', 'only tell what the file is, and how much is in it')
    .option('--packet <range>', 'only packets of this number: 7, 7-9, 7- or -9; the first one is 1')
    .option('--filter <expression>', "only packets that it describes, in tcpdump's language: 'tcp port 80'")
    .option('-c, --count <number>', 'end after so many packets', parseInteger)
    .option('-n, --numeric', 'addresses, also where the file has names of them')
    .addOption(
      new Option(
        '--time <format>',
        'clock (of UTC), date, epoch (seconds since 1970), relative to the first packet, delta to the one before, or none',
      )
        .choices([...TIME_FORMATS])
        .default('clock'),
    )
    .addHelpText(
      'after',
      examples(
        'tapwire dissect lab.pcapng',
        "tapwire dissect lab.pcapng --filter 'host web and tcp port 80' --time relative",
        'tapwire dissect lab.pcapng --packet 7 --tree --hex',
        'tapwire dissect - --json < lab.pcapng | jq .summary',
      ),
    )
    .action((file: string, options: DissectOptions) => dissectFile(cli, file, options))
}

async function dissectFile(cli: Cli, file: string, options: DissectOptions): Promise<void> {
  if (options.json === true && (options.tree === true || options.hex === true)) {
    throw usage('--json has everything already: it goes with neither --tree nor --hex')
  }
  const { count = Number.MAX_SAFE_INTEGER } = options
  if (count < 1) throw usage('--count must be a number from 1')
  const visitor = new Dissection(cli, options, count)
  try {
    await readCapture(cli, file, visitor)
    visitor.end()
    const missing = visitor.missing
    if (missing !== undefined) throw usage(missing)
  } finally {
    // Also what stands before the place where a file is wrong.
    await visitor.pause()
  }
}

class Dissection implements CaptureVisitor {
  readonly #cli: Cli
  readonly #names = new CaptureNames()
  readonly #choice: PacketChoice
  readonly #printer: PacketPrinter
  readonly #summary: CaptureSummary | undefined
  readonly #json: boolean
  /** Printed since the last pause, and how much that is. */
  #output: (Uint8Array | string)[] = []
  #size = 0

  constructor(cli: Cli, options: DissectOptions, count: number) {
    this.#cli = cli
    this.#json = options.json === true
    this.#summary = options.summary === true ? new CaptureSummary() : undefined
    const range = parsePacketRange(options.packet ?? '1-')
    this.#choice = new PacketChoice(range, options.filter ?? '', count, (name) =>
      this.#names.addressesOf(name),
    )
    this.#printer = printerOf(options, options.numeric === true ? undefined : this.#names)
  }

  visit(reader: CaptureReader, result: ReadResult): boolean {
    if (result !== ReadResult.packet) {
      this.#summary?.add(reader, result)
      if (result === ReadResult.names) this.#names.learn(reader)
      return false
    }
    const choice = this.#choice
    const linkType = reader.interfaces[reader.packet.interfaceId]?.linkType ?? 1
    if (choice.wants(reader, linkType)) {
      if (this.#summary !== undefined) this.#summary.add(reader, result)
      else {
        this.#printer.print(reader, choice.number)
        if (this.#printer.full) this.#collect()
      }
    }
    return choice.complete
  }

  get full(): boolean {
    return this.#size >= OUTPUT_MAX
  }

  #collect(): void {
    for (const piece of this.#printer.take()) {
      this.#output.push(piece)
      this.#size += piece.length
    }
  }

  /** What was asked for by its number and is not in the file. */
  get missing(): string | undefined {
    const { first, number } = this.#choice
    return first <= Math.max(number, 1)
      ? undefined
      : `The capture has ${plural(number, 'packet')}: there is no packet ${first}.`
  }

  /** The whole file was read. */
  end(): void {
    // A filter's mistakes are told also where there was nothing to try it on.
    this.#choice.filter()
    if (this.#summary === undefined) return
    if (this.#json) printJson(this.#cli, this.#summary.json())
    else this.#cli.stdout.write(this.#summary.text())
  }

  /** Writes, waits for a reader that is slower, and lets the process learn that there is none any more. */
  async pause(): Promise<void> {
    const { stdout } = this.#cli
    this.#collect()
    const output = this.#output
    this.#output = []
    this.#size = 0
    for (const piece of output) {
      if (piece.length === 0) continue
      const drained = new Promise<void>((resolve) => {
        if (stdout.write(piece) !== false || stdout.on === undefined) return resolve()
        const done = (): void => {
          stdout.off?.('drain', done)
          resolve()
        }
        stdout.on('drain', done)
      })
      await drained
    }
    await new Promise((resolve) => setImmediate(resolve))
  }
}

function printerOf(
  { tree, hex, json, time }: DissectOptions,
  names: CaptureNames | undefined,
): PacketPrinter {
  if (json === true) return new JsonPrinter()
  if (tree === true) return new TreePrinter(hex === true)
  return new LinePrinter(time, names, hex === true)
}
