import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { CliHarness } from './cli-harness.ts'

const harness = new CliHarness()
after(() => harness.remove())

describe('tapwire doctor', () => {
  it('prints a line for each check of the daemon, and what to do below it', async () => {
    const { code, out, err } = await harness.tapwire(['doctor'])
    assert.deepEqual([code, err], [0, ''])
    assert.equal(
      out,
      `ok    addon     loads
warn  io_uring  forbidden here
                → epoll is used in its place.
`,
    )
  })

  it('prints the checks as JSON', async () => {
    const { code, out } = await harness.tapwire(['doctor', '--json'])
    assert.equal(code, 0)
    assert.deepEqual(JSON.parse(out), {
      checks: [
        { name: 'addon', state: 'ok', detail: 'loads' },
        { name: 'io_uring', state: 'warn', detail: 'forbidden here', hint: 'epoll is used in its place.' },
      ],
    })
  })

  it('ends with 1 where a check fails, and where the daemon cannot look', async () => {
    const failing = await harness.tapwire(['doctor'], { env: { FAKE_DAEMON: 'sick' } })
    assert.deepEqual([failing.code, failing.out], [1, 'fail  addon  missing\n             → Build it.\n'])
    const missing = await harness.tapwire(['doctor'], { daemonProgram: '/nowhere/daemon.js' })
    assert.equal(missing.code, 1)
    assert.match(
      missing.out,
      /^fail  daemon  Error: Cannot find module '\/nowhere\/daemon\.js'\n +→ Build Tapwire anew/,
    )
    const babble = await harness.tapwire(['doctor'], { env: { FAKE_DAEMON: 'babble' } })
    assert.match(babble.out, /^fail  daemon  it prints no checks\n/)
  })
})
