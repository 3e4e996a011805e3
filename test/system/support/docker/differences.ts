/**
 * Where our answer is meant to be another one than that of the recorded Docker, and why. An entry is for every command that its pattern
 * matches; one that is no longer needed fails the test.
 */

import type { Answer } from './recording.ts'

export interface Difference {
  readonly scenario: string
  /** The whole command line, as recorded. */
  readonly command: RegExp
  readonly why: string
  /** What we answer, as far as it is different. */
  readonly ours:
    | {
        readonly code?: number
        readonly message?: string | RegExp
        readonly stdout?: string | RegExp
      }
    | 'skip'
}

/** Applied to Docker's sentences before they are compared. */
export const REWORDED: readonly (readonly [RegExp, string])[] = [
  // Where Docker 28 and the Docker of 2026 differ, ours is the newer one.
  [/no configured subnet or ip-range contain the IP address/g, 'no configured subnet contains IP address'],
  [
    /user specified IP address is supported on user defined networks only/g,
    'user-specified IP address is supported on user-defined networks only',
  ],
  [/user specified IP address is supported only when/g, 'user-specified IP address is supported only when'],
  [/^Invalid (containerPort|hostPort|proto)/gm, 'invalid $1'],
  [/^Invalid ip address/gm, 'invalid IP address'],
  [/^Invalid ranges specified/gm, 'invalid ranges specified'],
  [/^No port specified/gm, 'no port specified'],
  // Types of Docker's program.
  [/^Error parsing format: template:/gm, 'template parsing error: template:'],
  [/can't evaluate field (\w+) in type \S+/g, 'map has no entry for key "$1"'],
  // The steps of Docker's runtime, which we have none of.
  [
    /^(?:failed to create task for container: failed to create shim task: )?OCI runtime (?:create|exec) failed: (?:runc create|exec) failed: unable to start container process: (?:error during container init: )?(.*): unknown$/gm,
    '$1',
  ],
]

/** A name of a network becomes a file's, a label's and an argument's part: we take only what is good for that. */
const NETWORK_NAME = 'network names are those that sandboxes have, too'

export const DIFFERENCES: readonly Difference[] = [
  {
    scenario: 'network-create-errors',
    command:
      /^network create (?:with blank|with\/slash|\.\.|\.hidden|-- -dash|_low|ünder|semi;colon|new\nline|x{300}|container:x)$/,
    why: NETWORK_NAME,
    ours: { code: 1, message: /invalid/i, stdout: '' },
  },
  {
    scenario: 'network-create-errors',
    command: /^network inspect -f \{\{\.Name\}\} x+$/,
    why: NETWORK_NAME,
    ours: { code: 1, message: /not found$/, stdout: '' },
  },
]

/** Scenarios and commands whose answers concern what we have not: nothing is asked of us. */
export const NOT_OURS: readonly RegExp[] = [
  /^ps .*(?:ancestor=|-s$)/,
  /^inspect -s /,
  /^(?:stats|top) /,
  /^network create .*-d (?:overlay|macvlan|ipvlan)\b/,
  /^network inspect mac1$/,
]

export const meets = (answer: Answer, message: string, { ours }: Difference): boolean => {
  if (ours === 'skip') return true
  const same = (text: string, wanted: string | RegExp | undefined): boolean =>
    wanted === undefined ||
    wanted === 'any' ||
    (typeof wanted === 'string' ? text === wanted : wanted.test(text))
  return (
    (ours.code ?? answer.code) === answer.code &&
    same(message, ours.message) &&
    same(answer.stdout.trim(), ours.stdout)
  )
}
