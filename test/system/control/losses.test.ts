import assert from 'node:assert/strict'
import { readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { needs, needsTap } from '../../support/requirements.ts'
import { ControlDaemon, linkOf } from '../support/control-daemon.ts'
import { run } from '../support/program.ts'
import { namespacePath } from '../support/scene.ts'
import { until } from '../support/until.ts'

describe('what is taken from a sandbox by force', { skip: needsTap() || needs('ip', 'ping') }, () => {
  let daemon: ControlDaemon
  before(async () => {
    daemon = await ControlDaemon.start()
    await daemon.network('blue', '10.71.0.0/24')
    await daemon.network('green', '10.72.0.0/24')
    await daemon.run('neighbour', { HostConfig: { NetworkMode: 'blue' } })
  })
  after(() => daemon.stop())

  const sandbox = (name: string, Cmd: string[] = []): Promise<string> =>
    daemon.run(name, { Cmd, HostConfig: { NetworkMode: 'blue' } })
  const shimOf = (id: string): number =>
    Number(readFileSync(join(daemon.root, 'sandboxes', id.slice(0, 12), 'holder'), 'utf8').split(' ')[0])
  const reaches = async (name: string): Promise<string> =>
    daemon.inside(
      name,
      'ping',
      '-n',
      '-c',
      '1',
      '-W',
      '45',
      (await daemon.endpoint('neighbour', 'blue')).IPAddress,
    )
  const ended = async (id: string): Promise<number> => {
    await until('the sandbox has ended', async () => (await daemon.inspect(id)).State.Status === 'exited')
    return (await daemon.inspect(id)).State.ExitCode
  }
  const noTraces = (id: string): void => {
    const short = id.slice(0, 12)
    const { shims, links, processes } = daemon.traces()
    assert.ok(![...shims, ...links, ...processes].some((name) => name.includes(short)))
    assert.equal(linkOf(id), undefined)
  }

  it('its shim: it has ended, with all that ran in it, and starts again', async () => {
    const id = await sandbox('shimless', ['sh', '-c', 'setsid sleep 1000 & exec sleep 1001'])
    const waiting = daemon.begin('wait', 'shimless')
    await until('the command has forked', () => residents(shimOf(id)).length === 3)
    process.kill(shimOf(id), 'SIGKILL')
    assert.equal(await ended(id), 137)
    assert.equal((await waiting.end()).output, '137\n')
    noTraces(id)
    assert.deepEqual((await daemon.inspect(id)).NetworkSettings.Networks['blue']!.IPAddress, '')
    await daemon.do('start', 'shimless')
    await reaches('shimless')
  })

  it('its shim, while the sandbox is idle', async () => {
    const id = await sandbox('idle')
    process.kill(shimOf(id), 'SIGKILL')
    assert.equal(await ended(id), 137)
    noTraces(id)
    await daemon.do('start', 'idle')
    await reaches('idle')
  })

  it('its shim, with --rm: it is removed', async () => {
    const id = await daemon.do('run', '-d', '--rm', '--network', 'blue', 'sleep', '1000')
    process.kill(shimOf(id), 'SIGKILL')
    await until('it is removed', async () => (await daemon.ask('GET', `/sandboxes/${id}`)).status === 404)
    noTraces(id)
  })

  it('its command: it has ended by the signal', async () => {
    const id = await sandbox('commandless', ['sleep', '1000'])
    process.kill((await daemon.inspect(id)).State.Pid, 'SIGKILL')
    assert.equal(await ended(id), 137)
    noTraces(id)
  })

  it('all processes in its network namespace: it has ended', async () => {
    const id = await sandbox('emptied', ['sh', '-c', 'sleep 1000 & wait'])
    for (const pid of residents(shimOf(id))) process.kill(pid, 'SIGKILL')
    assert.equal(await ended(id), 137)
    noTraces(id)
  })

  it('its interface: the endpoint is told to be gone, and is made anew by disconnecting and connecting', async () => {
    const id = await sandbox('cut', ['sleep', '1000'])
    const before = await daemon.endpoint('cut', 'blue')
    await daemon.inside('cut', 'ip', 'link', 'delete', 'eth0')
    const format = '{{.Type}} {{.Action}} {{.Actor.Attributes.interface}}'
    const events = daemon.begin('events', '--since', '1', '--format', format)
    await events.printed(/^endpoint gone eth0$/m)
    await events.stop()

    // Its address is still its own.
    assert.equal((await daemon.endpoint('cut', 'blue')).IPAddress, before.IPAddress)
    assert.equal((await daemon.inspect(id)).State.Status, 'running')
    await daemon.disconnect('blue', 'cut')
    await daemon.connect('blue', 'cut')
    assert.equal((await daemon.endpoint('cut', 'blue')).InterfaceName, 'eth0')
    await reaches('cut')
  })

  it('its interface, and then it is stopped, started and removed', async () => {
    const id = await sandbox('cut-off', ['sleep', '1000'])
    await daemon.inside('cut-off', 'ip', 'link', 'delete', 'eth0')
    await daemon.do('stop', 'cut-off')
    await daemon.do('start', 'cut-off')
    await reaches('cut-off')
    await daemon.do('rm', '-f', 'cut-off')
    noTraces(id)
  })

  it("its namespace's name: it goes on, and is connected", async () => {
    const id = await sandbox('nameless', ['sleep', '1000'])
    rmSync(namespacePath(`tw-${id.slice(0, 12)}`))
    await reaches('nameless')
    await daemon.connect('green', 'nameless')
    await daemon.disconnect('green', 'nameless')
    await daemon.do('rm', '-f', 'nameless')
    noTraces(id)
  })

  describe('while no daemon runs', () => {
    const ids: Record<string, string> = {}
    const pids: Record<string, number> = {}
    let target: string | undefined
    before(async () => {
      const commands = {
        mended: ['sleep', '1000'],
        renamed: ['sleep', '1000'],
        lost: ['sh', '-c', 'setsid sleep 1000 & exec sleep 1001'],
        told: ['sh', '-c', 'trap "exit 23" TERM; while :; do sleep 0.02; done'],
      }
      for (const [name, command] of Object.entries(commands)) {
        const id = (ids[name] = await sandbox(name, command))
        pids[name] = (await daemon.inspect(id)).State.Pid
      }
      const { mended, renamed, lost, told } = ids as Record<keyof typeof commands, string>
      await daemon.connect('green', 'mended')
      target = linkOf(renamed)
      const shim = shimOf(lost)
      await until('the command has forked', () => residents(shim).length === 3)

      await daemon.kill()
      await run(daemon.place(mended), 'ip', 'link', 'delete', 'eth1')
      await run(daemon.place(mended), 'ip', 'link', 'delete', 'eth0')
      rmSync(namespacePath(`tw-${renamed.slice(0, 12)}`), { force: true })
      process.kill(shim, 'SIGKILL')
      process.kill(pids['told']!, 'SIGTERM')
      const exit = join(daemon.root, 'sandboxes', told.slice(0, 12), 'exit')
      await until('the shim has noted the exit', () => {
        try {
          return readFileSync(exit, 'utf8').endsWith('\n')
        } catch {
          return false
        }
      })
      await daemon.again()
    })

    it('its interface: the next one makes it anew', async () => {
      assert.equal((await daemon.inspect('mended')).State.Pid, pids['mended'])
      await reaches('mended')
      const route = await daemon.inside('mended', 'ip', 'route', 'show', 'default')
      assert.equal(route.trim(), 'default via 10.71.0.1 dev eth0')
      await daemon.disconnect('green', 'mended')
    })

    it("its namespace's name: the next one makes the name again", async () => {
      assert.equal(linkOf(ids['renamed']!), target)
      await reaches('renamed')
      await daemon.do('rm', '-f', 'renamed')
      noTraces(ids['renamed']!)
    })

    it('its shim: the next one knows that it has ended', async () => {
      assert.equal(await ended(ids['lost']!), 255)
      noTraces(ids['lost']!)
    })

    it('its command: the next one knows how it ended', async () => {
      assert.equal(await ended(ids['told']!), 23)
      noTraces(ids['told']!)
    })
  })
})

/** Processes in the network namespace of another one. */
function residents(pid: number): number[] {
  const namespace = readlinkSync(`/proc/${pid}/ns/net`)
  return readdirSync('/proc')
    .filter((name) => {
      try {
        return /^\d+$/.test(name) && readlinkSync(`/proc/${name}/ns/net`) === namespace
      } catch {
        return false
      }
    })
    .map(Number)
}
