/**
 * Contenders that take turns: each round every one of them is started on a fresh test bed, answers every measure
 * once, and is removed again. What is compared is the caller's.
 */

import { rmSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { type Picture, toSvg } from './chart.ts'
import { lookAround } from './circumstances.ts'
import { messageOf, runBenchmark } from './command-line.ts'
import type { Contender, Forwarder } from './contender.ts'
import { WORK_FOLDER } from './folders.ts'
import { bound, measuredText, toMarkdown } from './markdown.ts'
import type { Effort, Measure } from './measure.ts'
import { type Figures, METRICS } from './metrics.ts'
import { cleanUpOnExit, removeStale } from './namespaces.ts'
import { type Plan, readPlan } from './plan.ts'
import { isInstalled } from './process.ts'
import { Progress } from './progress.ts'
import { publish } from './publish.ts'
import { Collector, type Result } from './result.ts'
import type { Target } from './targets.ts'

/** Where contenders are put to work. */
export interface Bed {
  destroy(): Promise<void>
}

export interface Comparison<B extends Bed, F extends Forwarder> {
  /** Of the command, of its files, and of its section of the page. */
  readonly name: string
  readonly title: string
  readonly picture: Picture & { readonly alternative: string }
  readonly rounds: number
  readonly full: Effort
  readonly quick: Effort
  /** Programs that the comparison itself takes, by Debian package. */
  readonly needs: Readonly<Record<string, readonly string[]>>
  readonly contenders: readonly Contender<B, F>[]
  /** In the order in which they run. */
  readonly measures: readonly Measure<B, F>[]
  readonly targets: readonly Target[]
  makeBed(): Promise<B>
  /** What the bed has to do when the contender is there; resolves when traffic passes. */
  prepare(bed: B, forwarder: F): Promise<void>
}

/** Does what the command line asks for. */
export async function compare<B extends Bed, F extends Forwarder>(
  comparison: Comparison<B, F>,
): Promise<void> {
  await runBenchmark(async () => {
    const plan = readPlan(comparison)
    if (plan !== undefined) await new Run(comparison, plan).complete()
  })
}

const progress = new Progress()

/** Sockets, logs and databases of the contender at work. */
const RUN_FOLDER = join(WORK_FOLDER, `run-${process.pid}`)

function removeRunFolder(): void {
  rmSync(RUN_FOLDER, { recursive: true, force: true })
}

class Run<B extends Bed, F extends Forwarder> {
  readonly #comparison: Comparison<B, F>
  readonly #plan: Plan<B, F>
  readonly #collector: Collector

  constructor(comparison: Comparison<B, F>, plan: Plan<B, F>) {
    this.#comparison = comparison
    this.#plan = plan
    this.#collector = new Collector(plan.contenders)
  }

  async complete(): Promise<void> {
    checkMachine(this.#comparison.needs)
    cleanUpOnExit()
    process.on('exit', removeRunFolder)
    removeStale()
    const result = await this.#measureAll()
    await this.#publish(result)
    if (result.contenders.some(({ failures }) => failures.length > 0)) process.exitCode = 1
  }

  async #measureAll(): Promise<Result> {
    const { rounds, effort } = this.#plan
    const contenders = this.#plan.contenders.filter((contender) => this.#isPossible(contender))
    const circumstances = await lookAround(progress)

    for (let round = 0; round < rounds; round++) {
      // Each round begins with another one, so that no contender always follows the same neighbour.
      for (let turn = 0; turn < contenders.length; turn++)
        await this.#turn(contenders[(round + turn) % contenders.length]!, round)
    }
    return {
      ...circumstances,
      rounds,
      seconds: effort.seconds,
      contenders: this.#collector.contenders(),
      targets: this.#collector.verdicts(this.#comparison.targets),
    }
  }

  /** One contender's turn in one round: a fresh test bed, every measure once. */
  async #turn(contender: Contender<B, F>, round: number): Promise<void> {
    const prefix = `round ${round + 1}/${this.#plan.rounds}  ${contender.title.padEnd(18)}  `
    const found: Figures = {}
    const fail = (message: string): void => {
      this.#collector.fail(contender.id, message)
      progress.line(`${contender.title}, FAILED in ${message}`)
    }
    const bed = await this.#comparison.makeBed()
    try {
      progress.now(`${prefix}start`)
      const forwarder = await contender.start(bed, RUN_FOLDER)
      try {
        await this.#comparison.prepare(bed, forwarder)
        for (const measure of this.#plan.measures) {
          if (contender.without?.[measure.id] !== undefined) continue
          progress.now(prefix + measure.title)
          try {
            Object.assign(found, await measure.run(bed, forwarder, this.#plan.effort))
          } catch (error) {
            fail(`round ${round + 1}, ${measure.id}: ${messageOf(error)}`)
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
    this.#collector.add(contender.id, found)
    progress.figures(prefix, found)
  }

  async #publish(result: Result): Promise<void> {
    const { complete, json } = this.#plan
    const { name, title, picture } = this.#comparison
    const written = publish({
      name,
      title,
      result,
      report: toMarkdown(result, name),
      complete,
      picture: { svg: await toSvg(result, picture), alternative: picture.alternative },
    })

    progress.line('')
    for (const verdict of result.targets) {
      const { metric, of, to } = verdict
      const target = `${METRICS[metric].title}: ${to === undefined ? of : `${of} / ${to}`}`
      const measured = verdict.ratio === undefined ? '' : `${measuredText(verdict)} `
      progress.line(`${target.padEnd(56)} ${measured}(want ${bound(verdict)})  ${verdict.outcome}`)
    }
    progress.line(`\n${written}`)
    if (json) console.log(JSON.stringify(result, null, 2))
  }

  #isPossible(contender: Contender<B, F>): boolean {
    const missing = missingPackages(contender.needs)
    if (missing.length === 0) return true
    const reason = `not installed (apt-get install ${missing.join(' ')})`
    this.#collector.miss(contender.id, reason)
    progress.line(`${contender.title}: left out, ${reason}`)
    return false
  }
}

function checkMachine(needs: Readonly<Record<string, readonly string[]>>): void {
  if (process.getuid?.() !== 0) throw new Error('network namespaces take root: run this as root')
  if (cpus().length < 2)
    throw new Error('the load generator and the forwarder take a core each; this machine has one')
  const missing = missingPackages(needs)
  if (missing.length > 0) throw new Error(`not installed: apt-get install ${missing.join(' ')}`)
}

function missingPackages(needs: Readonly<Record<string, readonly string[]>>): string[] {
  return Object.keys(needs).filter((name) => !needs[name]!.every(isInstalled))
}
