import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ErrorCode } from '../../../src/control/errors.ts'
import { type Daemon, MemoryMachine, settled } from './memory-machine.ts'

const refused = { code: ErrorCode.daemonStopping }

async function run({ controller }: Daemon, name: string, request: object = {}): Promise<string> {
  const { Id } = await controller.createSandbox(name, { Cmd: ['serve'], ...request })
  await controller.startSandbox(Id)
  await settled()
  return Id
}

/** Whether a promise is settled now, after all that can go on without time has gone on. */
async function isOver(promise: Promise<unknown>): Promise<boolean> {
  let over = false
  const note = (): void => {
    over = true
  }
  void promise.then(note, note)
  await settled()
  return over
}

describe('the end of a daemon', () => {
  it('stops a sandbox whose start was under way', async () => {
    const machine = new MemoryMachine()
    const { controller } = await machine.boot()
    const { Id } = await controller.createSandbox('late', { Cmd: ['serve'] })
    const started = controller.startSandbox(Id)
    await controller.shutdown({ liveRestore: false })
    await started
    assert.deepEqual([...machine.sandboxes.keys()], [])
    assert.deepEqual(
      machine.disk!.sandboxes.map(({ state }) => state.status),
      ['exited'],
    )
  })

  it('waits for a sandbox that is being made, which nobody starts any more', async () => {
    const machine = new MemoryMachine()
    const { controller } = await machine.boot()
    const both = controller
      .createSandbox('late', { Cmd: ['serve'] })
      .then(({ Id }) => controller.startSandbox(Id))
    const rejected = assert.rejects(both, refused)
    await controller.shutdown({ liveRestore: false })
    await rejected
    assert.deepEqual([...machine.sandboxes.keys()], [])
    assert.equal(machine.disk!.sandboxes.length, 1)
  })

  it('keeps a restart from its second half', async () => {
    const machine = new MemoryMachine()
    const daemon = await machine.boot()
    const id = await run(daemon, 'c1')
    machine.sandboxes.get(id)!.ignores = ['SIGTERM']
    const restarted = assert.rejects(daemon.controller.restartSandbox('c1', { timeoutS: -1 }), refused)
    await settled()
    const over = daemon.controller.shutdown({ liveRestore: false })
    await settled()
    await machine.pass(10_000)
    await over
    await restarted
    assert.deepEqual([...machine.sandboxes.keys()], [])
  })

  it('does not wait for a restart where it leaves the sandboxes running', async () => {
    const machine = new MemoryMachine()
    const daemon = await machine.boot()
    const id = await run(daemon, 'c1')
    machine.sandboxes.get(id)!.ignores = ['SIGTERM']
    void daemon.controller.restartSandbox('c1', { timeoutS: -1 })
    await settled()
    await daemon.controller.shutdown({ liveRestore: true })
    assert.deepEqual([...machine.sandboxes.keys()], [id])
  })

  for (const [StopTimeout, seconds] of [
    [-1, 10],
    [3600, 45],
    [5, 5],
  ] as const) {
    it(`gives a sandbox with a stop timeout of ${StopTimeout} s not more than ${seconds} s`, async () => {
      const machine = new MemoryMachine()
      const daemon = await machine.boot()
      const id = await run(daemon, 'c1', { StopTimeout })
      machine.sandboxes.get(id)!.ignores = ['SIGTERM']
      const over = daemon.controller.shutdown({ liveRestore: false })
      await settled()
      await machine.pass(seconds * 1000 - 1)
      assert.equal(await isOver(over), false)
      await machine.pass(1)
      await over
      assert.deepEqual([...machine.sandboxes.keys()], [])
    })
  }
})

describe('a stop timeout', () => {
  it('is refused where a timer cannot hold it, and nothing is killed', async () => {
    const machine = new MemoryMachine()
    const daemon = await machine.boot()
    const id = await run(daemon, 'c1')
    await assert.rejects(daemon.controller.stopSandbox('c1', { timeoutS: 99_999_999 }), {
      code: ErrorCode.sandboxInvalid,
      message: 'cannot stop container: c1: invalid stop timeout: 99999999 s, at most 2147483 are possible',
    })
    assert.deepEqual([...machine.sandboxes.keys()], [id])
  })
})

describe('removing by force', () => {
  // A start that is asked for at any moment of the removal.
  for (let turns = 0; turns < 16; turns++) {
    it(`goes on until a sandbox that is started again is gone, ${turns} turns later`, async () => {
      const machine = new MemoryMachine()
      const daemon = await machine.boot()
      await run(daemon, 'c1')
      const { controller } = daemon
      const removed = controller.removeSandbox('c1', { force: true })
      for (let turn = 0; turn < turns; turn++) await Promise.resolve()
      const started = Promise.allSettled([controller.restartSandbox('c1', {}), controller.startSandbox('c1')])
      await removed
      await started
      assert.deepEqual([...machine.sandboxes.keys()], [])
      assert.throws(() => controller.inspectSandbox('c1'), { message: 'No such container: c1' })
    })
  }
})

describe('a sandbox that is to be removed at its end', () => {
  it('is removed later where neither its end nor its removal could be saved', async () => {
    const machine = new MemoryMachine()
    const daemon = await machine.boot()
    const id = await run(daemon, 'c1', { HostConfig: { AutoRemove: true } })
    machine.failFrom('save')
    machine.end(id, 0)
    await settled()
    assert.equal(daemon.controller.inspectSandbox('c1').State.Status, 'exited')
    machine.failFrom(undefined)
    await machine.pass(60_000)
    assert.throws(() => daemon.controller.inspectSandbox('c1'), { message: 'No such container: c1' })
    assert.equal(machine.disk!.sandboxes.length, 0)
  })
})
