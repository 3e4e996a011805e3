import assert from 'node:assert/strict'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { needs, needsTap } from '../../support/requirements.ts'
import { ControlDaemon } from '../support/control-daemon.ts'
import { isAlive } from '../support/leftovers.ts'
import { run } from '../support/program.ts'

describe('the state file', { skip: needsTap() }, () => {
  let daemon: ControlDaemon
  let pid: number
  let good: string
  before(async () => {
    daemon = await ControlDaemon.start()
    await daemon.network('blue', '10.71.0.0/24')
    await daemon.run('kept', { Cmd: ['sleep', '1000'], HostConfig: { NetworkMode: 'blue' } })
    pid = (await daemon.inspect('kept')).State.Pid
    await daemon.kill()
    good = readFileSync(join(daemon.root, 'state.json'), 'utf8')
  })
  after(() => daemon.stop())

  /** What else it can be damaged by is in test/daemon/file-store.test.ts. */
  it('is refused by name where it is damaged, and both files stay as they are', async () => {
    const state = join(daemon.root, 'state.json')
    const previous = readFileSync(`${state}.previous`)
    const bad = good.slice(0, good.length / 2)
    writeFileSync(state, bad)
    const refused = new ControlDaemon({ root: daemon.root })
    const { code, errors } = await refused.program.end()
    assert.equal(code, 1)
    assert.ok(errors.includes(state), errors)
    assert.match(errors, /ends in the middle/)
    assert.equal(readFileSync(state, 'utf8'), bad)
    assert.deepEqual(readFileSync(`${state}.previous`), previous)
    assert.ok(isAlive(pid), 'the sandbox that runs')
  })

  it('is refused where it is missing and the copy is there', async () => {
    rmSync(join(daemon.root, 'state.json'))
    const { code, errors } = await new ControlDaemon({ root: daemon.root }).program.end()
    assert.equal(code, 1)
    assert.match(errors, /is missing, though the copy before it is there/)
    assert.ok(!existsSync(join(daemon.root, 'state.json')))
  })

  it('is taken up again when it is repaired, with the sandbox that ran all the time', async () => {
    writeFileSync(join(daemon.root, 'state.json'), good)
    await daemon.again()
    assert.equal((await daemon.inspect('kept')).State.Pid, pid)
  })
})

describe('a full disk', { skip: needsTap() || needs('unshare', 'mount') }, () => {
  let daemon: ControlDaemon
  before(async () => {
    const prelude = 'mount --make-rprivate / && mount -t tmpfs -o size=768k,mode=0700 tmpfs "$ROOT"'
    daemon = await ControlDaemon.start({ prelude })
  })
  after(() => daemon.stop())

  const root = (): string => `/proc/${daemon.pid}/root${daemon.root}`
  const fill = (): Promise<string> =>
    run(
      {},
      'sh',
      '-c',
      `dd if=/dev/zero of=${root()}/fill bs=4k 2>/dev/null; dd if=/dev/zero bs=1 count=4096 2>/dev/null >> ${root()}/fill; true`,
    )
  const free = (): void => rmSync(`${root()}/fill`)
  const state = (): { networks: { name: string }[]; sandboxes: { name: string }[] } =>
    JSON.parse(readFileSync(`${root()}/state.json`, 'utf8')) as ReturnType<typeof state>

  it('fails what has to be kept with one error, makes nothing half, and works again afterwards', async () => {
    await daemon.network('before', '10.71.0.0/24')
    await daemon.run('runs', { Cmd: ['sleep', '1000'], HostConfig: { NetworkMode: 'before' } })
    await daemon.call('POST', '/sandboxes?name=waits', { Cmd: ['sleep', '1000'] })
    const traces = daemon.traces()
    const kept = state()
    await fill()

    const attempts: [string, string, unknown][] = [
      ['POST', '/networks', { Name: 'never', IPAM: { Config: [{ Subnet: '10.72.0.0/24' }] } }],
      ['POST', '/sandboxes?name=never', {}],
      ['POST', '/networks/bridge/connect', { Container: 'runs' }],
      ['POST', '/sandboxes/waits/start', undefined],
      ['POST', '/sandboxes/runs/rename?name=renamed', undefined],
    ]
    for (const [method, path, body] of attempts) {
      const answer = await daemon.ask(method, path, body)
      assert.ok(answer.status >= 500, `${method} ${path}: ${answer.status} ${answer.body}`)
      assert.match((JSON.parse(answer.body) as { message: string }).message, /ENOSPC|no space left/i)
    }
    const failed = await daemon.attempt('network', 'create', 'never')
    assert.equal(failed.code, 1)
    assert.equal(failed.errors.split('\n').filter((line) => line.startsWith('tapwire: ')).length, 1)

    assert.deepEqual(state(), kept)
    assert.equal((await daemon.ask('GET', '/networks/never')).status, 404)
    assert.equal((await daemon.ask('GET', '/sandboxes/never')).status, 404)
    assert.equal((await daemon.inspect('waits')).State.Status, 'created')
    assert.deepEqual(Object.keys((await daemon.inspect('runs')).NetworkSettings.Networks), ['before'])
    assert.equal((await daemon.inspect('runs')).Name, '/runs')
    assert.deepEqual(daemon.traces(), traces)
    const interfaces = await run(daemon.place((await daemon.inspect('runs')).Id), 'ip', '-o', 'link')
    assert.doesNotMatch(interfaces, /eth1/)

    free()
    await daemon.network('never', '10.72.0.0/24')
    await daemon.connect('never', 'runs')
    await daemon.do('start', 'waits')
    assert.equal((await daemon.endpoint('runs', 'never')).InterfaceName, 'eth1')
  })

  it('does not keep a sandbox from ending, or from being stopped', async () => {
    await daemon.run('printer', { Cmd: ['sh', '-c', 'while :; do echo tick; sleep 0.01; done'] })
    await daemon.run('ender', { Cmd: ['sleep', '1000'] })
    await fill()
    process.kill((await daemon.inspect('ender')).State.Pid, 'SIGKILL')
    const ended = await daemon.call<{ StatusCode: number }>('POST', '/sandboxes/ender/wait')
    assert.equal(ended.StatusCode, 137)
    await daemon.ask('POST', '/sandboxes/printer/stop?t=1')
    assert.equal((await daemon.inspect('printer')).State.Status, 'exited')
    free()
    await daemon.do('start', 'ender')
    await daemon.do('rm', '-f', 'ender', 'printer')
    const names = state().sandboxes.map(({ name }) => name)
    assert.deepEqual(names.toSorted(), ['runs', 'waits'])
  })
})
