/** However a daemon ends, or does not come up, and what there is then. */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { pathToFileURL } from 'node:url'
import { Datapath } from '../../src/daemon/datapath.ts'
import { repositoryRoot } from '../support/repository.ts'
import { needs, needsTap } from '../support/requirements.ts'
import { ControlDaemon, type ControlOptions } from './support/control-daemon.ts'
import { descriptors, tapDescriptors, threads } from './support/leftovers.ts'
import { type Outcome, run } from './support/program.ts'
import { namespacePath, newFolder, newNamespaceName } from './support/scene.ts'

const skip = needsTap() || needs('ip', 'ping', 'nsenter', 'setpriv', 'unshare')

/** As a URL, which has no blanks: Node takes them for the ends of options in NODE_OPTIONS. */
const PROVOKE = pathToFileURL(join(repositoryRoot, 'dist/test/system/support/provoke-errors.js')).href

const NOTHING = { folders: [], links: [], shims: [], processes: [] }

/** A daemon with two sandboxes that talk. */
async function busyDaemon(options: ControlOptions = {}): Promise<ControlDaemon> {
  const daemon = await ControlDaemon.start(options)
  await daemon.network('blue', '10.77.0.0/24')
  for (const name of ['alice', 'bob']) {
    await daemon.run(name, { Cmd: ['sleep', 'infinity'], HostConfig: { NetworkMode: 'blue' } })
  }
  await talks(daemon)
  return daemon
}

async function talks(daemon: ControlDaemon): Promise<void> {
  await daemon.do('exec', 'alice', 'ping', '-q', '-c', '1', '10.77.0.3')
}

/** Of its sandboxes' commands; 0 of one that has ended. */
const processes = (daemon: ControlDaemon): Promise<number[]> =>
  Promise.all(['alice', 'bob'].map(async (name) => (await daemon.inspect(name)).State.Pid))

describe('a daemon that ends', { skip }, () => {
  it("by an error in the data plane's thread says so, and leaves its sandboxes to the next one", async () => {
    const trigger = join(newFolder(), 'now')
    const environment = { NODE_OPTIONS: `--import=${PROVOKE}`, TAPWIRE_TEST_WORKER_ERROR: trigger }
    const daemon = await busyDaemon({ place: { environment } })
    const before = await processes(daemon)
    writeFileSync(trigger, '')
    const { code, errors } = await daemon.program.end()
    assert.equal(code, 1)
    assert.match(errors, /"level":60/)
    const next = await ControlDaemon.start({ root: daemon.root })
    assert.deepEqual(await processes(next), before)
    await talks(next)
    await next.do('rm', '-f', 'alice', 'bob')
    assert.deepEqual(next.traces(), NOTHING)
    await next.stop()
  })

  it('with its standard input, as --ephemeral has it, leaves nothing at all', async () => {
    const [daemon, input] = await attached()
    await input.close()
    assert.equal((await daemon.program.end()).code, 0)
    assert.deepEqual(daemon.traces(), NOTHING)
    assert.ok(!existsSync(daemon.root))
  })

  it('by a signal, as --ephemeral has it too, leaves nothing at all', async () => {
    const [daemon, input] = await attached()
    await daemon.stop()
    await input.close()
    assert.deepEqual(daemon.traces(), NOTHING)
    assert.ok(!existsSync(daemon.root))
  })

  it('waits for no client that is silent', async () => {
    const daemon = await ControlDaemon.start()
    const client = connect(daemon.socket)
    await once(client, 'connect')
    const closed = once(client, 'close')
    await daemon.stop()
    await closed
  })
})

/** A daemon that belongs to whoever has its standard input open, which is this process. */
async function attached(): Promise<[ControlDaemon, FileHandle]> {
  const fifo = join(newFolder(), 'input')
  await run({}, 'mkfifo', fifo)
  // Opening takes two: the daemon's shell is the other one.
  const [input, daemon] = await Promise.all([
    open(fifo, 'w'),
    busyDaemon({ args: ['--ephemeral'], script: `exec <${fifo}` }),
  ])
  return [daemon, input]
}

