import { ErrorCode, TapwireError } from '../errors.ts'
import { formatIpAddress, parseIpAddress } from '../ip-address.ts'
import { printable } from './names.ts'

/** An address as the router knows them, which routes IPv4. Throws BAD_REQUEST. */
export function parseRouterAddress(text: string): string {
  const address = parseIpAddress(text)
  if (address?.family === 4) return formatIpAddress(address)
  throw new TapwireError(ErrorCode.badRequest, `invalid IPv4 address: ${printable(text)}`)
}
