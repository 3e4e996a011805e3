import assert from 'node:assert/strict'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
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

  it('listens where --socket says, in a folder that it makes', async () => {
    const socket = join(newFolder(), 'deep/er/s')
    const daemon = await ControlDaemon.start({ args: ['--socket', socket] })
    assert.equal((await ask(socket, 'GET', '/version')).status, 200)
    assert.ok(!existsSync(daemon.socket))
    await daemon.stop()
  })
})

describe('who started the daemon', { skip: needsTap() }, () => {
  it('is told that it listens, and the log goes to the root', async () => {
    const root = newFolder()
    const { pid, told, ended } = await startTold(root)
    assert.equal(told, '{"ready":true}\n')
    assert.equal((await ask(join(root, 'tapwire.sock'), 'GET', '/version')).status, 200)
    process.kill(pid, 'SIGTERM')
    assert.equal(await ended, 0)
    const lines = logged(readFileSync(join(root, 'daemon.log'), 'utf8'))
    assert.deepEqual(
      lines.map(({ msg }) => msg).filter((msg) => /the daemon/.test(String(msg))),
      ['the daemon is ready', 'the daemon ends'],
    )
  })

  it('is told why it does not start', async () => {
    const root = newFolder()
    const first = await startTold(root)
    const { told, ended } = await startTold(root)
    const { failed } = JSON.parse(told) as { failed: { code: string; message: string; hint: string } }
    assert.equal(failed.code, 'ROOT_LOCKED')
    assert.match(failed.message, new RegExp(`process id ${first.pid}\\.$`))
    assert.equal(await ended, EXIT_ROOT_LOCKED)
    process.kill(first.pid, 'SIGTERM')
    assert.equal(await first.ended, 0)
  })
})

describe('a signal', { skip: needsTap() }, () => {
  it('SIGTERM stops the sandboxes and ends the daemon', async () => {
    const daemon = await ControlDaemon.start()
    const id = await daemon.run('box', { Cmd: ['sleep', '1000'] })
    const { State } = await daemon.inspect(id)
    await daemon.stop()
    assert.ok(!isAlive(State.Pid))
    await daemon.again()
    assert.equal((await daemon.inspect(id)).State.Status, 'exited')
    assert.equal((await daemon.inspect(id)).State.ExitCode, 143)
    await daemon.stop()
  })

  it('SIGTERM leaves them with --live-restore, and the next daemon has them', async () => {
    const daemon = await ControlDaemon.start({ args: ['--live-restore'] })
    const id = await daemon.run('box', { Cmd: ['sleep', '1000'] })
    const { State } = await daemon.inspect(id)
    await daemon.stop()
    assert.ok(isAlive(State.Pid))
    await daemon.again()
    assert.equal((await daemon.inspect(id)).State.Pid, State.Pid)
    await daemon.call('DELETE', `/sandboxes/${id}?force=1`)
    await daemon.stop()
  })

  it('a second SIGTERM does not wait for them', async () => {
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
    await daemon.again()
    await daemon.call('DELETE', `/sandboxes/${id}?force=1`)
    await daemon.stop()
  })

  it('of a request to shut down ends it too', async () => {
    const daemon = await ControlDaemon.start()
    assert.equal((await daemon.ask('POST', '/shutdown')).status, 202)
    assert.equal((await daemon.program.end()).code, 0)
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
  const start = (root: string, prelude?: string): Promise<Outcome> =>
    new ControlDaemon({ root, ...(prelude !== undefined && { prelude }) }).program.end()

  it('that cannot be written to is refused', async () => {
    const root = newFolder()
    const outcome = await start(root, 'mount -t tmpfs -o ro,mode=711 none "$ROOT"')
    assertRefused(outcome, 1, `tapwire: The root ${root} cannot be used: EROFS`)
  })

  it('that others can write to is refused', async () => {
    const root = newFolder()
    const outcome = await start(root, 'chmod 777 "$ROOT"')
    assertRefused(outcome, 1, `The root ${root} cannot be used: others than this user can write to it.`)
  })

  it('that is full of something else, or no folder, is refused', async () => {
    const root = newFolder()
    writeFileSync(join(root, 'holiday.jpg'), '')
    assertRefused(await start(root), 1, 'it has holiday.jpg in it, and is no root of a daemon.')
    assertRefused(await start(join(root, 'holiday.jpg')), 1, 'cannot be used: it is no folder.')
  })

  it('with an invalid configuration is refused with the place', async () => {
    const root = newFolder()
    writeFileSync(join(root, 'daemon.json'), '{"mtuu": 9000}')
    const text = `The configuration file ${root}/daemon.json is invalid: The file has an unknown key mtuu; did you mean mtu?`
    assertRefused(await start(root), 1, text)
  })
})

describe('a machine that lacks something', { skip: needsTap() }, () => {
  it('capabilities: the daemon does not start', async () => {
    const daemon = new ControlDaemon({ prelude: 'exec setpriv --bounding-set=-net_admin "$@"' })
    assertRefused(await daemon.program.end(), 1, 'tapwire: The daemon needs CAP_NET_ADMIN.\nRun it as root')
  })

  it('descriptors: the daemon says so and runs', async () => {
    const daemon = await ControlDaemon.start({ prelude: 'ulimit -n 2000' })
    const warning = logged(daemon.program.errors).find(({ limit }) => limit === 2000)
    assert.match(String(warning?.['msg']), /^the limit of open files is low/)
    await daemon.stop()
  })

  it('/dev/net/tun: sandboxes without a network start, others say what is missing', async () => {
    const daemon = await ControlDaemon.start({ prelude: 'mount -t tmpfs none /dev/net' })
    await daemon.call('POST', '/sandboxes?name=box', {})
    const { status, body } = await daemon.ask('POST', '/sandboxes/box/start')
    assert.equal(status, 500)
    assert.match((JSON.parse(body) as { message: string }).message, /\/dev\/net\/tun/)
    assert.equal((await daemon.inspect('box')).State.Status, 'created')
    await daemon.run('alone', { HostConfig: { NetworkMode: 'none' } })
    await daemon.stop()
  })

  it('io_uring: the daemon says so and takes epoll', async () => {
    const wrapper = compile('without-io-uring')
    const daemon = await ControlDaemon.start({ prelude: `exec ${wrapper} "$@"` })
    const { Backend } = await daemon.call<{ Backend: string }>('GET', '/version')
    assert.equal(Backend, 'epoll')
    const warning = logged(daemon.program.errors).find(({ msg }) =>
      /io_uring is not available/.test(String(msg)),
    )
    assert.match(String(warning?.['reason']), /EPERM|not permitted/)
    await daemon.stop()
  })
})

describe('a command line that is wrong', () => {
  for (const [args, text] of [
    [['--io', 'dpdk'], '--io takes one of auto, io_uring, epoll, not dpdk.'],
    [['--log-level', 'loud'], '--log-level takes one of trace, debug, info, warn, error, fatal, not loud.'],
    [['--ready-fd', 'three'], '--ready-fd takes the number of an open descriptor, not three.'],
    [['--uplink', 'nci:eth0'], "invalid uplink 'nci:eth0': unknown kind 'nci'; did you mean 'nic'?"],
    [['--bogus'], "Unknown option '--bogus'"],
    [['--ephemeral', '--live-restore'], '--live-restore leaves sandboxes to the next daemon'],
  ] as const) {
    it(`is told so: ${args.join(' ')}`, async () => {
      assertRefused(await new ControlDaemon({ args }).program.end(), 2, text)
    })
  }
})
