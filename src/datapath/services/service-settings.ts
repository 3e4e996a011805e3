/** What the data path is told of services: addresses behind which there are several backends. */

export interface ServiceSettings {
  /** 1 to SERVICES_MAX. */
  readonly id: number
  /** Of the virtual address, and of the backends. */
  readonly domain: number
  /**
   * The virtual address: one of the domain's subnet, which the router answers for; or one of 0.0.0.0/8, which no packet has: then
   * only published ports lead there.
   */
  readonly address: number
  /** An int32, the same on all hosts and after a restart: a flow then gets the same backend everywhere. */
  readonly seed: number
  readonly backends: readonly ServiceBackendSettings[]
}

export interface ServiceBackendSettings {
  readonly address: number
  /** The port of the switch that it is behind: what connections from outside are charged to. */
  readonly owner: number
}
