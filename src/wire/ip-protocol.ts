/**
 * IP protocol numbers (IANA "Assigned Internet Protocol Numbers"): the Protocol field of IPv4 and the Next Header
 * field of IPv6.
 */
export const ICMP = 1
export const TCP = 6
export const UDP = 17
export const ICMPV6 = 58
export const SCTP = 132

/** IPv6 extension headers (RFC 8200, 4; RFC 4302; RFC 7045). */
export const HOP_BY_HOP = 0
export const ROUTING = 43
export const FRAGMENT = 44
export const ENCAPSULATING_SECURITY = 50
export const AUTHENTICATION = 51
/** RFC 8200, 4.7: nothing follows. */
export const NO_NEXT_HEADER = 59
export const DESTINATION_OPTIONS = 60
