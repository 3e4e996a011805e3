/**
 * Tapwire and its rivals as switches between two network namespaces, in one run, taking turns. docs/performance.md
 * says what is measured and how to read it.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { toSvg } from './support/chart.ts'
import type { Contender } from './support/contender.ts'
import { CONTENDERS } from './support/contenders/all.ts'
import { busyShare } from './support/cpu.ts'
import { PERFORMANCE_PAGE, RESULTS_FOLDER, WORK_FOLDER } from './support/folders.ts'
import { describeMachine } from './support/machine.ts'
import { bound, toMarkdown } from './support/markdown.ts'
import type { Effort, Measure } from './support/measure.ts'
import { MEASURES } from './support/measures/all.ts'
import { type Figures, METRICS } from './support/metrics.ts'
import { updatePage } from './support/page.ts'
import { isInstalled } from './support/process.ts'
import { Progress } from './support/progress.ts'
import { Collector, type Result } from './support/result.ts'
import { cleanUpOnExit, removeStale, TestBed } from './support/test-bed.ts'

const ROUNDS = 5
const FULL: Effort = { seconds: 3, pings: 1000, transferBytes: 32 * 2 ** 20 }
const QUICK: Effort = { seconds: 1, pings: 200, transferBytes: 4 * 2 ** 20 }

/** Programs that the bench itself takes, by Debian package. */
const NEEDS = {
  iproute2: ['ip'],
  iperf3: ['iperf3'],
  'iputils-ping': ['ping'],
  'util-linux': ['nsenter', 'setpriv', 'taskset'],
  procps: ['sysctl'],
  gcc: ['cc'],
}

const USAGE = `npm run bench -- l2 [OPTION…]

  --rounds N        rounds, ${ROUNDS} unless told
  --only LIST       of ${CONTENDERS.map(({ id }) => id).join(',')}
  --measures LIST   of ${MEASURES.map(({ id }) => id).join(',')}
  --quick           one round of short measurements, to see that all works
  --json            prints the result as JSON (with \`npm run -s\`, and nothing else)

Needs root. A complete run (${ROUNDS} rounds or more, everything) is written to bench/results and into
docs/performance.md, any other to bench/.work.`

interface Plan {
  readonly rounds: number
  readonly effort: Effort
  readonly contenders: readonly Contender[]
  readonly measures: readonly Measure[]
  readonly json: boolean
  /** Whether the result is one to keep. */
  readonly complete: boolean
}

const progress = new Progress()

/** Sockets, logs and databases of the contender at work. */
const RUN_FOLDER = join(WORK_FOLDER, `run-${process.pid}`)

function removeRunFolder(): void {
  rmSync(RUN_FOLDER, { recursive: true, force: true })
}

async function main(): Promise<void> {
  const plan = readCommandLine()
  if (plan === undefined) {
    console.log(USAGE)
    return
  }
  checkMachine()
  cleanUpOnExit()
  process.on('exit', removeRunFolder)
  removeStale()

  const collector = new Collector(plan.contenders)
  const contenders = plan.contenders.filter((contender) => isPossible(contender, collector))
  const machine = describeMachine()
  const date = new Date().toISOString()
  const busyBefore = await busyShare(machine.cores, 2000)
  if (busyBefore > 0.1)
    progress.line(`note: ${Math.round(busyBefore * 100)} % of the machine is busy; numbers will be off`)

  for (let round = 0; round < plan.rounds; round++) {
    // Each round begins with another one, so that no contender always follows the same neighbour.
    for (let turn = 0; turn < contenders.length; turn++)
      await measure(contenders[(round + turn) % contenders.length]!, round, plan, collector)
  }

  const { rounds, effort } = plan
  const result: Result = {
    date,
    machine,
    rounds,
    seconds: effort.seconds,
    busyBefore,
    contenders: collector.contenders(),
    targets: collector.verdicts(),
  }
  await publish(result, plan)
  if (result.contenders.some(({ failures }) => failures.length > 0)) process.exitCode = 1
}

