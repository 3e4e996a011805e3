import assert from 'node:assert/strict'
import { describe, it, mock } from 'node:test'
import { setImmediate as immediate } from 'node:timers/promises'
import { LastingPorts } from '../../src/daemon/lasting-ports.ts'
import { INTERFACE_LOOK_MS } from '../../src/limits.ts'

/** Ports on one interface that comes and goes. */
class Scene {
  there = true
  opened = 0
  removeFails = false
  goesWhileOpened = false
  readonly removed: number[] = []
  readonly log: string[] = []
  readonly ports: LastingPorts

  constructor() {
    const note = (details: { reason?: string }, message: string): void =>
      void this.log.push(details.reason === undefined ? message : `${message}: ${details.reason}`)
    this.ports = new LastingPorts({ info: note, warn: note } as never, async (port) => {
      if (this.removeFails) throw new Error('it stays')
      this.removed.push(port)
    })
  }

  add(patient = false): Promise<void> {
    return this.ports.add({ port: 7, name: 'eth0', patient, open: () => this.#open() })
  }

  async #open(): Promise<void> {
    if (!this.there) throw new Error('eth0 is not there')
    this.opened++
    if (this.goesWhileOpened) this.ports.gone(7)
  }

  async pass(): Promise<void> {
    mock.timers.tick(INTERFACE_LOOK_MS)
    await immediate()
  }
}

describe('a port that lasts', { concurrency: false }, () => {
  const scene = (name: string, play: (scene: Scene) => Promise<void>): void => {
    it(name, async () => {
      mock.timers.enable({ apis: ['setTimeout'] })
      try {
        await play(new Scene())
      } finally {
        mock.timers.reset()
      }
    })
  }

  scene('is opened anew when its interface is back', async (one) => {
    await one.add()
    one.there = false
    one.ports.gone(7)
    await one.pass()
    await one.pass()
    one.there = true
    await one.pass()
    assert.equal(one.opened, 2)
    await one.pass()
    assert.equal(one.opened, 2)
    assert.deepEqual(one.log, [
      'an interface has gone down or away',
      'an interface cannot be used: eth0 is not there',
      'an interface is back',
    ])
  })

  scene('is refused where it cannot be opened', async (one) => {
    one.there = false
    await assert.rejects(one.add(), /eth0 is not there/)
    assert.equal(one.ports.has(7), false)
    one.there = true
    await one.pass()
    assert.equal(one.opened, 0)
  })

  scene('is waited for where it is to be', async (one) => {
    one.there = false
    await one.add(true)
    one.there = true
    await one.pass()
    assert.equal(one.opened, 1)
  })

  scene('is opened no more when it was removed', async (one) => {
    await one.add()
    one.ports.gone(7)
    await one.ports.remove(7)
    await one.pass()
    assert.equal(one.opened, 1)
    assert.deepEqual(one.removed, [])
    await one.add()
    await one.ports.remove(7)
    assert.deepEqual(one.removed, [7])
  })

  scene('stays as it was where the switch keeps it', async (one) => {
    await one.add()
    one.removeFails = true
    await assert.rejects(one.ports.remove(7), /it stays/)
    assert.equal(one.ports.has(7), true)
    one.ports.gone(7)
    await one.pass()
    assert.equal(one.opened, 2)
  })

  scene('is opened anew where it went while it was opened', async (one) => {
    one.goesWhileOpened = true
    await assert.rejects(one.add(), /eth0 has gone down or away while it was opened/)
    await one.add(true)
    one.goesWhileOpened = false
    await one.pass()
    assert.equal(one.opened, 3)
    assert.match(one.log.at(-1)!, /is back/)
    await one.pass()
    assert.equal(one.opened, 3)
  })

  scene('is left alone by the end of the daemon', async (one) => {
    await one.add()
    one.ports.gone(7)
    one.ports.close()
    await one.pass()
    assert.equal(one.opened, 1)
  })
})
