import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { repositoryRoot } from '../support/repository.ts'

describe('the program as npm links it', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tapwire-bin-'))
  after(() => rmSync(folder, { recursive: true, force: true }))

  const { bin } = JSON.parse(readFileSync(join(repositoryRoot, 'package.json'), 'utf8')) as {
    readonly bin: Readonly<Record<string, string>>
  }
  const file = bin['tapwire']!
  const run = (root: string): { status: number | null; stdout: string; stderr: string } =>
    spawnSync(join(root, file), ['--version'], { encoding: 'utf8' })

  it('can be run', () => {
    assert.equal(statSync(join(repositoryRoot, file)).mode & 0o111, 0o111)
    const { status, stdout } = run(repositoryRoot)
    assert.equal(status, 0)
    assert.match(stdout, /^\d+\.\d+\.\d+\n$/)
  })

  it('says what to do where nothing is compiled yet', () => {
    cpSync(join(repositoryRoot, 'scripts'), join(folder, 'scripts'), { recursive: true })
    const { status, stderr } = run(folder)
    assert.equal(status, 1)
    assert.equal(
      stderr,
      `tapwire: nothing is compiled in ${folder}/ yet.\nRun 'npm run setup' there, which installs and compiles all that it takes; 'sudo npm start' shows a lab as well.\n`,
    )
  })
})
