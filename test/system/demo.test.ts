/**
 * The demo, as `npm start` runs it: all of its programs do what it tells, and nothing of it is left.
 *
 *     alice, bob, carol ─── web        dave ─── other
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
    assert.match(output, /1 packets transmitted, 0 received/)
    const numbers = /(\d+) received \+ (\d+) copies \+ (\d+) segments = (\d+) = (\d+) transmitted \+ (\d+)/
    const text = output.replaceAll(/\n▏ /g, ' ')
    const [received, copies, segments, made, transmitted, dropped] = numbers.exec(text)!.slice(1).map(Number)
    assert.equal(received! + copies! + segments!, made)
    assert.equal(transmitted! + dropped!, made)
    const [, root] = /its folder is (\S+)\)/.exec(errors)!
    assert.ok(!existsSync(root!))
    assert.deepEqual(tracesOf(root!), { folders: [], links: [], shims: [], processes: [] })
  })
})
