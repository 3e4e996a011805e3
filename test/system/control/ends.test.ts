import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { afterEach, describe, it } from 'node:test'
import { needs, needsTap } from '../../support/requirements.ts'
import { ask, ControlDaemon, linkOf } from '../support/control-daemon.ts'
import { isAlive } from '../support/leftovers.ts'
import { run } from '../support/program.ts'
import { until } from '../support/until.ts'

describe('the end of a daemon', { skip: needsTap() || needs('ip', 'ping') }, () => {
  const started: ControlDaemon[] = []
  const start = async (...args: string[]): Promise<ControlDaemon> => {
    const daemon = await ControlDaemon.start({ args })
    started.push(daemon)
    return daemon
  }
  afterEach(async () => {
    for (const daemon of started.splice(0)) await daemon.program.stop('SIGTERM')
  })

  it('leaves no namespace, TAP or process, and a model in which all sandboxes have ended', async () => {
    const daemon = await start()
    await daemon.network('blue', '10.71.0.0/24')
    const ids = [
      await daemon.run('polite', { Cmd: ['sh', '-c', 'trap "exit 7" TERM; while :; do sleep 0.02; done'] }),
      await daemon.run('idle', { HostConfig: { NetworkMode: 'blue' } }),
      await daemon.run('deaf', {
        Cmd: ['sh', '-c', 'trap "" TERM; while :; do sleep 0.02; done'],
        StopTimeout: 1,
      }),
      await daemon.run('guest', { HostConfig: { NetworkMode: 'container:idle' } }),
      await daemon.run('machine', { Cmd: ['sleep', '1000'], HostConfig: { NetworkMode: 'host' } }),
      await daemon.run('removed', { Cmd: ['sleep', '1000'], HostConfig: { AutoRemove: true } }),
    ]
    const waiting = daemon.begin('wait', 'polite')
    const pids = await Promise.all(ids.map(async (id) => (await daemon.inspect(id)).State.Pid))
    await daemon.stop()
    assert.equal((await waiting.end()).output, '7\n')
    await until('the last ones have seen that the daemon is gone', () => !pids.some(isAlive))
    const { links, shims, processes } = daemon.traces()
    assert.deepEqual({ links, shims, processes }, { links: [], shims: [], processes: [] })
    assert.ok(!existsSync(daemon.socket), 'the socket')

    await daemon.again()
    const codes = async (name: string): Promise<unknown> => {
      const { Status, ExitCode, Pid } = (await daemon.inspect(name)).State
      return [Status, ExitCode, Pid]
    }
    assert.deepEqual(await codes('polite'), ['exited', 7, 0])
    assert.deepEqual(await codes('deaf'), ['exited', 137, 0])
    assert.deepEqual(await codes('machine'), ['exited', 143, 0])
    assert.equal((await daemon.ask('GET', '/sandboxes/removed')).status, 404)
    await daemon.do('start', 'idle')
    assert.equal((await daemon.endpoint('idle', 'blue')).InterfaceName, 'eth0')

    // And it comes while sandboxes are being started, and leaves nothing all the same.
    const { socket } = daemon
    const names = Array.from({ length: 12 }, (_, index) => `s${index}`)
    for (const name of names) await daemon.call('POST', `/sandboxes?name=${name}`, { Cmd: ['sleep', '1000'] })
    const starts = names.map((name) => ask(socket, 'POST', `/sandboxes/${name}/start`))
    await Promise.race(starts)
    await daemon.stop()
    await Promise.allSettled(starts)
    const left = daemon.traces()
    assert.deepEqual([left.shims, left.processes], [[], []])
  })

  it('with --live-restore leaves sandboxes running, and the next daemon takes them up', async () => {
    const daemon = await start('--live-restore')
    await daemon.network('blue', '10.71.0.0/24')
    const one = await daemon.run('one', { Cmd: ['sleep', '1000'], HostConfig: { NetworkMode: 'blue' } })
    await daemon.run('two', { HostConfig: { NetworkMode: 'blue' } })
    const before = await daemon.inspect('one')
    const link = linkOf(one)
    await daemon.stop()
    assert.ok(isAlive(before.State.Pid))
    assert.equal(linkOf(one), link)
    await run(daemon.place(one), 'ip', 'link', 'show', 'eth0')

    await daemon.again()
    assert.deepEqual(await daemon.inspect('one'), before)
    await daemon.inside('one', 'ping', '-n', '-c', '1', (await daemon.endpoint('two', 'blue')).IPAddress)
    await daemon.do('rm', '-f', 'one', 'two')
    assert.deepEqual(daemon.traces(), { folders: [], links: [], shims: [], processes: [] })
  })

  it('does not touch another daemon, with the same names, subnets and addresses', async () => {
    const daemons = await Promise.all([start(), start(), start()])
    const ids = await Promise.all(
      daemons.map(async (daemon) => {
        await daemon.network('same', '10.71.0.0/24')
        await daemon.run('peer', { HostConfig: { NetworkMode: 'same' } })
        return daemon.run('same', { Cmd: ['sleep', '1000'], HostConfig: { NetworkMode: 'same' } })
      }),
    )
    const addresses = await Promise.all(daemons.map((daemon) => daemon.endpoint('same', 'same')))
    assert.deepEqual(new Set(addresses.map(({ IPAddress }) => IPAddress)), new Set(['10.71.0.3']))
    const [first, second, third] = daemons as [ControlDaemon, ControlDaemon, ControlDaemon]
    await first.stop()
    await second.kill()
    await third.inside('same', 'ping', '-n', '-c', '1', '10.71.0.2')
    assert.deepEqual(
      third.traces().shims,
      [ids[2]!, (await third.inspect('peer')).Id].map((id) => id.slice(0, 12)).toSorted(),
    )
    await second.again()
    await second.inside('same', 'ping', '-n', '-c', '1', '10.71.0.2')
  })
})
