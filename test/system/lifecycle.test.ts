/**
 * However a lab ends, nothing of it is left: no namespace, process, file, descriptor or thread.
 *
 *     run directory/LAB/       daemon ─── a  10.77.0.2   its command: sleep
 *       api.sock, lab.json,      │
 *       daemon.log, daemon.pid   └─────── b  10.77.0.3   a shell that waits for a child, and has another one in a session of its own
 */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { chmodSync, copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { pathToFileURL } from 'node:url'
import type { Lab } from '../../src/control/lab.ts'
import { Datapath } from '../../src/daemon/datapath.ts'
import { namespaceName } from '../../src/daemon/namespace.ts'
import { repositoryRoot } from '../support/repository.ts'
import { needs, needsTap } from '../support/requirements.ts'
import { Daemon, type DaemonOptions } from './support/daemon.ts'
import { labOf } from './support/lab-plan.ts'
import { descriptors, isAlive, LabTraces, tapDescriptors, threads } from './support/leftovers.ts'
import { run } from './support/program.ts'
import { namespacePath, namespaces, newFolder, newLabName, newNamespaceName } from './support/scene.ts'
import { until } from './support/until.ts'

const skip = needsTap() || needs('ip', 'ping', 'nsenter', 'setpriv', 'unshare')

/** As a URL, which has no blanks: Node takes them for the ends of options in NODE_OPTIONS. */
const PROVOKE = pathToFileURL(join(repositoryRoot, 'dist/test/system/support/provoke-errors.js')).href

const twoSandboxes = (name?: string): Lab =>
  labOf(
    {
      networks: { red: {} },
      sandboxes: {
        a: { on: ['red'], command: ['sleep', 'infinity'] },
        b: { on: ['red'], command: ['sh', '-c', 'setsid sleep infinity & sleep infinity; exit 1'] },
      },
    },
    name,
  )

async function talks(lab: Daemon): Promise<void> {
  await lab.exec('a', 'ping', '-q', '-c', '1', lab.address('b'))
}

/** A lab that is up and talks, with a list of what it has. */
async function liveLab(options: DaemonOptions = {}, lab = twoSandboxes()): Promise<[Daemon, LabTraces]> {
  const daemon = await Daemon.up(lab, options)
  await talks(daemon)
  return [daemon, new LabTraces(daemon)]
}

describe('a lab that ends', { skip }, () => {
  it('by its API leaves nothing', async () => {
    const [lab, traces] = await liveLab()
    await lab.accounted()
    const { code, errors } = await lab.down()
    assert.deepEqual([code, errors], [0, ''])
    await traces.gone()
  })

  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
    it(`by ${signal} leaves nothing`, async () => {
      const [lab, traces] = await liveLab()
      const { code, errors } = await lab.program.stop(signal)
      assert.deepEqual([code, errors], [0, ''])
      await traces.gone()
    })
  }

  it('by an error that nobody caught leaves nothing, and is told by its exit code', async () => {
    const [lab, traces] = await liveLab({ environment: { NODE_OPTIONS: `--import=${PROVOKE}` } })
    lab.program.child.kill('SIGUSR2')
    const { code } = await lab.program.end()
    assert.equal(code, 1)
    assert.match(readFileSync(`${lab.paths.directory}.failed.log`, 'utf8'), /"level":60/)
    await traces.gone()
  })

  it("by an error in the data plane's thread leaves nothing, and is told by its exit code", async () => {
    const trigger = join(newFolder(), 'now')
    const environment = { NODE_OPTIONS: `--import=${PROVOKE}`, TAPWIRE_TEST_WORKER_ERROR: trigger }
    const [lab, traces] = await liveLab({ environment })
    writeFileSync(trigger, '')
    const { code } = await lab.program.end()
    assert.equal(code, 1)
    assert.match(readFileSync(`${lab.paths.directory}.failed.log`, 'utf8'), /"level":60/)
    await traces.gone()
  })

  it('with the process that it belongs to leaves nothing', async () => {
    const input = join(newFolder(), 'input')
    await run({}, 'mkfifo', input)
    const [lab, traces] = await liveLab({ attachedTo: input })
    await lab.release()
    const { code, errors } = await lab.program.end()
    assert.deepEqual([code, errors], [0, ''])
    await traces.gone()
  })

  it('by its API, while the process that it belongs to stays, leaves nothing', async () => {
    const input = join(newFolder(), 'input')
    await run({}, 'mkfifo', input)
    const [lab, traces] = await liveLab({ attachedTo: input })
    const { code, errors } = await lab.down()
    assert.deepEqual([code, errors], [0, ''])
    await lab.release()
    await traces.gone()
  })

  it('goes on to end when it is told to again', async () => {
    const [lab, traces] = await liveLab()
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGTERM'] as const) lab.program.child.kill(signal)
    assert.equal((await lab.program.end()).code, 0)
    await traces.gone()
  })

  it('waits for no client that is silent', async () => {
    const [lab, traces] = await liveLab()
    const client = connect(lab.paths.socket)
    await once(client, 'connect')
    const closed = once(client, 'close')
    assert.equal((await lab.program.stop()).code, 0)
    await closed
    await traces.gone()
  })
})

