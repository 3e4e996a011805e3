import { ErrorCode, TapwireError } from '../errors.ts'
import { printable } from './names.ts'

/** By number, from 1 on: signal(7), the column for x86 and ARM. */
const SIGNALS: readonly NodeJS.Signals[] = [
  'SIGHUP',
  'SIGINT',
  'SIGQUIT',
  'SIGILL',
  'SIGTRAP',
  'SIGABRT',
  'SIGBUS',
  'SIGFPE',
  'SIGKILL',
  'SIGUSR1',
  'SIGSEGV',
  'SIGUSR2',
  'SIGPIPE',
  'SIGALRM',
  'SIGTERM',
  'SIGSTKFLT',
  'SIGCHLD',
  'SIGCONT',
  'SIGSTOP',
  'SIGTSTP',
  'SIGTTIN',
  'SIGTTOU',
  'SIGURG',
  'SIGXCPU',
  'SIGXFSZ',
  'SIGVTALRM',
  'SIGPROF',
  'SIGWINCH',
  'SIGIO',
  'SIGPWR',
  'SIGSYS',
]

/** Older names of the same signals. */
const SYNONYMS: Readonly<Record<string, NodeJS.Signals>> = {
  SIGIOT: 'SIGABRT',
  SIGPOLL: 'SIGIO',
  SIGCLD: 'SIGCHLD',
}

export const STOP_SIGNAL_DEFAULT: NodeJS.Signals = 'SIGTERM'

/** `SIGTERM` for `SIGTERM`, `term` and `15`. Throws SANDBOX_INVALID. */
export function parseSignal(text: string): NodeJS.Signals {
  const upper = text.toUpperCase()
  const name = upper.startsWith('SIG') ? upper : `SIG${upper}`
  const signal = /^\d+$/.test(text)
    ? SIGNALS[Number(text) - 1]
    : (SIGNALS.find((known) => known === name) ?? SYNONYMS[name])
  if (signal !== undefined) return signal
  const message = /^0*[1-9]\d*$/.test(text)
    ? `the linux daemon does not support signal ${text}`
    : `invalid signal: ${printable(text)}`
  throw new TapwireError(ErrorCode.sandboxInvalid, message)
}

/** The number that a process which the signal ended adds to 128. */
export function signalNumber(signal: NodeJS.Signals): number {
  return SIGNALS.indexOf(signal) + 1
}
