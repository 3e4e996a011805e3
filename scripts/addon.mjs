import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { canInstall, install, missing, PACKAGES } from './debian.mjs'
import { Failure, findProgram, hashOf, root, run, step } from './steps.mjs'

/**
 * The Node-API headers come from npm, so that no header is downloaded from elsewhere and one file loads in
 * every Node that Tapwire runs on. That also leaves nothing for node-gyp to do: one compiler call is the build.
 */
const FLAGS = [
  '-shared',
  '-fPIC',
  '-g',
  '-std=gnu11',
  '-fvisibility=hidden',
  '-Wall',
  '-Wextra',
  '-Werror',
  '-DNAPI_VERSION=9',
  '-I',
  'node_modules/node-api-headers/include',
]

const VARIANTS = {
  plain: { output: 'tapwire.node', flags: ['-O2'] },
  // The tests load this one. A fault must end the process: a report that nobody fails on is not read.
  sanitize: {
    output: 'tapwire-asan.node',
    flags: ['-O1', '-fsanitize=address,undefined', '-fno-sanitize-recover=all', '-fno-omit-frame-pointer'],
  },
}

/** @param {boolean} sanitize */
const variant = (sanitize) => (sanitize ? VARIANTS.sanitize : VARIANTS.plain)

const sources = () =>
  existsSync(join(root, 'native'))
    ? readdirSync(join(root, 'native'))
        .filter((name) => /\.[ch]$/.test(name))
        .toSorted()
    : []

/**
 * The compiler as a command. For the sanitizers it is gcc, because their run-time library has to be loaded first
 * into a Node that was built without them, and where that library is is a question to gcc.
 * @param {boolean} sanitize
 */
function compiler(sanitize) {
  if (sanitize) return findProgram('gcc') === undefined ? undefined : ['gcc']
  const wanted = process.env.CC?.trim()
  if (wanted) return wanted.split(/\s+/)
  const found = ['cc', 'gcc', 'clang'].find((name) => findProgram(name) !== undefined)
  return found === undefined ? undefined : [found]
}

/** @param {boolean} sanitize */
function fingerprint(sanitize) {
  const files = sources().flatMap((name) => [name, readFileSync(join(root, 'native', name))])
  return hashOf([process.arch, process.env.CC ?? '', ...FLAGS, ...variant(sanitize).flags, ...files])
}

/** @param {{ sanitize?: boolean }} [options] */
export function addonIsCurrent({ sanitize = false } = {}) {
  const output = join(root, 'build', variant(sanitize).output)
  try {
    return existsSync(output) && readFileSync(`${output}.stamp`, 'utf8') === fingerprint(sanitize)
  } catch {
    return false
  }
}

/**
 * Compiles the native addon to build/tapwire.node, or with the sanitizers to build/tapwire-asan.node, where its
 * sources or flags have changed. The caller holds the checkout's lock.
 * @param {{ sanitize?: boolean }} [options]
 */
export async function buildAddon({ sanitize = false } = {}) {
  if (addonIsCurrent({ sanitize })) return
  const { output, flags } = variant(sanitize)
  const files = sources().filter((name) => name.endsWith('.c'))
  if (files.length === 0)
    throw new Failure(`There is no C source in ${join(root, 'native')}: the checkout is not whole.`)
  const command = await wantedCompiler(sanitize)
  const target = join(root, 'build', output)
  const temporary = `${target}.${process.pid}.tmp`
  mkdirSync(join(root, 'build'), { recursive: true })
  const stamp = fingerprint(sanitize)
  const [program = 'cc', ...first] = command
  const args = [...first, ...FLAGS, ...flags, '-o', temporary, ...files.map((name) => `native/${name}`)]
  try {
    await step(`native addon ${sanitize ? 'with sanitizers ' : ''}(${program})`, () => run(program, args))
    // Processes that run keep the file that they have loaded: a new one takes its name, it is never written over.
    renameSync(temporary, target)
    writeFileSync(`${target}.stamp`, stamp)
  } finally {
    rmSync(temporary, { force: true })
  }
}

/** @param {boolean} sanitize */
async function wantedCompiler(sanitize) {
  const has = compiler(sanitize)
  if (canInstall() && !process.env.CC) {
    const wanted = missing(PACKAGES.compiler).filter((name) => name !== 'gcc' || has === undefined)
    await install(wanted)
  }
  const command = compiler(sanitize)
  if (command !== undefined) return command
  throw new Failure(
    `No C compiler is installed; Tapwire needs ${sanitize ? 'gcc' : 'one'} to build its native addon. Install one, then run the command again:\n` +
      '  Debian, Ubuntu:  sudo apt-get install gcc libc6-dev linux-libc-dev\n' +
      '  Fedora:          sudo dnf install gcc glibc-devel kernel-headers\n' +
      '  Arch:            sudo pacman -S gcc linux-api-headers\n',
  )
}
