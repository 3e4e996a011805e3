import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { plainEnvironment } from './network-namespace.ts'
import { needs, needsRoot, type Skip } from './requirements.ts'

const MARK = 'TAPWIRE_TEST_INSIDE'

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
    const exit = once(child, 'exit')
    const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), exit])
    assert.equal(code, 0, stdout + stderr)
    assert.match(stdout, /^# pass [1-9]/m)
    assert.match(stdout, /^# fail 0$/m)
    assert.doesNotMatch(stdout + stderr, /Sanitizer|runtime error/)
  })
}
