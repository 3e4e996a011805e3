/** Comments of our own captures (capture-comments.ts) read back: what they say for tools. */

import type { FactName } from '../../datapath/capture/recorded-frame.ts'
import { DROP_REASONS } from '../../datapath/drop-reason.ts'

export interface CommentFacts {
  readonly facts: readonly FactName[]
  readonly flow: number | undefined
  /** A name of DROP_REASONS. */
  readonly reason: string | undefined
  /** The router has sent it of itself. */
  readonly isMade: boolean
  /** All but the reason of a drop, for people. */
  readonly sentences: readonly string[]
}

const FACTS: readonly (readonly [pattern: RegExp, fact: FactName])[] = [
  [/^learned \S+ on .*; it was on /, 'moved'],
  [/^learned \S+ on [^;]*$/, 'learned'],
  [/^flooded to /, 'flooded'],
  [/^for the router itself$/, 'consumed'],
  [/^waits for (?:an answer to ARP|the first fragment of its datagram)$/, 'held'],
  [/^delayed by the link$/, 'delayed'],
  [/^had waited$/, 'released'],
  [/^begins connection #\d+$/, 'began-flow'],
]

const MADE = 'made by the router'

export function commentFacts(comments: readonly string[]): CommentFacts {
  const facts = FACTS.filter(([pattern]) => comments.some((comment) => pattern.test(comment)))
  const flow = comments.map((comment) => /\bconnection #(\d{1,10})\b/.exec(comment)?.[1]).find(isText)
  const reason = comments.map(reasonOf).find(isText)
  return {
    facts: facts.map(([, fact]) => fact),
    flow: flow === undefined ? undefined : Number(flow),
    reason,
    isMade: comments.includes(MADE),
    sentences: comments
      .filter((comment) => reasonOf(comment) === undefined && comment !== MADE)
      .map((comment) => `${comment.charAt(0).toUpperCase()}${comment.slice(1)}.`),
  }
}

function reasonOf(comment: string): string | undefined {
  const name = /^dropped: ([a-z0-9-]+)\. /.exec(comment)?.[1]
  return DROP_REASONS.some((one) => one.name === name) ? name : undefined
}

const isText = (text: string | undefined): text is string => text !== undefined
