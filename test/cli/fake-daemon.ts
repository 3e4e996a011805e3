/**
 * Stands in for the daemon's program: takes its arguments, tells its steps, and serves the API of a lab in which no
 * frame ever moved. FAKE_DAEMON says how it behaves:
 *
 *   (nothing)   all goes well
 *   refuse      it tells why it cannot start
 *   crash       it ends without a word on standard output
 *   babble      it prints what is no JSON, and ends
 *   sick        it finds something wrong with the machine
 *   slow        it stays in a step until SIGTERM, finishes that, says that it is ready, and ends
 *   busy        it stays in a step, whatever it is told, until nobody reads what it tells
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { parseArgs } from 'node:util'
import type { DoctorCheck } from '../../src/control/api/doctor.ts'
import type { Progress } from '../../src/control/api/progress.ts'
import { parseLabJson } from '../../src/control/lab.ts'
import { labPaths } from '../../src/control/run-directory.ts'
import { statusOf } from './fake-api.ts'

const { values } = parseArgs({
  options: {
    'lab-json': { type: 'string' },
    run: { type: 'string', default: '' },
    lab: { type: 'string', default: '' },
    io: { type: 'string', default: 'io_uring' },
    cleanup: { type: 'boolean' },
    doctor: { type: 'boolean' },
  },
})
const behaviour = process.env['FAKE_DAEMON']

function tell(line: Progress): void {
  process.stdout.write(`${JSON.stringify(line)}\n`)
}

function doctor(): void {
  const well: DoctorCheck[] = [
    { name: 'addon', state: 'ok', detail: 'loads' },
    { name: 'io_uring', state: 'warn', detail: 'forbidden here', hint: 'epoll is used in its place.' },
  ]
  const sick: DoctorCheck[] = [{ name: 'addon', state: 'fail', detail: 'missing', hint: 'Build it.' }]
  const checks = behaviour === 'sick' ? sick : well
  process.stdout.write(JSON.stringify({ checks }))
}

function cleanUp(): void {
  rmSync(labPaths(values.run, values.lab).directory, { recursive: true })
}

function up(labFile: string): void {
  const end = () => process.exit(0)
  if (behaviour === 'slow') {
    // The process has nothing else to wait for.
    const hold = setInterval(() => undefined, 60_000)
    process.once('SIGTERM', () => {
      tell({ step: 'Make namespaces', state: 'done' })
      tell({ ready: true })
      clearInterval(hold)
    })
    tell({ step: 'Make namespaces', state: 'start' })
    return
  }
  if (behaviour === 'busy') {
    process.on('SIGTERM', () => undefined)
    process.stdout.on('error', end)
    tell({ step: 'Make namespaces', state: 'start' })
    setInterval(() => tell({ step: 'Wait', state: 'start' }), 10)
    return
  }
  process.on('SIGTERM', end)
  tell({ step: 'Make namespaces', state: 'start' })
  const lab = parseLabJson(readFileSync(labFile, 'utf8'), labFile)
  const paths = labPaths(values.run, lab.name)
  tell({ step: 'Make namespaces', state: 'done', detail: String(lab.sandboxes.length) })
  mkdirSync(paths.directory, { recursive: true })
  writeFileSync(paths.lab, JSON.stringify(lab))
  writeFileSync(paths.pid, String(process.pid))
  writeFileSync(paths.log, `in ${process.cwd()}\n`)
  const status = statusOf(lab, { backend: values.io === 'epoll' ? 'epoll' : 'io_uring', pid: process.pid })
  const server = createServer((request, response) => {
    if (request.url === '/lab') response.end(JSON.stringify(status))
    if (request.url !== '/down') return
    response.writeHead(202).end()
    response.once('close', () => {
      rmSync(paths.directory, { recursive: true })
      end()
    })
  })
  server.listen(paths.socket, () => {
    tell({ ready: true })
    process.stdout.destroy()
  })
}

if (behaviour === 'crash') {
  process.stderr.write('Error: nothing works\n')
  process.exitCode = 3
} else if (behaviour === 'babble') {
  process.stdout.write('hello\n')
} else if (behaviour === 'refuse' && values.cleanup === true) {
  process.stderr.write(JSON.stringify({ code: 'EBUSY', message: 'It is in use.', hint: 'Wait.' }))
  process.exitCode = 1
} else if (behaviour === 'refuse') {
  tell({ step: 'Open TAPs', state: 'start' })
  tell({ step: 'Open TAPs', state: 'failed', detail: 'EPERM' })
  tell({ failed: { code: 'EPERM', message: 'Opening /dev/net/tun is forbidden.', hint: 'Run as root.' } })
  process.exitCode = 1
} else if (values.doctor === true) {
  doctor()
} else if (values.cleanup === true) {
  cleanUp()
} else {
  up(values['lab-json'] ?? '')
}
