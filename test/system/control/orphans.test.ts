import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmodSync, copyFileSync, existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { SystemPruned } from '../../../src/control/api/system.ts'
import { needs, needsTap } from '../../support/requirements.ts'
import { ControlDaemon, linkOf } from '../support/control-daemon.ts'
import { isAlive } from '../support/leftovers.ts'
import { Program, run } from '../support/program.ts'
import { namespacePath, newFolder, newNamespaceName } from '../support/scene.ts'
import { until } from '../support/until.ts'

/** A process that leaves its shim's process tree, and one that stays in it. */
const COMMAND = ['sh', '-c', 'setsid sleep 1000 & exec sleep 1001']

/**
 * Pruning is for the whole machine, where other tests have daemons that are dead for a moment. So the tests are run on a
 * machine of their own, as far as pruning looks: one with other processes, names of namespaces, and temporary files.
 */
const INSIDE = 'TAPWIRE_TEST_MACHINE'
const isInside = process.env[INSIDE] !== undefined

describe('system prune, on its own', { skip: isInside || needsTap() || needs('ip', 'unshare') }, () => {
  it('passes its tests', async () => {
    const separate = 'mkdir -p /run/netns; mount -t tmpfs tmpfs /run/netns; exec "$@"'
    const line: [string, ...string[]] = [
      ...(['unshare', '--pid', '--fork', '--kill-child', '--mount', '--mount-proc', '--'] as const),
      ...(['sh', '-ec', separate, 'sh', process.execPath, '--enable-source-maps', '--test'] as const),
      fileURLToPath(import.meta.url),
    ]
    const environment = { NODE_TEST_CONTEXT: undefined, TMPDIR: newFolder(), [INSIDE]: '1' }
    // These are five tests: the runner's limit is theirs, and not that of one program.
    const { code, output } = await new Program({ environment }, ...line).ended
    assert.equal(code, 0, output)
    assert.match(output, /^# pass [1-9]/m)
    assert.match(output, /^# fail 0/m)
  })
})

describe('system prune', { skip: !isInside }, () => {
  let daemon: ControlDaemon
  let own: string
  before(async () => {
    daemon = await ControlDaemon.start()
    own = await daemon.run('own', { Cmd: ['sleep', '1000'] })
  })
  after(() => daemon.stop())

  const prune = (): Promise<SystemPruned> => daemon.call('POST', '/system/prune')

  it('spares a root that still has its state, and says so, and removes what its daemon left without', async () => {
    const away = await ControlDaemon.start()
    const id = await away.run('one', { Cmd: COMMAND })
    await away.kill()
    const { Sandboxes, Processes, RootsSpared } = await prune()
    assert.deepEqual(
      { Sandboxes, Processes, RootsSpared },
      { Sandboxes: [], Processes: [], RootsSpared: [away.root] },
    )
    await away.again()
    assert.equal((await away.inspect(id)).State.Status, 'running')
    await away.kill()
    const all = await daemon.call<SystemPruned>('POST', '/system/prune?all=true')
    assert.deepEqual([all.Sandboxes, all.RootsSpared], [[id.slice(0, 12)], []])
    await away.again()
    assert.equal((await away.inspect(id)).State.Status, 'exited')

    await away.call('POST', `/sandboxes/${id}/start`)
    await assertRemoved(away, [id, await away.run('two')], () => {
      for (const name of ['state.json', 'state.json.previous']) rmSync(join(away.root, name), { force: true })
    })
  })

  it('leaves a program alone that only says it is a shim, and the folder that it names', async () => {
    const folder = join(newFolder(), 'sandboxes/0123456789ab')
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, 'precious'), '')
    const program = join(newFolder(), 'tapwire-shim')
    copyFileSync('/bin/bash', program)
    chmodSync(program, 0o755)
    const liar = new Program({}, program, 'hold', '--directory', folder)
    const bystander = new Program({ environment: { TAPWIRE_SANDBOX: 'ba9876543210' } }, 'sleep', '1000')
    await prune()
    assert.ok(existsSync(join(folder, 'precious')))
    assert.ok(isAlive(bystander.pid), 'it shares our namespaces')
    await bystander.stop()
    await liar.stop()
  })

  it('removes what a killed daemon has left whose root was removed', async () => {
    const dead = await ControlDaemon.start()
    const ids = [await dead.run('one', { Cmd: COMMAND }), await dead.run('two')]
    await assertRemoved(dead, ids, () => rmSync(dead.root, { recursive: true }))
  })

  it('leaves what another daemon runs, and what one may take up that has just been started again, but not what is left of a shim', async () => {
    const other = await ControlDaemon.start()
    const id = await other.run('other', { Cmd: COMMAND })
    assert.deepEqual(await prune(), {
      Namespaces: [],
      Processes: [],
      Sandboxes: [],
      NetworksDeleted: [],
      RootsSpared: [],
    })
    assert.equal((await other.inspect(id)).State.Status, 'running')
    await other.inside('other', 'true')
    await other.kill()
    await other.again()
    await prune()
    assert.equal((await other.inspect(id)).State.Status, 'running')

    // A shim that is killed after its daemon.
    assert.deepEqual(other.traces().shims, [id.slice(0, 12)])
    const holder = Number(linkOf(id)!.split('/')[2])
    await other.kill()
    process.kill(holder, 'SIGKILL')
    await until('the shim has ended', () => !isAlive(holder))
    await prune()
    assert.equal(linkOf(id), undefined)
    assert.deepEqual(other.traces().processes, [])
    await stays()
  })

  it('leaves namespaces, links, TAPs and processes that are not ours', async () => {
    const foreign = newNamespaceName()
    execFileSync('ip', ['netns', 'add', foreign])
    execFileSync('ip', ['-n', foreign, 'tuntap', 'add', 'eth0', 'mode', 'tap'])
    // A mount point of a name that only differs by being none of ours; and a link to a process that lives.
    const alike = `tw-${process.pid.toString(16).padStart(12, '0')}`
    execFileSync('ip', ['netns', 'add', alike])
    const linked = `${alike.slice(0, -1)}-linked`
    symlinkSync(`/proc/${process.pid}/ns/net`, namespacePath(linked))
    const sleeper = new Program({ namespace: foreign }, 'sleep', '1000')
    try {
      const pruned = await prune()
      assert.deepEqual(pruned, {
        Namespaces: [],
        Processes: [],
        Sandboxes: [],
        NetworksDeleted: [],
        RootsSpared: [],
      })
      assert.ok(existsSync(namespacePath(alike)))
      assert.ok(existsSync(namespacePath(linked)))
      assert.ok(isAlive(sleeper.pid))
      assert.match(await run({ namespace: foreign }, 'ip', 'link'), /eth0/)
    } finally {
      rmSync(namespacePath(linked), { force: true })
      execFileSync('ip', ['netns', 'delete', alike])
      await sleeper.stop()
    }
    await stays()
  })

  /** What a daemon leaves that is killed, and whose root is then changed, is pruned. */
  async function assertRemoved(
    dead: ControlDaemon,
    ids: readonly string[],
    change: () => void,
  ): Promise<void> {
    const pids = await Promise.all(ids.map(async (id) => (await dead.inspect(id)).State.Pid))
    await dead.kill()
    change()
    const { code, output } = await daemon.attempt('system', 'prune', '-f')
    assert.equal(code, 0)
    for (const id of ids) {
      assert.equal(linkOf(id), undefined)
      assert.ok(output.includes(id.slice(0, 12)), output)
    }
    assert.deepEqual(pids.filter(isAlive), [])
    const { shims, processes } = dead.traces()
    assert.deepEqual({ shims, processes }, { shims: [], processes: [] })
    await stays()
  }

  /** The pruning daemon's own sandbox. */
  async function stays(): Promise<void> {
    assert.equal((await daemon.inspect(own)).State.Status, 'running')
    await daemon.inside('own', 'true')
  }
})
