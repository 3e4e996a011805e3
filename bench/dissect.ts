/**
 * `npm run bench -- dissect`: one line for each packet of a large capture, beside tcpdump and tshark. All read the same file, which is in the
 * page cache, and write to /dev/null, in turns.
 */

import { spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { writeCaptureFile } from './support/capture-file.ts'
import { type Circumstances, lookAround, measuredLine } from './support/circumstances.ts'
import { readCommandLine, runBenchmark, wholeNumber } from './support/command-line.ts'
import { WORK_FOLDER } from './support/folders.ts'
import { table } from './support/markdown.ts'
import { isInstalled } from './support/process.ts'
import { Progress } from './support/progress.ts'
import { publish } from './support/publish.ts'
import { median } from './support/statistics.ts'

const ROUNDS = 5
const MEGABYTES = 1000
const SEED = 7

const RATIO_TO_TCPDUMP_MIN = 0.8
const RATIO_TO_TSHARK_MIN = 3
const MEMORY_MAX = 200e6

/** Milliseconds between two looks at how much memory a program has taken; the kernel remembers the most. */
const LOOK_MS = 20

const USAGE = `npm run bench -- dissect [OPTION…]

  --rounds N      rounds, ${ROUNDS} unless told
  --megabytes N   of the file, ${MEGABYTES} unless told
  --json          prints the result as JSON

A run of ${ROUNDS} rounds or more over ${MEGABYTES} MB is written to bench/results and into docs/performance.md, a smaller one to bench/.work.`

interface Options {
  readonly rounds: number
  readonly megabytes: number
  readonly json: boolean
}

interface Contender {
  readonly id: 'tapwire' | 'tcpdump' | 'tcpdump-quick' | 'tshark'
  readonly title: string
  readonly command: string
  readonly args: readonly string[]
}

const PROGRAM = fileURLToPath(new URL('../src/cli/main.js', import.meta.url))

const CONTENDERS: readonly Contender[] = [
  { id: 'tapwire', title: '`tapwire dissect`', command: process.execPath, args: [PROGRAM, 'dissect'] },
  { id: 'tcpdump', title: '`tcpdump -n -r`', command: 'tcpdump', args: ['-n', '-r'] },
  { id: 'tcpdump-quick', title: '`tcpdump -n -q -r`', command: 'tcpdump', args: ['-n', '-q', '-r'] },
  { id: 'tshark', title: '`tshark -n -r`', command: 'tshark', args: ['-n', '-r'] },
]

/** Of one run of one contender. */
interface Sample {
  readonly seconds: number
  /** The most resident memory, in bytes. */
  readonly memory: number
}

interface Measured {
  readonly id: Contender['id']
  readonly title: string
  readonly seconds: number
  readonly packetsPerSecond: number
  readonly memory: number
  readonly rounds: readonly Sample[]
}

interface Target {
  readonly title: string
  readonly wanted: string
  readonly measured: string
  readonly met: boolean
}

interface Result extends Circumstances {
  readonly rounds: number
  readonly megabytes: number
  readonly packets: number
  readonly contenders: readonly Measured[]
  readonly targets: readonly Target[]
}

const progress = new Progress()

async function main(): Promise<void> {
  const options = readOptions()
  if (options === undefined) return
  mkdirSync(WORK_FOLDER, { recursive: true })
  const file = join(WORK_FOLDER, `dissect-${process.pid}.pcap`)
  try {
    const result = await measure(file, options)
    const report = toMarkdown(result)
    const complete = result.rounds >= ROUNDS && result.megabytes >= MEGABYTES
    publish({ name: 'dissect', title: 'Dissecting captures', result, report, complete })
    progress.line('')
    console.log(options.json ? JSON.stringify(result, null, 2) : report)
  } finally {
    rmSync(file, { force: true })
  }
}

function readOptions(): Options | undefined {
  const values = readCommandLine(USAGE, {
    rounds: { type: 'string', default: String(ROUNDS) },
    megabytes: { type: 'string', default: String(MEGABYTES) },
  })
  if (values === undefined) return undefined
  const rounds = wholeNumber('--rounds', values.rounds, 1)
  const megabytes = wholeNumber('--megabytes', values.megabytes, 1)
  return { rounds, megabytes, json: values.json }
}

async function measure(file: string, { rounds, megabytes }: Options): Promise<Result> {
  const contenders = CONTENDERS.filter(({ command }) => command.startsWith('/') || isInstalled(command))
  progress.now(`making a capture of ${megabytes} MB`)
  const settings = { size: megabytes * 1e6, seed: SEED, format: 'pcap', microseconds: true } as const
  const packets = writeCaptureFile(file, settings)
  const circumstances = await lookAround(progress)
  // Not measured: the file comes into the page cache, and whoever leaves packets out is found out.
  for (const contender of contenders) await checkLines(contender, file, packets)
  const samples = new Map(contenders.map((contender) => [contender, [] as Sample[]]))
  for (let round = 0; round < rounds; round++) {
    // Each round begins with another one.
    for (let turn = 0; turn < contenders.length; turn++) {
      const contender = contenders[(round + turn) % contenders.length]!
      progress.now(`round ${round + 1}/${rounds}  ${contender.title}`)
      samples.get(contender)!.push(await sample(contender, file))
    }
  }
  const measured = Array.from(samples, ([{ id, title }, taken]) => summarize(id, title, taken, packets))
  return {
    ...circumstances,
    rounds,
    megabytes,
    packets,
    contenders: measured,
    targets: judge(measured),
  }
}

async function checkLines({ title, command, args }: Contender, file: string, packets: number): Promise<void> {
  progress.now(`counting the lines of ${title}`)
  const child = spawn(command, [...args, file], { stdio: ['ignore', 'pipe', 'ignore'] })
  let lines = 0
  for await (const chunk of child.stdout) {
    const bytes = chunk as Buffer
    for (let at = bytes.indexOf(LINE_FEED); at >= 0; at = bytes.indexOf(LINE_FEED, at + 1)) lines += 1
  }
  if (lines !== packets) throw new Error(`${title} printed ${lines} lines for ${packets} packets`)
}

const LINE_FEED = 0x0a

function sample({ title, command, args }: Contender, file: string): Promise<Sample> {
  const nowhere = openSync('/dev/null', 'w')
  const start = process.hrtime.bigint()
  const child = spawn(command, [...args, file], { stdio: ['ignore', nowhere, 'ignore'] })
  closeSync(nowhere)
  let memory = 0
  const looking = setInterval(() => {
    memory = Math.max(memory, memoryOf(child.pid!))
  }, LOOK_MS)
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('exit', (code) => {
      clearInterval(looking)
      const seconds = Number(process.hrtime.bigint() - start) / 1e9
      if (code === 0) resolve({ seconds, memory })
      else reject(new Error(`${title} ended with ${code}`))
    })
  })
}

