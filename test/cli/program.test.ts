import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { after, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { COMMANDS } from '../../src/cli/command-list.ts'
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
    for (const entry of COMMANDS) {
      const { name } = entry
      assert.match(out, new RegExp(`^  ${name}[ |]`, 'm'))
      const subcommands = await entry.commands?.()
      for (const words of subcommands?.map((one) => [name, one.name]) ?? [[name]]) {
        const help = await harness.tapwire([...words, '--help'])
        assert.deepEqual([help.code, help.err], [0, ''], words.join(' '))
        assert.match(help.out, /^Examples:\n {2}(tapwire|source) /m, words.join(' '))
        assert.equal((await harness.tapwire(['help', ...words])).out, help.out)
      }
    }
  })

  it('takes booleans as docker does', async () => {
    for (const value of ['--ipv4=maybe', '--internal=2']) {
      assert.equal((await harness.tapwire(['network', 'create', value, 'x'])).code, 125)
    }
  })

  it('suggests the command that was meant, and tells wrong options from what is missing, as docker does', async () => {
    const { code, out, err } = await harness.tapwire(['valdate', 'x.yaml'])
    assert.deepEqual([code, out], [1, ''])
    assert.match(err, /unknown command 'valdate'\n\(Did you mean validate\?\)/)
    const wrong: [args: string[], code: number][] = [
      [[], 1],
      [['validate'], 1],
      [['ps', 'web'], 1],
      [['ps', '--jsno'], 125],
      [['run', '--jsno', 'ls'], 125],
      [['stop', '--time'], 125],
      [['stats', '--interval', '0'], 125],
    ]
    for (const [args, expected] of wrong) {
      assert.equal((await harness.tapwire(args)).code, expected, args.join(' '))
    }
  })

  it('colours on a terminal, unless NO_COLOR or TERM=dumb say otherwise', async () => {
    const terminal = { columns: 80, rows: 24 }
    const red = `${ESCAPE}[31mtapwire:${ESCAPE}[39m`
    const args = ['down', 'nothing']
    assert.ok((await harness.tapwire(args, { terminal, env: { TERM: 'xterm' } })).err.startsWith(red))
    for (const options of [{}, { terminal, env: { NO_COLOR: '1' } }, { terminal, env: { TERM: 'dumb' } }]) {
      assert.equal(
        (await harness.tapwire(args, options)).err,
        'tapwire: No lab is up.\nhint: Bring one up with `tapwire up LAB.yaml`, for example examples/demo.yaml.\n',
      )
    }
  })

  it('names the command whose help says more', async () => {
    for (const [args, path] of [
      [['stop', '--nope'], 'tapwire stop'],
      [['stop'], 'tapwire stop'],
      [['network', 'create', '--nope', 'x'], 'tapwire network create'],
      [['nope'], 'tapwire'],
    ] as const) {
      const { err } = await harness.tapwire(args)
      assert.ok(err.endsWith(`\nSee \`${path} --help\`.\n`), err)
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
    assert.equal(status, 1)
    assert.match(stderr, /Did you mean validate/)
  })
})
