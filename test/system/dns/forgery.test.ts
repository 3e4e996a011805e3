/** Answers that are forged, and servers that keep to old or other rules: whom the forwarder believes, and what it does to be told. */

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { DNS_REJECTED_MAX } from '../../../src/limits.ts'
import { needs, needsTap } from '../../support/requirements.ts'
import { GUESSES } from '../support/name-server-answers.ts'
import { FAR, FARTHER } from '../support/nat-scene.ts'
import { OF_FAR, OutsideScene } from '../support/outside-scene.ts'

const skip = needsTap() || needs('ip', 'nsenter', 'setpriv', 'dig')

describe('answers that are not believed', { skip }, () => {
  let scene: OutsideScene
  before(async () => {
    scene = await OutsideScene.start()
    await scene.use(FAR, FARTHER)
  })
  after(() => scene.stop())

  for (const manner of ['flood', 'wrong-id', 'wrong-question', 'wrong-source', 'wrong-spelling', 'garbage']) {
    it(manner, async () => {
      await scene.answers(`${manner}.forged.test`, OF_FAR)
      assert.equal(await scene.askedOf(FARTHER, manner), 0)
    })
  }

  it('is counted', async () => {
    const [first] = (await scene.stats()).servers
    // Wrong ids, questions, spelling, and a question for an answer. What is from elsewhere does not come through to be counted.
    assert.equal(first?.rejected, DNS_REJECTED_MAX + GUESSES + 3 + 1 + 1)
  })

  it('questions have ids, ports and spellings that nobody foresees', async () => {
    const names = Array.from({ length: 24 }, (_, i) => `unforeseen${i}.example.test`)
    await Promise.all(names.map((name) => scene.answers(name, OF_FAR)))
    const asked = await scene.servers.call('asked', 'unforeseen')
    assert.equal(asked.length, names.length)
    assert.ok(new Set(asked.map(({ id }) => id)).size >= names.length - 1)
    assert.ok(new Set(asked.map(({ port }) => port)).size >= names.length - 1)
    const spellings = asked.map(({ name }) => name.replace(/\d/g, ''))
    assert.ok(new Set(spellings).size >= names.length - 1)
    assert.deepEqual([...new Set(asked.map(({ udpSize }) => udpSize))], [1232])
  })

  it('a server that changes the spelling is asked by TCP, and then with none', async () => {
    await scene.use(FAR)
    await scene.answers('lowercase.test', OF_FAR)
    const ways = async (name: string): Promise<string[]> =>
      (await scene.servers.call('asked', name)).map(({ transport }) => transport)
    assert.deepEqual(await ways('lowercase.test'), ['udp', 'tcp'])
    await scene.answers('lowercase.other.test', OF_FAR)
    assert.deepEqual(await ways('lowercase.other.test'), ['udp'])
  })

  it('a server that knows no EDNS is asked without it, from then on', async () => {
    await scene.use(FARTHER)
    await scene.use(FAR)
    for (const name of ['old.test', 'old.other.test']) await scene.answers(name, OF_FAR)
    const sizes = (await scene.servers.call('asked', 'old.')).map(({ udpSize }) => udpSize)
    assert.deepEqual(sizes, [1232, -1, -1])
  })

  it('an answer that is cut short is asked for by TCP', async () => {
    await scene.answers('truncated.test', OF_FAR)
    const ways = (await scene.servers.call('asked', 'truncated.test')).map(({ transport }) => transport)
    assert.deepEqual(ways, ['udp', 'tcp'])
  })
})