/** VmHWM of proc(5), in bytes: the most that the process has had at once; 0 where it is gone. */
function memoryOf(pid: number): number {
  try {
    const text = readFileSync(`/proc/${pid}/status`, 'utf8')
    return Number(/^VmHWM:\s+(\d+) kB$/m.exec(text)?.[1] ?? 0) * 1024
  } catch {
    return 0
  }
}

function summarize(id: Contender['id'], title: string, rounds: readonly Sample[], packets: number): Measured {
  const seconds = median(rounds.map((one) => one.seconds))
  const memory = Math.max(...rounds.map((one) => one.memory))
  return { id, title, seconds, packetsPerSecond: packets / seconds, memory, rounds }
}

function judge(contenders: readonly Measured[]): Target[] {
  const find = (id: Contender['id']): Measured | undefined => contenders.find((one) => one.id === id)
  const tapwire = find('tapwire')!
  const faster = (id: Contender['id'], least: number): Target[] => {
    const other = find(id)
    if (other === undefined) return []
    const ratio = other.seconds / tapwire.seconds
    const title = `speed of tapwire / of ${other.title}`
    return [{ title, wanted: `≥ ${least}`, measured: ratio.toFixed(2), met: ratio >= least }]
  }
  return [
    ...faster('tcpdump', RATIO_TO_TCPDUMP_MIN),
    ...faster('tshark', RATIO_TO_TSHARK_MIN),
    {
      title: 'memory of tapwire',
      wanted: `< ${MEMORY_MAX / 1e6} MB`,
      measured: megabytesText(tapwire.memory),
      met: tapwire.memory < MEMORY_MAX,
    },
  ]
}

function toMarkdown(result: Result): string {
  const { rounds, megabytes, packets, contenders, targets } = result
  const what =
    `A capture of ${megabytes.toLocaleString('en')} MB with ${packets.toLocaleString('en')} packets. ` +
    `Medians of ${rounds} rounds`
  const rows = contenders.map(({ title, seconds, packetsPerSecond, memory }) => [
    title,
    `${seconds.toFixed(2)} s`,
    Math.round(packetsPerSecond).toLocaleString('en'),
    megabytesText(memory),
  ])
  const verdicts = targets.map(({ title, wanted, measured, met }) => [
    title,
    measured,
    wanted,
    met ? 'met' : '**missed**',
  ])
  const figures = table(['', 'Time', 'Packets a second', 'Memory'], rows)
  return `${measuredLine(result, what)}\n\n${figures}\n\n${table(['', 'Measured', 'Target', ''], verdicts)}`
}

const megabytesText = (bytes: number): string => `${(bytes / 1e6).toFixed(0)} MB`

await runBenchmark(main)
