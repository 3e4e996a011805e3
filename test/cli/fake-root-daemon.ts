/**
 * Stands in for the daemon's program: takes its root as only one can, tells on the ready pipe, and serves a version and a
 * shutdown. FAKE_DAEMON says how it behaves:
 *
 *   (nothing)   all goes well
 *   refuse      it tells why it cannot start
 *   crash       it ends with nothing on the pipe and an error in the log
 */
import { mkdirSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { FakeControl } from './fake-control.ts'

const { values } = parseArgs({
  options: {
    root: { type: 'string', default: '' },
    socket: { type: 'string', default: '' },
    'ready-fd': { type: 'string', default: '1' },
  },
})

function tell(line: unknown): void {
  writeSync(Number(values['ready-fd']), `${JSON.stringify(line)}\n`)
}

async function serve(): Promise<void> {
  try {
    mkdirSync(join(values.root, 'lock'))
  } catch {
    tell({ failed: { code: 'ROOT_LOCKED', message: 'It belongs to another daemon.' } })
    process.exit(75)
  }
  const control = await FakeControl.serve(values.socket)
  control.answers.set('GET /version', () => ({ Version: '0.1.0', ApiVersion: '1', Pid: process.pid }))
  control.answers.set('GET /networks', () => {
    return []
  })
  control.answers.set('POST /shutdown', () => setImmediate(() => process.exit(0)) && undefined)
  tell({ ready: true })
}

if (process.env['FAKE_DAEMON'] === 'refuse') {
  tell({
    failed: { code: 'NOT_PERMITTED', message: 'Opening /dev/net/tun is forbidden.', hint: 'Run as root.' },
  })
  process.exitCode = 1
} else if (process.env['FAKE_DAEMON'] === 'crash') {
  throw new Error('nothing works')
} else {
  await serve()
}
