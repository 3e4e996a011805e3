/** Addresses, nets, ports and names behind their qualifiers: `src host web`, `tcp port 80`, `net 10.0.0.0/8`. */

import { parseIpv4, parseIpv6 } from '../../wire/address.ts'
import { SCTP, TCP, UDP } from '../../wire/ip-protocol.ts'
import type { FilterNames } from './compile-filter.ts'
import { anyOf, type Condition } from './condition.ts'
import { FilterError } from './filter-error.ts'
import {
  etherHost,
  etherProtocol,
  type FilterDirection,
  IPV4,
  IPV6,
  ipv4Host,
  ipv4Protocol,
  ipv6Host,
  ipv6Protocol,
  type Layout,
  ports,
  prefixMask,
} from './primitives.ts'
import { SERVICES, type Service } from './service-names.ts'
import { nearest } from './suggestion.ts'
import type { Token } from './tokens.ts'
import { ETHER_TYPES, type FilterProtocol, IP_PROTOCOLS } from './words.ts'

export interface Qualifiers {
  readonly protocol: FilterProtocol | undefined
  readonly direction: FilterDirection | undefined
  /** `default` is host. */
  readonly type: 'default' | 'host' | 'net' | 'port' | 'portrange' | 'proto'
}

/** A condition, and how many tokens it was read from. */
interface Read {
  readonly condition: Condition
  readonly taken: number
}

const PORT_MAX = 65_535

export class IdentifierReader {
  readonly #text: string
  readonly #names: FilterNames | undefined

  constructor(text: string, names: FilterNames | undefined) {
    this.#text = text
    this.#names = names
  }

  /** The id that begins with the token `at`. Throws FilterError. */
  read(qualifiers: Qualifiers, layout: Layout, tokens: readonly Token[], at: number): Read {
    const token = tokens[at]!
    switch (token.kind) {
      case 'ipv4':
        return this.#ipv4(qualifiers, layout, tokens, at)
      case 'ipv6':
        return this.#ipv6(qualifiers, layout, tokens, at)
      case 'mac':
        return { condition: this.#mac(qualifiers, token), taken: 1 }
      case 'number':
        return this.#number(qualifiers, layout, tokens, at)
      case 'name':
        return { condition: this.#name(qualifiers, layout, token), taken: 1 }
      case 'protocol':
      case 'sign':
      case 'end':
        return this.#fail(token, `'${token.text}' is no address, name or number`)
    }
  }

  #ipv4(qualifiers: Qualifiers, layout: Layout, tokens: readonly Token[], at: number): Read {
    const token = tokens[at]!
    const { type } = qualifiers
    if (type === 'port' || type === 'portrange' || type === 'proto') {
      return this.#fail(token, `${token.text} is an address, and not what \`${type}\` takes`)
    }
    const { address, bits } = this.#partialIpv4(token)
    const [sign, operand] = [tokens[at + 1], tokens[at + 2]]
    if (sign?.kind === 'sign' && sign.text === '/') {
      if (operand?.kind !== 'number' || operand.value > 32) {
        return this.#fail(operand ?? token, "a prefix's length is from 0 to 32")
      }
      const condition = this.#net(qualifiers, layout, token, address, prefixMask(operand.value))
      return { condition, taken: 3 }
    }
    if (sign?.kind === 'sign' && sign.text === 'mask') {
      if (operand?.kind !== 'ipv4') return this.#fail(operand ?? token, 'a mask is expected: 255.255.0.0')
      const condition = this.#net(qualifiers, layout, token, address, this.#partialIpv4(operand).address)
      return { condition, taken: 3 }
    }
    const condition = this.#ipv4Host(qualifiers, layout, token, address, prefixMask(bits))
    return { condition, taken: 1 }
  }

  /** `10.1` has 16 bits, which stand at the front. */
  #partialIpv4(token: Token): { address: number; bits: number } {
    const groups = token.text.split('.')
    if (groups.some((group) => !/^[0-9]{1,3}$/.test(group) || Number(group) > 255)) {
      return this.#fail(token, `${token.text} is not an IPv4 address`)
    }
    const address = groups.reduce((sum, group) => (sum << 8) | Number(group), 0)
    const bits = 8 * groups.length
    return { address: bits === 32 ? address : address << (32 - bits), bits }
  }

