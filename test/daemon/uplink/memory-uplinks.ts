/** A machine with interfaces, and a switch, in memory: any step of either can be made to fail. */

import assert from 'node:assert/strict'
import type { FabricImpairment, UplinkSpec } from '../../../src/control/model/machine.ts'
import type { OpenPort } from '../../../src/daemon/datapath.ts'
import type { InterfaceFacts } from '../../../src/daemon/uplink/interface-facts.ts'
import { Uplink, type UplinkSwitch } from '../../../src/daemon/uplink/uplink.ts'
import type { UplinkMachine } from '../../../src/daemon/uplink/uplink-machine.ts'
import type { RouterInterfaceSettings, RouteSettings } from '../../../src/datapath/router-settings.ts'

export const ETH0: InterfaceFacts = {
  name: 'eth0',
  index: 2,
  ethernet: true,
  up: true,
  carrier: true,
  mac: '02:00:00:00:00:01',
  alias: '',
  mtu: 1500,
  address: '192.0.2.7',
  prefixLength: 24,
  routes: [{ prefix: '0.0.0.0', prefixLength: 0, gateway: '192.0.2.1' }],
}

/** The failing step's error. */
export class StepFails extends Error {}

export class MemoryUplinks {
  readonly nics = new Map<string, InterfaceFacts>([['eth0', ETH0]])
  defaultNic = 'eth0'
  readonly log: string[] = []
  readonly uplink: Uplink
  /** What the switch has. */
  readonly domains = new Set<number>()
  readonly interfaces = new Map<number, RouterInterfaceSettings>()
  readonly ports = new Map<
    number,
    {
      readonly domain: number
      readonly mtu: number
      readonly device: string
      readonly impairment?: FabricImpairment
    }
  >()
  routes: readonly RouteSettings[] = []
  /** Devices of the ports that are open, and how many reservations there are. */
  readonly open: string[] = []
  reservations = 0
  steps: string[] = []
  /** Happens just before an interface is read. */
  beforeRead: () => void = () => undefined
  #failAt = 0
  #descriptor = 0
  readonly #devices = new Map<number, string>()
  #look: (() => void) | undefined

  constructor() {
    const note = (details: { interface?: string; reason?: string }, message: string): void =>
      void this.log.push([message, details.interface, details.reason].filter((part) => part).join(': '))
    this.uplink = new Uplink(this.#switch(), { info: note, warn: note } as never, this.#machine())
  }

  /** Steps are counted from here, from 1; 0: none fails. */
  failAt(step: number): void {
    this.steps = []
    this.#failAt = step
  }

  get isLooking(): boolean {
    return this.#look !== undefined
  }

  /** Time passes, and all that comes of it is done. */
  async look(): Promise<void> {
    this.#look?.()
    // Whatever is asked next comes after it.
    await this.uplink.leaveWorld(-1)
  }

  /** The interface of a port goes down or away. */
  lose(port: number): void {
    const lost = this.ports.get(port)
    assert.ok(lost !== undefined)
    this.ports.delete(port)
    this.open.splice(this.open.indexOf(lost.device), 1)
    this.uplink.portGone(port)
  }

  snapshot(): unknown {
    const { domains, interfaces, ports, routes, open, reservations, uplink } = this
    return structuredClone({ domains, interfaces, ports, routes, open, reservations, state: uplink.state() })
  }

  #step(name: string): void {
    this.steps.push(name)
    if (this.steps.length === this.#failAt) throw new StepFails(`${name} fails`)
  }

  #machine(): UplinkMachine {
    return {
      nic: async (name) => {
        this.#step('nic')
        this.beforeRead()
        return this.nics.get(name === '' ? this.defaultNic : name)
      },
      fingerprint: (name) =>
        JSON.stringify([this.defaultNic, name === '' ? [...this.nics] : this.nics.get(name)]),
      openNic: (name) => {
        this.#step('openNic')
        if (this.nics.get(name)?.up !== true) throw new Error(`${name} is down`)
        return this.#opened(name)
      },
      openTap: (spec: Extract<UplinkSpec, { kind: 'tap' }>) => {
        this.#step('openTap')
        const device = `${spec.namespace}/${spec.name}`
        if (this.open.includes(device)) throw new Error(`${device} is busy`)
        return this.#opened(device)
      },
      reservePorts: () => {
        this.#step('reservePorts')
        this.reservations++
        return { first: 61_000, last: 65_095, close: () => void this.reservations-- }
      },
      everyLook: (callback) => {
        this.#look = callback
        return () => {
          this.#look = undefined
        }
      },
    }
  }

  #opened(device: string): OpenPort {
    const descriptor = ++this.#descriptor
    this.#devices.set(descriptor, device)
    this.open.push(device)
    return {
      descriptor,
      virtio: true,
      discard: () => {
        assert.ok(this.#devices.delete(descriptor), 'closed once')
        this.open.splice(this.open.indexOf(device), 1)
      },
    }
  }

  #switch(): UplinkSwitch {
    return {
      addDomain: async ({ id }) => {
        this.#step('addDomain')
        assert.ok(!this.domains.has(id))
        this.domains.add(id)
      },
      removeDomain: async (id) => {
        this.#step('removeDomain')
        assert.ok(![...this.ports.values()].some(({ domain }) => domain === id), 'it has no ports')
        assert.ok(this.domains.delete(id))
      },
      attachPort: async ({ port, domain, mtu, impairment }, opened) => {
        try {
          this.#step('attachPort')
        } catch (error) {
          opened.discard()
          throw error
        }
        assert.ok(!this.ports.has(port))
        const device = this.#devices.get(opened.descriptor)
        assert.ok(device !== undefined)
        this.ports.set(port, { domain, mtu, device, ...(impairment && { impairment }) })
      },
      setLink: async (port, impairment) => {
        this.#step('setLink')
        const { impairment: _before, ...there } = this.ports.get(port)!
        this.ports.set(port, { ...there, ...(impairment && { impairment }) })
      },
      removePort: async (port) => {
        this.#step('removePort')
        const removed = this.ports.get(port)
        this.ports.delete(port)
        if (removed !== undefined) this.open.splice(this.open.indexOf(removed.device), 1)
      },
      setInterface: async (domain, settings) => {
        this.#step('setInterface')
        if (settings === undefined) this.interfaces.delete(domain)
        else this.interfaces.set(domain, settings)
      },
      setRoutes: async (routes) => {
        this.#step('setRoutes')
        this.routes = routes
      },
    }
  }
}
