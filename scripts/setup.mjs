import './node-version.mjs'
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { pathToFileURL } from 'node:url'
import { buildNative, nativeIsCurrent } from './addon.mjs'
import { buildBundle, bundleIsCurrent } from './bundle.mjs'
import { Failure, hashOf, root, run, runMain, seconds, step, withLock } from './steps.mjs'

/**
 * Makes the checkout ready to run: npm packages, native addon and shim, compiled TypeScript and the daemon in one
 * file, each only where it is out of date. Two of them at once are safe; the second waits for the first and finds nothing to do.
 * @param {{ sanitize?: boolean, rebuild?: boolean, typescript?: boolean }} [options] sanitize: addon and shim for the
 *   sanitizer tests as well; rebuild: build anew what is up to date; typescript: false leaves that as it is
 * @returns {Promise<boolean>} whether there was anything to do
 */
export async function setup({ sanitize = false, rebuild = false, typescript = true } = {}) {
  const current = () =>
    packagesAreCurrent() &&
    nativeIsCurrent() &&
    (!sanitize || nativeIsCurrent({ sanitize })) &&
    (!typescript || (typescriptIsCurrent() && bundleIsCurrent(packagesFingerprint())))
  if (current() && !rebuild) return false
  await withLock(`set-up of ${root}`, 'Waiting: another process sets this checkout up.', async () => {
    if (rebuild) {
      for (const folder of ['dist', 'build']) rmSync(join(root, folder), { recursive: true, force: true })
    }
    await installPackages()
    await buildNative()
    if (sanitize) await buildNative({ sanitize })
    if (typescript) {
      await compileTypescript()
      await buildBundle(packagesFingerprint())
    }
  })
  return true
}

const nodeModules = join(root, 'node_modules')
const packagesStamp = join(nodeModules, '.tapwire-setup')

const packagesFingerprint = () =>
  hashOf([
    readFileSync(join(root, 'package-lock.json')),
    process.versions.node.split('.')[0] ?? '',
    process.arch,
  ])

/** A linked node_modules belongs to another checkout, which keeps it current. */
const packagesAreLinked = () => lstatSync(nodeModules, { throwIfNoEntry: false })?.isSymbolicLink() ?? false

function packagesAreCurrent() {
  return packagesAreLinked() || readOr(packagesStamp, '') === packagesFingerprint()
}

async function installPackages() {
  if (packagesAreLinked() && !existsSync(nodeModules)) {
    throw new Failure(`${nodeModules} is a link to nowhere. Remove it, then run the command again.`)
  }
  if (packagesAreCurrent()) return
  const fingerprint = packagesFingerprint()
  // From nothing, so that an interrupted installation leaves no half package behind. That is what `npm ci` does, but it
  // also refuses a lock file that lacks a package for some other platform, as happens where a registry's mirror has
  // not all of them. `--no-save` installs what the lock file says and leaves it alone.
  //
  // The tools to build with are development packages, which npm leaves out where NODE_ENV is production. No package
  // of ours has an install script, and none is let in.
  const args = ['install', '--no-save', '--include=dev', '--ignore-scripts', '--no-audit', '--no-fund']
  const [program, ...first] = npmCommand()
  await step('npm packages', async () => {
    rmSync(nodeModules, { recursive: true, force: true })
    await run(program, [...first, ...args])
  })
  writeFileSync(packagesStamp, fingerprint)
}

/**
 * The npm that runs us, else the one of this Node, else any.
 * @returns {[string, ...string[]]}
 */
function npmCommand() {
  const running = process.env.npm_execpath
  if (running?.endsWith('npm-cli.js') && existsSync(running)) return [process.execPath, running]
  const beside = join(dirname(process.execPath), 'npm')
  return existsSync(beside) ? [process.execPath, beside] : ['npm']
}

const typescriptStamp = join(root, 'dist', '.tapwire-setup')

/**
 * `tsc -b` takes half a second to find out that nothing has changed. Names, sizes and times of the sources tell it
 * in some milliseconds.
 */
function typescriptFingerprint() {
  const files = readdirSync(root).filter((name) => /^tsconfig.*\.json$/.test(name))
  for (const folder of ['src', 'test', 'bench']) {
    files.push(...filesBelow(folder).filter((name) => /\.(ts|json)$/.test(name)))
  }
  const facts = files.toSorted().map((name) => {
    const { size, mtimeMs } = statSync(join(root, name))
    return `${name} ${size} ${mtimeMs}`
  })
  return hashOf([packagesFingerprint(), ...facts])
}

const typescriptIsCurrent = () => readOr(typescriptStamp, '') === typescriptFingerprint()

async function compileTypescript() {
  if (typescriptIsCurrent()) return
  const fingerprint = typescriptFingerprint()
  await step('TypeScript', () => run(process.execPath, ['node_modules/typescript/bin/tsc', '-b']))
  removeOrphans()
  mkdirSync(dirname(typescriptStamp), { recursive: true })
  writeFileSync(typescriptStamp, fingerprint)
}

/** Removes what was compiled from sources that are gone: tests are found by looking into dist. */
function removeOrphans() {
  for (const folder of ['src', 'test', 'bench']) {
    for (const compiled of filesBelow(join('dist', folder))) {
      const source = relative('dist', compiled).replace(/\.(js|d\.ts)(\.map)?$/, '.ts')
      if (source.endsWith('.ts') && !existsSync(join(root, source))) rmSync(join(root, compiled))
    }
  }
}

/**
 * All files below a folder of the checkout, as paths from the checkout's root.
 * @param {string} folder
 * @returns {string[]}
 */
function filesBelow(folder) {
  if (!existsSync(join(root, folder))) return []
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    return entry.isDirectory() ? filesBelow(path) : [path]
  })
}

/**
 * @param {string} path
 * @param {string} otherwise
 */
function readOr(path, otherwise) {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return otherwise
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  await runMain(async () => {
    const start = performance.now()
    const worked = await setup({ rebuild: process.argv.includes('--rebuild') })
    console.error(worked ? `Set up in ${seconds(start)}.` : `Nothing to do (${seconds(start)}).`)
  })
}
