/**
 * The daemon of one lab. Started by `tapwire up`:
 *
 *     main.js --lab-json FILE --run DIR [--io io_uring|epoll] [--attached]
 *                                                                brings the lab up and serves its API until it is told to stop;
 *                                                                attached, also until its standard input ends
 *     main.js --cleanup --run DIR --lab NAME                     removes what a dead daemon left
 *     main.js --doctor                                           examines the machine; JSON on standard output
 */

import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import type { Failure } from '../control/api.ts'
import { TapwireError } from '../control/errors.ts'
import { parseLabJson } from '../control/lab.ts'
import { TapError } from '../ports/tap.ts'
import { examine } from './doctor.ts'
import { runLab } from './lab-daemon.ts'
import { LabDirectory } from './lab-directory.ts'
import { ProgressWriter } from './progress.ts'

const { values: options } = parseArgs({
  options: {
    'lab-json': { type: 'string' },
    run: { type: 'string' },
    lab: { type: 'string' },
    io: { type: 'string', default: 'auto' },
    attached: { type: 'boolean', default: false },
    cleanup: { type: 'boolean' },
    doctor: { type: 'boolean' },
  },
})

const progress = new ProgressWriter(process.stdout)

try {
  if (options.doctor) process.stdout.write(`${JSON.stringify({ checks: await examine() })}\n`)
  else if (options.cleanup) await LabDirectory.cleanUp(required('run'), required('lab'))
  else await bringUp()
} catch (error) {
  if (options.doctor || options.cleanup) process.stderr.write(`${JSON.stringify(failure(error))}\n`)
  else progress.failed(failure(error))
  process.exitCode = 1
}

async function bringUp(): Promise<void> {
  const path = required('lab-json')
  const lab = parseLabJson(readFileSync(path, 'utf8'), path)
  process.exitCode = await runLab({
    lab,
    run: required('run'),
    io: backend(),
    progress,
    attached: options.attached,
  })
}

function backend(): 'auto' | 'io_uring' | 'epoll' {
  const { io } = options
  if (io === 'auto' || io === 'io_uring' || io === 'epoll') return io
  throw new TapwireError('USAGE', `--io takes auto, io_uring or epoll, not ${io}.`)
}

function required(name: 'lab-json' | 'run' | 'lab'): string {
  const value = options[name]
  if (value === undefined) throw new TapwireError('USAGE', `The daemon needs --${name}.`)
  return value
}

function failure(error: unknown): Failure {
  if (error instanceof TapwireError || error instanceof TapError) {
    const { code, message, hint } = error
    return { code, message, hint }
  }
  return { code: 'INTERNAL', message: error instanceof Error ? error.message : String(error) }
}
