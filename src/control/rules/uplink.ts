/**
 * The text form of an uplink, the way out of all networks:
 *
 *     none
 *     nic                the interface that the machine's default route goes by
 *     nic:eth0
 *     tap:NAME,address=203.0.113.1/24[,gateway=203.0.113.254][,namespace=/run/netns/x][,mtu=1500]
 */

import { MTU_DEFAULT, MTU_MAX, MTU_MIN, SUBNET_PREFIX_MIN } from '../../limits.ts'
import { ErrorCode, TapwireError } from '../errors.ts'
import { contains, type IpAddress, lastAddress, parseCidr, parseIpAddress, subnetOf } from '../ip-address.ts'
import type { UplinkSpec } from '../model/machine.ts'
import { didYouMean } from '../suggest.ts'
import { isInterfaceName } from './interface-name.ts'
import { printable } from './names.ts'

const KINDS = ['nic', 'tap', 'none'] as const
const TAP_OPTIONS = ['address', 'gateway', 'namespace', 'mtu'] as const

type TapOptions = Partial<Record<(typeof TAP_OPTIONS)[number], string>>

/** RFC 3021: both addresses of a /31 are a host's. */
const POINT_TO_POINT_PREFIX = 31

/** Undefined for `none`. Throws UPLINK_INVALID. */
export function parseUplink(text: string): UplinkSpec | undefined {
  const [, kind = '', separator = '', rest = ''] = /^([^:,]*)([:,]?)(.*)$/s.exec(text) ?? []
  if (kind === 'none' && separator === '') return undefined
  if (kind === 'nic' && separator !== ',') return nic(text, separator, rest)
  if (kind === 'tap' && separator === ':') return tap(text, rest)
  if (kind === 'tap') throw invalid(text, 'it needs a name and an address')
  if (kind === 'nic' || kind === 'none') throw invalid(text, `${kind} takes no options`)
  throw invalid(
    text,
    kind === '' ? 'it begins with no kind' : `unknown kind ${shown(kind)}; ${didYouMean(kind, KINDS)}`,
  )
}

/** The shortest text that parses to the same. */
export function formatUplink(spec: UplinkSpec | undefined): string {
  if (spec === undefined) return 'none'
  if (spec.kind === 'nic') return spec.interface === '' ? 'nic' : `nic:${spec.interface}`
  const { name, address, prefixLength, gateway, namespace, mtu } = spec
  return [
    `tap:${name}`,
    `address=${address}/${prefixLength}`,
    ...(gateway === '' ? [] : [`gateway=${gateway}`]),
    ...(namespace === '' ? [] : [`namespace=${namespace}`]),
    ...(mtu === MTU_DEFAULT ? [] : [`mtu=${mtu}`]),
  ].join(',')
}

function nic(text: string, separator: string, name: string): UplinkSpec {
  if (separator === ':') checkInterface(text, name)
  return { kind: 'nic', interface: name }
}

function tap(text: string, rest: string): UplinkSpec {
  const [name = '', ...given] = rest.split(',')
  checkInterface(text, name)
  const options = tapOptions(text, given)
  return {
    kind: 'tap',
    name,
    namespace: namespaceOf(text, options.namespace),
    ...placeOf(text, options),
    mtu: mtuOf(text, options.mtu),
  }
}

function tapOptions(text: string, given: readonly string[]): TapOptions {
  const options: TapOptions = {}
  for (const entry of given) {
    const at = entry.indexOf('=')
    const word = at === -1 ? entry : entry.slice(0, at)
    const key = TAP_OPTIONS.find((option) => option === word)
    if (key === undefined)
      throw invalid(text, `unknown option ${shown(word)}; ${didYouMean(word, TAP_OPTIONS)}`)
    if (at === -1 || at === entry.length - 1) throw invalid(text, `${key} has no value`)
    if (options[key] !== undefined) throw invalid(text, `${key} is given twice`)
    options[key] = entry.slice(at + 1)
  }
  return options
}

function checkInterface(text: string, name: string): void {
  if (name === '') throw invalid(text, 'it lacks the name of an interface')
  if (!isInterfaceName(name) || name.includes(','))
    throw invalid(text, `${shown(name)} is no name of an interface`)
}

/** Address and next hop, which must fit together. */
function placeOf(
  text: string,
  { address: cidr, gateway = '' }: TapOptions,
): { readonly address: string; readonly prefixLength: number; readonly gateway: string } {
  if (cidr === undefined) throw invalid(text, 'a tap needs its address, as in address=203.0.113.1/24')
  const parsed = parseCidr(cidr)
  if (parsed === undefined || parsed.address.family !== 4) {
    throw invalid(text, `address must be an IPv4 address with its prefix length, not ${shown(cidr)}`)
  }
  const { address, prefixLength } = parsed
  if (prefixLength < SUBNET_PREFIX_MIN || prefixLength > POINT_TO_POINT_PREFIX) {
    throw invalid(
      text,
      `the prefix length must be from ${SUBNET_PREFIX_MIN} to ${POINT_TO_POINT_PREFIX}, not ${prefixLength}`,
    )
  }
  checkHost(text, 'address', address, prefixLength)
  if (gateway !== '') checkGateway(text, gateway, address, prefixLength)
  return { address: cidr.slice(0, cidr.indexOf('/')), prefixLength, gateway }
}

function checkGateway(text: string, gateway: string, own: IpAddress, prefixLength: number): void {
  const address = parseIpAddress(gateway)
  if (address === undefined || address.family !== 4)
    throw invalid(text, `gateway must be an IPv4 address, not ${shown(gateway)}`)
  if (address.value === own.value) throw invalid(text, 'gateway is the address itself')
  if (!contains(subnetOf(own, prefixLength), address))
    throw invalid(text, `gateway ${gateway} is not on the link of the address`)
  checkHost(text, 'gateway', address, prefixLength)
}

/** Of RFC 1122, 3.2.1.3: what a host cannot have for its address. */
function checkHost(text: string, option: string, address: IpAddress, prefixLength: number): void {
  const first = Number(address.value >> 24n)
  if (first === 0 || first === 127 || first >= 224) throw invalid(text, `${option} is no host's address`)
  if (prefixLength === POINT_TO_POINT_PREFIX) return
  const subnet = subnetOf(address, prefixLength)
  if (address.value === subnet.value) throw invalid(text, `${option} is the address of its whole network`)
  if (address.value === lastAddress(subnet).value)
    throw invalid(text, `${option} is the broadcast address of its network`)
}

function namespaceOf(text: string, path = ''): string {
  if (path !== '' && (!path.startsWith('/') || /\p{Cc}/u.test(path)))
    throw invalid(text, `namespace must be a path from the root, as in /run/netns/x, not ${shown(path)}`)
  return path
}

function mtuOf(text: string, given: string | undefined): number {
  if (given === undefined) return MTU_DEFAULT
  const mtu = /^\d{1,6}$/.test(given) ? Number(given) : 0
  if (mtu < MTU_MIN || mtu > MTU_MAX)
    throw invalid(text, `mtu must be from ${MTU_MIN} to ${MTU_MAX}, not ${shown(given)}`)
  return mtu
}

const SHOWN_MAX = 200

const shown = (text: string): string => `'${printable(text.slice(0, SHOWN_MAX))}'`

const invalid = (text: string, why: string): TapwireError =>
  new TapwireError(ErrorCode.uplinkInvalid, `invalid uplink ${shown(text)}: ${why}`, {
    hint: 'It is one of none, nic, nic:eth0, and tap:NAME,address=203.0.113.1/24[,gateway=203.0.113.254][,namespace=/run/netns/x][,mtu=1500].',
  })
