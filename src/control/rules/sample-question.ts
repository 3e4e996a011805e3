/** A question for a name server, where one is wanted that anybody might ask. */

import { CLASS_IN, FLAG_RD, TYPE_A } from '../../wire/dns.ts'
import { composeQuery } from '../../wire/dns-message.ts'
import { encodeName } from '../../wire/dns-name.ts'

/** RFC 2606, 3. */
const EXAMPLE_NAME = encodeName('example.com')!

/** For the address of the sandbox that asks, whose network knows it if it has names; or of a name that is no sandbox's. */
export function sampleQuestion(sandbox: string): Uint8Array {
  const own = sandbox === '' ? undefined : encodeName(sandbox)
  return composeQuery({ id: 0, name: own ?? EXAMPLE_NAME, type: TYPE_A, class: CLASS_IN, flags: FLAG_RD })
}
