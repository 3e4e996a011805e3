import type { HostPortRequest, HostPortReservation, HostPorts } from '../../control/model/machine.ts'
import { MachineHostPorts } from '../host-ports.ts'
import type { RelayAttachment } from './relay-attachment.ts'
import type { RelayWarning } from './relay-target.ts'

/** The machine's ports, whose relay is connected to the router for the first one. */
export class RelayedHostPorts implements HostPorts {
  readonly #relay: RelayAttachment
  readonly #ports: MachineHostPorts

  constructor(relay: RelayAttachment, warn: RelayWarning) {
    this.#relay = relay
    this.#ports = new MachineHostPorts(relay, warn)
  }

  async open(request: HostPortRequest): Promise<HostPortReservation> {
    await this.#relay.connect()
    return this.#ports.open(request)
  }

  ephemeralPorts(): ReturnType<HostPorts['ephemeralPorts']> {
    return this.#ports.ephemeralPorts()
  }

  close(): void {
    this.#ports.close()
  }
}
