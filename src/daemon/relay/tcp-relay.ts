import { closeSync } from 'node:fs'
import { RELAY_ARRIVALS_PER_TURN, RELAY_CONNECTIONS_MAX, RELAY_RETRY_MS } from '../../limits.ts'
import { ArrivalWatch, type PortRange, ReservedPorts } from '../../ports/reserved-ports.ts'
import { errorMessage } from '../system-error.ts'
import { freeTag, type RelaySockets, type RelayTarget, type RelayWarning } from './relay-target.ts'
import { TcpConnection } from './tcp-connection.ts'

interface Service {
  readonly ports: ReservedPorts
  readonly target: RelayTarget
  readonly connections: Set<TcpConnection>
}

/** Accepts what local programs connect to reserved ports, and carries it on. */
export class TcpRelay {
  readonly #sockets: RelaySockets
  readonly #warn: RelayWarning
  readonly #connectionsMax: number
  readonly #services = new Map<number, Service>()
  readonly #watch = new ArrivalWatch(() => this.#takeArrivals())
  #connections = 0
  /** No more is accepted until a connection ends. */
  #full = false
  #retry: NodeJS.Timeout | undefined
  #closed = false

  constructor(sockets: RelaySockets, warn: RelayWarning, connectionsMax: number = RELAY_CONNECTIONS_MAX) {
    this.#sockets = sockets
    this.#warn = warn
    this.#connectionsMax = connectionsMax
  }

  /** Throws ReservedPortsError. The function returned, which resolves when that is done, gives the ports back, and resets the connections to them. */
  open(range: PortRange, target: RelayTarget): () => Promise<void> {
    const tag = freeTag(this.#services)
    const ports = new ReservedPorts(range, { watch: this.#watch, tag })
    const service: Service = { ports, target, connections: new Set() }
    this.#services.set(tag, service)
    return async () => {
      const released = ports.release()
      if (this.#services.get(tag) === service) this.#services.delete(tag)
      for (const connection of service.connections) connection.abort()
      await released
    }
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    clearTimeout(this.#retry)
    for (const { ports, connections } of this.#services.values()) {
      ports.close()
      for (const connection of connections) connection.abort()
    }
    this.#services.clear()
    this.#watch.close()
  }

  #takeArrivals(): void {
    if (this.#closed) return
    try {
      for (let taken = 0; taken < RELAY_ARRIVALS_PER_TURN; taken++) {
        this.#full = this.#connections >= this.#connectionsMax
        if (this.#full) return
        if (!this.#accept()) break
      }
      this.#watch.resume()
    } catch (error) {
      // Out of descriptors, as a rule: the connection waits, and to ask at once would be to ask for ever.
      this.#warn(`a local connection to a published port has to wait: ${errorMessage(error)}`)
      this.#retry = setTimeout(() => this.#watch.resume(), RELAY_RETRY_MS)
    }
  }

  /** False where nobody waits. */
  #accept(): boolean {
    const arrival = this.#watch.accept()
    if (arrival === undefined) return false
    const service = this.#services.get(arrival.tag)
    if (service === undefined) closeSync(arrival.descriptor)
    else this.#carry(service, arrival.index, arrival.descriptor)
    return true
  }

  #carry(service: Service, index: number, client: number): void {
    const { connections, target } = service
    let descriptor: number
    try {
      descriptor = this.#sockets.openSocket('tcp')
    } catch (error) {
      closeSync(client)
      throw error
    }
    const ends = { client, target: descriptor, address: target.address, port: target.first + index }
    this.#connections++
    const connection = new TcpConnection(ends, () => {
      connections.delete(connection)
      this.#connections--
      if (this.#full && !this.#closed) {
        this.#full = false
        this.#watch.resume()
      }
    })
    connections.add(connection)
  }
}
