/** Why a server of the registry gave no answer, and what people are told of it. */

import { ErrorCode, TapwireError } from '../../control/errors.ts'
import { EtcdGarbage, type Json } from './etcd-text.ts'

/** Codes of gRPC (grpc/status), as far as they mean something here. */
export const GrpcCode = {
  deadlineExceeded: 4,
  notFound: 5,
  permissionDenied: 7,
  resourceExhausted: 8,
  outOfRange: 11,
  unavailable: 14,
  unauthenticated: 16,
} as const

/**
 * `unsent`: the request cannot have arrived. `unknown`: it may have, and may have had its effect. `refused`: etcd has answered that it will
 * not, which another server would say as well.
 */
export type EtcdFailureKind = 'unsent' | 'unknown' | 'refused'

export class EtcdFailure extends Error {
  override readonly name = 'EtcdFailure'
  readonly kind: EtcdFailureKind
  readonly grpcCode: number
  readonly hint: string | undefined
  /** The answer was longer than was allowed. */
  readonly tooLong: boolean

  constructor(
    kind: EtcdFailureKind,
    message: string,
    details: { grpcCode?: number; hint?: string | undefined; tooLong?: boolean } = {},
  ) {
    super(message)
    this.kind = kind
    this.grpcCode = details.grpcCode ?? -1
    this.hint = details.hint
    this.tooLong = details.tooLong ?? false
  }
}

export const UNAVAILABLE_HINT =
  'tapwire doctor shows what is wrong. What is there goes on working; changes wait for it.'

export const unavailable = (problem: string, hint?: string): TapwireError =>
  new TapwireError(
    ErrorCode.registryUnavailable,
    `The registry of the cluster is not available: ${problem}.`,
    {
      hint: hint ?? UNAVAILABLE_HINT,
    },
  )

export const CUT = 'the connection was cut'

/** Of a connection: Node's codes, those of OpenSSL among them. */
export function failureOfSocket(error: Error, sent: boolean): EtcdFailure {
  const { code = '' } = error as NodeJS.ErrnoException
  const known = CONNECT_FAILURES[code] ?? tlsFailure(code)
  if (known !== undefined) return new EtcdFailure(known.sent ? 'unknown' : 'unsent', known.problem, known)
  if (error instanceof EtcdGarbage) return garbage(error)
  if (code === 'ECONNRESET' || code === 'EPIPE') return new EtcdFailure(sent ? 'unknown' : 'unsent', CUT)
  return new EtcdFailure(sent ? 'unknown' : 'unsent', error.message)
}

export const garbage = (error: EtcdGarbage): EtcdFailure =>
  new EtcdFailure('unknown', `what it answers is not what etcd says: ${error.message}`, {
    hint: 'Is it an etcd of version 3.4 or newer, with its JSON gateway (--enable-grpc-gateway)?',
  })

interface Known {
  readonly problem: string
  readonly hint?: string
  readonly sent?: boolean
}

const CONNECT_FAILURES: Readonly<Record<string, Known>> = {
  ECONNREFUSED: { problem: 'nobody listens there' },
  ENOTFOUND: { problem: 'its name is not known' },
  EAI_AGAIN: { problem: 'its name cannot be looked up now' },
  EHOSTUNREACH: { problem: 'its host cannot be reached' },
  ENETUNREACH: { problem: 'there is no route to it' },
  EACCES: { problem: 'the way to it is prohibited' },
}

const CA_HINT = 'Name the authority that has signed it: --cluster-ca FILE'
const CLIENT_HINT =
  'Name a certificate that its authority has signed, and the key of it: --cluster-cert FILE --cluster-key FILE'

function tlsFailure(code: string): Known | undefined {
  if (/SELF_SIGNED|UNABLE_TO_(VERIFY|GET)|CERT_UNTRUSTED|INVALID_CA/.test(code))
    return { problem: 'its certificate is not signed by an authority that is trusted', hint: CA_HINT }
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return {
      problem: 'its certificate is for another name',
      hint: 'Write the address as the certificate has it.',
    }
  if (code === 'CERT_HAS_EXPIRED') return { problem: 'its certificate has expired' }
  if (code === 'CERT_NOT_YET_VALID')
    return { problem: 'its certificate is not valid yet', hint: 'Is the clock of this machine right?' }
  // The server says so behind the handshake; what was written meanwhile it has not read.
  if (/ALERT_(BAD_CERTIFICATE|CERTIFICATE_REQUIRED|UNKNOWN_CA|HANDSHAKE_FAILURE|CERTIFICATE_)/.test(code))
    return { problem: 'it does not take the certificate of this host, or wants one', hint: CLIENT_HINT }
  if (/WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG/.test(code))
    return { problem: 'it does not speak TLS', hint: 'Without TLS the address begins with etcd://' }
  return undefined
}

/** Of an answer whose status is none of success. */
export function failureOfStatus(status: number, body: Json | undefined): EtcdFailure {
  if (body === undefined || typeof body['message'] !== 'string')
    return garbage(new EtcdGarbage(`HTTP status ${status}`))
  return failureOfGrpc(typeof body['code'] === 'number' ? body['code'] : -1, body['message'])
}

const RETRIED: ReadonlySet<number> = new Set([-1, GrpcCode.deadlineExceeded, GrpcCode.unavailable])
const MESSAGE_MAX = 300

export function failureOfGrpc(grpcCode: number, message: string): EtcdFailure {
  const kind = RETRIED.has(grpcCode) ? 'unknown' : 'refused'
  return new EtcdFailure(kind, `it says: ${message.slice(0, MESSAGE_MAX)}`, {
    grpcCode,
    hint: hintOf(message),
  })
}

function hintOf(message: string): string | undefined {
  if (/user name is empty|invalid auth token|permission denied/.test(message))
    return 'It asks for a user and a password, which Tapwire has none of; client certificates with etcds:// do it.'
  if (/database space exceeded/.test(message)) return 'Compact and defragment it, then: etcdctl alarm disarm'
  return undefined
}
