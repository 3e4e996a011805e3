/**
 * DHCP (RFC 2131, 2): the header that it has from BOOTP (RFC 951), and the walk over its options (RFC 2132).
 *
 *     | op 1 | htype 1 | hlen 1 | hops 1 | xid 4 | secs 2 | flags 2             |
 *     | ciaddr 4 | yiaddr 4 | siaddr 4 | giaddr 4 | chaddr 16 | sname 64 | file 128 |
 *     | magic cookie 4 | options
 *
 * Accessors are only valid after `check` returned true for the same bytes.
 */

const OPERATION = 0
const HARDWARE_LENGTH = 2
const TRANSACTION = 4
const FLAGS = 10
const CLIENT_ADDRESS = 12
const YOUR_ADDRESS = 16
const COOKIE = 236
/** Up to the options: with the cookie that says that options follow. */
export const HEADER_SIZE = 240

export const OPERATION_REQUEST = 1
export const OPERATION_REPLY = 2

/** RFC 2131, 3: 99, 130, 83, 99. */
export const MAGIC_COOKIE = 0x63825363

export const FLAG_BROADCAST = 0x8000

export const OPTION_PAD = 0
export const OPTION_MESSAGE_TYPE = 53
export const OPTION_END = 255

/** What `optionSize` answers where there is no option. */
export const NO_OPTION = -1

/** Promises a complete header with the magic cookie before `end`: options follow. They have not been looked at. */
export const check = (view: DataView, offset: number, end: number): boolean =>
  end - offset >= HEADER_SIZE && view.getUint32(offset + COOKIE) === MAGIC_COOKIE

export const operation = (view: DataView, offset: number): number => view.getUint8(offset + OPERATION)
export const hardwareLength = (view: DataView, offset: number): number =>
  view.getUint8(offset + HARDWARE_LENGTH)
export const transaction = (view: DataView, offset: number): number => view.getUint32(offset + TRANSACTION)
export const flags = (view: DataView, offset: number): number => view.getUint16(offset + FLAGS)
export const clientAddress = (view: DataView, offset: number): number =>
  view.getInt32(offset + CLIENT_ADDRESS)
export const yourAddress = (view: DataView, offset: number): number => view.getInt32(offset + YOUR_ADDRESS)

/**
 * Size of the option at `offset`, with its code and length: 1 for padding and for the end (RFC 2132, 2). NO_OPTION where it does not
 * end before `end`.
 */
export function optionSize(view: DataView, offset: number, end: number): number {
  if (offset >= end) return NO_OPTION
  const code = view.getUint8(offset)
  if (code === OPTION_PAD || code === OPTION_END) return 1
  if (end - offset < 2) return NO_OPTION
  const size = view.getUint8(offset + 1) + 2
  return size > end - offset ? NO_OPTION : size
}

/** The message's type (RFC 2132, 9.6), 0 where it has none: it is BOOTP's. */
export function messageType(view: DataView, offset: number, end: number): number {
  for (let at = offset + HEADER_SIZE; ; ) {
    const size = optionSize(view, at, end)
    if (size === NO_OPTION || view.getUint8(at) === OPTION_END) return 0
    if (view.getUint8(at) === OPTION_MESSAGE_TYPE && size === 3) return view.getUint8(at + 2)
    at += size
  }
}
