import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { LinkedLists, NONE } from '../../src/tables/linked-lists.ts'

/** The list's nodes in order. Takes them out and puts them back, which the order survives. */
function nodesOf(lists: LinkedLists, list: number): number[] {
  const nodes: number[] = []
  for (let node = lists.first(list); node !== NONE; node = lists.first(list)) {
    nodes.push(node)
    lists.unlink(node)
  }
  for (const node of nodes) lists.append(list, node)
  return nodes
}

/** Two lists over eight nodes: list 0 has nodes 0 to 3, list 1 has 4 and 5. */
function createLists(): LinkedLists {
  const lists = new LinkedLists(8, 2)
  for (const node of [0, 1, 2, 3]) lists.append(0, node)
  for (const node of [4, 5]) lists.append(1, node)
  return lists
}

describe('LinkedLists', () => {
  it('begins with empty lists and nodes in none', () => {
    const lists = new LinkedLists(3, 2)
    assert.deepEqual([lists.first(0), lists.first(1)], [NONE, NONE])
    assert.deepEqual(
      [0, 1, 2].map((node) => lists.isLinked(node)),
      [false, false, false],
    )
  })

  it('takes nodes out at the head, in the middle and at the end, and puts them at the end', () => {
    const lists = createLists()
    for (const node of [0, 2, 3]) {
      lists.unlink(node)
      assert.equal(lists.isLinked(node), false)
    }
    assert.deepEqual(nodesOf(lists, 0), [1])
    lists.append(0, 3)
    lists.append(1, 0)
    assert.deepEqual(
      [nodesOf(lists, 0), nodesOf(lists, 1)],
      [
        [1, 3],
        [4, 5, 0],
      ],
    )
    for (const node of [1, 3]) lists.unlink(node)
    assert.equal(lists.first(0), NONE)
  })

  it('gives the place of one node to another', () => {
    const lists = createLists()
    lists.rename(1, 6)
    lists.rename(3, 1)
    assert.deepEqual(nodesOf(lists, 0), [0, 6, 2, 1])
    assert.deepEqual([lists.isLinked(3), lists.isLinked(6)], [false, true])
  })

  it('splices one list onto another, also where either is empty', () => {
    const lists = createLists()
    lists.splice(0, 1)
    assert.deepEqual([nodesOf(lists, 0), nodesOf(lists, 1)], [[], [4, 5, 0, 1, 2, 3]])
    lists.splice(0, 1)
    assert.deepEqual(nodesOf(lists, 1), [4, 5, 0, 1, 2, 3])
    lists.splice(1, 0)
    assert.deepEqual([nodesOf(lists, 0), nodesOf(lists, 1)], [[4, 5, 0, 1, 2, 3], []])
    lists.append(0, 7)
    assert.deepEqual(nodesOf(lists, 0), [4, 5, 0, 1, 2, 3, 7])
  })

  it('walks a list, and empties all of them', () => {
    const lists = createLists()
    const walked: number[] = []
    for (let node = lists.first(0); node !== NONE; node = lists.next(node)) walked.push(node)
    assert.deepEqual(walked, [0, 1, 2, 3])
    lists.clear()
    assert.deepEqual([lists.first(0), lists.first(1)], [NONE, NONE])
    for (let node = 0; node < 8; node++) assert.equal(lists.isLinked(node), false)
    lists.append(1, 7)
    assert.deepEqual([nodesOf(lists, 0), nodesOf(lists, 1)], [[], [7]])
  })
})
