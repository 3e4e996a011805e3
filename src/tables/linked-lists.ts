/**
 * Doubly linked lists over small integers, without an object per element: node `n` is in at most one list, and its
 * two links stand side by side in one Int32Array, so that reaching both costs one cache line.
 *
 *     links   | previous 0 | next 0 | previous 1 | next 1 | ... | previous, next of list 0 | ...
 *               node 0                node 1                      the lists' own nodes
 *
 * Each list is a ring that runs through a node of its own, so no operation has to ask whether it is at an end:
 *
 *     list ─► oldest ─► ... ─► newest ─┐        an empty list is its own neighbour
 *      ▲───────────────────────────────┘
 */

/** No node, no list. */
export const NONE = -1

const UNLINKED = -1

export class LinkedLists {
  private readonly nodes: number
  private readonly links: Int32Array

  /** Nodes 0 to `nodes - 1`, all in no list, and lists 0 to `lists - 1`, all empty. */
  constructor(nodes: number, lists: number) {
    this.nodes = nodes
    this.links = new Int32Array(2 * (nodes + lists))
    this.clear()
  }

  /** Takes all nodes out of all lists. */
  clear(): void {
    this.links.fill(UNLINKED, 0, 2 * this.nodes)
    for (let ring = this.nodes; 2 * ring < this.links.length; ring++) this.join(ring, ring)
  }

  /** The list's first node, or NONE. */
  first(list: number): number {
    const node = this.links[2 * (this.nodes + list) + 1]!
    return node < this.nodes ? node : NONE
  }

  /** The node after a node that is in a list, or NONE. */
  next(node: number): number {
    const next = this.links[2 * node + 1]!
    return next < this.nodes ? next : NONE
  }

  isLinked(node: number): boolean {
    return this.links[2 * node] !== UNLINKED
  }

  /** Puts a node that is in no list at the end of `list`. */
  append(list: number, node: number): void {
    const ring = this.nodes + list
    this.join(this.links[2 * ring]!, node)
    this.join(node, ring)
  }

  /** Takes a node out of its list. */
  unlink(node: number): void {
    this.join(this.links[2 * node]!, this.links[2 * node + 1]!)
    this.links[2 * node] = UNLINKED
  }

  /** Gives the place of node `from` to node `to`, which was in no list; afterwards `from` is in none. */
  rename(from: number, to: number): void {
    const previous = this.links[2 * from]!
    const next = this.links[2 * from + 1]!
    this.join(previous, to)
    this.join(to, next)
    this.links[2 * from] = UNLINKED
  }

  /** Puts all nodes of list `from` at the end of list `to`, in their order. */
  splice(from: number, to: number): void {
    const source = this.nodes + from
    const target = this.nodes + to
    const first = this.links[2 * source + 1]!
    if (first === source) return
    const last = this.links[2 * source]!
    this.join(this.links[2 * target]!, first)
    this.join(last, target)
    this.join(source, source)
  }

  private join(left: number, right: number): void {
    this.links[2 * left + 1] = right
    this.links[2 * right] = left
  }
}
