import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { repositoryRoot } from '../support/repository.ts'
import { needs, needsTap } from '../support/requirements.ts'

const BENCH = join(repositoryRoot, 'dist/bench/l2.js')
const skip =
  needsTap() || needs('ip', 'nsenter', 'setpriv', 'taskset', 'sysctl', 'ping', 'iperf3', 'cc', 'pgrep')

/** Namespaces of the benchmark that process `pid` made. */
const namespacesOf = (pid: number): string[] =>
  readdirSync('/run/netns').filter((name) => name.startsWith(`tapwire-bench-${pid}-`))

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

/** Whether a process has `part` in its command line. */
const isRunning = (part: string): boolean => spawnSync('pgrep', ['-f', part]).status === 0

/** Resolves when `holds` does, and rejects when that takes longer than ten seconds. */
async function until(holds: () => boolean): Promise<void> {
  for (const end = Date.now() + 10_000; !holds(); await sleep(20))
    if (Date.now() > end) throw new Error(`not in time: ${holds.toString()}`)
}
