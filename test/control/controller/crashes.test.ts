import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { MemoryMachine, settled } from './memory-machine.ts'
import { OPERATIONS, type Operation } from './operations.ts'
import { assertConsistent, modelValues } from './snapshot.ts'

async function arranged(operation: Operation) {
  const machine = new MemoryMachine()
  operation.before?.(machine)
  const daemon = await machine.boot()
  await operation.arrange(daemon, machine)
  await settled()
  machine.failAt(0)
  return { machine, daemon }
}

describe('a daemon that dies in the middle of an operation', () => {
  for (const operation of OPERATIONS) {
    it(`has either done it or not: ${operation.name}`, async () => {
      const whole = await arranged(operation)
      const before = modelValues(whole.daemon.model())
      await operation.act(whole.daemon, whole.machine)
      await settled()
      const after = modelValues(whole.daemon.model())
      const steps = [...whole.machine.steps]

      for (const [index, step] of steps.entries()) {
        // To die behind one step is to die before the next, of which the last has none.
        for (const early of index + 1 === steps.length ? [true, false] : [true]) {
          const { machine, daemon } = await arranged(operation)
          machine.dieAt(index + 1, early)
          let acknowledged = false
          const acted = async (): Promise<void> => {
            await operation.act(daemon, machine)
            acknowledged = true
          }
          void acted()
          await settled()
          const next = await machine.boot()
          await settled()
          assertConsistent(next, machine)
          const found = modelValues(next.model())
          const where = `died ${early ? 'before' : 'after'} step ${index + 1}, ${step}`
          if (acknowledged) assert.deepEqual(found, after, `${where}: what was acknowledged holds`)
          else assertOneOf(found, [before, after], where)
        }
      }
    })
  }

  it('leaves what runs alone', async () => {
    const machine = new MemoryMachine()
    const { controller } = await machine.boot()
    await controller.createNetwork({ Name: 'net', EnableIPv6: true })
    await controller.createSandbox('c1', { Cmd: ['serve'], HostConfig: { NetworkMode: 'net' } })
    await controller.startSandbox('c1')
    const was = controller.inspectSandbox('c1')
    machine.die()

    const next = await machine.boot()

    assert.deepEqual(next.controller.inspectSandbox('c1'), was)
    assert.deepEqual(machine.steps.toSorted(), [
      'addDomain',
      'addDomain',
      'addPort',
      'save',
      'setGateway',
      'setGateway',
      'setNamedHost',
      'setResolver',
      'setZone',
    ])
    assertConsistent(next, machine)
  })

  it('hears of what ended meanwhile', async () => {
    const machine = new MemoryMachine()
    const { controller } = await machine.boot()
    for (const [name, AutoRemove] of [['c1', false] as const, ['c2', true] as const]) {
      await controller.createSandbox(name, { Cmd: ['serve'], HostConfig: { AutoRemove } })
      await controller.startSandbox(name)
    }
    machine.die()
    for (const id of machine.sandboxes.keys()) machine.end(id, 3)

    const next = await machine.boot()

    const { State } = next.controller.inspectSandbox('c1')
    assert.equal(State.Status, 'exited')
    assert.equal(State.ExitCode, 3)
    assert.throws(() => next.controller.inspectSandbox('c2'), { message: 'No such container: c2' })
    assertConsistent(next, machine)
  })

  it('is followed by one that removes what nobody knows', async () => {
    const machine = new MemoryMachine()
    const { controller } = await machine.boot()
    await controller.createSandbox('c1', { Cmd: ['serve'] })
    await controller.startSandbox('c1')
    machine.die()
    machine.disk = { ...machine.disk!, sandboxes: [] }

    const next = await machine.boot()

    assert.equal(machine.sandboxes.size, 0)
    assert.equal(machine.logs.size, 0)
    assertConsistent(next, machine)
  })
})

function assertOneOf(found: unknown, candidates: readonly unknown[], message: string): void {
  const fits = candidates.some((candidate) => {
    try {
      assert.deepEqual(found, candidate)
      return true
    } catch {
      return false
    }
  })
  if (!fits) assert.deepEqual(found, candidates[0], message)
}