describe('a daemon that is killed', { skip }, () => {
  it('takes its TAPs and its commands with it, and the rest is cleaned up', async () => {
    const [lab, traces] = await liveLab()
    const { sandboxes } = await lab.status()
    await lab.program.stop('SIGKILL')
    for (const { name, pid } of sandboxes) {
      await until(`the command of ${name} is gone`, () => !isAlive(pid!))
      await until(`the TAP of ${name} is gone`, async () => {
        const links = await run({}, 'ip', '-n', lab.namespace(name), '-o', 'link')
        return !links.includes('eth0')
      })
    }
    assert.equal((await Daemon.cleanUp(lab.run, lab.lab.name)).code, 0)
    await traces.gone()
    const { code, errors } = await Daemon.cleanUp(lab.run, lab.lab.name)
    assert.equal(code, 1)
    assert.match(errors, /LAB_UNKNOWN/)
  })

  it('has its remains removed by the next one', async () => {
    const [dead, deadTraces] = await liveLab()
    await dead.program.stop('SIGKILL')
    const [lab, traces] = await liveLab({ run: dead.run }, dead.lab)
    await lab.down()
    await traces.gone()
    await deadTraces.gone()
  })

  it('while it was writing its files leaves nothing that is in the way', async () => {
    const lab = twoSandboxes()
    const daemon = new Daemon(lab)
    // The first line: it takes its folder now. Whatever it has come to when it dies, the next one can start.
    await daemon.program.printed(/^\{/)
    await daemon.program.stop('SIGKILL')
    const [next, traces] = await liveLab({ run: daemon.run }, lab)
    await next.down()
    await traces.gone()
  })

  it('is not cleaned up after while it lives', async () => {
    const [lab] = await liveLab()
    const { code, errors } = await Daemon.cleanUp(lab.run, lab.lab.name)
    assert.equal(code, 1)
    assert.match(errors, /LAB_UP_ALREADY/)
    await talks(lab)
    await lab.down()
  })
})

describe('remains', { skip }, () => {
  it('in another run directory give no right to a lab that lives', async () => {
    const [lab, traces] = await liveLab()
    const other = newFolder()
    mkdirSync(join(other, lab.lab.name))
    copyFileSync(lab.paths.lab, join(other, lab.lab.name, 'lab.json'))
    assert.equal((await Daemon.cleanUp(other, lab.lab.name)).code, 0)
    await talks(lab)
    await lab.down()
    await traces.gone()
  })
})

describe('the removal of a namespace', { skip }, () => {
  // In a namespace of its own, so that a failure kills nobody else.
  it('kills nobody in its own, whatever name somebody has given to that', async () => {
    const module = pathToFileURL(join(repositoryRoot, 'dist/src/daemon/namespace.js')).href
    const name = newNamespaceName()
    const script = `
      import { execFileSync } from 'node:child_process'
      import { deleteNamespaces } from '${module}'
      execFileSync('ip', ['netns', 'attach', '${name}', String(process.pid)])
      await deleteNamespaces(['${name}'])
      console.log('alive')`
    const node = [process.execPath, '--input-type=module', '--eval', script]
    assert.equal(await run({}, 'unshare', '--net', ...node), 'alive\n')
    assert.ok(!namespaces('tw-').includes(name))
  })
})

describe('a lab that does not come up', { skip }, () => {
  it('because it may not says so, and what it takes', async () => {
    const daemon = new Daemon(twoSandboxes(), {
      prelude: 'exec setpriv --bounding-set -net_admin --inh-caps -net_admin "$@"',
    })
    assert.equal((await daemon.program.end()).code, 1)
    assert.equal(daemon.failure?.code, 'NOT_PERMITTED')
    assert.match(daemon.failure!.message, /takes CAP_NET_ADMIN\./)
  })

  it('because others can write to its folder says so', async () => {
    const folder = newFolder()
    const lab = twoSandboxes()
    mkdirSync(join(folder, lab.name))
    chmodSync(join(folder, lab.name), 0o777)
    const daemon = new Daemon(lab, { run: folder })
    assert.equal((await daemon.program.end()).code, 1)
    assert.equal(daemon.failure?.code, 'RUN_DIRECTORY')
  })

  it('because a namespace has a name of its own leaves nothing else', async () => {
    const lab = twoSandboxes()
    const taken = namespaceName(lab.name, 'b')
    await run({}, 'ip', 'netns', 'add', taken)
    const daemon = new Daemon(lab)
    assert.equal((await daemon.program.end()).code, 1)
    assert.equal(daemon.failure?.code, 'DAEMON_FAILED')
    assert.match(daemon.failure!.message, new RegExp(taken))
    assert.deepEqual(namespaces(namespaceName(lab.name, '')), [taken])
    assert.deepEqual(readdirSync(daemon.run), [])
  })

  it('because the kernel refuses an interface leaves nothing', async () => {
    const lab = twoSandboxes()
    const [a, b] = lab.sandboxes
    const endpoints = b!.endpoints.map((endpoint) => ({ ...endpoint, mac: '00:00:00:00:00:00' }))
    const daemon = new Daemon({ ...lab, sandboxes: [a!, { ...b!, endpoints }] })
    await leftNothing(daemon)
    assert.match(daemon.failure!.message, /MAC address of eth0/)
  })

  it('because nobody waits for it any more leaves nothing', async () => {
    const daemon = new Daemon(twoSandboxes())
    await daemon.program.printed(/Make sandbox a/)
    daemon.program.child.stdout.destroy()
    const { code } = await daemon.program.end()
    assert.equal(code, 1)
    assert.deepEqual(namespaces(namespaceName(daemon.lab.name, '')), [])
    assert.deepEqual(readdirSync(daemon.run), [])
  })

  for (const moment of ['Take the run directory', 'Start the switch', 'Make sandbox b']) {
    it(`because of a signal at "${moment}" leaves nothing`, async () => {
      const daemon = new Daemon(twoSandboxes())
      await daemon.program.printed(new RegExp(moment))
      daemon.program.child.kill('SIGTERM')
      await leftNothing(daemon)
      assert.equal(daemon.failure?.code, 'INTERRUPTED')
    })
  }

  it('because the run directory cannot be written to says so', async () => {
    const folder = newFolder()
    const daemon = new Daemon(twoSandboxes(), {
      run: folder,
      prelude: `mount -t tmpfs -o ro none ${folder}; exec "$@"`,
    })
    assert.equal((await daemon.program.end()).code, 1)
    assert.equal(daemon.failure?.code, 'RUN_DIRECTORY')
    assert.match(daemon.failure!.message, /EROFS|read-only/)
  })

  it('because the run directory cannot be one says so', async () => {
    const file = join(newFolder(), 'file')
    writeFileSync(file, '')
    for (const directory of [file, join(file, 'run'), '/proc/tapwire', '/proc/tapwire/run']) {
      const daemon = new Daemon(twoSandboxes(), { run: directory })
      assert.equal((await daemon.program.end()).code, 1)
      assert.equal(daemon.failure?.code, 'RUN_DIRECTORY')
    }
  })

  it('because the disk is full says so, and leaves nothing', async () => {
    const folder = newFolder()
    // One page: room for the process id, and for nothing else. It is looked at afterwards from inside.
    const prelude = `mount -t tmpfs -o size=4k none ${folder}; "$@" || { find ${folder} -mindepth 1; exit 1; }`
    const daemon = new Daemon(twoSandboxes(), { run: folder, prelude })
    const { code, output } = await daemon.program.end()
    assert.equal(code, 1)
    const lines = output.trimEnd().split('\n')
    assert.match(lines.at(-1)!, /RUN_DIRECTORY.*ENOSPC|RUN_DIRECTORY.*no space/)
  })
})

/** Waits until the daemon has given up, and asserts that it has left nothing. */
async function leftNothing(daemon: Daemon): Promise<void> {
  const { code } = await daemon.program.end()
  assert.equal(code, 1, daemon.program.said)
  assert.ok(daemon.failure !== undefined, daemon.program.said)
  assert.deepEqual(namespaces(namespaceName(daemon.lab.name, '')), [])
  assert.deepEqual(readdirSync(daemon.run), [])
}

describe('labs beside one another', { skip }, () => {
  it('have the same subnets and do not meet', async () => {
    const [first, firstTraces] = await liveLab()
    const [second, secondTraces] = await liveLab({ run: first.run })
    assert.equal(first.address('a'), second.address('a'))
    await second.down()
    await secondTraces.gone()
    await talks(first)
    await first.down()
    await firstTraces.gone()
  })

  it('cannot have the same name in one run directory', async () => {
    const [first, traces] = await liveLab()
    const second = new Daemon(first.lab, { run: first.run })
    assert.equal((await second.program.end()).code, 1)
    assert.equal(second.failure?.code, 'LAB_UP_ALREADY')
    await talks(first)
    await first.down()
    await traces.gone()
  })

  it('cannot have the same name in two run directories', async () => {
    const [first, traces] = await liveLab()
    const second = new Daemon(first.lab)
    assert.equal((await second.program.end()).code, 1)
    assert.match(second.failure!.message, /namespace .* exists already/)
    assert.deepEqual(readdirSync(second.run), [])
    await talks(first)
    await first.down()
    await traces.gone()
  })

  for (const remains of [false, true]) {
    it(`started at once, one wins${remains ? ', who removes what a dead one left' : ''}`, async () => {
      const directory = newFolder()
      const lab = twoSandboxes(newLabName())
      if (remains) await (await Daemon.up(lab, { run: directory })).program.stop('SIGKILL')
      const rivals = [1, 2, 3, 4].map(() => new Daemon(lab, { run: directory }))
      await Promise.all(rivals.map((rival) => rival.program.printed(/^\{"(ready|failed)"/m)))
      const [winner, ...others] = rivals.filter(({ failure }) => failure === undefined)
      assert.ok(winner !== undefined, rivals.map(({ failure }) => failure?.message).join('\n'))
      assert.deepEqual(others, [])
      const losers = rivals.filter((rival) => rival !== winner)
      assert.deepEqual(new Set(losers.map(({ failure }) => failure!.code)), new Set(['LAB_UP_ALREADY']))
      await Promise.all(losers.map((loser) => loser.program.end()))
      await talks(winner)
      const traces = new LabTraces(winner)
      await winner.down()
      await traces.gone()
    })
  }
})

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
      for (let times = 0; times < 3; times++) await cycle()
      assert.deepEqual([descriptors('self').toSorted(), threads('self')], before)
      await run({}, 'ip', 'netns', 'delete', namespace)
    })
  })
}
