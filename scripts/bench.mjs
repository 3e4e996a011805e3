import './node-version.mjs'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { install, PACKAGES } from './debian.mjs'
import { setup } from './setup.mjs'
import { isRoot, root, runHere, runMain } from './steps.mjs'

/** Each file of bench/ is a benchmark; what they share lives in its folders. */
const names = () =>
  readdirSync(join(root, 'bench'))
    .filter((name) => name.endsWith('.ts'))
    .map((name) => name.slice(0, -'.ts'.length))
    .toSorted()

/**
 * The first sentence of the comment that a benchmark begins with.
 * @param {string} name
 */
function summary(name) {
  const comment =
    /^\/\*\*([\s\S]*?)\*\//.exec(readFileSync(join(root, 'bench', `${name}.ts`), 'utf8'))?.[1] ?? ''
  const text = comment
    .replace(/^\s*\* ?/gm, '')
    .replace(/\s+/g, ' ')
    .trim()
  return /^.*?[.:](?= |$)/.exec(text)?.[0] ?? text
}

await runMain(async () => {
  const [name, ...args] = process.argv.slice(2)
  if (name === undefined || !names().includes(name)) {
    if (name !== undefined && name !== '--help') console.error(`There is no benchmark "${name}".\n`)
    console.error('npm run bench -- NAME [OPTION…]\n')
    for (const one of names()) console.error(`  ${one.padEnd(16)}${summary(one)}`)
    return name === '--help' ? 0 : 2
  }
  await setup()
  const absent = await install(PACKAGES.bench)
  if (absent.length > 0) {
    console.error(
      `Not installed: ${absent.join(' ')} (names of Debian packages). What needs them cannot be measured.`,
    )
  }
  if (!isRoot) console.error('Not root: only what runs in memory can be measured.')
  return runHere(process.execPath, ['--enable-source-maps', `dist/bench/${name}.js`, ...args], {
    input: true,
  })
})
