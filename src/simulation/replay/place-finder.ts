/** At which port of the lab a captured frame arrives: by what the user says, by what the file says, and by the frame's own source. */

import { formatIpAddress, parseIpAddress } from '../../control/ip-address.ts'
import { describePlace } from '../../inspect/capture/capture-places.ts'
import { type CaptureInterface, Direction } from '../../inspect/pcap/capture-file.ts'
import { ipv4At, ipv6At, type MacAddress, parseMac } from '../../wire/address.ts'
import * as arp from '../../wire/arp.ts'
import * as ethernet from '../../wire/ethernet.ts'
import type { SimulatedPlace } from '../simulated-place.ts'
import { findPlace, type SourceRule } from './source-rules.ts'

/** In the place of a port: why the frame arrives at none. */
export const NOT_PLACED = -1
/** A copy that left Tapwire: what caused it is in the file, too. */
export const OUTBOUND = -2
/** A gateway has sent it. */
export const BY_ROUTER = -3

const IPV4_SOURCE = 12
const IPV6_SOURCE = 8
const ARP_SENDER = 14
const IPV4_SIZE = 20
const IPV6_SIZE = 40

const { outbound: IS_OUTBOUND } = Direction

/** What a capture of our own says of itself (pcapng: shb_userappl). */
const OWN_APPLICATION = /^tapwire\b/i

export interface PlaceFinderOptions {
  readonly places: ReadonlyMap<number, SimulatedPlace>
  /** MAC addresses of the gateways. */
  readonly routers: readonly string[]
  readonly rules: readonly SourceRule[]
}

export class PlaceFinder {
  readonly #byInterfaceRule = new Map<string, number>()
  readonly #byMacRule = new Map<number, number>()
  readonly #byAddressRule = new Map<string, number>()
  #otherwise: number | undefined
  readonly #byName = new Map<string, number>()
  readonly #byMac = new Map<number, number>()
  readonly #byAddress = new Map<string, number>()
  /** By the interface's number in the file: where all that it received comes from. */
  readonly #ofInterface: (number | undefined)[] = []
  #own = false
  #lastKey = NOT_PLACED
  #lastPort = NOT_PLACED

  /** Throws USAGE where a rule names no place. */
  constructor({ places, routers, rules }: PlaceFinderOptions) {
    for (const place of places.values()) this.#learn(place)
    forgetSeveral(this.#byMac)
    forgetSeveral(this.#byAddress)
    for (const mac of routers) this.#byMac.set(keyOf(parseMac(mac)!), BY_ROUTER)
    for (const { match, place } of rules) {
      const { port } = findPlace(places.values(), place)
      switch (match.kind) {
        case 'all':
          this.#otherwise = port
          break
        case 'interface':
          this.#byInterfaceRule.set(match.name, port)
          break
        case 'mac':
          this.#byMacRule.set(keyOf(parseMac(match.mac)!), port)
          break
        case 'address':
          this.#byAddressRule.set(match.address, port)
      }
    }
  }

  #learn(place: SimulatedPlace): void {
    const { port, kind, mac, addresses } = place
    this.#byName.set(describePlace({ ...place, owner: place }).name, port)
    if (kind === 'uplink') {
      if (mac !== '') this.#byMac.set(keyOf(parseMac(mac)!), BY_ROUTER)
      return
    }
    learn(this.#byMac, keyOf(parseMac(mac)!), port)
    for (const address of addresses) learn(this.#byAddress, normal(address), port)
  }

  /** A section begins. `application`: what has written the file. */
  beginSection(application: string): void {
    this.#own = OWN_APPLICATION.test(application)
  }

  /** An interface of the file, before its first packet. */
  addInterface({ id, name }: CaptureInterface): void {
    this.#ofInterface[id] =
      this.#byInterfaceRule.get(name) ?? (this.#own ? this.#byName.get(withoutCount(name)) : undefined)
  }

  /** The port of a frame of `length` bytes at `offset`, or why there is none. */
  find(view: DataView, offset: number, length: number, interfaceId: number, direction: Direction): number {
    if (direction === IS_OUTBOUND && this.#own) return OUTBOUND
    const port = this.#ofInterface[interfaceId]
    if (port !== undefined) return port
    return length < ethernet.HEADER_SIZE
      ? (this.#otherwise ?? NOT_PLACED)
      : this.#bySource(view, offset, length)
  }

  #bySource(view: DataView, offset: number, length: number): number {
    const key = ethernet.sourceHigh(view, offset) * 2 ** 32 + (ethernet.sourceLow(view, offset) >>> 0)
    if (key === this.#lastKey) return this.#lastPort
    const byMac = this.#byMacRule.get(key) ?? (this.#byAddressRule.size > 0 ? undefined : this.#orElse(key))
    if (byMac === undefined) return this.#byContent(view, offset, length, key)
    this.#lastKey = key
    this.#lastPort = byMac
    return byMac
  }

  /** What the user says of all goes before what the lab says of some. */
  #orElse(key: number): number | undefined {
    return this.#otherwise ?? this.#byMac.get(key)
  }

  #byContent(view: DataView, offset: number, length: number, key: number): number {
    const address = sourceAddress(view, offset, length)
    return (
      (address === undefined ? undefined : this.#byAddressRule.get(address)) ??
      this.#orElse(key) ??
      (address === undefined ? undefined : this.#byAddress.get(address)) ??
      NOT_PLACED
    )
  }
}

/** What stands in the place of a port where several have the same. */
const SEVERAL = -4

function learn<Key>(ports: Map<Key, number>, key: Key, port: number): void {
  ports.set(key, ports.has(key) ? SEVERAL : port)
}

/** Which of them has sent a frame is not for us to guess. */
function forgetSeveral<Key>(ports: Map<Key, number>): void {
  for (const [key, port] of ports) if (port === SEVERAL) ports.delete(key)
}

/** `web.eth0@blue#2`: the second interface of this name in one capture. */
const withoutCount = (name: string): string => name.replace(/#\d+$/, '')

const keyOf = ({ high, low }: MacAddress): number => high * 2 ** 32 + (low >>> 0)

const normal = (address: string): string => formatIpAddress(parseIpAddress(address)!)

/** Of whoever has sent the packet in an untagged frame: `10.1.0.2`, `fd00::2`. */
export function sourceAddress(view: DataView, offset: number, length: number): string | undefined {
  const packet = offset + ethernet.HEADER_SIZE
  const size = length - ethernet.HEADER_SIZE
  switch (ethernet.etherType(view, offset)) {
    case ethernet.TYPE_IPV4:
      return size < IPV4_SIZE ? undefined : ipv4At(view, packet + IPV4_SOURCE)
    case ethernet.TYPE_IPV6:
      return size < IPV6_SIZE ? undefined : ipv6At(view, packet + IPV6_SOURCE)
    case ethernet.TYPE_ARP:
      return size < arp.PACKET_SIZE ? undefined : ipv4At(view, packet + ARP_SENDER)
    default:
      return undefined
  }
}