describe('a daemon that does not come up', { skip }, () => {
  it('because its root cannot be one says so', async () => {
    const file = join(newFolder(), 'file')
    writeFileSync(file, '')
    for (const root of [file, join(file, 'root'), '/proc/tapwire', '/proc/tapwire/root']) {
      assert.match((await refused({ root })).errors, /^tapwire: The root .* cannot be used: /)
    }
  })

  it('because --ephemeral would remove what a daemon before it has left says so, and leaves it', async () => {
    const daemon = await busyDaemon()
    await daemon.stop()
    const before = readFileSync(join(daemon.root, 'state.json'), 'utf8')
    const { errors } = await refused({ root: daemon.root, args: ['--ephemeral'] })
    assert.match(errors, /^tapwire: The root .* cannot be used: it has been in use/)
    assert.equal(readFileSync(join(daemon.root, 'state.json'), 'utf8'), before)
  })

  it('because no default pool can be used names the file that says so', async () => {
    for (const [pool, why] of [
      [{ base: '10.0.0.1/8', size: 24 }, /invalid default address pool 10\.0\.0\.1\/8/],
      [{ base: 'fd00:1::/48', size: 64 }, /fully subnetted/],
    ] as const) {
      const root = newFolder()
      writeFileSync(join(root, 'daemon.json'), JSON.stringify({ 'default-address-pools': [pool] }))
      const { errors } = await refused({ root })
      assert.match(
        errors,
        /^tapwire: The configuration file .*\/daemon\.json is invalid: default-address-pools: /m,
      )
      assert.match(errors, why)
    }
  })

  it('because the disk is full says so', async () => {
    // One page: room for the process id, and for nothing else.
    const { errors } = await refused({ prelude: 'mount -t tmpfs -o size=4k,mode=700 none "$ROOT"' })
    assert.match(errors, /ENOSPC|no space/)
  })

  it('because a signal is faster leaves nothing that is in the way', async () => {
    const root = newFolder()
    for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
      const daemon = new ControlDaemon({ root })
      // It has taken its root, or is about to.
      await once(daemon.program.child, 'spawn')
      await daemon.program.stop(signal)
    }
    const next = await busyDaemon({ root })
    await next.stop()
  })

  it('because another one has the root says whose it is: of several started at once, one wins', async () => {
    const root = newFolder()
    const rivals = [1, 2, 3].map(() => new ControlDaemon({ root }))
    await Promise.all(rivals.map(({ program }) => program.printed(/the daemon is ready|belongs to/)))
    const winners = rivals.filter(({ program }) => program.errors.includes('the daemon is ready'))
    assert.equal(winners.length, 1)
    for (const loser of rivals.filter((rival) => !winners.includes(rival))) {
      assert.equal((await loser.program.end()).code, 75)
    }
    await winners[0]!.run('alice')
    await winners[0]!.stop()
  })
})

async function refused(options: ControlOptions): Promise<Outcome> {
  const daemon = new ControlDaemon(options)
  const outcome = await daemon.program.end()
  assert.equal(outcome.code, 1, outcome.errors)
  assert.deepEqual(daemon.traces(), NOTHING)
  return outcome
}

for (const io of ['io_uring', 'epoll'] as const) {
  describe(`a data path over ${io}`, { skip }, () => {
    it('gives descriptors and threads back', async () => {
      const namespace = newNamespaceName()
      await run({}, 'ip', 'netns', 'add', namespace)
      const cycle = async (): Promise<void> => {
        const datapath = await Datapath.start({ io })
        await datapath.addDomain({ id: 0 })
        for (const port of [0, 1]) {
          const place = { namespace: namespacePath(namespace), name: `tap${port}`, mtu: 1500 }
          await datapath.addPort({ port, domain: 0, ...place })
        }
        assert.equal(tapDescriptors('self'), 2)
        await assert.rejects(
          datapath.addPort({
            port: 2,
            domain: 0,
            namespace: namespacePath(namespace),
            name: 'tap0',
            mtu: 1500,
          }),
        )
        assert.equal(tapDescriptors('self'), 2)
        await datapath.removePort(1)
        assert.equal(tapDescriptors('self'), 1)
        await datapath.stop()
        await datapath.stop()
      }
      // Once before, for what Node keeps once it has it.
      await cycle()
      const before = [descriptors('self').toSorted(), threads('self')]
      for (let times = 0; times < 2; times++) await cycle()
      assert.deepEqual([descriptors('self').toSorted(), threads('self')], before)
      await run({}, 'ip', 'netns', 'delete', namespace)
    })
  })
}
