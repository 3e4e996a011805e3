/** The MAC addresses of a network's endpoints, and of its gateway. Several may have the same one, where users ask for it. */
export class EndpointMacs {
  readonly #byEndpoint = new Map<string, string>()
  readonly #counts = new Map<string, number>()

  has(mac: string): boolean {
    return this.#counts.has(mac)
  }

  set(endpoint: string, mac: string): void {
    this.delete(endpoint)
    this.#byEndpoint.set(endpoint, mac)
    this.#counts.set(mac, (this.#counts.get(mac) ?? 0) + 1)
  }

  delete(endpoint: string): void {
    const mac = this.#byEndpoint.get(endpoint)
    if (mac === undefined) return
    this.#byEndpoint.delete(endpoint)
    const others = this.#counts.get(mac)! - 1
    if (others === 0) this.#counts.delete(mac)
    else this.#counts.set(mac, others)
  }
}
