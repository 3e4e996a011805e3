import './node-version.mjs'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import * as os from 'node:os'
import { join, relative } from 'node:path'
import { pathToFileURL } from 'node:url'
import { install, PACKAGES } from './debian.mjs'
import { setup } from './setup.mjs'
import { Failure, isRoot, root, runHere, runMain } from './steps.mjs'

const USAGE = `npm test [-- FILTER… [--NODE-OPTION…]]
  FILTER         run only test files whose path contains it, as in: npm test -- mac-table
  --NODE-OPTION  handed to node --test, as in: npm test -- engine --test-name-pattern=flood`

/** No test takes that long. One that hangs fails, and the others are still run. */
const TIMEOUT_MS = 240_000

/**
 * Files that are run side by side. A third of the time a file waits, for the timers of programs and protocols and for the kernel,
 * and some do little else: with one for each core, the cores would wait too.
 */
const CONCURRENCY = 2 * os.availableParallelism()

/**
 * Sets up, installs what the tests use, and runs them.
 * @param {readonly string[]} args as in USAGE
 * @returns {Promise<number>} the exit code
 */
export async function test(args) {
  await together(setup({ sanitize: true }), prepareMachine())
  return runTests(args)
}

/**
 * Side by side, for the one waits for npm's servers and then has compilers work, and the other waits for Debian's servers and the
 * disk. Both come to their ends before the first failure is thrown: apt-get is not to be left half-way.
 * @param {readonly Promise<unknown>[]} works
 */
async function together(...works) {
  const failed = (await Promise.allSettled(works)).find((outcome) => outcome.status === 'rejected')
  if (failed !== undefined) throw failed.reason
}

/**
 * Runs compiled tests, with what is there.
 * @param {readonly string[]} args as in USAGE
 * @returns {Promise<number>} the exit code
 */
export function runTests(args) {
  const filters = args.filter((arg) => !arg.startsWith('-'))
  const options = args.filter((arg) => arg.startsWith('-'))
  return runFiles(mixed(testFiles(filters)), options)
}

async function prepareMachine() {
  const absent = await install(PACKAGES.tests)
  if (absent.length > 0) {
    console.error(
      `Not installed: ${absent.join(' ')} (names of Debian packages). Tests that use them are skipped.`,
    )
  }
  if (!isRoot) {
    console.error(
      'Not root: tests that make network namespaces are skipped. `sudo npm test` installs what is missing and runs them all.',
    )
  }
}

/**
 * Compiled test files, as paths from the checkout's root.
 * @param {readonly string[]} filters any of which a path contains; none means all
 */
function testFiles(filters) {
  const files = readdirSync(join(root, 'dist/test'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.js'))
    .map((name) => join('dist/test', name))
    .toSorted()
  const chosen = files.filter(
    (file) => filters.length === 0 || filters.some((filter) => sourceOf(file).includes(filter)),
  )
  if (chosen.length === 0) {
    throw new Failure(
      `No test file has ${filters.map((filter) => `"${filter}"`).join(' or ')} in its path.\n\n${USAGE}`,
    )
  }
  return chosen
}

/** Folders whose tests wait for programs and the kernel, the longest first. Those of the others compute. */
const WAITING = ['system', 'ports', 'bench', 'native', 'daemon']

/**
 * In an order in which those that wait are spread evenly among those that compute, so that the cores have work all the time: side
 * by side, the system tests leave them idle, and the others want more of them than there are.
 * @param {readonly string[]} files
 */
function mixed(files) {
  const waiting = WAITING.flatMap((folder) => files.filter((file) => file.startsWith(`dist/test/${folder}/`)))
  const computing = files.filter((file) => !waiting.includes(file))
  /** @param {readonly string[]} some */
  const spread = (some) => some.map((file, index) => ({ file, place: index / some.length }))
  return [...spread(waiting), ...spread(computing)]
    .toSorted((a, b) => a.place - b.place)
    .map(({ file }) => file)
}

/** @param {string} file */
const sourceOf = (file) => file.replace(/^dist\//, '').replace(/\.js$/, '.ts')

/**
 * @param {readonly string[]} files
 * @param {readonly string[]} options
 */
async function runFiles(files, options) {
  const folder = mkdtempSync(join(os.tmpdir(), 'tapwire-test-'))
  try {
    const report = join(folder, 'report.json')
    const code = await runHere(process.execPath, [
      '--enable-source-maps',
      '--test',
      `--test-concurrency=${CONCURRENCY}`,
      `--test-timeout=${TIMEOUT_MS}`,
      '--test-reporter=spec',
      '--test-reporter-destination=stdout',
      `--test-reporter=${pathToFileURL(join(root, 'scripts/test-report.mjs')).href}`,
      `--test-reporter-destination=${report}`,
      ...options,
      ...files,
    ])
    return summarize(code, report)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/**
 * @param {number} code of the runner
 * @param {string} report path
 */
function summarize(code, report) {
  let result
  try {
    result = JSON.parse(readFileSync(report, 'utf8'))
  } catch {
    throw new Failure(`The test runner ended before it had reported (exit code ${code}).`)
  }
  printSkipped(result.skipped)
  for (const file of result.empty) {
    console.log(`FAILED: ${sourceOf(relative(root, file))} ran and holds no test.`)
  }
  const failed = result.failed + result.empty.length
  console.log(`\n${result.passed} passed, ${failed} failed, ${result.skipped.length} skipped`)
  if (failed > 0 || code !== 0) return code === 0 ? 1 : code
  if (result.passed === 0) throw new Failure('No test ran, so nothing is known: this counts as a failure.')
  return 0
}

/** @param {{ name: string, file: string, reason: string }[]} skipped */
function printSkipped(skipped) {
  if (skipped.length > 0) console.log('\nSkipped:')
  for (const reason of new Set(skipped.map((one) => one.reason))) {
    console.log(`  ${reason}`)
    for (const { name, file, reason: its } of skipped) {
      if (its === reason) console.log(`    ${sourceOf(relative(root, file))}: ${name}`)
    }
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  await runMain(async () => {
    const args = process.argv.slice(2)
    if (args.includes('--help') || args.includes('-h')) return console.log(USAGE)
    return test(args)
  })
}
