import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { repositoryRoot } from '../support/repository.ts'
import { needs, needsTap } from '../support/requirements.ts'
import { isRunning, namespacesOf, until } from './support/bench-run.ts'

const BENCH = join(repositoryRoot, 'dist/bench/l2.js')
const skip = needsTap() || needs('ip', 'nsenter', 'setpriv', 'taskset', 'sysctl', 'ping', 'iperf3', 'cc')

interface Output {
  readonly contenders: readonly {
    readonly failures: readonly string[]
    readonly medians: { readonly frames?: number }
  }[]
}

describe('the switch benchmark', { skip }, () => {
  it('gives the figures of one contender, with every check passed', () => {
    const args = [BENCH, '--quick', '--only', 'c-readwrite', '--measures', 'bytes,frames', '--json']
    const bench = spawnSync(process.execPath, args, { encoding: 'utf8' })
    assert.equal(bench.status, 0, bench.stderr)
    const [found] = (JSON.parse(bench.stdout) as Output).contenders
    assert.deepEqual(found?.failures, [])
    assert.ok(found.medians.frames! > 0)
    assert.deepEqual(namespacesOf(bench.pid), [])
  })

  it('leaves no namespace and no process behind when it is interrupted', async () => {
    const bench = spawn(process.execPath, [BENCH, '--only', 'c-readwrite', '--measures', 'bytes,tcp1'], {
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    const exit = once(bench, 'exit')
    const forwarder = `forward-readwrite /run/netns/tapwire-bench-${bench.pid}-`
    await until(() => isRunning(forwarder))
    bench.kill('SIGINT')
    assert.deepEqual(await exit, [130, null])
    assert.deepEqual(namespacesOf(bench.pid!), [])
    await until(() => !isRunning(forwarder))
  })

  it('says what it does not know', () => {
    const bench = spawnSync(process.execPath, [BENCH, '--only', 'tapwire,nonsense'], { encoding: 'utf8' })
    assert.equal(bench.status, 1)
    assert.match(bench.stderr, /--only nonsense: want some of tapwire,/)
  })
})
