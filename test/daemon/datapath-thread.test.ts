/** The data plane's worker, without a device: that each call is answered, refused or told that the worker has ended. */

import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { DatapathThread } from '../../src/daemon/datapath-thread.ts'
import { COUNTERS_SIZE } from '../../src/datapath/counters.ts'

const NO_PORT = 7

describe("the data plane's thread", () => {
  let thread: DatapathThread

  const start = (slots?: number): Promise<DatapathThread> =>
    DatapathThread.start({
      io: 'epoll',
      slots,
      seed: 1,
      ageingS: undefined,
      stations: undefined,
      stationsPerPort: undefined,
      counters: new SharedArrayBuffer(COUNTERS_SIZE),
    })

  beforeEach(async () => {
    thread = await start()
  })

  afterEach(() => thread.stop())

  it('answers calls in their order, each with its own result', async () => {
    const calls = [
      thread.call({ kind: 'addDomain', domain: 1, transparent: false, icc: true }),
      thread.call({ kind: 'setRoutes', routes: [] }),
      thread.call({ kind: 'flushDomain', domain: 1 }),
      thread.call({ kind: 'removePort', port: NO_PORT }),
      thread.call({ kind: 'stations' }),
      thread.call({ kind: 'removeDomain', domain: 1 }),
    ]
    const order: number[] = []
    for (const [at, call] of calls.entries()) void call.then(() => order.push(at))
    assert.deepEqual(await Promise.all(calls), [undefined, undefined, 0, -1, [], undefined])
    assert.deepEqual(order, [0, 1, 2, 3, 4, 5])
  })

  it('goes on after a call that the worker refuses', async () => {
    await assert.rejects(thread.call({ kind: 'setPortMtu', port: NO_PORT, mtu: 1500 }))
    assert.deepEqual(await thread.call({ kind: 'stations' }), [])
  })

  it('leaves no call waiting when it ends, and says once that it has', async () => {
    const ends: Error[] = []
    thread.on('ended', (error) => ends.push(error))
    const stopped = thread.stop()
    const late = Array.from({ length: 50 }, () => thread.call({ kind: 'stations' }))
    for (const result of await Promise.allSettled(late)) {
      if (result.status === 'rejected') assert.match(String(result.reason), /ended with code 0/)
      else assert.deepEqual(result.value, [])
    }
    await stopped
    assert.equal(thread.ended, true)
    assert.deepEqual(
      ends.map(({ message }) => message),
      ["the data plane's worker ended with code 0"],
    )
    await assert.rejects(thread.call({ kind: 'stations' }), /the data plane has ended/)
    thread.tell({ kind: 'noteQuestions', notes: [] })
    await thread.stop()
  })

  it('does not start where the worker cannot', async () => {
    await assert.rejects(start(-1))
  })
})
