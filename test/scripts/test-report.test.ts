import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { pathToFileURL } from 'node:url'
import { repositoryRoot } from '../support/repository.ts'

/** The count at the end of `npm test` decides whether a change is good, so it is tested on made-up test files. */
describe('the report of a test run', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tapwire-report-'))
  after(() => rmSync(folder, { recursive: true, force: true }))

  /** Runs a file with this text under node's test runner, and gives what the reporter said. */
  function report(text: string): Record<string, unknown> {
    const file = join(folder, 'made-up.test.mjs')
    writeFileSync(
      file,
      `import { after, describe, it } from 'node:test'\nvoid [after, describe, it]\n${text}\n`,
    )
    const reporter = pathToFileURL(join(repositoryRoot, 'scripts/test-report.mjs')).href
    // A runner inside a test would otherwise take itself for a part of the outer run.
    const { NODE_TEST_CONTEXT: _, ...env } = process.env
    let output: string
    try {
      output = execFileSync(process.execPath, ['--test', `--test-reporter=${reporter}`, file], {
        env,
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      })
    } catch (error) {
      output = (error as { stdout: string }).stdout
    }
    return JSON.parse(output)
  }

  const counts = (text: string): unknown[] => {
    const { passed, failed, skipped, empty } = report(text)
    return [passed, failed, (skipped as unknown[]).length, (empty as unknown[]).length]
  }

  it('counts tests, not suites', () => {
    assert.deepEqual(
      counts("describe('s', () => { it('a', () => {}); it('b', () => { throw new Error('no') }) })"),
      [1, 1, 0, 0],
    )
  })

  it('tells why a test and a whole suite are skipped', () => {
    const { passed, skipped } = report(
      "it('a', { skip: 'needs root' }, () => {}); describe('s', { skip: 'needs tun' }, () => it('b', () => {})); it('c', { todo: true }, () => {})",
    )
    assert.equal(passed, 0)
    assert.deepEqual(
      (skipped as { name: string; reason: string }[]).map(({ name, reason }) => [name, reason]),
      [
        ['a', 'needs root'],
        ['s', 'needs tun'],
        ['c', 'no reason given'],
      ],
    )
  })

  it('counts a hook that fails', () => {
    assert.deepEqual(
      counts("describe('s', () => { it('a', () => {}); after(() => { throw new Error('no') }) })"),
      [1, 1, 0, 0],
    )
  })

  it('counts a file that cannot be loaded', () => {
    assert.deepEqual(counts("throw new Error('no')"), [0, 1, 0, 0])
  })

  it('counts a process that ends too early', () => {
    assert.deepEqual(counts("it('a', () => {}); it('b', () => process.exit(3))")[1], 1)
  })

  it('finds a file without tests', () => {
    assert.deepEqual(counts(''), [0, 0, 0, 1])
  })
})
