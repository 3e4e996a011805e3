import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { findPlace, parseSourceRule } from '../../../src/simulation/replay/source-rules.ts'
import { SimulatedScene } from '../../support/simulated-scene.ts'

describe('where frames come from', () => {
  const rules: [text: string, match: object, place: string][] = [
    ['eth0=web', { kind: 'interface', name: 'eth0' }, 'web'],
    ['02:42:AC:11:00:02=web@blue', { kind: 'mac', mac: '02:42:ac:11:00:02' }, 'web@blue'],
    ['10.1.0.2=web', { kind: 'address', address: '10.1.0.2' }, 'web'],
    ['fd00:0::2=web', { kind: 'address', address: 'fd00::2' }, 'web'],
    ['*=web', { kind: 'all' }, 'web'],
    ['uplink', { kind: 'all' }, 'uplink'],
    ['a=b=web', { kind: 'interface', name: 'a=b' }, 'web'],
  ]
  for (const [text, match, place] of rules) {
    it(`is read: ${text}`, () => assert.deepEqual(parseSourceRule(text), { match, place }))
  }
  for (const text of ['', '=', '=web', 'eth0=']) {
    it(`is refused: '${text}'`, () => assert.throws(() => parseSourceRule(text), { code: 'USAGE' }))
  }

  it('is a place of the lab, and one alone', async () => {
    const { lab } = await SimulatedScene.start('three-tier')
    const nameOf = (text: string): string => {
      const { name, network } = findPlace(lab.places.values(), text)
      return `${name}@${network}`
    }
    assert.equal(nameOf('db'), 'db@private-net')
    assert.equal(nameOf('app@public-net'), 'app@public-net')
    assert.equal(nameOf('app/eth1'), 'app@private-net')
    assert.equal(nameOf('uplink'), 'uplink@')
    assert.throws(() => nameOf('app'), /has several places/)
    assert.throws(() => nameOf('ap'), { hint: "did you mean 'app'?" })
  })
})
