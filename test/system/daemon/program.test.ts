import assert from 'node:assert/strict'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { before, describe, it } from 'node:test'
import { EXIT_ROOT_LOCKED } from '../../../src/daemon/exit-code.ts'
import { needsTap } from '../../support/requirements.ts'
import { compile } from '../support/compile.ts'
import { ask, ControlDaemon } from '../support/control-daemon.ts'
import { isAlive } from '../support/leftovers.ts'
import type { Outcome } from '../support/program.ts'
import { newFolder } from '../support/scene.ts'
import { startTold } from '../support/told-starter.ts'
import { until } from '../support/until.ts'

/** A command that SIGTERM does not end. */
const STUBBORN = ['sh', '-c', 'trap "" TERM; echo on; while :; do sleep 100 & wait; done']

/** The daemon's own lines, which are JSON. */
function logged(text: string): Record<string, unknown>[] {
  return text
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Record<string, unknown>)
}

function assertRefused({ code, errors }: Outcome, expectedCode: number, text: string): void {
  assert.ok(errors.includes(text), errors)
  assert.equal(code, expectedCode)
}

describe('the daemon, once it runs', { skip: needsTap() }, () => {
  let daemon: ControlDaemon
  before(async () => {
    daemon = await ControlDaemon.start()
  })

  it('has its root and its socket, which only root and its group may use', () => {
    const socket = statSync(daemon.socket)
    assert.ok(socket.isSocket())
    assert.equal(socket.mode & 0o777, 0o660)
    assert.equal(socket.uid, 0)
    assert.equal(readFileSync(join(daemon.root, 'daemon.pid'), 'utf8'), `${daemon.pid}\n`)
    assert.equal(statSync(join(daemon.root, 'daemon.pid')).mode & 0o777, 0o640)
  })

  it('keeps its root from another daemon, which says whose it is', async () => {
    const second = await new ControlDaemon({ root: daemon.root }).program.end()
    assertRefused(
      second,
      EXIT_ROOT_LOCKED,
      `tapwire: The root ${daemon.root} belongs to the daemon with process id ${daemon.pid}.`,
    )
    assert.equal((await daemon.ask('GET', '/version')).status, 200)
  })

  it('takes the place of one that was killed, and leaves no socket and no process id when it ends', async () => {
    await daemon.kill()
    assert.ok(statSync(daemon.socket).isSocket())
    await daemon.again()
    assert.equal((await daemon.ask('GET', '/version')).status, 200)
    await daemon.stop()
    assert.ok(!existsSync(daemon.socket))
    assert.equal(readFileSync(join(daemon.root, 'daemon.pid'), 'utf8'), '')
  })

  it('listens where --socket says, in a folder that it makes, and ends when it is asked to there', async () => {
    const socket = join(newFolder(), 'deep/er/s')
    const daemon = await ControlDaemon.start({ args: ['--socket', socket] })
    assert.equal((await ask(socket, 'GET', '/version')).status, 200)
    assert.ok(!existsSync(daemon.socket))
    assert.equal((await ask(socket, 'POST', '/shutdown')).status, 202)
    assert.equal((await daemon.program.end()).code, 0)
  })
})

describe('who started the daemon', { skip: needsTap() }, () => {
  it('is told that it listens, or why it does not, and the log goes to the root', async () => {
    const root = newFolder()
    const { pid, told, ended } = await startTold(root)
    assert.equal(told, '{"ready":true}\n')
    assert.equal((await ask(join(root, 'tapwire.sock'), 'GET', '/version')).status, 200)

    const second = await startTold(root)
    const { failed } = JSON.parse(second.told) as { failed: { code: string; message: string; hint: string } }
    assert.equal(failed.code, 'ROOT_LOCKED')
    assert.match(failed.message, new RegExp(`process id ${pid}\\.$`))
    assert.equal(await second.ended, EXIT_ROOT_LOCKED)

    process.kill(pid, 'SIGTERM')
    assert.equal(await ended, 0)
    const lines = logged(readFileSync(join(root, 'daemon.log'), 'utf8'))
    assert.deepEqual(
      lines.map(({ msg }) => msg).filter((msg) => /the daemon/.test(String(msg))),
      ['the daemon is ready', 'the daemon ends'],
    )
  })
})

