/**
 * DNS messages (RFC 1035, 4.1): the header, and the numbers and names of types, classes and response codes.
 *
 *     | id 2 | flags 2 | questions 2 | answers 2 | authorities 2 | additionals 2 |
 *
 *     flags | QR 1 bit | opcode 4 | AA | TC | RD | RA | Z | AD | CD | RCODE 4 |
 *
 * Accessors need HEADER_SIZE bytes at their offset.
 */

const ID = 0
const FLAGS = 2
const QUESTIONS = 4
const ANSWERS = 6
const AUTHORITIES = 8
const ADDITIONALS = 10
export const HEADER_SIZE = 12

/** A response. */
export const FLAG_QR = 0x8000
export const OPCODE_MASK = 0x7800
export const OPCODE_SHIFT = 11
export const OPCODE_QUERY = 0
/** Authoritative answer. */
export const FLAG_AA = 0x0400
/** Truncated: ask again by TCP. */
export const FLAG_TC = 0x0200
/** Recursion desired, and available. */
export const FLAG_RD = 0x0100
export const FLAG_RA = 0x0080
/** Authentic data, and checking disabled (RFC 4035, 3.1.6 and 3.2). */
export const FLAG_AD = 0x0020
export const FLAG_CD = 0x0010
/** In the header are the lower four bits of it; the record OPT has the upper eight (RFC 6891, 6.1.3). */
export const RCODE_MASK = 0x000f

export const RCODE_NO_ERROR = 0
export const RCODE_FORMAT_ERROR = 1
export const RCODE_SERVER_FAILURE = 2
export const RCODE_NAME_ERROR = 3
export const RCODE_NOT_IMPLEMENTED = 4
export const RCODE_REFUSED = 5
/** A version of EDNS that the server does not know (RFC 6891, 9). */
export const RCODE_BAD_VERSION = 16

export const TYPE_A = 1
export const TYPE_NS = 2
export const TYPE_CNAME = 5
export const TYPE_SOA = 6
export const TYPE_PTR = 12
export const TYPE_MX = 15
export const TYPE_TXT = 16
/** RFC 3596. */
export const TYPE_AAAA = 28
/** RFC 2782. */
export const TYPE_SRV = 33
/** RFC 6672. */
export const TYPE_DNAME = 39
/** RFC 6891: no data of a name, but what the sender can do. */
export const TYPE_OPT = 41
/** RFC 9460. */
export const TYPE_SVCB = 64
export const TYPE_HTTPS = 65
export const TYPE_AXFR = 252
export const TYPE_ANY = 255
/** RFC 8659. */
export const TYPE_CAA = 257

export const CLASS_IN = 1
export const CLASS_CH = 3
export const CLASS_ANY = 255

export const id = (view: DataView, offset: number): number => view.getUint16(offset + ID)
export const flags = (view: DataView, offset: number): number => view.getUint16(offset + FLAGS)
export const questionCount = (view: DataView, offset: number): number => view.getUint16(offset + QUESTIONS)
export const answerCount = (view: DataView, offset: number): number => view.getUint16(offset + ANSWERS)
export const authorityCount = (view: DataView, offset: number): number => view.getUint16(offset + AUTHORITIES)
export const additionalCount = (view: DataView, offset: number): number =>
  view.getUint16(offset + ADDITIONALS)

export function setHeader(
  view: DataView,
  offset: number,
  id: number,
  flags: number,
  questions: number,
  answers: number,
  authorities: number,
  additionals: number,
): void {
  view.setUint16(offset + ID, id)
  view.setUint16(offset + FLAGS, flags)
  view.setUint16(offset + QUESTIONS, questions)
  view.setUint16(offset + ANSWERS, answers)
  view.setUint16(offset + AUTHORITIES, authorities)
  view.setUint16(offset + ADDITIONALS, additionals)
}

