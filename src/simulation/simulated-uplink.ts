/** The way out of a simulated lab: a port in memory, as a TAP of the machine would be, or a network that plays the world. */

import {
  placeInterface,
  placeRoutes,
  tapPlace,
  type UplinkPlace,
  worldRoutes,
} from '../control/fabric/uplink-place.ts'
import { NO_UPLINK, unusable, WORLD_THERE, type World, worldState } from '../control/fabric/uplink-state.ts'
import type { FabricGateway, FabricImpairment, UplinkSpec, UplinkState } from '../control/model/machine.ts'
import type { Engine } from '../datapath/engine.ts'
import { LinkDirection } from '../datapath/impairment/impairment-settings.ts'
import { UPLINK_DOMAIN, UPLINK_PORT } from '../limits.ts'

export class SimulatedUplink {
  readonly #engine: Engine
  #installed: { readonly spec: UplinkSpec; readonly place: UplinkPlace } | undefined
  #world: World | undefined
  #impairment: FabricImpairment | undefined

  constructor(engine: Engine) {
    this.#engine = engine
  }

  /** Kept while there is no uplink. */
  setImpairment(impairment: FabricImpairment | undefined): void {
    this.#impairment = impairment
    if (this.#installed !== undefined) impair(this.#engine, UPLINK_PORT, impairment)
  }

  /** Throws UPLINK_UNUSABLE. */
  set(spec: UplinkSpec | undefined): void {
    if (spec?.kind === 'nic')
      throw unusable('a simulated lab has no interface of a machine; give it a tap with an address')
    if (spec !== undefined && this.#world !== undefined) throw unusable(WORLD_THERE)
    this.#remove()
    if (spec !== undefined) this.#install(spec)
  }

  /** Throws UPLINK_UNUSABLE where something else is the way out. */
  enterWorld(domain: number, gateway: FabricGateway): void {
    if (this.#installed !== undefined) throw unusable(`the uplink ${this.#installed.place.interface} is set`)
    if (this.#world !== undefined && this.#world.domain !== domain) throw unusable(WORLD_THERE)
    this.#world = { domain, gateway }
    this.#engine.setRoutes(worldRoutes(domain))
  }

  leaveWorld(domain: number): void {
    if (this.#world?.domain !== domain) return
    this.#engine.setRoutes([])
    this.#world = undefined
  }

  state(): UplinkState {
    if (this.#installed === undefined) return this.#world === undefined ? NO_UPLINK : worldState(this.#world)
    const { spec, place } = this.#installed
    const { interface: name, mac, address, prefixLength, gateway, mtu, ports } = place
    const state = { interface: name, mac, address, prefixLength, gateway, mtu, ports }
    return { spec, up: true, reason: '', ...state, domain: UPLINK_DOMAIN, port: UPLINK_PORT }
  }

  #install(spec: Extract<UplinkSpec, { kind: 'tap' }>): void {
    const place = tapPlace(spec)
    const engine = this.#engine
    engine.addDomain(UPLINK_DOMAIN, { transparent: false })
    engine.setInterface(UPLINK_DOMAIN, placeInterface(place))
    engine.setRoutes(placeRoutes(place))
    engine.addPort(UPLINK_PORT, { domain: UPLINK_DOMAIN, mtu: place.mtu, plain: false, host: true })
    impair(engine, UPLINK_PORT, this.#impairment)
    this.#installed = { spec, place }
  }

  #remove(): void {
    if (this.#installed === undefined) return
    const engine = this.#engine
    engine.setRoutes([])
    engine.setInterface(UPLINK_DOMAIN, undefined)
    engine.removePort(UPLINK_PORT)
    engine.removeDomain(UPLINK_DOMAIN)
    this.#installed = undefined
  }
}

/** What the port's link does to frames from here on; undefined: nothing. */
export function impair(engine: Engine, port: number, impairment: FabricImpairment | undefined): void {
  engine.setImpairment(port, LinkDirection.from, impairment?.from)
  engine.setImpairment(port, LinkDirection.to, impairment?.to)
}
