import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { repositoryRoot } from '../support/repository.ts'
import { needs, needsTap } from '../support/requirements.ts'
import { namespacesOf } from './support/bench-run.ts'

const BENCH = join(repositoryRoot, 'dist/bench/capture.js')
const skip = needsTap() || needs('ip', 'nsenter', 'setpriv', 'ping', 'iperf3')

interface Round {
  readonly rate: number
  readonly captured?: { readonly accepted: number; readonly dropped: number; readonly bytes: number }
}

interface Output {
  readonly loads: readonly { readonly mode: string; readonly rounds: readonly Round[] }[]
  readonly memory: Readonly<Record<string, number>>
}

describe('the benchmark of captures', () => {
  it('gives the figures of a load without a capture and with one, and of the path in memory', {
    skip,
  }, () => {
    const args = [BENCH, '--quick', '--only', 'tcp,memory', '--modes', 'everything', '--json']
    const bench = spawnSync(process.execPath, args, { encoding: 'utf8' })
    assert.equal(bench.status, 0, bench.stderr)
    const { loads, memory } = JSON.parse(bench.stdout) as Output
    assert.deepEqual(
      loads.map(({ mode }) => mode),
      ['off', 'everything'],
    )
    const [plain, everything] = loads.map(({ rounds }) => rounds[0]!)
    assert.ok(plain!.rate > 0 && plain!.captured === undefined)
    const { accepted, dropped, bytes } = everything!.captured!
    assert.ok(everything!.rate > 0 && accepted > 0 && dropped >= 0 && bytes > 0)
    assert.deepEqual(Object.keys(memory), ['plain', 'nothing', 'everything', 'full'])
    assert.ok(Object.values(memory).every((ns) => ns > 0))
    assert.deepEqual(namespacesOf(bench.pid), [])
  })

  it('says what it does not know', () => {
    for (const [option, value] of [
      ['--only', 'tcp,nonsense'],
      ['--modes', 'off,nonsense'],
    ] as const) {
      const bench = spawnSync(process.execPath, [BENCH, option, value], { encoding: 'utf8' })
      assert.equal(bench.status, 1)
      assert.match(bench.stderr, new RegExp(`${option} nonsense: want some of`))
    }
  })
})
