/** Which form of the daemon its program runs, in a made-up checkout: the modules and the bundle say their names here. */

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, beforeEach, describe, it } from 'node:test'
import { repositoryRoot } from '../support/repository.ts'

const MAIN = 'src/daemon/main.js'
const BUNDLE = 'bundle/daemon.js'
const COMPILED = ['src/pure.tsbuildinfo', 'src/src.tsbuildinfo'] as const

describe("the daemon's program", () => {
  const folder = mkdtempSync(join(tmpdir(), 'tapwire-main-'))
  const dist = join(folder, 'dist')
  after(() => rmSync(folder, { recursive: true, force: true }))

  beforeEach(() => {
    rmSync(dist, { recursive: true, force: true })
    write('../package.json', '{ "type": "module" }', 1)
    write('src/daemon/command.js', "console.log('modules')", 1)
    copyFileSync(join(repositoryRoot, 'dist', MAIN), join(dist, MAIN))
  })

  /** `second`: since 1970, when the file was written. */
  function write(file: string, text: string, second: number): void {
    const path = join(dist, file)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, text)
    utimesSync(path, second, second)
  }

  const bundledAt = (second: number): void => write(BUNDLE, "console.log('bundle')", second)
  const compiledAt = (...seconds: readonly [number, number]): void =>
    COMPILED.forEach((file, index) => write(file, '', seconds[index]!))
  const form = (): string =>
    execFileSync(process.execPath, [join(dist, MAIN)], { encoding: 'utf8' }).trimEnd()

  it('is the modules where there is no bundle', () => {
    compiledAt(10, 10)
    assert.equal(form(), 'modules')
  })

  it('is the bundle where nothing has been compiled since', () => {
    compiledAt(10, 20)
    bundledAt(20)
    assert.equal(form(), 'bundle')
  })

  it('is the modules where either part of them was compiled later', () => {
    bundledAt(20)
    compiledAt(21, 10)
    assert.equal(form(), 'modules')
    compiledAt(10, 21)
    assert.equal(form(), 'modules')
  })

  it('is the bundle where nobody compiles', () => {
    bundledAt(20)
    assert.equal(form(), 'bundle')
  })
})
