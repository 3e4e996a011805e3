/** What any Store does. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { ModelRecord } from '../../../src/control/model/records.ts'
import type { Store } from '../../../src/control/model/store.ts'
import { modelRecord, networkRecord } from './records.ts'

export interface StorePlace {
  /** A store in the same place as the one before it: what a restarted daemon opens. */
  open(): Store
  remove(): void
}

const empty: ModelRecord = { networks: [], sandboxes: [], resting: [] }

/** What is of the host itself, and of no network or sandbox. */
const ofTheHost: ModelRecord = {
  ...empty,
  uplink: 'nic:eth0',
  uplinkImpairment: { from: { delay: '1ms' } },
  cluster: { host: 'ab'.repeat(32), revision: 7 },
}

export function itIsAStore(name: string, newPlace: () => StorePlace): void {
  const inPlace = (run: (place: StorePlace) => Promise<void>) => async () => {
    const place = newPlace()
    try {
      await run(place)
    } finally {
      place.remove()
    }
  }

  describe(`${name}, a store,`, () => {
    it(
      'has nothing at first',
      inPlace(async (place) => {
        assert.equal(place.open().load(), undefined)
      }),
    )

    it(
      'gives back what it was given, to itself and to the next one',
      inPlace(async (place) => {
        const store = place.open()
        store.load()
        for (const model of [modelRecord(3), empty, ofTheHost, modelRecord(1)]) {
          await store.save(() => model)
          assert.deepEqual(store.load(), model)
          assert.deepEqual(place.open().load(), model)
        }
      }),
    )

    it(
      'keeps what is there when it writes, not what was there when it was called',
      inPlace(async (place) => {
        const store = place.open()
        store.load()
        let model = empty
        const saved = store.save(() => model)
        model = modelRecord(1)
        await saved
        assert.deepEqual(place.open().load(), model)
      }),
    )

    it(
      'has kept each change when the save that followed it resolves, many at a time',
      inPlace(async (place) => {
        const store = place.open()
        store.load()
        let model = empty
        const saves = Array.from({ length: 50 }, async (_, index) => {
          // Some start together, some while a write is under way.
          for (let turn = 0; turn < index % 7; turn++) await new Promise(setImmediate)
          model = { ...model, networks: [...model.networks, networkRecord(index)] }
          const [wanted] = model.networks.slice(-1)
          await store.save(() => model)
          assert.ok(
            place
              .open()
              .load()
              ?.networks.some(({ id }) => id === wanted?.id),
          )
        })
        await Promise.all(saves)
        assert.deepEqual(place.open().load(), model)
      }),
    )

    it(
      'rejects where reading the model throws, and goes on',
      inPlace(async (place) => {
        const store = place.open()
        store.load()
        await store.save(() => modelRecord(1))
        const failed = store.save(() => {
          throw new Error('no model')
        })
        await assert.rejects(failed, /no model/)
        assert.deepEqual(place.open().load(), modelRecord(1))
        await store.save(() => empty)
        assert.deepEqual(place.open().load(), empty)
      }),
    )
  })
}
