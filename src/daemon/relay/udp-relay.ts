import {
  RELAY_ARRIVALS_PER_TURN,
  RELAY_RETRY_MS,
  RELAY_UDP_CLIENTS_MAX,
  RELAY_UDP_CLIENTS_PER_PORT_MAX,
  RELAY_UDP_IDLE_MS,
  UDP_DATAGRAM_MAX,
} from '../../limits.ts'
import {
  ArrivalWatch,
  type PortRange,
  type ReceivedDatagram,
  ReservedPorts,
} from '../../ports/reserved-ports.ts'
import { errorMessage } from '../system-error.ts'
import { freeTag, type RelaySockets, type RelayTarget, type RelayWarning } from './relay-target.ts'
import { UdpClient, type UdpClientEnds } from './udp-client.ts'

export interface UdpRelayLimits {
  readonly clients: number
  readonly clientsPerPort: number
  readonly idleMs: number
}

const LIMITS: UdpRelayLimits = {
  clients: RELAY_UDP_CLIENTS_MAX,
  clientsPerPort: RELAY_UDP_CLIENTS_PER_PORT_MAX,
  idleMs: RELAY_UDP_IDLE_MS,
}

interface Service {
  readonly ports: ReservedPorts
  readonly target: RelayTarget
  /** By index of the port: how many clients it has. */
  readonly clients: Map<number, number>
}

interface KnownClient {
  readonly service: Service
  readonly index: number
  readonly client: UdpClient
}

/** Carries datagrams of local programs to reserved ports on, and the answers back. */
export class UdpRelay {
  readonly #sockets: RelaySockets
  readonly #warn: RelayWarning
  readonly #limits: UdpRelayLimits
  readonly #services = new Map<number, Service>()
  /** By who sent what to whom; the one that was silent for longest comes first. */
  readonly #clients = new Map<string, KnownClient>()
  readonly #room = new Uint8Array(UDP_DATAGRAM_MAX)
  readonly #watch = new ArrivalWatch(() => this.#takeArrivals())
  #retry: NodeJS.Timeout | undefined
  #closed = false

  constructor(sockets: RelaySockets, warn: RelayWarning, limits: UdpRelayLimits = LIMITS) {
    this.#sockets = sockets
    this.#warn = warn
    this.#limits = limits
  }

  /** Clients that are known. */
  get clients(): number {
    return this.#clients.size
  }

  /** Throws ReservedPortsError. The function returned, which resolves when that is done, gives the ports back and forgets their clients. */
  open(range: PortRange, target: RelayTarget): () => Promise<void> {
    const tag = freeTag(this.#services)
    const ports = new ReservedPorts(range, { watch: this.#watch, tag })
    const service: Service = { ports, target, clients: new Map() }
    this.#services.set(tag, service)
    return async () => {
      if (this.#services.get(tag) === service) this.#services.delete(tag)
      for (const known of this.#clients.values()) if (known.service === service) known.client.close()
      await ports.release()
    }
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    clearTimeout(this.#retry)
    for (const { client } of this.#clients.values()) client.close()
    for (const { ports } of this.#services.values()) ports.close()
    this.#services.clear()
    this.#watch.close()
  }

  #takeArrivals(): void {
    if (this.#closed) return
    try {
      for (let taken = 0; taken < RELAY_ARRIVALS_PER_TURN; taken++) {
        const datagram = this.#watch.receive(this.#room)
        if (datagram === undefined) break
        this.#carry(datagram, this.#room.slice(0, datagram.size))
      }
      this.#watch.resume()
    } catch (error) {
      this.#warn(`local datagrams to a published port have to wait: ${errorMessage(error)}`)
      this.#retry = setTimeout(() => this.#watch.resume(), RELAY_RETRY_MS)
    }
  }

  #carry(datagram: ReceivedDatagram, bytes: Uint8Array): void {
    const service = this.#services.get(datagram.tag)
    if (service === undefined) return
    const { tag, index, remoteAddress, remotePort, localAddress } = datagram
    const key = `${tag} ${index} ${remoteAddress} ${remotePort} ${localAddress}`
    const known = this.#clients.get(key) ?? this.#meet(service, datagram, key)
    this.#clients.delete(key)
    this.#clients.set(key, known)
    known.client.send(bytes)
  }

  #meet(service: Service, datagram: ReceivedDatagram, key: string): KnownClient {
    const { index } = datagram
    const { ports, target, clients } = service
    this.#makeRoom(service, index)
    const ends = {
      descriptor: this.#sockets.openSocket('udp'),
      address: target.address,
      port: target.first + index,
      answer: (bytes: Uint8Array) => {
        try {
          ports.answer(datagram, bytes)
        } catch {
          // The client has gone, or its queue is full: the datagram is lost.
        }
      },
      closed: () => {
        this.#clients.delete(key)
        clients.set(index, (clients.get(index) ?? 1) - 1)
      },
    } satisfies UdpClientEnds
    const client = new UdpClient(ends, this.#limits.idleMs)
    clients.set(index, (clients.get(index) ?? 0) + 1)
    return { service, index, client }
  }

  /** Forgets who was silent for longest, at the port where it has its share of clients, else of all. */
  #makeRoom(service: Service, index: number): void {
    const full = (service.clients.get(index) ?? 0) >= this.#limits.clientsPerPort
    if (!full && this.#clients.size < this.#limits.clients) return
    for (const known of this.#clients.values()) {
      if (full && (known.service !== service || known.index !== index)) continue
      known.client.close()
      return
    }
  }
}
