/**
 * Why a question is answered as it is: has it decided on as every other one is, and writes down where the search for its name has looked.
 *
 *     search {name, type}                         what is asked for
 *     link {name, target, domain}                 the asker's own word for a neighbour on a network
 *     miss {name, domain}                         a network does not have the name
 *     match {name, kind, domain, host, hosts}     it has: of `hosts`, the first one
 *     answer, empty, nxdomain, forward, refused, malformed, unsupported {name, type}
 */

import type { NameTable } from '../../tables/name-table.ts'
import { formatType } from '../../wire/dns.ts'
import { formatName } from '../../wire/dns-name.ts'
import type { ExplainedSteps } from '../explained-steps.ts'
import { DNS_VERDICTS, NAME_KINDS } from './dns-settings.ts'
import type { SearchWitness } from './name-search.ts'
import { ANSWER, FORWARD, type Responder } from './responder.ts'

const STAGE = 'names'

export interface NamesExplanationParts {
  readonly responder: Responder
  readonly names: NameTable
  readonly steps: ExplainedSteps
  /** Those that the question is read from. */
  readonly bytes: Uint8Array
}

/** Calls `decide`, which has the responder decide, and returns what it returns. Where there is a question, steps say how that came about. */
export function explainDecision(parts: NamesExplanationParts, decide: () => number): number {
  const { responder, steps } = parts
  const witness = new Witness(parts)
  responder.search.witness = witness
  try {
    const decision = decide()
    const outcome =
      decision === FORWARD ? 'forward' : decision === ANSWER ? verdictName(responder.verdict) : undefined
    if (outcome !== undefined) {
      // What cannot be read asks for nothing.
      if (witness.question.name !== '') witness.begin()
      steps.say(STAGE, outcome, witness.question)
    }
    return decision
  } finally {
    responder.search.witness = undefined
  }
}

function verdictName(index: number): string {
  const verdict = DNS_VERDICTS[index]!
  return verdict === 'answered' ? 'answer' : verdict
}

class Witness implements SearchWitness {
  readonly #parts: NamesExplanationParts
  #begun = false

  constructor(parts: NamesExplanationParts) {
    this.#parts = parts
  }

  /** Name and type of the question, as they were asked for. */
  get question(): { readonly name: string; readonly type: string } {
    const { reader } = this.#parts.responder
    const name = reader.nameSize === 0 ? '' : formatName(this.#parts.bytes, reader.name)
    return { name, type: formatType(reader.type) }
  }

  /** What is asked for; said once, in front of all else. */
  begin(): void {
    if (this.#begun) return
    this.#begun = true
    this.#parts.steps.say(STAGE, 'search', this.question)
  }

  link(domain: number, bytes: Uint8Array, at: number, size: number, link: number): void {
    const { names } = this.#parts
    const target = textOf(names.bytes, names.targetOffset(link), names.targetSize(link))
    this.#say('link', { name: textOf(bytes, at, size), target, domain })
  }

  match(domain: number, bytes: Uint8Array, at: number, size: number, name: number): void {
    const { names } = this.#parts
    const member = names.firstMember(name)
    this.#say('match', {
      name: textOf(bytes, at, size),
      kind: NAME_KINDS[names.kindOf(member)] ?? '',
      domain,
      host: names.hostOf(member),
      hosts: names.countHosts(name),
    })
  }

  miss(domain: number, bytes: Uint8Array, at: number, size: number): void {
    this.#say('miss', { name: textOf(bytes, at, size), domain })
  }

  host(domain: number, host: number): void {
    const { names } = this.#parts
    const name = textOf(names.bytes, names.canonicalOffset(host), names.canonicalSize(host))
    const kind = NAME_KINDS[names.kindOf(names.firstNameOf(host))] ?? ''
    this.#say('match', { name, kind, domain, host, hosts: 1 })
  }

  #say(verdict: string, values: Readonly<Record<string, string | number>>): void {
    this.begin()
    this.#parts.steps.say(STAGE, verdict, values)
  }
}

/** The text of a name in wire form without the root. */
function textOf(bytes: Uint8Array, at: number, size: number): string {
  const name = new Uint8Array(size + 1)
  name.set(bytes.subarray(at, at + size))
  return formatName(name)
}
