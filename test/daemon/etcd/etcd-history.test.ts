import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { EtcdHistory } from '../../../src/daemon/etcd/etcd-history.ts'

const header = (revision: number, term = 2, clusterId = '1') => ({ clusterId, revision, term })
const entry = (revision: number) => ({ key: '/a', value: '', revision, created: revision, lease: '' })

describe('the past of a registry', () => {
  const scene = () => {
    let restarts = 0
    const history = new EtcdHistory(() => restarts++)
    return { history, restarts: () => restarts }
  }

  it('goes on where nothing is lower than when it was asked', () => {
    const { history, restarts } = scene()
    const early = history.mark
    history.answered(history.mark, header(7))
    // Asked before, answered behind: it was true when it was asked.
    assert.equal(history.answered(early, header(5, 1)), true)
    history.answered(history.mark, header(7, 3))
    assert.deepEqual([restarts(), history.mark.revision, history.mark.term], [0, 7, 3])
  })

  for (const [what, other] of Object.entries({
    revision: header(6),
    term: header(9, 1),
    id: header(9, 9, '2'),
  })) {
    it(`is over with another ${what}, once, whatever is still answered of what was asked before`, () => {
      const { history, restarts } = scene()
      history.answered(history.mark, header(7))
      history.saw(0, entry(7), 7)
      const before = history.mark
      history.answered(history.mark, other)
      assert.deepEqual([restarts(), history.mark.past, history.witness], [1, 1, undefined])
      assert.deepEqual({ ...history.mark, past: 0 }, { ...other, past: 0 })
      assert.equal(history.answered(before, header(100)), false)
      history.saw(before.past, entry(100), 100)
      history.restart(before.past)
      assert.deepEqual([restarts(), history.mark.revision, history.witness], [1, other.revision, undefined])
    })
  }

  it('has the entry for its witness that changed last, as late as it was seen', () => {
    const { history } = scene()
    history.saw(0, entry(5), 6)
    history.saw(0, entry(4), 9)
    assert.deepEqual(history.witness, { entry: entry(5), at: 6 })
    history.saw(0, entry(5), 10)
    history.saw(0, undefined, 12)
    assert.deepEqual([history.witness, history.mark.revision], [{ entry: entry(5), at: 10 }, 12])
  })
})
