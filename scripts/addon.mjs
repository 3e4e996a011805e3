import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { isAbsolute, join } from 'node:path'
import { canInstall, install, missing, PACKAGES } from './debian.mjs'
import { capture, Failure, findProgram, hashOf, root, run, step } from './steps.mjs'

const COMMON_FLAGS = ['-g', '-std=gnu11', '-Wall', '-Wextra', '-Werror']

// The tests use these. A fault must end the process: a report that nobody fails on is not read.
const SANITIZE_FLAGS = [
  '-O1',
  '-fsanitize=address,undefined',
  '-fno-sanitize-recover=all',
  '-fno-omit-frame-pointer',
]

/**
 * What is built from C. The Node-API headers come from npm, so that no header is downloaded from elsewhere and one
 * file loads in every Node that Tapwire runs on. That also leaves nothing for node-gyp to do: one compiler call is
 * the build of each.
 * @type {readonly Target[]}
 * @typedef {{ name: string, folder: string, output: (sanitize: boolean) => string, flags: readonly string[] }} Target
 */
const TARGETS = [
  {
    name: 'native addon',
    folder: 'native',
    output: (sanitize) => `tapwire${sanitize ? '-asan' : ''}.node`,
    flags: [
      '-shared',
      '-fPIC',
      '-fvisibility=hidden',
      '-DNAPI_VERSION=9',
      '-I',
      'node_modules/node-api-headers/include',
    ],
  },
  {
    name: 'shim',
    folder: 'native/shim',
    output: (sanitize) => `tapwire-shim${sanitize ? '-asan' : ''}`,
    flags: [],
  },
]

/** @param {Target} target */
const sources = ({ folder }) =>
  existsSync(join(root, folder))
    ? readdirSync(join(root, folder))
        .filter((name) => /\.[ch]$/.test(name))
        .toSorted()
        .map((name) => join(folder, name))
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

/**
 * @param {Target} target
 * @param {boolean} sanitize
 */
const flagsOf = (target, sanitize) => [
  ...COMMON_FLAGS,
  ...(sanitize ? SANITIZE_FLAGS : ['-O2']),
  ...target.flags,
]

/**
 * A shim without libraries to load starts in half the time, and a thousand of them share all but 100 KB each. Not every
 * distribution has the C library in that form.
 * @param {readonly string[]} command
 */
async function canLinkStatically([program = 'cc', ...first]) {
  const { output } = await capture(program, [...first, '-print-file-name=libc.a'])
  // What is not found is printed as it was asked for, without a folder.
  return isAbsolute(output.trim()) && existsSync(output.trim())
}

/**
 * @param {Target} target
 * @param {boolean} sanitize
 */
function fingerprint(target, sanitize) {
  const files = sources(target).flatMap((name) => [name, readFileSync(join(root, name))])
  return hashOf([process.arch, process.env.CC ?? '', ...flagsOf(target, sanitize), ...files])
}

/**
 * @param {Target} target
 * @param {boolean} sanitize
 */
function isCurrent(target, sanitize) {
  const output = join(root, 'build', target.output(sanitize))
  try {
    return existsSync(output) && readFileSync(`${output}.stamp`, 'utf8') === fingerprint(target, sanitize)
  } catch {
    return false
  }
}

/** @param {{ sanitize?: boolean }} [options] */
export const nativeIsCurrent = ({ sanitize = false } = {}) =>
  TARGETS.every((target) => isCurrent(target, sanitize))

/**
 * Compiles the native addon to build/tapwire.node and the shim to build/tapwire-shim, or with the sanitizers to
 * build/tapwire-asan.node and build/tapwire-shim-asan, where sources or flags have changed. The caller holds the
 * checkout's lock.
 * @param {{ sanitize?: boolean }} [options]
 */
export async function buildNative({ sanitize = false } = {}) {
  for (const target of TARGETS) {
    if (!isCurrent(target, sanitize)) await build(target, sanitize)
  }
}

/**
 * @param {Target} target
 * @param {boolean} sanitize
 */
async function build(target, sanitize) {
  const files = sources(target).filter((name) => name.endsWith('.c'))
  if (files.length === 0)
    throw new Failure(`There is no C source in ${join(root, target.folder)}: the checkout is not whole.`)
  const command = await wantedCompiler(sanitize)
  const output = join(root, 'build', target.output(sanitize))
  const temporary = `${output}.${process.pid}.tmp`
  mkdirSync(join(root, 'build'), { recursive: true })
  const stamp = fingerprint(target, sanitize)
  const [program = 'cc', ...first] = command
  const linked = target.name === 'shim' && !sanitize && (await canLinkStatically(command)) ? ['-static'] : []
  const args = [...first, ...flagsOf(target, sanitize), ...linked, '-o', temporary, ...files]
  try {
    await step(`${target.name} ${sanitize ? 'with sanitizers ' : ''}(${program})`, () => run(program, args))
    // Processes that run keep the file that they have loaded: a new one takes its name, it is never written over.
    renameSync(temporary, output)
    writeFileSync(`${output}.stamp`, stamp)
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
    `No C compiler is installed; Tapwire needs ${sanitize ? 'gcc' : 'one'} to build its native parts. Install one, then run the command again:\n` +
      '  Debian, Ubuntu:  sudo apt-get install gcc libc6-dev linux-libc-dev\n' +
      '  Fedora:          sudo dnf install gcc glibc-devel kernel-headers\n' +
      '  Arch:            sudo pacman -S gcc linux-api-headers\n',
  )
}
