import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { after, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { CliHarness, ESCAPE } from './cli-harness.ts'

const harness = new CliHarness()
after(() => harness.remove())

const root = new URL('../../../', import.meta.url)
const main = fileURLToPath(new URL('dist/src/cli/main.js', root))

describe('tapwire', () => {
  it('tells its version', async () => {
    const { version } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8')) as { version: string }
    assert.deepEqual(await harness.tapwire(['--version']), { code: 0, out: `${version}\n`, err: '' })
  })

  it('has help with examples for each command', async () => {
    const { code, out } = await harness.tapwire(['--help'])
    assert.equal(code, 0)
    for (const command of ['up', 'down', 'validate', 'exec', 'ps', 'fdb', 'stats', 'doctor']) {
      assert.match(out, new RegExp(`^  ${command} `, 'm'))
      const words = command === 'fdb' ? ['fdb', 'ls'] : [command]
      const help = await harness.tapwire([...words, '--help'])
      assert.equal(help.code, 0)
      assert.match(help.out, new RegExp(`^Examples:\n  tapwire ${words.join(' ')}`, 'm'))
    }
  })

  it('suggests the command that was meant, and ends with 2 where the command line is wrong', async () => {
    const { code, out, err } = await harness.tapwire(['valdate', 'x.yaml'])
    assert.deepEqual([code, out], [2, ''])
    assert.match(err, /unknown command 'valdate'\n\(Did you mean validate\?\)/)
    for (const args of [
      [],
      ['validate'],
      ['ps', '--jsno'],
      ['up', 'x.yaml', '--io', 'dpdk'],
      ['stats', '--interval', '0'],
    ]) {
      assert.equal((await harness.tapwire(args)).code, 2, args.join(' '))
    }
  })

  it('colours on a terminal, unless NO_COLOR or TERM=dumb say otherwise', async () => {
    const terminal = { columns: 80, rows: 24 }
    const red = `${ESCAPE}[31merror:${ESCAPE}[39m`
    const args = ['down', 'nothing']
    assert.ok((await harness.tapwire(args, { terminal, env: { TERM: 'xterm' } })).err.startsWith(red))
    for (const options of [{}, { terminal, env: { NO_COLOR: '1' } }, { terminal, env: { TERM: 'dumb' } }]) {
      assert.equal(
        (await harness.tapwire(args, options)).err,
        "error: There is no lab 'nothing'.\nhint: No lab is up.\n",
      )
    }
  })

  it('shows where an error comes from only if TAPWIRE_DEBUG is 1', async () => {
    const args = ['validate', '/nowhere/x.yaml']
    assert.doesNotMatch((await harness.tapwire(args)).err, /^ +at /m)
    const { err } = await harness.tapwire(args, { env: { TAPWIRE_DEBUG: '1' } })
    assert.match(err, /^ +at .*loadLab/m)
    assert.match(err, /\[LAB_FILE_UNREADABLE\]\ncaused by Error: ENOENT/)
  })
})

describe('the program file', () => {
  it('runs, and hands its exit code on', () => {
    assert.match(
      execFileSync(process.execPath, [main, '--version'], { encoding: 'utf8' }),
      /^\d+\.\d+\.\d+\n$/,
    )
    const { status, stderr } = spawnSync(process.execPath, [main, 'valdate'], { encoding: 'utf8' })
    assert.equal(status, 2)
    assert.match(stderr, /Did you mean validate/)
    assert.ok(readFileSync(main, 'utf8').startsWith('#!/usr/bin/env node\n'))
  })
})
