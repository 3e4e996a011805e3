import { ErrorCode, TapwireError } from '../control/errors.ts'
import { HostPortTable } from '../control/host-port-table.ts'
import type { HostPortRequest, HostPortReservation, HostPorts } from '../control/model/machine.ts'

/** What Linux gives out by default (net.ipv4.ip_local_port_range). */
const EPHEMERAL = { first: 32_768, last: 60_999, reserved: [] }

/** The ports of a machine that has no other programs. */
export class SimulatedHostPorts implements HostPorts {
  readonly #table = new HostPortTable()

  async open({ address, protocol, first, last }: HostPortRequest): Promise<HostPortReservation> {
    const range = { protocol, hostIp: address, first, last }
    const taken = this.#table.conflict(range)
    if (taken !== undefined) {
      const host = address || '0.0.0.0'
      throw new TapwireError(
        ErrorCode.portInUse,
        `failed to bind host port ${host.includes(':') ? `[${host}]` : host}:${taken}/${protocol}: address already in use`,
      )
    }
    this.#table.take(range)
    let held = true
    const close = async (): Promise<void> => {
      if (held) this.#table.giveBack(range)
      held = false
    }
    return { close }
  }

  ephemeralPorts(): ReturnType<HostPorts['ephemeralPorts']> {
    return EPHEMERAL
  }
}
