/**
 * What the router says itself: to those who speak to the gateway, and to those whose packets it does not forward. Rare, and limited
 * in rate for each port of the switch.
 */

import { ICMP_ERRORS_BURST, ICMP_ERRORS_PER_S, PORTS_MAX } from '../limits.ts'
import {
  composeError,
  ERROR_FRAME_MAX,
  type ErrorSource,
  type IcmpError,
  mayAnswer,
  turnIntoEchoReply,
} from '../protocols/icmp.ts'
import { RateLimit } from '../protocols/rate-limit.ts'
import { composeReset, NO_RESET } from '../protocols/tcp-reset.ts'
import * as icmp from '../wire/icmp.ts'
import * as ipProtocol from '../wire/ip-protocol.ts'
import type { Counters } from './counters.ts'
import type { DnsServer } from './dns/dns-server.ts'
import { DropReason } from './drop-reason.ts'
import { type Egress, NO_ROOM } from './egress.ts'
import type { FrameMemory } from './frame-memory.ts'
import type { InterfaceTable } from './interface-table.ts'
import * as packets from './packets.ts'
import { InterfaceKind } from './router-settings.ts'

const { ICMP, TCP, UDP } = ipProtocol
const { CAN_BEGIN, DOMAIN, FIRST_FRAGMENT, LENGTH, NETWORK, OFFSET, PORT, PROTOCOL, TRAITS, TRANSPORT } =
  packets

const NO_HOST = -1

/** What is said to the sender of a packet that was dropped for this reason; nothing where there is no entry. */
const ERRORS = new Map<number, IcmpError>([
  [DropReason.ttlExceeded, { type: icmp.TYPE_TIME_EXCEEDED, code: 0, rest: 0 }],
  [DropReason.noRoute, unreachable(icmp.CODE_NET_UNREACHABLE)],
  [DropReason.uplinkDown, unreachable(icmp.CODE_NET_UNREACHABLE)],
  [DropReason.hostUnreachable, unreachable(icmp.CODE_HOST_UNREACHABLE)],
  [DropReason.networkInternal, unreachable(icmp.CODE_PROHIBITED)],
])
const PORT_UNREACHABLE = unreachable(icmp.CODE_PORT_UNREACHABLE)
const PROTOCOL_UNREACHABLE = unreachable(icmp.CODE_PROTOCOL_UNREACHABLE)

/** What an uplink is told, too: of connections that are there, not of what is not to be known outside. */
const TOLD_OUTSIDE = new Set<number>([
  DropReason.ttlExceeded,
  DropReason.hostUnreachable,
  DropReason.fragmentationNeeded,
])

function unreachable(code: number): IcmpError {
  return { type: icmp.TYPE_DESTINATION_UNREACHABLE, code, rest: 0 }
}

export interface GatewayParts {
  readonly memory: FrameMemory
  readonly interfaces: InterfaceTable
  readonly egress: Egress
  readonly counters: Counters
  readonly dns: DnsServer
}

export class Gateway {
  errorsSent = 0
  private readonly memory: FrameMemory
  private readonly interfaces: InterfaceTable
  private readonly egress: Egress
  private readonly counters: Counters
  private readonly dns: DnsServer
  /** By port of the switch: who makes the gateway speak all the time silences it for nobody else. */
  private readonly limit = new RateLimit(PORTS_MAX, ICMP_ERRORS_PER_S, ICMP_ERRORS_BURST)
  /** What the error is said to come from; one object for all. */
  private readonly from: { -readonly [Key in keyof ErrorSource]: ErrorSource[Key] } = {
    macHigh: 0,
    macLow: 0,
    address: 0,
  }

  constructor({ memory, interfaces, egress, counters, dns }: GatewayParts) {
    this.memory = memory
    this.interfaces = interfaces
    this.egress = egress
    this.counters = counters
    this.dns = dns
  }

  /** Whether an echo request, for the gateway itself, is one that it answers. */
  answersEcho(rows: Int32Array, row: number): boolean {
    const traits = rows[row + TRAITS]!
    return rows[row + PROTOCOL] === ICMP && (traits & CAN_BEGIN) !== 0 && (traits & FIRST_FRAGMENT) === 0
  }

  /** A packet for the gateway's own address: a question to the name server; to the host's end of the network where there is one; or answered here. */
  receive(rows: Int32Array, row: number, nowS: number): void {
    const domain = rows[row + DOMAIN]!
    const port = rows[row + PORT]!
    const hostPort = this.interfaces.hostPort[domain]!
    if (this.dns.isAsked(rows, row)) this.dns.receive(rows, row, nowS)
    else if (hostPort !== NO_HOST && hostPort !== port) {
      this.egress.send(hostPort, rows[row + OFFSET]!, rows[row + LENGTH]!)
    } else if (this.answersEcho(rows, row)) {
      turnIntoEchoReply(this.memory.view, rows[row + OFFSET]!, rows[row + NETWORK]!, rows[row + TRANSPORT]!)
      this.egress.send(port, rows[row + OFFSET]!, rows[row + LENGTH]!)
    } else {
      this.refuse(rows, row, nowS)
    }
  }

