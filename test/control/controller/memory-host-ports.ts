import { ErrorCode, TapwireError } from '../../../src/control/errors.ts'
import type { HostPortRequest, HostPortReservation, HostPorts } from '../../../src/control/model/machine.ts'
import type { Step } from './memory-fabric.ts'

/** The ports of the machine as one daemon has them: they are free again when it ends. */
export class MemoryHostPorts implements HostPorts {
  readonly reservations = new Set<HostPortRequest>()
  /** What programs of the machine have, `80/tcp`. */
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
      if (!this.reservations.delete(request)) throw new Error('it is closed already')
    })
  }

  #refuseTaken({ address, protocol }: HostPortRequest, port: number): void {
    const name = `${port}/${protocol}`
    const isOpen = [...this.reservations].some(
      (other) =>
        other.protocol === protocol &&
        other.first <= port &&
        port <= other.last &&
        (other.address === address || isWildcard(other.address) || isWildcard(address)),
    )
    if (!isOpen && !this.busy.has(name)) return
    throw new TapwireError(
      ErrorCode.portInUse,
      `failed to bind host port ${address || '0.0.0.0'}:${name}: address already in use`,
    )
  }
}

/** Coarser than the machine, which knows two families. */
const isWildcard = (address: string): boolean => ['', '0.0.0.0', '::'].includes(address)
