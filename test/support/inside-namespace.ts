import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { plainEnvironment } from './network-namespace.ts'
import { needs, needsRoot, type Skip } from './requirements.ts'

const MARK = 'TAPWIRE_TEST_INSIDE'

/** Before the runner ends the whole file, and what has been said with it. */
const DEADLINE_MS = 200_000

/**
 * For tests that bind ports of the machine they run on: runs the file `url` (import.meta.url) once more in a network
 * namespace of its own, where `define` defines the tests. There is no way out of it but what a test makes. `unmet`: why they are to be skipped.
 */
export function insideNamespace(url: string, define: () => void, unmet: Skip = false): void {
  if (process.env[MARK] === url) {
    execFileSync('ip', ['link', 'set', 'lo', 'up'], { env: plainEnvironment() })
    define()
    return
  }
  const skip = needsRoot() || needs('ip', 'setpriv', 'unshare') || unmet
  it('in a network namespace of its own', { skip }, async () => {
    // Without the mark of the runner above it, a test file reports for itself.
    const { NODE_TEST_CONTEXT: _, ...env } = process.env
    const node = [process.execPath, '--enable-source-maps', '--test-reporter=tap', fileURLToPath(url)]
    // It ends with this process, also where that is killed because it takes too long.
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', 'unshare', '--net', ...node], {
      env: { ...env, [MARK]: url },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    // What it has said by then tells which test does not come to its end; or none, but the process.
    const deadline = setTimeout(() => child.kill('SIGKILL'), DEADLINE_MS)
    const exit = once(child, 'exit')
    const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), exit])
    clearTimeout(deadline)
    assert.equal(code, 0, stdout + stderr)
    assert.match(stdout, /^# pass [1-9]/m)
    assert.match(stdout, /^# fail 0$/m)
    assert.doesNotMatch(stdout + stderr, /Sanitizer|runtime error/)
  })
}