/** What one does is seen in test/system/control/ends.test.ts. */
describe('a second signal', { skip: needsTap() }, () => {
  it('does not wait for the sandboxes', async () => {
    const daemon = await ControlDaemon.start()
    const id = await daemon.run('box', { Cmd: STUBBORN, StopTimeout: 1000 })
    await until('the trap is set', async () => {
      const { body } = await daemon.ask('GET', `/sandboxes/${id}/logs?stdout=1`)
      return body.includes('on')
    })
    const { State } = await daemon.inspect(id)
    process.kill(daemon.pid, 'SIGTERM')
    await daemon.program.printed(/the daemon ends/)
    const refused = await daemon.ask('POST', '/networks', { Name: 'late' })
    assert.equal(refused.status, 503, refused.body)
    assert.equal((await daemon.program.stop('SIGTERM')).code, 143)
    assert.ok(isAlive(State.Pid))
  })
})

describe('an error that nobody caught', { skip: needsTap() }, () => {
  it('is logged with its stack and ends the daemon; the sandboxes stay', async () => {
    const thrower =
      'data:text/javascript,process.on(%22SIGUSR2%22,()=>{throw%20new%20Error(%22out%20of%20luck%22)})'
    const environment = { NODE_OPTIONS: `--import=${thrower}` }
    const daemon = await ControlDaemon.start({ place: { environment } })
    const id = await daemon.run('box', { Cmd: ['sleep', '1000'] })
    const { State } = await daemon.inspect(id)
    const { code, errors } = await daemon.program.stop('SIGUSR2')
    assert.equal(code, 1)
    const last = logged(errors).at(-1)
    assert.equal(last?.['msg'], 'an error that nobody caught')
    assert.match(String(last?.['error']), /^Error: out of luck\n +at /)
    assert.ok(isAlive(State.Pid))
    await daemon.again()
    assert.equal((await daemon.inspect(id)).State.Status, 'running')
    await daemon.call('DELETE', `/sandboxes/${id}?force=1`)
    await daemon.stop()
  })
})

describe('a root', { skip: needsTap() }, () => {
  it('that cannot be written to is refused', async () => {
    const root = newFolder()
    const prelude = 'mount -t tmpfs -o ro,mode=711 none "$ROOT"'
    const outcome = await new ControlDaemon({ root, prelude }).program.end()
    assertRefused(outcome, 1, `tapwire: The root ${root} cannot be used: EROFS`)
  })
})

describe('a machine that lacks something', { skip: needsTap() }, () => {
  it('capabilities: the daemon does not start', async () => {
    const daemon = new ControlDaemon({ prelude: 'exec setpriv --bounding-set=-net_admin "$@"' })
    assertRefused(await daemon.program.end(), 1, 'tapwire: The daemon needs CAP_NET_ADMIN.\nRun it as root')
  })

  it('descriptors, io_uring and /dev/net/tun: the daemon says so and runs, with sandboxes that need none', async () => {
    const wrapper = compile('without-io-uring')
    const prelude = `ulimit -n 2000; mount -t tmpfs none /dev/net; exec ${wrapper} "$@"`
    const daemon = await ControlDaemon.start({ prelude })
    const lines = logged(daemon.program.errors)
    const few = lines.find(({ limit }) => limit === 2000)
    assert.match(String(few?.['msg']), /^the limit of open files is low/)

    const { Backend } = await daemon.call<{ Backend: string }>('GET', '/version')
    assert.equal(Backend, 'epoll')
    const other = lines.find(({ msg }) => /io_uring is not available/.test(String(msg)))
    assert.match(String(other?.['reason']), /EPERM|not permitted/)

    await daemon.call('POST', '/sandboxes?name=box', {})
    const { status, body } = await daemon.ask('POST', '/sandboxes/box/start')
    assert.equal(status, 500)
    assert.match((JSON.parse(body) as { message: string }).message, /\/dev\/net\/tun/)
    assert.equal((await daemon.inspect('box')).State.Status, 'created')
    await daemon.run('alone', { HostConfig: { NetworkMode: 'none' } })
    await daemon.stop()
  })
})

describe('a command line that is wrong', () => {
  it('is told so', async () => {
    assertRefused(await new ControlDaemon({ args: ['--bogus'] }).program.end(), 2, "Unknown option '--bogus'")
  })
})
