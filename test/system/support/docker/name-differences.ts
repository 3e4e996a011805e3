/**
 * Where our name server is meant to answer otherwise than Docker's, and why. An entry is for every question that its pattern matches,
 * which has `CONTAINER NAME TYPE OPTIONS`; one that is no longer needed fails the test.
 */

import type { NameAnswer } from './dig.ts'

export interface NameDifference {
  readonly question: RegExp
  /** Only then: when this command was the last one. */
  readonly after?: string
  readonly why: string
  /** What we answer, as far as it is different. */
  readonly ours: Partial<Omit<NameAnswer, 'answer' | 'additional'>> & {
    readonly answer?: readonly (string | RegExp)[]
    readonly additional?: readonly (string | RegExp)[]
  }
}

/** What is another answer everywhere, whatever the question. */
export function reworded(docker: NameAnswer): NameAnswer {
  // Docker's 600 seconds keep dead addresses alive.
  const shorter = (records: readonly string[]): string[] =>
    records.map((record) => record.replace(/^(\S+) 600 /, '$1 5 '))
  const { answer, additional, ...rest } = docker
  const same = { ...rest, answer: shorter(answer), additional: shorter(additional) }
  // With nobody to ask Docker has failed; for us there is no such name, and resolvers go on at once.
  return docker.status === 'SERVFAIL' ? { ...same, status: 'NXDOMAIN', flags: `${same.flags} ra` } : same
}

const CASE = 'letters are equal in either case in all of a name (RFC 4343), not in its first part alone'

const OTHER_TYPES = 'a name that is there is not asked for outside, which would deny it'

const EMPTY = { status: 'NOERROR', flags: 'qr rd ra' } as const

export const NAME_DIFFERENCES: readonly NameDifference[] = [
  {
    question: /^web Web\.Front A$/,
    why: CASE,
    ours: { ...EMPTY, answer: ['Web.Front. 5 IN A 10.80.1.10'] },
  },
  {
    question: /^web 11\.1\.80\.10\.IN-ADDR\.ARPA PTR$/,
    why: CASE,
    ours: { ...EMPTY, answer: ['11.1.80.10.IN-ADDR.ARPA. 5 IN PTR api.front.'] },
  },
  {
    question: /^linked SITE A$/,
    why: CASE,
    ours: { ...EMPTY, answer: ['SITE. 5 IN A 10.80.1.10'] },
  },
  { question: /^web api(?:\.front)? (?:TXT|NS|SOA|CNAME|HTTPS|SRV)$/, why: OTHER_TYPES, ours: EMPTY },
  { question: /^linked site TXT$/, why: OTHER_TYPES, ours: EMPTY },
  {
    question: /^web api ANY(?: \+notcp)?$/,
    why: OTHER_TYPES,
    ours: { ...EMPTY, answer: ['api. 5 IN A 10.80.1.11'] },
  },
  {
    question: /^web shared ANY \+notcp$/,
    why: OTHER_TYPES,
    ours: { ...EMPTY, answer: ['shared. 5 IN A 10.80.1.10', 'shared. 5 IN A 10.80.1.11'] },
  },
  {
    question: /^dual dual ANY \+notcp$/,
    why: OTHER_TYPES,
    ours: { ...EMPTY, answer: ['dual. 5 IN A 10.80.3.10', 'dual. 5 IN AAAA fd00:80:3::10'] },
  },
  {
    question: /^web _(?:80|http)\._tcp\.web SRV$/,
    why: 'exposed ports are services; Docker has those of its swarms',
    ours: {
      ...EMPTY,
      answer: [/^_(?:80|http)\._tcp\.web\. 5 IN SRV 0 0 80 web(?:\.front)?\.$/],
      additional: [/^web(?:\.front)?\. 5 IN A 10\.80\.1\.10$/],
    },
  },
  {
    question: /^web api A \+edns=0/,
    why: 'who speaks EDNS is told that we do (RFC 6891, 6.1.1)',
    ours: { edns: true },
  },
  {
    question: /^linked www A$/,
    after: 'rename api apinew',
    why: 'a link is one to a container, not to a name that it had',
    ours: { ...EMPTY, answer: ['www. 5 IN A 10.80.1.11'] },
  },
  {
    question: /^web api A -c CH$/,
    why: 'our addresses are of the class IN',
    ours: { status: 'REFUSED', answer: [] },
  },
]

/** Whether `answer` is what Docker's would be with the difference in it. */
export function isAsListed(answer: NameAnswer, docker: NameAnswer, { ours }: NameDifference): boolean {
  const wanted = { ...docker, ...ours }
  return (
    answer.status === wanted.status &&
    answer.flags === wanted.flags &&
    answer.edns === wanted.edns &&
    matchAll(answer.answer, wanted.answer) &&
    matchAll(answer.authority, wanted.authority) &&
    matchAll(answer.additional, wanted.additional)
  )
}

function matchAll(records: readonly string[], wanted: readonly (string | RegExp)[]): boolean {
  return (
    records.length === wanted.length &&
    wanted.every((one, index) =>
      typeof one === 'string' ? one === records[index] : one.test(records[index]!),
    )
  )
}
