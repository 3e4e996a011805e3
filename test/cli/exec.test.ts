/** exec with a stand-in for nsenter, which needs no namespace; the real one is a matter of the system tests. */
import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { CliHarness, type CliResult } from './cli-harness.ts'
import { type FakeApi, serveFakeApi } from './fake-api.ts'

const harness = new CliHarness()
const programs = join(harness.folder, 'bin')
const log = join(harness.folder, 'log')
let api: FakeApi

before(async () => {
  api = await serveFakeApi(harness.run, 'demo')
  mkdirSync(programs)
  // Notes its words one a line, then becomes the command, as nsenter does.
  const script = `#!/bin/sh\nprintf '%s\\n' "$@" >"$LOG"\nshift 2\nexec "$@"\n`
  writeFileSync(join(programs, 'nsenter'), script)
  chmodSync(join(programs, 'nsenter'), 0o755)
})

after(async () => {
  await api.close()
  harness.remove()
})

function exec(args: readonly string[], env: Record<string, string> = {}): Promise<CliResult> {
  const PATH = `${programs}:${process.env['PATH']}`
  return harness.tapwire(['exec', ...args], { env: { PATH, LOG: log, ...env } })
}

function nsenterWords(): string[] {
  return readFileSync(log, 'utf8').trimEnd().split('\n')
}

describe('tapwire exec', () => {
  it("runs a command in the sandbox's namespace, and ends as it does", async () => {
    assert.equal((await exec(['alice', '--', 'sh', '-c', 'exit 7'])).code, 7)
    assert.deepEqual(nsenterWords(), ['--net=/run/netns/tw-demo.alice', '--', 'sh', '-c', 'exit 7'])
    assert.equal((await exec(['bob', '--', 'true'])).code, 0)
    assert.equal(nsenterWords()[0], '--net=/run/netns/tw-demo.bob')
  })

  it('hands all words on, with or without --, further ones and options included', async () => {
    for (const words of [
      ['true', '--lab', 'x', '--', '--help'],
      ['true', '-h', '--version'],
    ]) {
      for (const dashes of [[], ['--']]) {
        assert.equal((await exec(['--lab', 'demo', 'alice', ...dashes, ...words])).code, 0)
        assert.deepEqual(nsenterWords().slice(2), words)
      }
    }
  })

  it('starts a shell where there is no command', async () => {
    await exec(['alice'], { SHELL: '/bin/true' })
    assert.deepEqual(nsenterWords().slice(2), ['/bin/true'])
  })

  it('ends with 128 and the number of the signal that ended the command', async () => {
    assert.equal((await exec(['alice', '--', 'sh', '-c', 'kill -KILL $$'])).code, 137)
  })

  it('hands signals on to the command', async () => {
    const ready = join(harness.folder, 'ready')
    const script = `trap 'exit 9' TERM; echo >"${ready}"; while :; do read line <"${ready}"; done`
    const result = exec(['alice', '--', 'sh', '-c', script])
    const untilReady = setInterval(() => {
      try {
        readFileSync(ready)
        harness.interrupt('SIGTERM')
      } catch {
        // The command has not got that far.
      }
    }, 10)
    const { code } = await result
    clearInterval(untilReady)
    assert.equal(code, 9)
    assert.equal(harness.listening, 0)
  })

  it('names the sandboxes that there are', async () => {
    const { code, out, err } = await exec(['alcie', '--', 'true'])
    assert.deepEqual([code, out], [125, ''])
    assert.equal(err, "error: Lab 'demo' has no sandbox 'alcie'.\nhint: It has alice, bob.\n")
  })

  it('tells where nsenter is missing', async () => {
    const { code, err } = await exec(['alice', '--', 'true'], { PATH: harness.folder })
    assert.equal(code, 125)
    assert.match(
      err,
      /^error: The program nsenter is not installed\.\nhint: It is in Debian's package util-linux\.\n$/,
    )
  })
})
