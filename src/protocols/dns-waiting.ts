/**
 * Questions that wait for an answer, each in the list of its resolver. One resolver has a bounded number of them; where all together
 * are as many as may be, whoever has fewer than another takes a place of whoever has most. So resolvers that flood share what there
 * is, and one that asks a question now and then is always let in.
 */

export interface Waiting {
  readonly resolver: number
}

/** `displaced`: waits no longer, and is to be refused. */
export type Admission<Question> =
  | { readonly isAdmitted: false }
  | { readonly isAdmitted: true; readonly displaced: Question | undefined }

export interface DnsWaitingOptions {
  readonly waiting: number
  readonly waitingPerResolver: number
}

export class DnsWaiting<Question extends Waiting> {
  size = 0
  readonly #max: number
  readonly #perResolver: number
  /** Oldest first; a resolver is there as long as it has one. */
  readonly #lists = new Map<number, Set<Question>>()

  constructor({ waiting, waitingPerResolver }: DnsWaitingOptions) {
    this.#max = waiting
    this.#perResolver = waitingPerResolver
  }

  admit(question: Question): Admission<Question> {
    const count = this.#lists.get(question.resolver)?.size ?? 0
    if (count >= this.#perResolver) return { isAdmitted: false }
    let displaced: Question | undefined
    if (this.size >= this.#max) {
      displaced = this.#oldestOfMost(count + 1)
      if (displaced === undefined) return { isAdmitted: false }
      this.remove(displaced)
    }
    this.#add(question)
    return { isAdmitted: true, displaced }
  }

  remove(question: Question): void {
    const list = this.#lists.get(question.resolver)
    if (list === undefined || !list.delete(question)) return
    this.size--
    if (list.size === 0) this.#lists.delete(question.resolver)
  }

  #add(question: Question): void {
    const list = this.#lists.get(question.resolver)
    if (list === undefined) this.#lists.set(question.resolver, new Set([question]))
    else list.add(question)
    this.size++
  }

  /** Of the resolver that has most, if those are more than `count`. Its oldest one: whoever asked may have given up. */
  #oldestOfMost(count: number): Question | undefined {
    let most: Set<Question> | undefined
    for (const list of this.#lists.values()) if (list.size > (most?.size ?? count)) most = list
    return most?.values().next().value
  }
}
