/**
 * How far a connection is, and how long it may be silent. TCP's states are those that a translator must tell apart (RFC 5382, 5;
 * RFC 7857, 2), not those of its ends: it sees both directions and neither's timers.
 *
 *            SYN                SYN (reply)          ACK
 *     ─────────────► synSent ───────────► synReceived ───► established ──── FIN ───► finWait ── FIN (other) ──► timeWait
 *       anything else ───────────────────────────────────────▲   │
 *                                                            │  RST
 *                                                 not RST    │   ▼
 *                                                            └─ closed
 */

import * as ipProtocol from '../wire/ip-protocol.ts'
import * as tcp from '../wire/tcp.ts'

const { ICMP, TCP, UDP } = ipProtocol
const { FIN, RST, SYN } = tcp

/** Numbers that the connection table keeps; the names are for people. */
export const FlowState = {
  synSent: 0,
  synReceived: 1,
  established: 2,
  finWait: 3,
  timeWait: 4,
  closed: 5,
  /** UDP, one way so far. */
  unreplied: 6,
  /** UDP both ways. */
  assured: 7,
  echo: 8,
  /** A protocol without ports. */
  generic: 9,
} as const

/** By FlowState. */
export const FLOW_STATES: readonly string[] = [
  'syn-sent',
  'syn-received',
  'established',
  'fin-wait',
  'time-wait',
  'closed',
  'unreplied',
  'assured',
  'echo',
  'generic',
]

/**
 * Seconds of silence, by FlowState. Established: RFC 5382, REQ-5 asks for 2 hours and 4 minutes. UDP: RFC 4787, REQ-5 asks for 2 minutes
 * once both sides have spoken. Echo: RFC 5508, REQ-1 asks for 60 s.
 */
export const FLOW_TIMEOUTS_S = Uint16Array.of(120, 120, 7440, 120, 120, 10, 30, 120, 60, 600)

/** A flow's flags: which directions have sent FIN, which RST; the bit of the reply direction is the higher one. */
const FIN_ORIGINAL = 1
const FIN_BOTH = 3
const RST_ORIGINAL = 4

const { synSent, synReceived, established, finWait, timeWait, closed, unreplied, assured, echo, generic } =
  FlowState

/** Of a flow that begins with this packet. Without SYN it has begun before we were there. */
export function firstState(protocol: number, control: number): number {
  if (protocol === TCP) return (control & SYN) !== 0 ? synSent : established
  if (protocol === UDP) return unreplied
  return protocol === ICMP ? echo : generic
}

/** Whether a packet may change the state at all: of an established connection's packets only the last ones may. */
export const concernsState = (state: number, control: number): boolean =>
  state === assured || state >= echo ? false : state !== established || (control & (SYN | FIN | RST)) !== 0

/** A state of TCP. */
export const isTcpState = (state: number): boolean => state <= closed

/** A TCP connection whose handshake is done, and that was not reset. */
export const isOpen = (state: number): boolean => state >= established && state < closed

/** The flags after a packet of direction 0 (original) or 1. */
export function nextFlags(state: number, flags: number, direction: number, control: number): number {
  if ((control & RST) !== 0) return flags | (RST_ORIGINAL << direction)
  if (isRevived(state, flags, direction) || beginsAnew(state, direction, control)) return 0
  return (control & FIN) !== 0 ? flags | (FIN_ORIGINAL << direction) : flags
}

/** The state after a packet of direction 0 (original) or 1. `before` and `after` are its flags. */
export function nextState(
  state: number,
  before: number,
  after: number,
  direction: number,
  control: number,
): number {
  if (state >= unreplied) return state === unreplied && direction === 1 ? assured : state
  if ((control & RST) !== 0) return closed
  if (beginsAnew(state, direction, control)) return synSent
  if (state === closed) return isRevived(state, before, direction) ? established : closed
  if ((after & FIN_BOTH) === FIN_BOTH) return timeWait
  if ((after & FIN_BOTH) !== 0) return finWait
  if (state === synSent) return direction === 0 ? synSent : (control & SYN) !== 0 ? synReceived : established
  if (state === synReceived) return direction === 0 && (control & SYN) === 0 ? established : synReceived
  return state
}

/**
 * An RST may have been forged: then who seems to have sent it goes on (RFC 7857, 2.2). What the other side sends proves nothing, it
 * may have been on its way.
 */
const isRevived = (state: number, flags: number, direction: number): boolean =>
  state === closed && (flags & (RST_ORIGINAL << direction)) !== 0

/** Another connection on the same ports as one that has ended. */
const beginsAnew = (state: number, direction: number, control: number): boolean =>
  direction === 0 && (control & SYN) !== 0 && state >= finWait && state <= closed