/** One contender's turn in one round: a fresh test bed, every measure once. */
async function measure(contender: Contender, round: number, plan: Plan, collector: Collector): Promise<void> {
  const prefix = `round ${round + 1}/${plan.rounds}  ${contender.title.padEnd(18)}  `
  const found: Figures = {}
  const bed = await TestBed.create()
  try {
    progress.now(`${prefix}start`)
    const forwarder = await contender.start(bed, RUN_FOLDER)
    try {
      await bed.configure()
      for (const one of plan.measures) {
        progress.now(prefix + one.title)
        try {
          Object.assign(found, await one.run(bed, forwarder, plan.effort))
        } catch (error) {
          fail(`round ${round + 1}, ${one.id}: ${messageOf(error)}`)
        }
      }
    } finally {
      await forwarder.stop()
    }
  } catch (error) {
    fail(`round ${round + 1}: ${messageOf(error)}`)
  } finally {
    await bed.destroy()
    removeRunFolder()
  }
  collector.add(contender.id, found)
  progress.figures(prefix, found)

  function fail(message: string): void {
    collector.fail(contender.id, message)
    progress.line(`${contender.title}, FAILED in ${message}`)
  }
}

async function publish(result: Result, plan: Plan): Promise<void> {
  const folder = plan.complete ? RESULTS_FOLDER : WORK_FOLDER
  const report = toMarkdown(result)
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'l2.json'), `${JSON.stringify(result, null, 2)}\n`)
  writeFileSync(join(folder, 'l2.md'), `# Switching between two namespaces\n\n${report}`)
  writeFileSync(join(folder, 'l2.svg'), await toSvg(result))
  if (plan.complete)
    updatePage(
      PERFORMANCE_PAGE,
      'bench l2',
      `![Medians of each contender, a panel a measure](../bench/results/l2.svg)\n\n${report}`,
    )

  progress.line('')
  for (const verdict of result.targets) {
    const name = `${METRICS[verdict.metric].title}: ${verdict.of} / ${verdict.to}`
    const ratio = verdict.ratio === undefined ? '' : `${verdict.ratio.toFixed(2)} `
    progress.line(`${name.padEnd(56)} ${ratio}(want ${bound(verdict)})  ${verdict.outcome}`)
  }
  progress.line(`\nwritten to ${folder}/l2.{json,md,svg}${plan.complete ? ' and docs/performance.md' : ''}`)
  if (plan.json) console.log(JSON.stringify(result, null, 2))
}

function readCommandLine(): Plan | undefined {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string' },
      only: { type: 'string' },
      measures: { type: 'string' },
      quick: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  if (values.help) return undefined
  const rounds = Number(values.rounds ?? (values.quick ? 1 : ROUNDS))
  if (!Number.isInteger(rounds) || rounds < 1)
    throw new Error(`--rounds ${values.rounds}: want a number from 1`)
  const contenders = choose('--only', values.only, CONTENDERS)
  const measures = choose('--measures', values.measures, MEASURES)
  return {
    rounds,
    effort: values.quick ? QUICK : FULL,
    contenders,
    measures,
    json: values.json,
    complete: rounds >= ROUNDS && !values.quick && values.only === undefined && values.measures === undefined,
  }
}

function choose<T extends { readonly id: string }>(
  option: string,
  list: string | undefined,
  from: readonly T[],
): readonly T[] {
  if (list === undefined) return from
  const wanted = list.split(',')
  const unknown = wanted.find((id) => !from.some((one) => one.id === id))
  if (unknown !== undefined)
    throw new Error(`${option} ${unknown}: want some of ${from.map(({ id }) => id).join(',')}`)
  return from.filter(({ id }) => wanted.includes(id))
}

function checkMachine(): void {
  if (process.getuid?.() !== 0) throw new Error('network namespaces take root: run this as root')
  if (cpus().length < 2)
    throw new Error('the load generator and the forwarder take a core each; this machine has one')
  const missing = missingPackages(NEEDS)
  if (missing.length > 0) throw new Error(`not installed: apt-get install ${missing.join(' ')}`)
}

function isPossible(contender: Contender, collector: Collector): boolean {
  const missing = missingPackages(contender.needs)
  if (missing.length === 0) return true
  const reason = `not installed (apt-get install ${missing.join(' ')})`
  collector.miss(contender.id, reason)
  progress.line(`${contender.title}: left out, ${reason}`)
  return false
}

function missingPackages(needs: Readonly<Record<string, readonly string[]>>): string[] {
  return Object.keys(needs).filter((name) => !needs[name]!.every(isInstalled))
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

try {
  await main()
} catch (error) {
  console.error(messageOf(error))
  process.exitCode = 1
}
