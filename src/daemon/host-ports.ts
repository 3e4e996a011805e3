import { readFileSync } from 'node:fs'
import { ErrorCode, TapwireError } from '../control/errors.ts'
import type { HostPortRequest, HostPortReservation, HostPorts } from '../control/model/machine.ts'
import { hostPortName, ReservedPortsError } from '../ports/reserved-ports.ts'
import type { RelaySockets, RelayWarning } from './relay/relay-target.ts'
import { TcpRelay } from './relay/tcp-relay.ts'
import { UdpRelay } from './relay/udp-relay.ts'

const PORT_MAX = 65_535

/** The ports of the machine that this process is on, with a relay for what local programs send to published ones. */
export class MachineHostPorts implements HostPorts {
  readonly #tcp: TcpRelay
  readonly #udp: UdpRelay

  /** `sockets` opens the relay's own sockets, which reach the targets. */
  constructor(sockets: RelaySockets, warn: RelayWarning) {
    this.#tcp = new TcpRelay(sockets, warn)
    this.#udp = new UdpRelay(sockets, warn)
  }

  async open(request: HostPortRequest): Promise<HostPortReservation> {
    const { first, last, target } = request
    if (target.first + last - first > PORT_MAX) {
      throw new RangeError(`${last - first + 1} ports from ${target.first} on are more than there are`)
    }
    const relay = request.protocol === 'tcp' ? this.#tcp : this.#udp
    try {
      return { close: relay.open(request, target) }
    } catch (error) {
      if (!(error instanceof ReservedPortsError)) throw error
      throw refusal(error, request)
    }
  }

  ephemeralPorts(): ReturnType<HostPorts['ephemeralPorts']> {
    const [first = 0, last = 0] = setting('ip_local_port_range').split(/\s+/).map(Number)
    return { first, last, reserved: portRanges(setting('ip_local_reserved_ports')) }
  }

  /** Gives all ports back. */
  close(): void {
    this.#tcp.close()
    this.#udp.close()
  }
}

/** In Docker's words, with what helps as the hint. */
function refusal(cause: ReservedPortsError, request: HostPortRequest): TapwireError {
  const { port, hint } = cause
  const name = hostPortName(request, port)
  const why = WHY[cause.code] ?? cause.message
  return new TapwireError(codeOf(cause), `failed to bind host port ${name}: ${why}`, { hint, cause })
}

/** What Linux's errors are called where Docker tells of them. */
const WHY: Readonly<Record<string, string>> = {
  EADDRINUSE: 'address already in use',
  EADDRNOTAVAIL: 'cannot assign requested address',
  EACCES: 'permission denied',
  EPERM: 'operation not permitted',
  EMFILE: 'too many open files',
  ENFILE: 'too many open files in system',
}

/** Another port may do only where this one is in use. */
function codeOf({ code }: ReservedPortsError): string {
  switch (code) {
    case 'EADDRINUSE':
      return ErrorCode.portInUse
    case 'EACCES':
    case 'EPERM':
      return ErrorCode.notPermitted
    case 'EADDRNOTAVAIL':
    case 'EAFNOSUPPORT':
    case 'EINVAL':
      return ErrorCode.portInvalid
    case 'EMFILE':
    case 'ENFILE':
      return ErrorCode.limitReached
    default:
      return ErrorCode.daemonFailed
  }
}

const setting = (name: string): string => readFileSync(`/proc/sys/net/ipv4/${name}`, 'utf8').trim()

/** `8080,9000-9100` as the kernel prints it; empty where there is none. */
function portRanges(text: string): (readonly [number, number])[] {
  return text
    .split(',')
    .filter((part) => part !== '')
    .map((part) => {
      const [first = 0, last = first] = part.split('-').map(Number)
      return [first, last]
    })
}
