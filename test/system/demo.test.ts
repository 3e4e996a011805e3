/**
 * The demo, as `npm start` runs it: all of its programs do what it tells, and nothing of it is left.
 *
 *     alice, bob, carol ─── web ─┐
 *                                ├─ router ─── internet ─── erin
 *                  dave ─ other ─┘
 */

import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { repositoryRoot } from '../support/repository.ts'
import { needs, needsTap } from '../support/requirements.ts'
import { tracesOf } from './support/control-daemon.ts'
import { attempt } from './support/program.ts'

const skip = needsTap() || needs('ip', 'ping', 'curl', 'iperf3', 'nsenter', 'setpriv')

describe('the demo', { skip }, () => {
  it('runs through, accounts for every frame, and leaves nothing', async () => {
    const { code, output, errors } = await attempt(
      {},
      process.execPath,
      join(repositoryRoot, 'dist/src/cli/main.js'),
      'demo',
    )
    assert.equal(code, 0, errors)
    assert.match(output, /3 packets transmitted, 3 received/)
    assert.match(output, /Hello 10\.1\.0\.4, this is bob/)
    assert.match(output, /Hello 203\.0\.113\.1, this is erin/, 'alice leaves with the address of the router')
    assert.match(output, /Hello 203\.0\.113\.2, this is bob/, 'bob sees who it is from outside')
    assert.match(output, /It leaves by eth0 of bob, on network web\.\n\nDelivered\.\n/)
    assert.match(output, /1 packets transmitted, 0 received/)
    assert.match(output, /\nDropped: network-isolated\.\n/)
    assert.match(output, /tcp +\S+ +10\.1\.0\.2:\d+ +203\.0\.113\.2:80 +203\.0\.113\.1:\d+ → .* alice\n/)
    assert.match(output, /tcp +\S+ +203\.0\.113\.2:\d+ +203\.0\.113\.1:80 +→ 10\.1\.0\.3:80 .* bob\n/)
    assertBalance(output.replaceAll(/\n▏ /g, ' '))
    const [, root] = /its folder is (\S+)\)/.exec(errors)!
    assert.ok(!existsSync(root!))
    assert.deepEqual(tracesOf(root!), { folders: [], links: [], shims: [], processes: [] })
  })
})

function assertBalance(text: string): void {
  const came = /(\d+) received \+ (\d+) copies \+ (\d+) segments \+ (\d+) made by the router = (\d+)/.exec(
    text,
  )
  const went = /= (\d+) transmitted \+ (\d+) dropped \+ (\d+) for the router itself \+ (\d+) waiting/.exec(
    text,
  )
  const sum = (numbers: readonly string[]): number =>
    numbers.reduce((total, number) => total + Number(number), 0)
  assert.ok(came && went, text)
  assert.equal(sum(came.slice(1, 5)), Number(came[5]))
  assert.equal(sum(went.slice(1, 5)), Number(came[5]))
}
