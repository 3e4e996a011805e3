import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Daemon, InjectedFailure, MemoryMachine, settled } from './memory-machine.ts'
import { OPERATIONS, type Operation } from './operations.ts'
import { assertConsistent, snapshot } from './snapshot.ts'

async function arranged(operation: Operation): Promise<{ machine: MemoryMachine; daemon: Daemon }> {
  const machine = new MemoryMachine()
  operation.before?.(machine)
  const daemon = await machine.boot()
  await operation.arrange(daemon, machine)
  await settled()
  return { machine, daemon }
}

/** The steps that an operation takes where nothing fails. */
async function stepsOf(operation: Operation): Promise<readonly string[]> {
  const { machine, daemon } = await arranged(operation)
  machine.failAt(0)
  await operation.act(daemon, machine)
  await settled()
  assertConsistent(daemon, machine)
  return [...machine.steps]
}

/** Some wait a moment to hear of an end: they do so side by side. */
const concurrency = 8

describe('an operation of which one step fails', { concurrency }, () => {
  for (const operation of OPERATIONS.filter(({ final }) => final !== true)) {
    it(`leaves nothing: ${operation.name}`, async (t) => {
      const steps = await stepsOf(operation)
      t.diagnostic(steps.join(' '))
      assert.ok(steps.length > 0)
      for (const [index, step] of steps.entries()) {
        const { machine, daemon } = await arranged(operation)
        const before = snapshot(daemon, machine)
        machine.failAt(index + 1)
        await assert.rejects(operation.act(daemon, machine), InjectedFailure, `step ${step}`)
        await settled()
        assert.deepEqual(snapshot(daemon, machine), before, `after step ${index + 1}, ${step}`)
        assertConsistent(daemon, machine)
        // What it had reserved is free again.
        machine.failAt(0)
        await operation.act(daemon, machine)
        assertConsistent(daemon, machine)
      }
    })
  }
})

describe('an operation of which a step fails behind which there is no way back', { concurrency }, () => {
  for (const operation of OPERATIONS.filter(({ final }) => final === true)) {
    it(`goes on to its end: ${operation.name}`, async () => {
      const steps = await stepsOf(operation)
      assert.ok(steps.length > 0)
      for (const index of steps.keys()) {
        const { machine, daemon } = await arranged(operation)
        machine.failAt(index + 1)
        await operation.act(daemon, machine)
        await settled()
        const { id, state } = daemon.model().sandboxes.find(({ name }) => name === 'c1')!
        assert.equal(state.status, 'exited')
        assert.ok(!machine.sandboxes.has(id))
        assert.notEqual(daemon.warnings.length, 0, 'somebody is told')
        machine.failAt(0)
        await daemon.controller.startSandbox('c1')
        await daemon.controller.stopSandbox('c1', {})
        await settled()
        assertConsistent(daemon, machine)
      }
    })
  }
})
