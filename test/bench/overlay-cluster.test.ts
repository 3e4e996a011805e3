import assert from 'node:assert/strict'
import { type SpawnSyncReturns, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { repositoryRoot } from '../support/repository.ts'

const BENCH = join(repositoryRoot, 'dist/bench/overlay-cluster.js')

const bench = (...args: readonly string[]): SpawnSyncReturns<string> =>
  spawnSync(process.execPath, [BENCH, ...args], { encoding: 'utf8' })

describe('the benchmark of clusters', () => {
  it('gives the figures of a small one', () => {
    const { status, stdout, stderr } = bench('--hosts', '3', '--endpoints', '5', '--json')
    assert.equal(status, 0, stderr)
    const { hosts, endpoints, knownMs } = JSON.parse(stdout) as {
      readonly hosts: number
      readonly endpoints: number
      readonly knownMs: { readonly median: number; readonly most: number }
    }
    assert.deepEqual([hosts, endpoints], [3, 15])
    assert.ok(knownMs.median > 0 && knownMs.most >= knownMs.median)
  })

  it('says how it is called', () => {
    const { status, stdout } = bench('--help')
    assert.equal(status, 0)
    assert.match(stdout, /--hosts N[^]*--endpoints N/)
  })

  it('says what it does not understand', () => {
    for (const args of [
      ['--hosts', 'some'],
      ['--hosts', '1'],
      ['--endpoints', '0.5'],
      ['--hosts', '200', '--endpoints', '1000'],
    ]) {
      const { status, stdout, stderr } = bench(...args)
      assert.deepEqual([status, stdout], [1, ''])
      assert.match(stderr, /^--(hosts|endpoints) \S+: want a number from \d+ to \d+\n$/)
    }
    assert.match(bench('50', '100').stderr, /Unexpected argument '50'/)
  })
})