/** Names of types that people meet, from the registry "Resource Record (RR) TYPEs" of IANA. */
const TYPES: ReadonlyMap<number, string> = new Map([
  [TYPE_A, 'A'],
  [TYPE_NS, 'NS'],
  [TYPE_CNAME, 'CNAME'],
  [TYPE_SOA, 'SOA'],
  [TYPE_PTR, 'PTR'],
  [13, 'HINFO'],
  [TYPE_MX, 'MX'],
  [TYPE_TXT, 'TXT'],
  [17, 'RP'],
  [18, 'AFSDB'],
  [24, 'SIG'],
  [25, 'KEY'],
  [TYPE_AAAA, 'AAAA'],
  [29, 'LOC'],
  [TYPE_SRV, 'SRV'],
  [35, 'NAPTR'],
  [36, 'KX'],
  [37, 'CERT'],
  [TYPE_DNAME, 'DNAME'],
  [TYPE_OPT, 'OPT'],
  [42, 'APL'],
  [43, 'DS'],
  [44, 'SSHFP'],
  [45, 'IPSECKEY'],
  [46, 'RRSIG'],
  [47, 'NSEC'],
  [48, 'DNSKEY'],
  [49, 'DHCID'],
  [50, 'NSEC3'],
  [51, 'NSEC3PARAM'],
  [52, 'TLSA'],
  [53, 'SMIMEA'],
  [55, 'HIP'],
  [59, 'CDS'],
  [60, 'CDNSKEY'],
  [61, 'OPENPGPKEY'],
  [62, 'CSYNC'],
  [63, 'ZONEMD'],
  [TYPE_SVCB, 'SVCB'],
  [TYPE_HTTPS, 'HTTPS'],
  [99, 'SPF'],
  [108, 'EUI48'],
  [109, 'EUI64'],
  [249, 'TKEY'],
  [250, 'TSIG'],
  [251, 'IXFR'],
  [TYPE_AXFR, 'AXFR'],
  [TYPE_ANY, 'ANY'],
  [256, 'URI'],
  [TYPE_CAA, 'CAA'],
])

const CLASSES: ReadonlyMap<number, string> = new Map([
  [CLASS_IN, 'IN'],
  [CLASS_CH, 'CH'],
  [4, 'HS'],
  [254, 'NONE'],
  [CLASS_ANY, 'ANY'],
])

const RCODES: ReadonlyMap<number, string> = new Map([
  [RCODE_NO_ERROR, 'NOERROR'],
  [RCODE_FORMAT_ERROR, 'FORMERR'],
  [RCODE_SERVER_FAILURE, 'SERVFAIL'],
  [RCODE_NAME_ERROR, 'NXDOMAIN'],
  [RCODE_NOT_IMPLEMENTED, 'NOTIMP'],
  [RCODE_REFUSED, 'REFUSED'],
  [6, 'YXDOMAIN'],
  [7, 'YXRRSET'],
  [8, 'NXRRSET'],
  [9, 'NOTAUTH'],
  [10, 'NOTZONE'],
  [RCODE_BAD_VERSION, 'BADVERS'],
  [23, 'BADCOOKIE'],
])

const inverse = (names: ReadonlyMap<number, string>): ReadonlyMap<string, number> =>
  new Map(Array.from(names, ([number, name]) => [name, number]))

const TYPES_BY_NAME = inverse(TYPES)
const CLASSES_BY_NAME = inverse(CLASSES)

/** `AAAA`; `TYPE65280` for what has no name here (RFC 3597, 5). */
export const formatType = (type: number): string => TYPES.get(type) ?? `TYPE${type}`

/** Either form of `formatType`, in either case; undefined for anything else. */
export const parseType = (text: string): number | undefined => parseNumber(text, TYPES_BY_NAME, 'TYPE')

/** `IN`; `CLASS32` for what has no name here (RFC 3597, 5). */
export const formatClass = (recordClass: number): string => CLASSES.get(recordClass) ?? `CLASS${recordClass}`

/** Either form of `formatClass`, in either case; undefined for anything else. */
export const parseClass = (text: string): number | undefined => parseNumber(text, CLASSES_BY_NAME, 'CLASS')

/** `NXDOMAIN`; `RCODE11` for what has no name here. */
export const formatRcode = (rcode: number): string => RCODES.get(rcode) ?? `RCODE${rcode}`

function parseNumber(text: string, names: ReadonlyMap<string, number>, prefix: string): number | undefined {
  const name = text.toUpperCase()
  const known = names.get(name)
  if (known !== undefined) return known
  const digits = name.slice(prefix.length)
  if (!name.startsWith(prefix) || !/^(0|[1-9][0-9]{0,4})$/.test(digits)) return undefined
  const number = Number(digits)
  return number > 0xffff ? undefined : number
}
