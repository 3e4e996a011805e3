import './node-version.mjs'
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readEngineOptions, withEngine } from './docker-engine.mjs'
import { SCENARIOS } from './docker-scenarios.mjs'
import { Failure, root, run, runMain, step } from './steps.mjs'

const USAGE = `npm run record:docker -- [--daemon PATH] [--client PATH] [SCENARIO…]

Starts a Docker engine in a network namespace of its own, asks it what scripts/docker-scenarios.mjs lists, and writes the answers to
test/fixtures/docker. Needs root and /bin/busybox (busybox-static). Without the options dockerd and docker are those on the PATH; the
recordings in the repository are Debian sid's docker.io and docker-cli, unpacked with \`dpkg-deb -x\`: they run on older systems, too.`

const FOLDER = join(root, 'test/fixtures/docker')

/**
 * @typedef {{ code: number, stdout: string, stderr: string }} Outcome
 * @typedef {{ client(args: readonly string[], input?: string): Outcome, succeed(args: readonly string[]): string, empty(): void }} Engine
 * @typedef {{ command: readonly string[], as?: string, stdin?: string } & Outcome} Recorded
 */

await runMain(async () => {
  const options = readEngineOptions(USAGE, { allowPositionals: true })
  if (options === undefined) return
  const { programs, positionals } = options
  const chosen = choose(positionals)
  await withEngine(programs, async (engine, versions) => {
    mkdirSync(FOLDER, { recursive: true })
    if (positionals.length === 0)
      for (const file of readdirSync(FOLDER)) if (file.endsWith('.json')) rmSync(join(FOLDER, file))
    for (const scenario of chosen) {
      await step(scenario.name, async () => {
        engine.empty()
        const steps = record(engine, scenario)
        const text = JSON.stringify({ scenario: scenario.name, docker: versions, steps }, null, 2)
        writeFileSync(join(FOLDER, `${scenario.name}.json`), `${text}\n`)
      })
    }
  })
  await step('Format', () => run(join(root, 'node_modules/.bin/biome'), ['format', '--write', FOLDER]))
})

/** @param {readonly string[]} names */
function choose(names) {
  const unknown = names.find((name) => !SCENARIOS.some((scenario) => scenario.name === name))
  if (unknown !== undefined)
    throw new Failure(`There is no scenario ${unknown}: ${SCENARIOS.map(({ name }) => name).join(' ')}`)
  return names.length === 0 ? SCENARIOS : SCENARIOS.filter(({ name }) => names.includes(name))
}

/**
 * @param {Engine} engine
 * @param {import('./docker-scenarios.mjs').Scenario} scenario
 * @returns {Recorded[]}
 */
function record(engine, scenario) {
  /** @type {Map<string, string>} */
  const kept = new Map()
  const start = Date.now()
  return scenario.steps.map((one) => {
    const { command, as, stdin } =
      typeof one === 'object' && 'command' in one
        ? { as: undefined, stdin: undefined, ...one }
        : { command: one, as: undefined, stdin: undefined }
    const words = typeof command === 'string' ? command.split(' ') : command
    const outcome = engine.client(
      words.map((word) => fillIn(word, kept, start)),
      stdin,
    )
    if (as !== undefined) kept.set(as, outcome.stdout.trim())
    return {
      command: words,
      ...(as === undefined ? {} : { as }),
      ...(stdin === undefined ? {} : { stdin }),
      ...outcome,
    }
  })
}

/**
 * @param {string} word
 * @param {ReadonlyMap<string, string>} kept
 * @param {number} start milliseconds
 */
function fillIn(word, kept, start) {
  if (word === '@START') return (start / 1000).toFixed(3)
  if (word === '@NOW') return (Date.now() / 1000).toFixed(3)
  if (word === 'IMAGE') return 'busybox'
  const [, before, name, length] = /^(.*)\$([a-z]\w*)(?::(\d+))?$/s.exec(word) ?? []
  const value = name === undefined ? undefined : kept.get(name)
  return value === undefined
    ? word
    : `${before}${value.slice(0, length === undefined ? undefined : Number(length))}`
}