  /** A packet for a virtual address that no backend gets: an echo request is answered, all else refused. */
  receiveVirtual(rows: Int32Array, row: number): void {
    if (this.answersEcho(rows, row)) {
      turnIntoEchoReply(this.memory.view, rows[row + OFFSET]!, rows[row + NETWORK]!, rows[row + TRANSPORT]!)
      this.egress.send(rows[row + PORT]!, rows[row + OFFSET]!, rows[row + LENGTH]!)
    } else this.counters.dropped(rows[row + PORT]!, DropReason.portClosed)
  }

  /** A connection to a service that has no backend. Its port is published, so outside is told, too. */
  private refuseConnection(rows: Int32Array, row: number, nowS: number): void {
    if (rows[row + PROTOCOL] === TCP) this.sendReset(rows, row, nowS)
    else this.sendError(rows, row, PORT_UNREACHABLE, nowS)
    this.counters.dropped(rows[row + PORT]!, DropReason.noBackend)
  }

  /** Drops a packet, and tells its sender why where it may be told. */
  reject(rows: Int32Array, row: number, reason: number, nowS: number): void {
    if (reason === DropReason.noBackend) {
      this.refuseConnection(rows, row, nowS)
      return
    }
    const error = ERRORS.get(reason)
    if (error !== undefined && this.mayTell(rows[row + DOMAIN]!, reason))
      this.sendError(rows, row, error, nowS)
    this.counters.dropped(rows[row + PORT]!, reason as DropReason)
  }

  /** Drops a packet that is longer than the way's MTU. */
  rejectLong(rows: Int32Array, row: number, mtu: number, nowS: number): void {
    const error = { type: icmp.TYPE_DESTINATION_UNREACHABLE, code: icmp.CODE_FRAGMENTATION_NEEDED, rest: mtu }
    this.sendError(rows, row, error, nowS)
    this.counters.dropped(rows[row + PORT]!, DropReason.fragmentationNeeded)
  }

  private mayTell(domain: number, reason: number): boolean {
    return this.interfaces.kind[domain] !== InterfaceKind.outside || TOLD_OUTSIDE.has(reason)
  }

  /** Nothing listens on the gateway's own address. Outside nobody is told: a scan from there finds what is published. */
  private refuse(rows: Int32Array, row: number, nowS: number): void {
    const protocol = rows[row + PROTOCOL]!
    if (this.interfaces.kind[rows[row + DOMAIN]!] !== InterfaceKind.outside) {
      if (protocol === TCP) this.sendReset(rows, row, nowS)
      else if (protocol !== ICMP) {
        this.sendError(rows, row, protocol === UDP ? PORT_UNREACHABLE : PROTOCOL_UNREACHABLE, nowS)
      }
    }
    this.counters.dropped(rows[row + PORT]!, DropReason.portClosed)
  }

  private sendReset(rows: Int32Array, row: number, nowS: number): void {
    const at = this.room(rows, row, nowS)
    if (at === NO_ROOM) return
    const { view, bytes } = this.memory
    const length = composeReset(view, bytes, at, rows[row + OFFSET]!, rows[row + NETWORK]!)
    if (length !== NO_RESET) this.send(rows[row + PORT]!, at, length)
  }

  private sendError(rows: Int32Array, row: number, error: IcmpError, nowS: number): void {
    const at = this.room(rows, row, nowS)
    if (at === NO_ROOM) return
    const { view, bytes } = this.memory
    const { interfaces, from } = this
    const domain = rows[row + DOMAIN]!
    from.macHigh = interfaces.macHigh[domain]!
    from.macLow = interfaces.macLow[domain]!
    from.address = interfaces.address[domain]!
    const length = composeError(view, bytes, at, error, from, rows[row + OFFSET]!, rows[row + NETWORK]!)
    this.errorsSent++
    this.send(rows[row + PORT]!, at, length)
  }

  /** Where an answer to this packet can be composed, or NO_ROOM where none may be sent, or no more now. */
  private room(rows: Int32Array, row: number, nowS: number): number {
    const domain = rows[row + DOMAIN]!
    const broadcast = this.interfaces.address[domain]! | ~this.interfaces.mask[domain]!
    if (!mayAnswer(this.memory.view, rows[row + OFFSET]!, rows[row + NETWORK]!, broadcast)) return NO_ROOM
    if (!this.limit.take(rows[row + PORT]!, nowS)) return NO_ROOM
    return this.egress.allocate(ERROR_FRAME_MAX)
  }

  private send(port: number, offset: number, length: number): void {
    this.counters.originated(port)
    this.egress.send(port, offset, length)
  }
}
