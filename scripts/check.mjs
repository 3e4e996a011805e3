import './node-version.mjs'
import { setup } from './setup.mjs'
import { Failure, root, runHere, runMain, seconds } from './steps.mjs'
import { runTests, test } from './test.mjs'

const USAGE = `npm run check [-- --no-tests]
  --no-tests  all but the tests; the architecture test is run nevertheless`

/**
 * A tool among the npm packages, run by this Node. Its file is named, because what npm puts into .bin is a link
 * that may be a shell script.
 * @param {string} file
 * @param {...string} args
 */
const tool =
  (file, ...args) =>
  () =>
    runHere(process.execPath, [`node_modules/${file}`, ...args])

/** Compiles first, as every command does, and then lets the compiler itself say that nothing is out of date. */
async function types() {
  await setup()
  return tool('typescript/bin/tsc', '-b')()
}

/** @type {readonly (readonly [string, () => Promise<number>])[]} */
const CHECKS = [
  ['format', tool('@biomejs/biome/bin/biome', 'check', '--error-on-warnings', '.')],
  ['lint', tool('oxlint/bin/oxlint', '--type-aware', '--deny-warnings')],
  ['types', types],
  ['types of scripts', tool('typescript/bin/tsc', '-p', 'scripts')],
  ['unused code', tool('knip/bin/knip.js')],
]

await runMain(async () => {
  const args = process.argv.slice(2)
  const unknown = args.find((arg) => arg !== '--no-tests')
  if (unknown !== undefined) {
    console.error(USAGE)
    return unknown === '--help' ? 0 : 2
  }
  // A type error is one of the findings here, and must not keep the others from being found.
  await setup({ typescript: false })
  const checks = args.includes('--no-tests')
    ? [...CHECKS, /** @type {const} */ (['architecture', async () => runTests(['test/architecture.test'])])]
    : [...CHECKS, /** @type {const} */ (['tests', () => test([])])]
  const lines = []
  let failed = 0
  // All of them, also after a failure: one run tells everything that is wrong.
  for (const [name, check] of checks) {
    console.log(`\n--- ${name}`)
    const start = performance.now()
    const code = await check().catch((/** @type {unknown} */ error) => {
      console.error(error instanceof Failure ? error.message : error)
      return 1
    })
    if (code !== 0) failed += 1
    lines.push(`  ${name.padEnd(18)}${code === 0 ? 'ok    ' : 'FAILED'}${seconds(start).padStart(10)}`)
  }
  console.log(`\nCheck of ${root}\n${lines.join('\n')}`)
  return failed === 0 ? 0 : 1
})
