/**
 * Stands in for the daemon's program: takes its arguments, tells its steps, and serves the API of a lab in which no
 * frame ever moved. FAKE_DAEMON says how it behaves:
 *
 *   (nothing)   all goes well
 *   refuse      it tells why it cannot start
 *   crash       it ends without a word on standard output
 *   babble      it prints what is no JSON, and ends
 *   slow        it starts a step and stays in it until SIGTERM
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { parseArgs } from 'node:util'
import type { Progress } from '../../src/control/api.ts'
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
  const checks = [
    { name: 'addon', state: 'ok', detail: 'loads' },
    { name: 'io_uring', state: 'warn', detail: 'forbidden here', hint: 'epoll is used in its place.' },
  ]
  process.stdout.write(JSON.stringify({ checks }))
}

function cleanUp(): void {
  tell({ step: 'Remove what is left', state: 'start' })
  rmSync(labPaths(values.run, values.lab).directory, { recursive: true })
  tell({ step: 'Remove what is left', state: 'done', detail: '2 namespaces' })
}

function up(labFile: string): void {
  tell({ step: 'Make namespaces', state: 'start' })
  const end = () => process.exit(0)
  process.on('SIGTERM', end)
  if (behaviour === 'slow') {
    // Holds the process, which otherwise has nothing to wait for.
    setInterval(() => undefined, 60_000)
    return
  }
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
