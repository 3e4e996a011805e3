/** Questions that no network can answer, where there is nobody to ask: as in a lab whose machine has no way out. */

import type { FabricUpstream } from '../control/model/names.ts'
import type { DnsOutsideVerdict } from '../datapath/dns/dns-settings.ts'
import { answerOfCode } from '../protocols/dns-questions.ts'
import { RCODE_NAME_ERROR, RCODE_SERVER_FAILURE } from '../wire/dns.ts'

export class OutsideWithoutServers {
  readonly #upstreams = new Map<number, FabricUpstream>()

  setUpstream(resolver: number, upstream: FabricUpstream | undefined): void {
    if (upstream === undefined) this.#upstreams.delete(resolver)
    else this.#upstreams.set(resolver, upstream)
  }

  /** Servers that the user has named do not answer; beyond them nobody knows any name. */
  answer(
    resolver: number,
    question: Uint8Array,
  ): { readonly message: Uint8Array; readonly verdict: DnsOutsideVerdict } {
    return this.#upstreams.get(resolver)?.kind === 'servers'
      ? { message: answerOfCode(question, RCODE_SERVER_FAILURE), verdict: 'failed' }
      : { message: answerOfCode(question, RCODE_NAME_ERROR), verdict: 'closed' }
  }
}
