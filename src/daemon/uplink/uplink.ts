/**
 * The way out of all networks: one at a time. It is kept up: an interface that goes down or away is looked for until it is back, and
 * an address, a gateway or a route that changes on it changes with us. Nothing of the machine's own is ever changed.
 *
 *     set ──► up ──── port gone, no address, no carrier ────► down, with a reason
 *              ▲                                                │
 *              └─────────────── the next look finds it ─────────┘
 *
 * The router's interface stays while the uplink is down: what should go out is dropped for that reason.
 */

import { isDeepStrictEqual } from 'node:util'
import {
  placeInterface,
  placeRoutes,
  tapPlace,
  type UplinkPlace,
  worldRoutes,
} from '../../control/fabric/uplink-place.ts'
import {
  asUnusable,
  messageOf,
  NO_UPLINK,
  unusable,
  WORLD_THERE,
  type World,
  worldState,
} from '../../control/fabric/uplink-state.ts'
import type { FabricGateway, FabricImpairment, UplinkSpec, UplinkState } from '../../control/model/machine.ts'
import type { LinkDirections } from '../../control/rules/impairment.ts'
import { UPLINK_DOMAIN, UPLINK_PORT } from '../../limits.ts'
import type { Datapath, OpenPort } from '../datapath.ts'
import type { Log } from '../log.ts'
import type { InterfaceFacts } from './interface-facts.ts'
import type { NatPorts } from './nat-ports.ts'
import { nicPlace, nicProblem } from './nic-place.ts'
import { type UplinkMachine, uplinkMachine } from './uplink-machine.ts'

/** Of the data path, what an uplink needs. */
export type UplinkSwitch = Pick<
  Datapath,
  'addDomain' | 'removeDomain' | 'attachPort' | 'removePort' | 'setInterface' | 'setRoutes' | 'setLink'
>

/** An uplink that was set. */
interface Installed {
  readonly spec: UplinkSpec
  readonly place: UplinkPlace
}

export class Uplink {
  readonly #switch: UplinkSwitch
  readonly #log: Pick<Log, 'info' | 'warn'>
  readonly #machine: UplinkMachine
  #installed: Installed | undefined
  /** One that could not be had yet. */
  #awaited: UplinkSpec | undefined
  #world: World | undefined
  /** Whether the switch has the port. */
  #attached = false
  /** Of its link, whichever port that leads to. */
  #impairment: FabricImpairment | undefined
  /** Why no frame passes now; empty where they do. */
  #reason = ''
  #ports: NatPorts | undefined
  /** Of the machine as it was when it was last looked at. */
  #fingerprint = ''
  #stopLooking: (() => void) | undefined
  /** Changes are made one after the other. */
  #queue: Promise<unknown> = Promise.resolve()

  constructor(
    datapath: UplinkSwitch,
    log: Pick<Log, 'info' | 'warn'>,
    machine: UplinkMachine = uplinkMachine,
  ) {
    this.#switch = datapath
    this.#log = log
    this.#machine = machine
  }

