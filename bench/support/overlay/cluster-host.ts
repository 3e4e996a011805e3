/** A host of a cluster whose control plane is the real one, and whose switch and sandboxes are there in name only. */

import { createHash } from 'node:crypto'
import { performance } from 'node:perf_hooks'
import type { ClusterParts } from '../../../src/control/cluster/cluster.ts'
import { Controller } from '../../../src/control/controller/controller.ts'
import { DEFAULTS } from '../../../src/control/defaults.ts'
import { EventLog } from '../../../src/control/event-log.ts'
import { Ipam } from '../../../src/control/ipam/ipam.ts'
import type { Fabric, Surroundings } from '../../../src/control/model/machine.ts'
import { MemoryStore } from '../../../src/control/model/memory-store.ts'
import type { FabricRemote } from '../../../src/control/model/tunnels.ts'
import { SimulatedHost } from '../../../src/simulation/simulated-host.ts'
import { SimulatedHostPorts } from '../../../src/simulation/simulated-host-ports.ts'

const MTU = 1450

export class ClusterHost {
  readonly controller: Controller
  readonly name: string
  /** Remote stations that the switch was told of, and is yet to forget. */
  stations = 0
  /** When (performance.now) it was last told of a station, by MAC address; only while somebody wants to know. */
  readonly toldAt = new Map<string, number>()
  isWatched = false

  constructor(name: string, cluster: ClusterParts) {
    this.name = name
    const surroundings = surroundingsOf(name)
    this.controller = new Controller({
      fabric: this.#fabric(),
      host: new SimulatedHost(() => surroundings.now()),
      hostPorts: new SimulatedHostPorts(),
      store: new MemoryStore(),
      addresses: new Ipam({ hostId: name, now: () => surroundings.now() }),
      events: new EventLog({ clock: surroundings, kept: 16 }),
      surroundings,
      log: { info: () => undefined, warn: () => undefined },
      defaults: () => DEFAULTS,
      cluster,
    })
  }

  async start(sandbox: string, network: string): Promise<string> {
    await this.controller.createSandbox(sandbox, { HostConfig: { NetworkMode: network } })
    await this.controller.startSandbox(sandbox)
    return this.controller.inspectSandbox(sandbox).NetworkSettings.Networks[network]!.MacAddress
  }

  /** Takes note of stations, and of nothing else: what the switch keeps is the switch's memory. */
  #fabric(): Fabric {
    const known = {
      openTunnel: async () => ({ mtu: MTU }),
      addPeer: async () => ({ mtu: MTU }),
      tunnels: () => [],
      onTunnel: () => () => undefined,
      onPortGone: () => undefined,
      uplink: () => ({}),
      setRemote: async (_domain: number, mac: string, remote: FabricRemote | undefined) => {
        this.stations += remote === undefined ? -1 : 1
        if (this.isWatched) this.toldAt.set(mac, performance.now())
      },
    }
    return new Proxy(known, {
      get: (target, name) => Reflect.get(target, name) ?? (async () => undefined),
    }) as unknown as Fabric
  }
}

function surroundingsOf(name: string): Surroundings {
  let drawn = 0
  return {
    now: () => Date.now(),
    after: (ms, callback) => {
      const timer = setTimeout(callback, ms)
      return () => clearTimeout(timer)
    },
    randomBytes: (count) =>
      createHash('shake256', { outputLength: count }).update(`${name} ${drawn++}`).digest(),
    hostResolvConf: () => '',
    hostHosts: () => '',
    hostHostname: () => name,
    reservedPrefixes: async () => [],
  }
}
