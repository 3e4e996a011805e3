/** Questions to a name server by dig (Debian's bind9-dnsutils), and its answers as what they say. */

/** As a recording has it: without what differs from one answer to the next one, records in order of their text. */
export interface NameAnswer {
  /** `NOERROR`, `NXDOMAIN` …; `none` where no answer came. */
  readonly status: string
  /** As dig names them: `qr rd ra`. */
  readonly flags: string
  /** Whether there is an OPT record (EDNS). */
  readonly edns: boolean
  /** `NAME TTL CLASS TYPE DATA`. */
  readonly answer: readonly string[]
  readonly authority: readonly string[]
  readonly additional: readonly string[]
}

const NO_ANSWER: NameAnswer = {
  status: 'none',
  flags: '',
  edns: false,
  answer: [],
  authority: [],
  additional: [],
}

/** Longer than Docker waits for one server outside. */
const TIMEOUT_S = 5

/** `question` is `NAME TYPE`, and options of dig. Without a server, whom resolv.conf names is asked. */
export function digArguments(server: string | undefined, question: string): string[] {
  const [name, type, ...options] = question.split(' ')
  return ['-r', ...(server === undefined ? [] : [`@${server}`]), '-q', name!, '-t', type!]
    .concat(['+noedns', '+noadflag', '+nocookie', '+tries=1', `+time=${TIMEOUT_S}`, '+nosearch'])
    .concat(options)
}

/** Reads what dig has printed of an answer. `ids` has short ids by the names that stand for them. */
export function readDig(output: string, ids: ReadonlyMap<string, string>): NameAnswer {
  const status = /^;; ->>HEADER<<- .*\bstatus: (\w+),/m.exec(output)?.[1]
  if (status === undefined) return NO_ANSWER
  const text = withoutIds(output, ids)
  return {
    status,
    flags: /^;; flags: ([a-z ]*);/m.exec(text)?.[1] ?? '',
    edns: /^; EDNS: /m.test(text),
    answer: section(text, 'ANSWER'),
    authority: section(text, 'AUTHORITY'),
    additional: section(text, 'ADDITIONAL'),
  }
}

/** In the text, ids are what they are called in questions. */
function withoutIds(text: string, ids: ReadonlyMap<string, string>): string {
  return [...ids].reduce((result, [name, id]) => result.replaceAll(id, `$${name}`), text)
}

/** The question with the ids for `$NAME`. */
export function withIds(question: string, ids: ReadonlyMap<string, string>): string {
  return question.replace(/\$(\w+)/g, (whole, name: string) => ids.get(name) ?? whole)
}

function section(text: string, title: string): string[] {
  const [, lines = ''] = new RegExp(`^;; ${title} SECTION:\\n((?:.+\\n?)*)`, 'm').exec(text) ?? []
  return lines
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith(';'))
    .map((line) => line.replace(/\s+/g, ' '))
    .toSorted()
}
