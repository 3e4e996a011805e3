import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { pino } from 'pino'
import { MachineSurroundings } from '../../src/daemon/surroundings.ts'

describe("the machine's own files", () => {
  it('are none where a pipe is in their place, and nobody waits for its writer', () => {
    const folder = mkdtempSync(join(tmpdir(), 'tapwire-machine-'))
    const path = join(folder, 'resolv.conf')
    execFileSync('mkfifo', [path])
    const machine = new MachineSurroundings(pino({ enabled: false }), { resolvConf: path, hosts: path })
    assert.deepEqual([machine.hostResolvConf(), machine.hostHosts()], ['', ''])
    rmSync(folder, { recursive: true })
  })
})

describe('the time of the machine', () => {
  it('does not call back at once for more milliseconds than setTimeout takes', async () => {
    let called = false
    const cancel = new MachineSurroundings(pino({ enabled: false })).after(2 ** 31, () => {
      called = true
    })
    // Timers go off in their order, and one that is too long has 1 ms.
    await wait(2)
    cancel()
    assert.equal(called, false)
  })
})
