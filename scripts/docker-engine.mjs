import { parseArgs } from 'node:util'
import { setup } from './setup.mjs'
import { Failure, isRoot, step } from './steps.mjs'

/** @typedef {import('../dist/bench/support/docker-engine.js').DockerEngine} DockerEngine */

/**
 * What a script is told that asks a Docker engine. Undefined where the usage was asked for, which is then printed.
 * @param {string} usage
 * @param {{ allowPositionals?: boolean }} [settings]
 */
export function readEngineOptions(usage, { allowPositionals = false } = {}) {
  const { values, positionals } = parseArgs({
    allowPositionals,
    options: {
      daemon: { type: 'string', default: 'dockerd' },
      client: { type: 'string', default: 'docker' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  if (!values.help) return { programs: values, positionals }
  console.log(usage)
  return undefined
}

/**
 * Starts an engine in a network namespace of its own, and stops it whatever becomes of what is asked of it.
 * @param {{ daemon: string, client: string }} programs
 * @param {(engine: DockerEngine, versions: { client: string, engine: string }) => Promise<void>} ask
 */
export async function withEngine(programs, ask) {
  if (!isRoot) throw new Failure('A Docker engine takes root.')
  await setup()
  const { DockerEngine } = await import('../dist/bench/support/docker-engine.js')
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(1))
  const engine = await step('Docker engine', () => DockerEngine.start(programs))
  try {
    const docker = JSON.parse(engine.succeed(['version', '--format', 'json']))
    await ask(engine, { client: docker.Client.Version, engine: docker.Server.Version })
  } finally {
    await engine.stop()
  }
}
