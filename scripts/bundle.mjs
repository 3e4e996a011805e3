import './node-version.mjs'
import {
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join, relative } from 'node:path'
import { hashOf, root, step } from './steps.mjs'

const FOLDER = join(root, 'dist/bundle')
const BUNDLE = join(FOLDER, 'daemon.js')
const STAMP = join(FOLDER, '.tapwire-setup')
const ENTRY = join(root, 'dist/src/daemon/command.js')

/** What the compiler writes last, as src/daemon/main.ts knows too. */
const COMPILED = ['dist/src/pure.tsbuildinfo', 'dist/src/src.tsbuildinfo'].map((file) => join(root, file))

/**
 * What the bundle depends on besides the compiled modules.
 * @param {string} packages fingerprint of the npm packages
 */
const fingerprint = (packages) => hashOf([packages, readFileSync(import.meta.filename)])

/** @param {string} packages fingerprint of the npm packages */
export function bundleIsCurrent(packages) {
  if (![BUNDLE, STAMP, ...COMPILED].every((file) => existsSync(file))) return false
  if (readFileSync(STAMP, 'utf8') !== fingerprint(packages)) return false
  const { mtimeMs } = statSync(BUNDLE)
  return COMPILED.every((file) => statSync(file).mtimeMs <= mtimeMs)
}

/**
 * Puts the daemon's compiled modules and those of the packages that they use into dist/bundle/daemon.js, which src/daemon/main.ts
 * runs in their place: a daemon starts in half the time. The caller holds the checkout's lock.
 * @param {string} packages fingerprint of the npm packages
 */
export async function buildBundle(packages) {
  if (bundleIsCurrent(packages)) return
  await step('daemon in one file', async () => {
    // Not before the packages are installed.
    const { build } = await import('esbuild')
    const begun = new Date()
    rmSync(STAMP, { force: true })
    const { outputFiles } = await build({
      entryPoints: [ENTRY],
      outfile: BUNDLE,
      bundle: true,
      platform: 'node',
      format: 'esm',
      target: `node${process.versions.node.split('.')[0]}`,
      // Names stay, for who reads a stack.
      minifyWhitespace: true,
      minifySyntax: true,
      sourcemap: 'linked',
      sourcesContent: false,
      banner: { js: BANNER },
      plugins: [PLACES, ENGLISH],
      logLevel: 'silent',
      write: false,
    })
    mkdirSync(FOLDER, { recursive: true })
    // The bundle after its map, and each at once: a daemon may be starting.
    for (const { path, contents } of outputFiles.toSorted((a, b) => b.path.length - a.path.length)) {
      const made = `${path}.${process.pid}`
      writeFileSync(made, contents)
      // What is compiled while this works is newer than the bundle.
      utimesSync(made, begun, begun)
      renameSync(made, path)
    }
    writeFileSync(STAMP, fingerprint(packages))
  })
}

/** Packages in CommonJS require Node's modules. */
const BANNER =
  "import { createRequire as requireFor } from 'node:module'; const require = requireFor(import.meta.url);"

/**
 * A module in the bundle finds what lies beside it (the worker, the addon, the shim) as if it were in its own place.
 * @type {import('esbuild').Plugin}
 */
const PLACES = {
  name: 'places',
  setup(build) {
    build.onLoad({ filter: /\/dist\/src\/.*\.js$/ }, ({ path }) => {
      const text = readFileSync(path, 'utf8')
      if (!text.includes('import.meta.url')) return undefined
      const place = `new URL(${JSON.stringify(relative(FOLDER, path))}, import.meta.url).href`
      return { contents: text.replaceAll('import.meta.url', place), loader: 'js' }
    })
  },
}

/**
 * Of zod's messages, the English ones: those in other languages are a seventh of all that V8 would read at each start.
 * @type {import('esbuild').Plugin}
 */
const ENGLISH = {
  name: 'english',
  setup(build) {
    build.onLoad({ filter: /\/zod\/v4\/locales\/index\.js$/ }, () => ({
      contents: "export { default as en } from './en.js'",
      loader: 'js',
    }))
  },
}
