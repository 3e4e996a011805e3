import { ErrorCode, TapwireError } from '../../../src/control/errors.ts'
import type { HostPortRequest, HostPortReservation, HostPorts } from '../../../src/control/model/machine.ts'
import type { Step } from './memory-fabric.ts'

/** The host ports of one daemon; they go with it. Addresses are compared as Linux does: all of them conflict with each. */
export class MemoryHostPorts implements HostPorts {
  readonly #reserved = new Set<HostPortRequest>()
  /** `tcp 0.0.0.0 80`: what other programs of the machine hold, for a test to say. */
  readonly others: Set<string>
  readonly #step: Step

  constructor(step: Step, others = new Set<string>()) {
    this.#step = step
    this.others = others
  }

  /** What is reserved now, in the order of asking. */
  get reserved(): readonly HostPortRequest[] {
    return [...this.#reserved]
  }

  open(request: HostPortRequest): Promise<HostPortReservation> {
    return this.#step('openHostPorts', () => {
      for (let port = request.first; port <= request.last; port++) {
        if (this.#isTaken(request, port)) throw inUse(request, port)
      }
      this.#reserved.add(request)
      return { close: () => this.#step('closeHostPorts', () => void this.#reserved.delete(request)) }
    })
  }

  ephemeralPorts(): ReturnType<HostPorts['ephemeralPorts']> {
    return { first: 32_768, last: 60_999, reserved: [] }
  }

  #isTaken({ protocol, address }: HostPortRequest, port: number): boolean {
    const ours = this.reserved.some(
      (held) =>
        held.protocol === protocol &&
        port >= held.first &&
        port <= held.last &&
        overlaps(held.address, address),
    )
    return ours || [...this.others].some((other) => isOf(other, protocol, address, port))
  }
}

function isOf(other: string, protocol: string, address: string, port: number): boolean {
  const [otherProtocol = '', otherAddress = '', otherPort = ''] = other.split(' ')
  return otherProtocol === protocol && Number(otherPort) === port && overlaps(otherAddress, address)
}

/** Whether one socket on each cannot be had together. */
function overlaps(one: string, other: string): boolean {
  if (one === '' || other === '' || one === other) return true
  const wildcards = { '0.0.0.0': 4, '::': 6 } as Readonly<Record<string, number>>
  const family = (address: string): number => (address.includes(':') ? 6 : 4)
  return wildcards[one] === family(other) || wildcards[other] === family(one)
}

const inUse = ({ address, protocol }: HostPortRequest, port: number): TapwireError =>
  new TapwireError(ErrorCode.portInUse, `${address || '0.0.0.0'}:${port}/${protocol} is in use (EADDRINUSE)`)
