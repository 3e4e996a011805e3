/**
 * What the control plane's commands take, beside Docker's, and what many sandboxes and endpoints cost. docs/performance.md
 * says what is measured and how to read it.
 */

import { readFileSync } from 'node:fs'
import { lookAround } from './support/circumstances.ts'
import { chooseSome, messageOf, readCommandLine, runBenchmark, wholeNumber } from './support/command-line.ts'
import { toSvg } from './support/control/chart.ts'
import { dockerSide, type Side, tapwireSide } from './support/control/commands.ts'
import { Gathering, type Subject } from './support/control/figures.ts'
import { toMarkdown } from './support/control/report.ts'
import type { Result } from './support/control/result.ts'
import { measureGrowth, measureLab } from './support/control/scale.ts'
import { bound, judge, measuredText, TARGETS, targetTitle } from './support/control/targets.ts'
import { timeCommand } from './support/control/timing.ts'
import { DockerEngine } from './support/docker-engine.ts'
import { cleanUpOnExit, removeStale } from './support/namespaces.ts'
import { isInstalled } from './support/process.ts'
import { Progress } from './support/progress.ts'
import { publish } from './support/publish.ts'
import { TapwireDaemon } from './support/tapwire-daemon.ts'

const FULL = { rounds: 20, sandboxes: 200, endpoints: 1000 }
const QUICK = { rounds: 3, sandboxes: 20, endpoints: 30 }
const PARTS = ['commands', 'lab', 'growth'] as const
/** The first rounds of a side fill caches, the daemons' and the kernel's. */
const WARM_UP = 2
/** What a sandbox takes at most: its shim, its command, the kernel's part. */
const SANDBOX_BYTES = 4 * 2 ** 20
/** The fewest endpoints between which the ten early ones and the ten late ones do not meet. */
const ENDPOINTS_MIN = 30

const USAGE = `npm run bench -- control [OPTION…]

  --rounds N      rounds of the commands, ${FULL.rounds} unless told
  --endpoints N   endpoints on one network, ${FULL.endpoints} unless told
  --sandboxes N   sandboxes of the lab, ${FULL.sandboxes} unless told
  --only LIST     of ${PARTS.join(',')}
  --quick         little of everything, to see that all works
  --json          prints the result as JSON (with \`npm run -s\`, and nothing else)

Needs root. A complete run (everything, no less of it) is written to bench/results and into
docs/performance.md, any other to bench/.work.`

interface Plan {
  readonly rounds: number
  readonly sandboxes: number
  readonly endpoints: number
  readonly parts: readonly string[]
  readonly json: boolean
  /** Whether the result is one to keep. */
  readonly complete: boolean
}

const progress = new Progress()

class Run {
  readonly #plan: Plan
  readonly #gathering = new Gathering()
  readonly #failures: string[] = []
  readonly #versions: Record<Subject, string> = { tapwire: '', docker: '' }
  readonly #missing: Partial<Record<Subject, string>> = {}
  #growth: readonly number[] = []

  constructor(plan: Plan) {
    this.#plan = plan
  }

  async measure(): Promise<Result> {
    const circumstances = await lookAround(progress)
    const { rounds, sandboxes, endpoints } = this.#plan
    await this.#part('commands', () => this.#commands())
    await this.#part('lab', () => measureLab(sandboxes, this.#gathering))
    await this.#part('growth', () => this.#grow())
    const samples = { tapwire: this.#gathering.samples('tapwire'), docker: this.#gathering.samples('docker') }
    return {
      ...circumstances,
      rounds,
      labSize: sandboxes,
      endpoints,
      versions: this.#versions,
      missing: this.#missing,
      samples,
      growth: this.#growth,
      targets: TARGETS.map((target) => judge(target, samples.tapwire)),
      failures: this.#failures,
    }
  }

  async #part(part: (typeof PARTS)[number], measure: () => Promise<void>): Promise<void> {
    if (!this.#plan.parts.includes(part)) return
    progress.now(part)
    try {
      await measure()
      progress.line(`${part.padEnd(10)}measured`)
    } catch (error) {
      const message = `${part}: ${messageOf(error)}`
      this.#failures.push(message)
      progress.line(`FAILED ${message}`)
    }
  }

  async #commands(): Promise<void> {
    const daemon = await TapwireDaemon.start()
    try {
      this.#versions.tapwire = timeCommand(daemon.command('--version')).output
      const engine = await this.#startDocker()
      try {
        await this.#takeTurns(daemon, engine)
      } finally {
        await engine?.stop()
      }
    } finally {
      await daemon.stop()
    }
  }

