import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { describe, it } from 'node:test'
import { repositoryRoot } from '../support/repository.ts'
import { needsTap } from '../support/requirements.ts'
import { needsSanitizedAddon, sanitizedEnvironment } from '../support/sanitizers.ts'

/** The tests that use the addon, once more, watched by AddressSanitizer and UBSan: a finding ends their process. */
describe('the addon under AddressSanitizer and UBSan', { skip: needsSanitizedAddon() }, () => {
  for (const name of ['native', 'native-frame-io', 'packet-socket', 'reserved-ports']) {
    it(`passes test/ports/${name}.test.ts`, { skip: needsTap() }, async () => {
      const { code, output } = await run([
        '--enable-source-maps',
        '--test-reporter=tap',
        join(repositoryRoot, `dist/test/ports/${name}.test.js`),
      ])
      assert.equal(code, 0, output)
      assert.match(output, /^# pass [1-9]/m)
      assert.match(output, /^# fail 0$/m)
      assert.doesNotMatch(output, /Sanitizer|runtime error/)
    })
  }

  it('leaves no memory behind when frame I/O is opened, used and closed', async () => {
    const { output } = await run(['--input-type=module', '-e', OPEN_AND_CLOSE], { leaks: true })
    assert.match(output, /^closed$/m)
    assert.doesNotMatch(output, /LeakSanitizer has encountered a fatal error/)
    // Node leaves memory behind too. What the addon allocated has one of its functions right above malloc's.
    assert.doesNotMatch(output, /^ +#1 \S+ in \w+ native\//m)
  })
})

const OPEN_AND_CLOSE = `
  import { closeSync } from 'node:fs'
  import { NativeFrameIo, openWake } from './dist/src/ports/native-frame-io.js'
  for (const backend of ['io_uring', 'epoll']) {
    for (let times = 0; times < 20; times++) {
      const wakeDescriptor = openWake()
      const io = new NativeFrameIo({ backend, wakeDescriptor })
      io.attach(1, openWake(), true)
      io.poll(0, 0)
      io.detach(1)
      io.close()
      closeSync(wakeDescriptor)
    }
  }
  console.log('closed')`

async function run(
  args: readonly string[],
  { leaks = false } = {},
): Promise<{ code: number | null; output: string }> {
  // Without the mark of the runner above it, a test file reports for itself.
  const { NODE_TEST_CONTEXT: _, ...env } = sanitizedEnvironment()
  if (leaks) env['ASAN_OPTIONS'] = `${env['ASAN_OPTIONS']}:detect_leaks=1`
  const child = spawn(process.execPath, args, { cwd: repositoryRoot, env, stdio: ['ignore', 'pipe', 'pipe'] })
  const exit = once(child, 'exit')
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), exit])
  return { code: code as number | null, output: stdout + stderr }
}