  #net(qualifiers: Qualifiers, layout: Layout, token: Token, address: number, mask: number): Condition {
    if (qualifiers.type !== 'net') this.#fail(token, 'only a net has a mask', 'write `net` in front of it')
    if ((address & ~mask) !== 0) {
      this.#fail(
        token,
        'the address has bits set that the mask leaves out',
        'those are zero in the address of a net',
      )
    }
    return this.#ipv4Host(qualifiers, layout, token, address, mask)
  }

  #ipv4Host(
    { protocol, direction, type }: Qualifiers,
    layout: Layout,
    token: Token,
    address: number,
    mask: number,
  ): Condition {
    if (protocol === undefined) return ipv4Host(layout, address, mask, direction)
    if (protocol.over !== 'ethernet' || protocol.number === IPV6) {
      const hint =
        protocol.over === 'link' ? 'an Ethernet address is expected' : `\`${protocol.name} and host …\``
      this.#fail(token, `'${protocol.name}' has no such ${type === 'net' ? 'nets' : 'hosts'}`, hint)
    }
    return ipv4Host(layout, address, mask, direction, protocol.number)
  }

  #ipv6(qualifiers: Qualifiers, layout: Layout, tokens: readonly Token[], at: number): Read {
    const token = tokens[at]!
    const { type } = qualifiers
    if (type === 'port' || type === 'portrange' || type === 'proto') {
      return this.#fail(token, `${token.text} is an address, and not what \`${type}\` takes`)
    }
    const address = parseIpv6(token.text)!
    const [sign, operand] = [tokens[at + 1], tokens[at + 2]]
    if (sign?.kind !== 'sign' || sign.text !== '/') {
      return { condition: this.#ipv6Host(qualifiers, layout, token, address, 128), taken: 1 }
    }
    if (operand?.kind !== 'number' || operand.value > 128) {
      return this.#fail(operand ?? token, "a prefix's length is from 0 to 128")
    }
    const prefix = operand.value
    if (type !== 'net' && prefix !== 128) {
      return this.#fail(token, 'only a net has a mask', 'write `net` in front of it')
    }
    const beyond = address.some(
      (byte, index) => (byte & ~(prefixMask(prefix - 8 * index) >>> 24) & 0xff) !== 0,
    )
    if (beyond) {
      return this.#fail(
        token,
        'the address has bits set behind its prefix',
        'those are zero in the address of a net',
      )
    }
    return { condition: this.#ipv6Host(qualifiers, layout, token, address, prefix), taken: 3 }
  }

  #ipv6Host(
    { protocol, direction }: Qualifiers,
    layout: Layout,
    token: Token,
    address: Uint8Array,
    prefix: number,
  ): Condition {
    if (protocol !== undefined && protocol.number !== IPV6) {
      this.#fail(token, `'${protocol.name}' has no IPv6 addresses`, '`ip6 host`, or `host` alone')
    }
    return ipv6Host(layout, address, prefix, direction)
  }

  #mac({ protocol, direction, type }: Qualifiers, token: Token): Condition {
    if (protocol?.over !== 'link' || (type !== 'default' && type !== 'host')) {
      this.#fail(
        token,
        `${token.text} is an Ethernet address`,
        'write `ether host`, `ether src` or `ether dst` in front of it',
      )
    }
    const { high, low } = macOf(token.text)
    return etherHost(high, low, direction)
  }

  #number(qualifiers: Qualifiers, layout: Layout, tokens: readonly Token[], at: number): Read {
    const token = tokens[at]!
    const { protocol, direction, type } = qualifiers
    const { value } = token
    if (type === 'proto') return { condition: this.#proto(qualifiers, layout, token, value), taken: 1 }
    if (type === 'port' || type === 'portrange') {
      if (value > PORT_MAX) this.#fail(token, `a port is at most ${PORT_MAX}`)
      return {
        condition: ports(layout, value, value, direction, this.#portProtocol(protocol, token)),
        taken: 1,
      }
    }
    // A host is all 32 bits, as in `host 0x0a000001`.
    const [address, mask] = type === 'net' ? netOfNumber(value) : [value | 0, -1]
    return { condition: this.#ipv4Host(qualifiers, layout, token, address, mask), taken: 1 }
  }

  /** The number of the protocol that has the port; undefined: all that have ports. */
  #portProtocol(protocol: FilterProtocol | undefined, token: Token): number | undefined {
    if (protocol === undefined) return undefined
    if ([TCP, UDP, SCTP].includes(protocol.number)) return protocol.number
    return this.#fail(token, `'${protocol.name}' has no ports`, 'tcp, udp and sctp have')
  }

  #proto({ protocol }: Qualifiers, layout: Layout, token: Token, value: number): Condition {
    if (protocol === undefined) return anyOf(ipv4Protocol(layout, value), ipv6Protocol(layout, value))
    if (protocol.over === 'link') return etherProtocol(layout, value)
    if (protocol.number === IPV4) return ipv4Protocol(layout, value)
    if (protocol.number === IPV6) return ipv6Protocol(layout, value)
    return this.#fail(
      token,
      `'${protocol.name}' carries no other protocols`,
      '`ip proto`, `ip6 proto` or `ether proto`',
    )
  }

  #name(qualifiers: Qualifiers, layout: Layout, token: Token): Condition {
    switch (qualifiers.type) {
      case 'port':
        return this.#service(qualifiers, layout, token)
      case 'portrange':
        return this.#portRange(qualifiers, layout, token)
      case 'proto':
        return this.#protocolName(qualifiers, layout, token)
      case 'default':
      case 'host':
      case 'net':
        return this.#named(qualifiers, layout, token)
    }
  }

  #service({ protocol, direction }: Qualifiers, layout: Layout, token: Token): Condition {
    const { port, number } = this.#portOf(token.text, this.#portProtocol(protocol, token), token)
    return ports(layout, port, port, direction, number)
  }

  /** A service that knows only one protocol is asked for in that one. */
  #portOf(
    name: string,
    wanted: number | undefined,
    token: Token,
  ): { port: number; number: number | undefined } {
    const service = SERVICES.get(name)
    if (service === undefined) {
      const near = nearest(name, [...SERVICES.keys()])
      return this.#fail(
        token,
        `there is no service '${name}'`,
        near === undefined ? 'write its number' : `did you mean '${near}'?`,
      )
    }
    const only = onlyProtocol(service)
    if (wanted !== undefined && only !== undefined && wanted !== only) {
      return this.#fail(token, `'${name}' is a service of ${only === TCP ? 'tcp' : 'udp'}`)
    }
    return { port: service.port, number: wanted ?? only }
  }

  #portRange({ protocol, direction }: Qualifiers, layout: Layout, token: Token): Condition {
    const [first = '', last = '', ...others] = token.text.split('-')
    const [low, high] = [first, last].map((text) => (/^[0-9]{1,5}$/.test(text) ? Number(text) : Number.NaN))
    if (others.length > 0 || !(low! <= PORT_MAX) || !(high! <= PORT_MAX)) {
      return this.#fail(
        token,
        `'${token.text}' is not a range of ports`,
        'write it as 8000-8080, each at most 65535',
      )
    }
    const number = this.#portProtocol(protocol, token)
    return ports(layout, Math.min(low!, high!), Math.max(low!, high!), direction, number)
  }

  #protocolName(qualifiers: Qualifiers, layout: Layout, token: Token): Condition {
    const known = qualifiers.protocol?.over === 'link' ? ETHER_TYPES : IP_PROTOCOLS
    const number = known.get(token.text)
    if (number !== undefined) return this.#proto(qualifiers, layout, token, number)
    const near = nearest(token.text, [...known.keys()])
    return this.#fail(
      token,
      `there is no protocol '${token.text}'`,
      near === undefined ? 'write its number' : `did you mean '${near}'?`,
    )
  }

  /** A sandbox: any of its addresses. A network's name may stand for its subnets, `172.18.0.0/16`. */
  #named(qualifiers: Qualifiers, layout: Layout, token: Token): Condition {
    const { protocol } = qualifiers
    const addresses = this.#names?.(token.text) ?? []
    const conditions = addresses.flatMap((address) => this.#nameCondition(qualifiers, layout, token, address))
    const [first, ...others] = conditions
    if (first !== undefined) return anyOf(first, ...others)
    if (addresses.length > 0) {
      return this.#fail(token, `'${token.text}' has no address that \`${protocol?.name ?? ''}\` knows`)
    }
    return this.#fail(token, `nothing is called '${token.text}' here`, 'write its address')
  }

  #nameCondition(qualifiers: Qualifiers, layout: Layout, token: Token, text: string): Condition[] {
    const [address = '', length] = text.split('/')
    const ipv4 = parseIpv4(address)
    const { protocol } = qualifiers
    if (ipv4 !== undefined) {
      if (protocol?.number === IPV6) return []
      const mask = prefixMask(length === undefined ? 32 : Number(length))
      return [this.#ipv4Host(qualifiers, layout, token, ipv4 & mask, mask)]
    }
    const ipv6 = parseIpv6(address)
    if (ipv6 === undefined || (protocol !== undefined && protocol.number !== IPV6)) return []
    return [this.#ipv6Host(qualifiers, layout, token, ipv6, length === undefined ? 128 : Number(length))]
  }

  #fail(token: Token, message: string, hint?: string): never {
    throw new FilterError(message, this.#text, token.position, hint)
  }
}

const onlyProtocol = ({ tcp, udp }: Service): number | undefined => (tcp && udp ? undefined : tcp ? TCP : UDP)

/** A net of one number is its first: `net 10` is 10.0.0.0/8. */
function netOfNumber(value: number): [address: number, mask: number] {
  let [address, mask] = [value | 0, -1]
  while (address !== 0 && address >>> 24 === 0) [address, mask] = [address << 8, mask << 8]
  return [address, mask]
}

/** Six groups with colons, dashes or dots, three of four digits, or twelve digits. */
function macOf(text: string): { high: number; low: number } {
  const groups = text.split(/[-:.]/)
  const digits = groups.map((group) => (groups.length === 6 ? group.padStart(2, '0') : group)).join('')
  return { high: Number.parseInt(digits.slice(0, 4), 16), low: Number.parseInt(digits.slice(4), 16) | 0 }
}
