import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { describe, it } from 'node:test'
import { buildReference } from '../../bench/support/build-reference.ts'
import { repositoryRoot } from '../support/repository.ts'
import { needs, needsRoot } from '../support/requirements.ts'
import { isRunning, namespacesOf, until } from './support/bench-run.ts'

const BENCH = join(repositoryRoot, 'dist/bench/nat.js')
const programs = ['ip', 'nsenter', 'setpriv', 'taskset', 'sysctl', 'ping', 'iperf3', 'cc', 'iptables', 'wrk']
const skip = needsRoot() || needs(...programs)

interface Output {
  readonly contenders: readonly {
    readonly failures: readonly string[]
    readonly medians: Readonly<Record<string, number>>
  }[]
}

describe('the gateway benchmark', { skip }, () => {
  it('gives the figures of one gateway, with every check passed', () => {
    const measures = 'bytes,ping,connectionsOut,connectionsIn,publish'
    const args = [BENCH, '--quick', '--only', 'kernel', '--measures', measures, '--json']
    const bench = spawnSync(process.execPath, args, { encoding: 'utf8' })
    assert.equal(bench.status, 0, bench.stderr)
    const [found] = (JSON.parse(bench.stdout) as Output).contenders
    assert.deepEqual(found?.failures, [])
    assert.deepEqual(Object.keys(found.medians).toSorted(), [
      'connectionsIn',
      'connectionsOut',
      'pingP50',
      'pingP99',
    ])
    assert.ok(Object.values(found.medians).every((value) => value > 0))
    assert.deepEqual(namespacesOf(bench.pid), [])
  })

  it('leaves no namespace and no process behind when it is interrupted', async () => {
    const bench = spawn(process.execPath, [BENCH, '--only', 'kernel', '--measures', 'connectionsIn'], {
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    const exit = once(bench, 'exit')
    await until(() => namespacesOf(bench.pid!).length === 3)
    bench.kill('SIGINT')
    assert.deepEqual(await exit, [130, null])
    assert.deepEqual(namespacesOf(bench.pid!), [])
    await until(() => !isRunning(`tapwire-bench-${bench.pid}-`))
  })

  it('says what it does not know', () => {
    const bench = spawnSync(process.execPath, [BENCH, '--measures', 'nonsense'], { encoding: 'utf8' })
    assert.equal(bench.status, 1)
    assert.match(bench.stderr, /--measures nonsense: want some of bytes,/)
  })
})

describe('the web server of the gateway benchmark', { skip: needs('cc') }, () => {
  const PORT = 39_180

  it('answers a request that comes in pieces, closes, and counts', async () => {
    const server = spawn(await buildReference('web-server'), ['127.0.0.1', String(PORT)])
    try {
      const output = text(server.stdout)
      await once(server.stdout, 'data')
      const socket = connect({ host: '127.0.0.1', port: PORT, noDelay: true })
      await once(socket, 'connect')
      socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r')
      const answer = text(socket)
      // A connection that says nothing is closed unanswered, and is not counted.
      const silent = connect(PORT, '127.0.0.1')
      silent.end()
      assert.equal(await text(silent), '')
      socket.write('\n')
      assert.match(await answer, /^HTTP\/1\.1 200 OK\r\n[\s\S]*\r\n\r\nhello\n$/)
      server.kill('SIGTERM')
      assert.equal(await output, 'ready\n1\n')
    } finally {
      server.kill('SIGKILL')
    }
  })
})
