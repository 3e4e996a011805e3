import { ErrorCode, TapwireError } from '../../../src/control/errors.ts'
import type { HostPortRequest, HostPortReservation, HostPorts } from '../../../src/control/model/machine.ts'
import type { Step } from './memory-fabric.ts'

/** The ports of the machine as one daemon has them: they are free again when it ends. */
export class MemoryHostPorts implements HostPorts {
  readonly reservations = new Set<HostPortRequest>()
  /** What programs of the machine have: `80/tcp` on all addresses, `127.0.0.1 80/tcp` on one. */
  readonly busy: Set<string>
  ephemeral = { first: 32_768, last: 60_999, reserved: [] as (readonly [number, number])[] }
  readonly #step: Step

  constructor(step: Step, busy: Set<string>) {
    this.#step = step
    this.busy = busy
  }

  open(request: HostPortRequest): Promise<HostPortReservation> {
    return this.#step('openPorts', () => {
      for (let port = request.first; port <= request.last; port++) this.#refuseTaken(request, port)
      this.reservations.add(request)
      return { close: () => this.#close(request) }
    })
  }

  ephemeralPorts(): typeof this.ephemeral {
    return this.ephemeral
  }

  #close(request: HostPortRequest): Promise<void> {
    return this.#step('closePorts', () => {
      this.reservations.delete(request)
    })
  }

  #refuseTaken({ address, protocol }: HostPortRequest, port: number): void {
    const name = `${port}/${protocol}`
    const isOpen = [...this.reservations].some(
      (other) =>
        other.protocol === protocol &&
        other.first <= port &&
        port <= other.last &&
        overlap(other.address, address),
    )
    if (!isOpen && !this.#isBusy(address, name)) return
    const host = address || '0.0.0.0'
    throw new TapwireError(
      ErrorCode.portInUse,
      `failed to bind host port ${host.includes(':') ? `[${host}]` : host}:${name}: address already in use`,
    )
  }

  #isBusy(address: string, name: string): boolean {
    return [...this.busy].some((entry) => {
      const [port, host = ''] = entry.split(' ').toReversed()
      return port === name && overlap(host, address)
    })
  }
}

function overlap(a: string, b: string): boolean {
  const isSome = (all: string, one: string): boolean =>
    all === '' ||
    (all === '0.0.0.0' && !one.includes(':')) ||
    (all === '::' && (one === '' || one.includes(':')))
  return a === b || isSome(a, b) || isSome(b, a)
}
