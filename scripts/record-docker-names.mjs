import './node-version.mjs'
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readEngineOptions, withEngine } from './docker-engine.mjs'
import { NAME_STEPS } from './docker-names.mjs'
import { root, run, runMain, step } from './steps.mjs'

const USAGE = `npm run record:docker-names -- [--daemon PATH] [--client PATH]

Starts a Docker engine in a network namespace of its own, asks its embedded name server what scripts/docker-names.mjs lists, and
writes the answers to test/fixtures/docker-names.json. Needs root, dig (bind9-dnsutils) and /bin/busybox (busybox-static). As with
\`npm run record:docker\`, dockerd and docker may be those of a package that was only unpacked.`

const FILE = join(root, 'test/fixtures/docker-names.json')
const SERVER = '127.0.0.11'

await runMain(async () => {
  const options = readEngineOptions(USAGE)
  if (options === undefined) return
  await withEngine(options.programs, async (engine, versions) => {
    const dig = await import('../dist/test/system/support/docker/dig.js')
    /** @type {Map<string, string>} short ids, by the containers' first names */
    const ids = new Map()
    const steps = await step('Names', async () =>
      NAME_STEPS.map((one) => {
        if ('command' in one) return recordCommand(engine, one, ids)
        const pid = engine.succeed(['inspect', '--format', '{{.State.Pid}}', one.from])
        const answers = one.questions.map((question) => {
          const args = dig.digArguments(SERVER, dig.withIds(question, ids))
          const { error, stdout } = spawnSync('nsenter', ['-t', pid, '-n', 'dig', ...args], {
            encoding: 'utf8',
          })
          if (error !== undefined) throw error
          return { question, ...dig.readDig(stdout, ids) }
        })
        return { from: one.from, at: one.at, answers }
      }),
    )
    writeFileSync(FILE, `${JSON.stringify({ docker: versions, steps }, null, 2)}\n`)
  })
  await step('Format', () => run(join(root, 'node_modules/.bin/biome'), ['format', '--write', FILE]))
})

/**
 * @param {import('../dist/bench/support/docker-engine.js').DockerEngine} engine
 * @param {{ command: import('./docker-scenarios.mjs').Command, as?: string }} step
 * @param {Map<string, string>} ids
 */
function recordCommand(engine, { command, as }, ids) {
  const words = typeof command === 'string' ? command.split(' ') : [...command]
  const printed = engine.succeed(words.map((word) => (word === 'IMAGE' ? 'busybox' : word)))
  if (as !== undefined) ids.set(as, printed.slice(0, 12))
  return { command: words, ...(as === undefined ? {} : { as }) }
}
