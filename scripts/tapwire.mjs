#!/usr/bin/env node
/**
 * `tapwire` as npm links it. npx keeps its link to this file, which is there from the first moment and stays what it is; the program itself
 * comes and goes with what is compiled.
 */
import './node-version.mjs'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const PROGRAM = new URL('../dist/src/cli/main.js', import.meta.url)

if (existsSync(PROGRAM)) await import(PROGRAM.href)
else {
  const folder = fileURLToPath(new URL('..', import.meta.url))
  console.error(
    `tapwire: nothing is compiled in ${folder} yet.\nRun 'npm run setup' there, which installs and compiles all that it takes; 'sudo npm start' shows a lab as well.`,
  )
  process.exitCode = 1
}
