import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Daemon, MemoryMachine, settled } from './memory-machine.ts'

const FOREVER = new AbortController().signal

async function scene(): Promise<{ machine: MemoryMachine; daemon: Daemon }> {
  const machine = new MemoryMachine()
  const daemon = await machine.boot()
  return { machine, daemon }
}

async function run({ controller }: Daemon, name: string, request: object = {}): Promise<string> {
  const { Id } = await controller.createSandbox(name, { Cmd: ['serve'], ...request })
  await controller.startSandbox(Id)
  await settled()
  return Id
}

describe('waiting', () => {
  it('for one that does not run is over at once, with how it ended', async () => {
    const { machine, daemon } = await scene()
    const id = await run(daemon, 'c1')
    machine.end(id, 7)
    await settled()
    assert.deepEqual(await daemon.controller.waitSandbox('c1', 'not-running', FOREVER), { StatusCode: 7 })
  })

  it('for the next exit waits for a start and an end', async () => {
    const { machine, daemon } = await scene()
    const { Id } = await daemon.controller.createSandbox('c1', { Cmd: ['serve'] })
    let told: number | undefined
    void daemon.controller
      .waitSandbox('c1', 'next-exit', FOREVER)
      .then(({ StatusCode }) => (told = StatusCode))
    await daemon.controller.startSandbox('c1')
    await settled()
    assert.equal(told, undefined)
    machine.end(Id, 5)
    await settled()
    assert.equal(told, 5)
  })

  it('for the removal does not end with the command', async () => {
    const { machine, daemon } = await scene()
    const id = await run(daemon, 'c1')
    let told: number | undefined
    void daemon.controller.waitSandbox('c1', 'removed', FOREVER).then(({ StatusCode }) => (told = StatusCode))
    machine.end(id, 5)
    await settled()
    assert.equal(told, undefined)
    await daemon.controller.removeSandbox('c1', { force: false })
    await settled()
    assert.equal(told, 5)
  })

  it('for the next exit of one that is removed without ever running is over as well', async () => {
    const { daemon } = await scene()
    await daemon.controller.createSandbox('c1', {})
    const waited = daemon.controller.waitSandbox('c1', 'next-exit', FOREVER)
    await daemon.controller.removeSandbox('c1', { force: false })
    assert.deepEqual(await waited, { StatusCode: 0 })
  })

  it('ends for who gives it up, and for nobody else', async () => {
    const { machine, daemon } = await scene()
    const id = await run(daemon, 'c1')
    const giving = new AbortController()
    const given = daemon.controller.waitSandbox('c1', 'not-running', giving.signal)
    const kept = daemon.controller.waitSandbox('c1', 'not-running', FOREVER)
    giving.abort(new Error('hung up'))
    await assert.rejects(given, { message: 'hung up' })
    machine.end(id, 1)
    assert.deepEqual(await kept, { StatusCode: 1 })
  })
})

describe('a sandbox that is removed at its end', () => {
  const AutoRemove = { HostConfig: { AutoRemove: true } }

  it('leaves its name, its log and its addresses', async () => {
    const { machine, daemon } = await scene()
    const id = await run(daemon, 'c1', AutoRemove)
    const removed = daemon.controller.waitSandbox('c1', 'removed', FOREVER)
    machine.end(id, 9)
    assert.deepEqual(await removed, { StatusCode: 9 })
    assert.deepEqual([...machine.logs], [])
    assert.equal(machine.disk!.sandboxes.length, 0)
    await daemon.controller.createSandbox('c1', {})
  })

  it('is not removed by a restart, and is by the end behind it', async () => {
    const { machine, daemon } = await scene()
    const id = await run(daemon, 'c1', AutoRemove)
    await daemon.controller.restartSandbox('c1', {})
    await settled()
    assert.equal(daemon.controller.inspectSandbox('c1').State.Status, 'running')
    assert.equal(daemon.controller.inspectSandbox('c1').Id, id)
    machine.end(id, 0)
    await settled()
    assert.throws(() => daemon.controller.inspectSandbox('c1'), { message: 'No such container: c1' })
  })

  it('is removed where its restart fails', async () => {
    const { machine, daemon } = await scene()
    const target = await run(daemon, 'db')
    await run(daemon, 'c1', { HostConfig: { AutoRemove: true, Links: ['db:db'] } })
    machine.end(target, 0)
    await settled()
    await assert.rejects(daemon.controller.restartSandbox('c1', {}), /Cannot link to a non running container/)
    await settled()
    assert.throws(() => daemon.controller.inspectSandbox('c1'), { message: 'No such container: c1' })
    assert.deepEqual([...machine.sandboxes.keys()], [])
  })

  it('is removed where its first start fails', async () => {
    const { machine, daemon } = await scene()
    await daemon.controller.createSandbox('c1', { Cmd: ['missing'], ...AutoRemove })
    await assert.rejects(daemon.controller.startSandbox('c1'), { exitCode: 127 })
    assert.throws(() => daemon.controller.inspectSandbox('c1'), { message: 'No such container: c1' })
    assert.equal(machine.disk!.sandboxes.length, 0)
  })
})

describe('pruning', () => {
  it('removes the sandboxes that do not run and that the filters let through', async () => {
    const { machine, daemon } = await scene()
    const { controller } = daemon
    await run(daemon, 'running')
    const ended = await run(daemon, 'ended', { Labels: { keep: 'yes' } })
    machine.end(ended, 0)
    await settled()
    const { Id: created } = await controller.createSandbox('created', {})
    assert.deepEqual(await controller.pruneSandboxes({ 'label!': ['keep'] }), { SandboxesDeleted: [created] })
    assert.deepEqual(await controller.pruneSandboxes({}), { SandboxesDeleted: [ended] })
    const names = controller.listSandboxes({ all: true, filters: {} }).map(({ Names }) => Names[0])
    assert.deepEqual(names, ['/running'])
  })

  it('removes the networks that nobody is on, but those that are built in', async () => {
    const { daemon } = await scene()
    const { controller } = daemon
    await controller.createNetwork({ Name: 'used' })
    await controller.createNetwork({ Name: 'unused' })
    await run(daemon, 'c1', { HostConfig: { NetworkMode: 'used' } })
    assert.deepEqual(await controller.pruneNetworks({}), { NetworksDeleted: ['unused'] })
    const names = controller.listNetworks({}).map(({ Name }) => Name)
    assert.deepEqual(names.toSorted(), ['bridge', 'host', 'none', 'used'])
  })
})
