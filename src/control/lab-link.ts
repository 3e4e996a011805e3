/** The links of a lab file: both directions in normal form, and what is wrong with them at its place. */

import { isDeepStrictEqual } from 'node:util'
import type { Impairment, LinkSettings } from './api/link.ts'
import type { Report } from './lab-pool-plan.ts'
import type { LabPath } from './lab-problem.ts'
import type { LinkFile } from './lab-schema-link.ts'
import { checkWish, impairmentRecord } from './rules/impairment.ts'

/** Undefined where the link does nothing. */
export function resolveLink(
  file: LinkFile | undefined,
  path: LabPath,
  report: Report,
): Impairment | undefined {
  if (file === undefined) return undefined
  const { from, to, ...both } = file
  const direction = (key: 'from' | 'to', own: LinkSettings = {}) => {
    const { wish, problems } = checkWish({ ...both, ...own })
    for (const { key: name, message, hint } of problems) {
      report(name in own ? [...path, key, name] : [...path, name], message, hintOf(hint))
    }
    return problems.length === 0 ? wish : undefined
  }
  return impairmentRecord(direction('from', from), direction('to', to)) as Impairment | undefined
}

/** The first end of a link, and any other: what each of them sends is impaired, so that a delay of 10 ms is one of 10 ms each way. */
export function cableEnds(
  cable: Impairment | undefined,
): readonly [first: Impairment | undefined, second: Impairment | undefined] {
  const end = (settings: LinkSettings | undefined) => settings && { from: settings }
  return [end(cable?.from), end(cable?.to)]
}

/** The cable of two ends; `isWhole` is false where a cable cannot say what they do: that they impair one way twice. */
export function cableOf(
  first: Impairment | undefined,
  second: Impairment | undefined,
): { readonly cable: Impairment | undefined; readonly isWhole: boolean } {
  const from = first?.from ?? second?.to
  const to = second?.from ?? first?.to
  const twice = [
    [first?.from, second?.to],
    [second?.from, first?.to],
  ].some((ends) => ends.every((end) => end !== undefined))
  return { cable: impairmentRecord(from, to) as Impairment | undefined, isWhole: !twice }
}

/** As short as a lab file can say it. */
export function linkFileOf(impairment: Impairment | undefined): LinkFile | undefined {
  if (impairment === undefined) return undefined
  const { from, to } = impairment
  return isDeepStrictEqual(from, to) ? { ...from } : { ...(from && { from }), ...(to && { to }) }
}

/** As it stands in brackets behind the problem. */
function hintOf(hint: string): string {
  return `${hint.slice(0, 1).toLowerCase()}${hint.slice(1)}`.replace(/\.$/, '')
}