  async #takeTurns(daemon: TapwireDaemon, engine: DockerEngine | undefined): Promise<void> {
    const round = async (sides: readonly Side[], number: number): Promise<void> => {
      // Each round begins with another side, so that none always follows the other.
      for (let turn = 0; turn < sides.length; turn++)
        await sides[(number + turn) % sides.length]!.turn(number)
    }
    const ignored = new Gathering()
    const ours = await tapwireSide(daemon)
    const theirs = engine && dockerSide(engine)
    const sides = (gathering: Gathering): Side[] => [
      ours(gathering),
      ...(theirs === undefined ? [] : [theirs(gathering)]),
    ]
    for (let number = 0; number < WARM_UP; number++) await round(sides(ignored), number)
    const measured = sides(this.#gathering)
    for (let number = 0; number < this.#plan.rounds; number++) {
      progress.now(`commands, round ${number + 1}/${this.#plan.rounds}`)
      await round(measured, number)
    }
  }

  async #startDocker(): Promise<DockerEngine | undefined> {
    const absent = ['dockerd', 'docker', 'busybox'].filter((name) => !isInstalled(name))
    if (absent.length > 0) {
      this.#missing.docker = `not installed: ${absent.join(', ')} (apt-get install docker.io busybox-static)`
      progress.line(`Docker: left out, ${this.#missing.docker}`)
      return undefined
    }
    try {
      const engine = await DockerEngine.start()
      this.#versions.docker = engine.succeed(['version', '--format', '{{.Server.Version}}'])
      return engine
    } catch (error) {
      this.#missing.docker = `an engine could not be started (${messageOf(error).split('\n', 1)[0]})`
      progress.line(`Docker: left out, ${this.#missing.docker}`)
      return undefined
    }
  }

  async #grow(): Promise<void> {
    const { endpoints } = this.#plan
    const wanted = endpoints * SANDBOX_BYTES
    if (availableMemory() < wanted)
      throw new Error(
        `${endpoints} sandboxes may take ${wanted / 2 ** 20} MiB, which the machine does not have`,
      )
    this.#growth = await measureGrowth(endpoints, this.#gathering, (count) =>
      progress.now(`growth, ${count} of ${endpoints}`),
    )
  }
}

async function main(): Promise<void> {
  const plan = readPlan()
  if (plan === undefined) return
  if (process.getuid?.() !== 0) throw new Error('network namespaces take root: run this as root')
  cleanUpOnExit()
  removeStale()
  const result = await new Run(plan).measure()
  await report(result, plan)
  if (result.failures.length > 0) process.exitCode = 1
}

async function report(result: Result, plan: Plan): Promise<void> {
  const complete = plan.complete && result.failures.length === 0
  const text = toMarkdown(result)
  const written = publish({
    name: 'control',
    title: 'The control plane',
    result,
    report: text,
    complete,
    picture: {
      svg: await toSvg(result),
      alternative: 'Commands beside Docker’s, and what each sandbox of a growing network took',
    },
  })
  progress.line(`\n${text}`)
  for (const verdict of result.targets) {
    const line = `${targetTitle(verdict).replaceAll('`', '').padEnd(72)}${measuredText(verdict).padStart(12)}`
    progress.line(`${line}  (want ${bound(verdict)})  ${verdict.outcome}`)
  }
  progress.line(`\n${written}`)
  if (plan.json) console.log(JSON.stringify(result, null, 2))
}

function readPlan(): Plan | undefined {
  const values = readCommandLine(USAGE, {
    rounds: { type: 'string' },
    endpoints: { type: 'string' },
    sandboxes: { type: 'string' },
    only: { type: 'string' },
    quick: { type: 'boolean', default: false },
  })
  if (values === undefined) return undefined
  const usual = values.quick ? QUICK : FULL
  const parts = chooseSome('--only', values.only, PARTS)
  const plan = {
    rounds: wholeNumber('--rounds', values.rounds ?? usual.rounds, 1),
    sandboxes: wholeNumber('--sandboxes', values.sandboxes ?? usual.sandboxes, 1),
    endpoints: wholeNumber('--endpoints', values.endpoints ?? usual.endpoints, ENDPOINTS_MIN),
  }
  const isFull =
    plan.rounds >= FULL.rounds && plan.sandboxes === FULL.sandboxes && plan.endpoints === FULL.endpoints
  return { ...plan, parts, json: values.json, complete: isFull && values.only === undefined }
}

function availableMemory(): number {
  const [, kib] = /^MemAvailable:\s+(\d+) kB/m.exec(readFileSync('/proc/meminfo', 'utf8')) ?? []
  return Number(kib) * 1024
}

await runBenchmark(main)