  /** Undefined: none from here on. Throws UPLINK_UNUSABLE, and leaves the one that was; a patient one is waited for instead. */
  set(spec: UplinkSpec | undefined, { patient = false } = {}): Promise<void> {
    return this.#inTurn(async () => {
      if (spec === undefined) await this.#remove()
      else if (patient) await this.#await(spec)
      else await this.#replace(spec)
      if (!patient) this.#awaited = undefined
    })
  }

  /** What its link does to frames from here on, now or when there is one. */
  setImpairment(impairment: FabricImpairment | undefined, directions?: LinkDirections): Promise<void> {
    return this.#inTurn(async () => {
      const before = this.#impairment
      this.#impairment = impairment
      try {
        if (this.#attached) await this.#switch.setLink(UPLINK_PORT, impairment, directions)
      } catch (error) {
        // One that has gone meanwhile has it when it is back.
        if (!this.#attached) return
        this.#impairment = before
        throw error
      }
    })
  }

  /** A network is to become the way out: nothing else does from here on. Throws UPLINK_UNUSABLE where something else is. */
  claimWorld(domain: number, gateway: FabricGateway): Promise<void> {
    return this.#inTurn(async () => {
      const spec = this.#installed?.spec ?? this.#awaited
      if (spec !== undefined) throw unusable(`the uplink ${this.#nameOf(spec)} is set`)
      if (this.#world !== undefined && this.#world.domain !== domain) throw unusable(WORLD_THERE)
      this.#world = { domain, gateway }
    })
  }

  /** The router has its place there. */
  async enterWorld(domain: number): Promise<void> {
    await this.#switch.setRoutes(worldRoutes(domain))
  }

  /** It is no more; any other network's going is no matter. */
  leaveWorld(domain: number): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#world?.domain !== domain) return
      await this.#switch.setRoutes([])
      this.#world = undefined
    })
  }

  state(): UplinkState {
    if (this.#installed === undefined) {
      if (this.#awaited !== undefined) return { ...NO_UPLINK, spec: this.#awaited, reason: this.#reason }
      return this.#world === undefined ? NO_UPLINK : worldState(this.#world)
    }
    const { spec, place } = this.#installed
    const { interface: name, mac, address, prefixLength, gateway, mtu, ports } = place
    return {
      spec,
      up: this.#reason === '',
      reason: this.#reason,
      interface: name,
      mac,
      address,
      prefixLength,
      gateway,
      mtu,
      ports,
      domain: UPLINK_DOMAIN,
      port: UPLINK_PORT,
    }
  }

  /** The switch says that a port is no more. */
  portGone(port: number): void {
    if (port !== UPLINK_PORT || !this.#attached) return
    this.#attached = false
    this.#note(`${this.#installed?.place.interface ?? 'the interface'} has gone down or away`)
  }

  /** Looks no more, and gives reserved ports back; what the switch has goes with it. */
  async close(): Promise<void> {
    await this.#inTurn(async () => {
      this.#stopLooking?.()
      this.#ports?.close()
      this.#ports = undefined
    })
  }

  async #replace(spec: UplinkSpec): Promise<void> {
    if (this.#world !== undefined) throw unusable(WORLD_THERE)
    const former = this.#installed
    try {
      const place = await this.#placeOf(spec)
      const port = this.#keepsPort(spec) ? undefined : this.#open(spec, place)
      await this.#install({ spec, place }, port)
    } catch (error) {
      await this.#restore(former)
      throw asUnusable(error)
    }
    if (spec.kind === 'tap') this.#releasePorts()
    this.#awaited = undefined
    this.#startLooking()
    const { interface: name, address, gateway } = this.#installed!.place
    this.#log.info({ interface: name, address, gateway }, 'the uplink is set')
  }

  async #await(spec: UplinkSpec): Promise<void> {
    try {
      await this.#replace(spec)
    } catch (error) {
      this.#awaited = spec
      this.#note(messageOf(error))
      this.#startLooking()
    }
  }

  #startLooking(): void {
    this.#stopLooking ??= this.#machine.everyLook(() => void this.#inTurn(() => this.#look()))
  }

  /** What the machine says of it now; ports are reserved where the address is shared. */
  async #placeOf(spec: UplinkSpec): Promise<UplinkPlace> {
    if (spec.kind === 'tap') return tapPlace(spec)
    const facts = await this.#facts(spec.interface)
    const problem = nicProblem(spec.interface, facts)
    if (problem !== undefined) throw unusable(problem)
    this.#ports ??= this.#machine.reservePorts()
    return nicPlace(facts!, this.#ports)
  }

  /** What changes while it is read is looked at once more. */
  async #facts(name: string): Promise<InterfaceFacts | undefined> {
    const before = this.#machine.fingerprint(name)
    const facts = await this.#machine.nic(name)
    this.#fingerprint = this.#machine.fingerprint(name) === before ? before : ''
    return facts
  }

  /** Another address on the TAP that is open: whoever has its other end would lose what it has configured there. */
  #keepsPort(spec: UplinkSpec): boolean {
    const former = this.#installed?.spec
    if (!this.#attached || spec.kind !== 'tap' || former?.kind !== 'tap') return false
    return spec.name === former.name && spec.namespace === former.namespace && spec.mtu === former.mtu
  }

  #open(spec: UplinkSpec, place: UplinkPlace): OpenPort {
    return spec.kind === 'tap' ? this.#machine.openTap(spec) : this.#machine.openNic(place.interface)
  }

  /** What can fail comes before the former port goes. Takes the new one over. */
  async #install(next: Installed, port: OpenPort | undefined): Promise<void> {
    try {
      if (this.#installed === undefined) await this.#switch.addDomain({ id: UPLINK_DOMAIN })
      this.#installed ??= next
      await this.#setPlace(next.place)
    } catch (error) {
      port?.discard()
      throw error
    }
    if (port !== undefined) await this.#attach(next.place, port)
    this.#installed = next
    this.#reason = ''
  }

  async #setPlace(place: UplinkPlace): Promise<void> {
    await this.#switch.setInterface(UPLINK_DOMAIN, placeInterface(place))
    await this.#switch.setRoutes(placeRoutes(place))
  }

  /** In the place of the port that is there, if any. */
  async #attach(place: UplinkPlace, port: OpenPort): Promise<void> {
    try {
      await this.#detach()
    } catch (error) {
      port.discard()
      throw error
    }
    await this.#switch.attachPort(
      {
        port: UPLINK_PORT,
        domain: UPLINK_DOMAIN,
        mtu: place.mtu,
        host: true,
        impairment: this.#impairment,
      },
      port,
    )
    this.#attached = true
  }

  async #detach(): Promise<void> {
    if (this.#attached) await this.#switch.removePort(UPLINK_PORT)
    this.#attached = false
  }

  /** The one that was, after another one could not be installed; undefined: none. */
  async #restore(former: Installed | undefined): Promise<void> {
    try {
      if (former === undefined) return await this.#uninstall()
      if (former.spec.kind === 'tap') this.#releasePorts()
      this.#installed = former
      await this.#setPlace(former.place)
      if (!this.#attached) await this.#attach(former.place, this.#open(former.spec, former.place))
    } catch (error) {
      // The next look tries again.
      this.#note(messageOf(error))
    }
  }

  async #remove(): Promise<void> {
    const name = this.#installed?.place.interface
    await this.#uninstall()
    this.#reason = ''
    if (name !== undefined) this.#log.info({ interface: name }, 'the uplink is removed')
  }

  async #uninstall(): Promise<void> {
    if (this.#installed !== undefined) {
      await this.#switch.setRoutes([])
      await this.#switch.setInterface(UPLINK_DOMAIN, undefined)
      await this.#detach()
      await this.#switch.removeDomain(UPLINK_DOMAIN)
      this.#installed = undefined
    }
    this.#stopLooking?.()
    this.#stopLooking = undefined
    this.#releasePorts()
  }

  #releasePorts(): void {
    this.#ports?.close()
    this.#ports = undefined
  }

  /** Finds out what has changed, and follows. */
  async #look(): Promise<void> {
    if (this.#awaited !== undefined) return this.#await(this.#awaited)
    if (this.#installed === undefined) return
    const { spec } = this.#installed
    try {
      if (spec.kind === 'nic') await this.#lookAtNic(spec)
      else if (!this.#attached) await this.#reopen(this.#installed)
    } catch (error) {
      this.#note(messageOf(error))
    }
  }

  async #lookAtNic(spec: Extract<UplinkSpec, { kind: 'nic' }>): Promise<void> {
    if (this.#reason === '' && this.#machine.fingerprint(spec.interface) === this.#fingerprint) return
    const facts = await this.#facts(spec.interface)
    const problem = nicProblem(spec.interface, facts)
    if (problem !== undefined) {
      // Not one frame more by an interface, or from an address, that may be another's by now.
      await this.#detach()
      return this.#note(problem)
    }
    const place = nicPlace(facts!, this.#ports!)
    await this.#follow(spec, place)
    this.#note(facts!.carrier ? '' : `${place.interface} has no carrier`)
  }

  async #follow(spec: UplinkSpec, place: UplinkPlace): Promise<void> {
    const { place: former } = this.#installed!
    const isSamePort = this.#attached && place.index === former.index && place.mtu === former.mtu
    if (!isDeepStrictEqual(place, former)) {
      await this.#setPlace(place)
      this.#installed = { spec, place }
      const { interface: name, address, gateway } = place
      this.#log.info({ interface: name, address, gateway }, 'the uplink has changed')
    }
    if (!isSamePort) await this.#attach(place, this.#open(spec, place))
  }

  async #reopen({ spec, place }: Installed): Promise<void> {
    await this.#attach(place, this.#open(spec, place))
    this.#note('')
  }

  #nameOf(spec: UplinkSpec): string {
    return this.#installed?.place.interface ?? (spec.kind === 'nic' ? spec.interface || 'nic' : spec.name)
  }

  /** Tells the log when it changes. */
  #note(reason: string): void {
    if (reason === this.#reason) return
    this.#reason = reason
    const name = this.#installed?.place.interface
    if (reason === '') this.#log.info({ interface: name }, 'the uplink is up')
    else this.#log.warn({ interface: name, reason }, 'the uplink is down')
  }

  #inTurn<T>(change: () => Promise<T>): Promise<T> {
    const turn = this.#queue.then(change)
    this.#queue = turn.catch(() => undefined)
    return turn
  }
}
