/** Answers that are written to the connection itself, where there is no HTTP server between. */

import { STATUS_CODES } from 'node:http'
import type { Failure } from '../../control/api/failure.ts'
import { API_VERSION, API_VERSION_HEADER } from '../../control/api-version.ts'

export function headText(status: number, headers: Readonly<Record<string, string>>): string {
  const lines = Object.entries({ ...headers, [API_VERSION_HEADER]: API_VERSION }).map(
    ([name, value]) => `${name}: ${value}\r\n`,
  )
  return `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('')}\r\n`
}

/** The connection is to be closed behind it. */
export function failureText(status: number, failure: Failure): string {
  const body = JSON.stringify(failure)
  const head = headText(status, {
    'Content-Type': 'application/json',
    'Content-Length': String(Buffer.byteLength(body)),
    Connection: 'close',
  })
  return head + body
}
