/**
 * What breaks under a running lab stays where it breaks:
 *
 *     a  10.77.0.2 ──┐
 *     b  10.77.0.3 ──┼── switch        c is the one that things happen to
 *     c  10.77.0.4 ──┘
 */

import assert from 'node:assert/strict'
import { appendFileSync, readFileSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { LabStatus } from '../../src/control/api.ts'
import { needs, needsTap } from '../support/requirements.ts'
import { type Backend, Daemon } from './support/daemon.ts'
import { EXPERIMENTAL, FrameSender, frameOf } from './support/frames.ts'
import { labOf, type SandboxPlan } from './support/lab-plan.ts'
import { isAlive, LabTraces, tapDescriptors } from './support/leftovers.ts'
import { attempt, run } from './support/program.ts'
import { newFolder } from './support/scene.ts'
import { until } from './support/until.ts'

const skip = needsTap() || needs('ip', 'ping', 'cc', 'nsenter', 'setpriv', 'unshare')

const threeSandboxes = (io: Backend): Promise<Daemon> =>
  Daemon.up(
    labOf({
      networks: { red: {} },
      sandboxes: { a: { on: ['red'] }, b: { on: ['red'] }, c: { on: ['red'] } },
    }),
    { io },
  )

async function ping(lab: Daemon, from: string, to: string): Promise<void> {
  await lab.exec(from, 'ping', '-q', '-c', '1', lab.address(to))
}

for (const io of ['io_uring', 'epoll'] as const) {
  describe(`an interface over ${io}`, { skip }, () => {
    let lab: Daemon
    before(async () => {
      lab = await threeSandboxes(io)
    })
    after(() => lab.down())

    it('that is down gets nothing, each frame counted, and works when it is up again', async () => {
      await ping(lab, 'a', 'c')
      const frames = new FrameSender()
      const count = 10
      await lab.exec('c', 'ip', 'link', 'set', 'eth0', 'down')
      const before = await dropsOf(lab, 'device-down')
      const frame = frameOf(lab.mac('c'), lab.mac('a'), EXPERIMENTAL, 'to one who is away')
      await frames.send(lab.place('a'), 'eth0', ...Array.from({ length: count }, () => frame))
      await until('the frames are dropped', async () => (await dropsOf(lab, 'device-down')) >= before + count)
      await ping(lab, 'a', 'b')
      await lab.exec('c', 'ip', 'link', 'set', 'eth0', 'up')
      await ping(lab, 'c', 'a')
      await ping(lab, 'b', 'c')
      assert.deepEqual(statesOf(await lab.status()), { a: 'up', b: 'up', c: 'up' })
      await lab.accounted()
    })

    it('that is deleted is reported, and the others go on', async () => {
      const descriptors = tapDescriptors(lab.pid)
      await lab.exec('c', 'ip', 'link', 'delete', 'eth0')
      await seenGone(lab, 'c', descriptors)
      await ping(lab, 'a', 'b')
      await lab.accounted()
    })
  })

  describe(`a namespace over ${io}`, { skip }, () => {
    it('that is deleted under its lab is reported, and the others go on', async () => {
      const lab = await threeSandboxes(io)
      await ping(lab, 'a', 'c')
      const traces = new LabTraces(lab)
      const descriptors = tapDescriptors(lab.pid)
      await run({}, 'ip', 'netns', 'delete', lab.namespace('c'))
      await seenGone(lab, 'c', descriptors)
      await ping(lab, 'a', 'b')
      await lab.accounted()
      const { code, errors } = await lab.down()
      assert.deepEqual([code, errors], [0, ''])
      await traces.gone()
    })
  })
}

/** Resolves when the daemon has noticed that a sandbox's interface is gone, and has let go of it. */
async function seenGone(lab: Daemon, sandbox: string, descriptorsBefore: number): Promise<void> {
  await until(
    `the endpoint of ${sandbox} is gone`,
    async () => statesOf(await lab.status())[sandbox] === 'gone',
  )
  assert.equal(tapDescriptors(lab.pid), descriptorsBefore - 1)
  const { stations } = await lab.fdb()
  assert.deepEqual(
    stations.filter((station) => station.sandbox === sandbox),
    [],
  )
  const said = lab.log().filter(({ msg }) => /an interface has vanished/.test(String(msg)))
  assert.deepEqual(
    said.map(({ sandbox, interface: name, error }) => [sandbox, name, error]),
    [[sandbox, 'eth0', 'EBADFD']],
  )
}

const statesOf = ({ sandboxes }: LabStatus): Record<string, string> =>
  Object.fromEntries(sandboxes.map(({ name, endpoints }) => [name, endpoints[0]!.state]))

async function dropsOf(lab: Daemon, wanted: string): Promise<number> {
  const { drops } = await lab.stats()
  return drops.find(({ reason }) => reason === wanted)?.frames ?? 0
}

describe('a log', { skip }, () => {
  it('that the disk has no room for costs lines, and the lab goes on', async () => {
    const folder = newFolder()
    const lab = await Daemon.up(
      labOf({
        networks: { red: {} },
        sandboxes: { a: { on: ['red'] }, b: { on: ['red'] }, c: { on: ['red'] } },
      }),
      { run: folder, prelude: `mount -t tmpfs -o size=32k none ${folder}; exec "$@"` },
    )
    assert.throws(() => {
      for (;;) appendFileSync(lab.logPath, 'x')
    }, /ENOSPC/)
    await lab.exec('b', 'ip', 'link', 'delete', 'eth0')
    await until('b is gone', async () => statesOf(await lab.status())['b'] === 'gone')
    await ping(lab, 'a', 'c')
    await lab.accounted()

    truncateSync(lab.logPath)
    await lab.exec('c', 'ip', 'link', 'delete', 'eth0')
    await until('c is gone', async () => statesOf(await lab.status())['c'] === 'gone')
    const [vanished, lost] = lab.log()
    assert.equal(vanished?.['sandbox'], 'c')
    assert.equal(lost?.['lines'], 1)
    assert.equal((await lab.down()).code, 0)
  })
})

describe('a command', { skip }, () => {
  const withCommand = async (...command: readonly string[]): Promise<Daemon> => {
    const sandboxes: Record<string, SandboxPlan> = { a: { on: ['red'] }, b: { on: ['red'], command } }
    return await Daemon.up(labOf({ networks: { red: {} }, sandboxes }))
  }
  const hasEnded = async (lab: Daemon): Promise<number | undefined> => {
    await until("b's command has ended", async () => (await commandOf(lab)).state === 'exited')
    return (await commandOf(lab)).exitCode
  }
  const commandOf = async (lab: Daemon): Promise<LabStatus['sandboxes'][number]> =>
    (await lab.status()).sandboxes.find(({ name }) => name === 'b')!

  for (const { name, command, exitCode } of [
    { name: 'that ends', command: ['true'], exitCode: 0 },
    { name: 'that fails', command: ['sh', '-c', 'exit 3'], exitCode: 3 },
    { name: 'that does not exist', command: ['/nowhere/program'], exitCode: 127 },
    { name: 'that a signal ends', command: ['sh', '-c', 'kill -9 $$'], exitCode: 137 },
  ] as const) {
    it(`${name} leaves its sandbox to others`, async () => {
      const lab = await withCommand(...command)
      assert.equal(await hasEnded(lab), exitCode)
      const told = lab.log().find(({ msg }) => msg === "a sandbox's command has ended")
      assert.deepEqual([told?.['sandbox'], told?.['exitCode']], ['b', exitCode])
      await ping(lab, 'a', 'b')
      assert.equal((await lab.down()).code, 0)
    })
  }

  it('that ignores SIGTERM is killed', async () => {
    const lab = await withCommand('sh', '-c', 'trap "" TERM; ip link set lo mtu 1234; sleep infinity')
    // Its sign that the trap is set.
    await until('it ignores SIGTERM', async () =>
      (await lab.exec('b', 'ip', 'link', 'show', 'lo')).includes('1234'),
    )
    const { pid } = await commandOf(lab)
    const traces = new LabTraces(lab)
    assert.ok(isAlive(pid!))
    assert.equal((await lab.down()).code, 0)
    await traces.gone()
  })

  it('that ends on SIGTERM is asked before it is killed', async () => {
    const file = join(newFolder(), 'last-words')
    const lab = await withCommand(
      'sh',
      '-c',
      `trap "echo goodbye >${file}; exit" TERM; ip link set lo mtu 1234; while :; do sleep 0.05; done`,
    )
    await until('it hears SIGTERM', async () =>
      (await lab.exec('b', 'ip', 'link', 'show', 'lo')).includes('1234'),
    )
    assert.equal((await lab.down()).code, 0)
    assert.equal(readFileSync(file, 'utf8'), 'goodbye\n')
  })

  it('writes to the log', async () => {
    const lab = await withCommand('sh', '-c', 'echo to standard output; echo to standard error >&2')
    await hasEnded(lab)
    const { output } = await attempt({}, 'cat', lab.logPath)
    assert.match(output, /^to standard output$/m)
    assert.match(output, /^to standard error$/m)
    assert.equal((await lab.down()).code, 0)
  })
})
