/**
 * What is kept of the values of a registry, of which there are thousands: a text that several of them say is kept once, and all of a kind have
 * the same properties in the same order, so that none takes more than it needs.
 */

import type { AddressClaim, ClusterEndpoint } from './cluster-records.ts'

/** Texts that are looked for to be shared. */
const SHARED_MAX = 16_384

const NO_LABELS: Readonly<Record<string, string>> = {}
const NO_PORTS: ClusterEndpoint['ports'] = []

export class CompactValues {
  /** Names of hosts, ids of networks, routers' MAC addresses. */
  readonly #shared = new Map<string, string>()

  /** Without an endpoint's own texts: those are shared with its claim alone. */
  share(text: string): string {
    const known = this.#shared.get(text)
    if (known !== undefined) return known
    // Of networks that come and go: what is shared already stays so.
    if (this.#shared.size >= SHARED_MAX) this.#shared.clear()
    this.#shared.set(text, text)
    return text
  }

  /** `owner`: as the claim of its address says it. */
  endpoint(value: ClusterEndpoint, owner: string | undefined): ClusterEndpoint {
    const { id, name, labels } = value.sandbox
    return {
      version: value.version,
      id: owner === value.id ? owner : value.id,
      network: this.share(value.network),
      host: this.share(value.host),
      sandbox: { id, name, labels: Object.keys(labels).length === 0 ? NO_LABELS : labels },
      mac: value.mac,
      ipv4: value.ipv4,
      ipv6: value.ipv6,
      names: value.names.map(({ text, kind }) => ({ text: text === name ? name : text, kind })),
      ports: value.ports.length === 0 ? NO_PORTS : value.ports,
      routerMac: this.share(value.routerMac),
    }
  }

  /** `endpoint`: its owner's id as the endpoint says it, where it is that of an endpoint. */
  claim({ version, host, owner }: AddressClaim, endpoint: string | undefined): AddressClaim {
    return { version, host: this.share(host), owner: endpoint ?? owner }
  }
}
