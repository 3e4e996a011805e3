import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { doctorSchema } from '../../src/control/api.ts'
import { CliHarness, type CliOptions } from './cli-harness.ts'

const harness = new CliHarness()
after(() => harness.remove())

async function checks(options: CliOptions = {}) {
  const { code, out } = await harness.tapwire(['doctor', '--json'], options)
  const list = doctorSchema.parse(JSON.parse(out)).checks
  assert.equal(code, list.some((check) => check.state === 'fail') ? 1 : 0)
  return new Map(list.map((check) => [check.name, check]))
}

describe('tapwire doctor', () => {
  it("has its own checks and the daemon's", async () => {
    const found = await checks()
    assert.deepEqual(
      [...found.keys()],
      ['Linux', 'Node.js', 'capabilities', '/dev/net/tun', 'ip', 'nsenter', 'addon', 'io_uring'],
    )
    assert.equal(found.get('Linux')?.state, 'ok')
    assert.deepEqual(found.get('Node.js'), { name: 'Node.js', state: 'ok', detail: process.version })
    assert.equal(found.get('addon')?.detail, 'loads')
  })

  it('looks for programs in PATH and says which package has a missing one', async () => {
    const folder = join(harness.folder, 'bin')
    mkdirSync(folder)
    writeFileSync(join(folder, 'ip'), '')
    writeFileSync(join(folder, 'nsenter'), '')
    chmodSync(join(folder, 'nsenter'), 0o755)
    const found = await checks({ env: { PATH: `:${folder}` } })
    assert.deepEqual(found.get('nsenter'), { name: 'nsenter', state: 'ok', detail: join(folder, 'nsenter') })
    assert.deepEqual(found.get('ip'), {
      name: 'ip',
      state: 'fail',
      detail: 'not in PATH',
      hint: 'Install it: apt-get install iproute2; or add its folder to PATH.',
    })
  })

  it('fails where the daemon cannot look', async () => {
    const missing = await checks({ daemonProgram: '/nowhere/daemon.js' })
    assert.equal(missing.get('daemon')?.state, 'fail')
    assert.match(missing.get('daemon')?.detail ?? '', /Cannot find module '\/nowhere\/daemon\.js'/)
    const babble = await checks({ env: { FAKE_DAEMON: 'babble' } })
    assert.equal(babble.get('daemon')?.detail, 'it prints no checks')
  })

  it('prints a line for each check, and what to do below it', async () => {
    const { out } = await harness.tapwire(['doctor'])
    assert.match(out, /^ok    Linux         \d/m)
    assert.match(
      out,
      /^ok    addon         loads\nwarn  io_uring      forbidden here\n {20}→ epoll is used in its place\.\n/m,
    )
  })
})
