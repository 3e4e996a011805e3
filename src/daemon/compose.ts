/** The model, put together: what it keeps, what it acts on, and what is told of it. */

import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { isDeepStrictEqual } from 'node:util'
import type { ClusterParts } from '../control/cluster/cluster.ts'
import { type ClusterOptions, clusterPrefix } from '../control/cluster/cluster-options.ts'
import { PrefixedRegistry } from '../control/cluster/prefixed-registry.ts'
import { Controller } from '../control/controller/controller.ts'
import { ErrorCode, TapwireError } from '../control/errors.ts'
import { EventLog } from '../control/event-log.ts'
import { Ipam } from '../control/ipam/ipam.ts'
import { Labs } from '../control/labs/labs.ts'
import { captureRoutes } from './api/capture.ts'
import { labRoutes } from './api/labs.ts'
import { CaptureService } from './capture/capture-service.ts'
import type { Configuration } from './configuration.ts'
import { DatapathFabric } from './fabric.ts'
import { FileStore } from './file-store.ts'
import { HostDaemons } from './lab-hosts.ts'
import { readLog } from './log-reader.ts'
import type { Metrics, MetricsAnswer, MetricsSource } from './metrics.ts'
import type { ModelParts, RunningModel } from './model.ts'
import { removeOrphans } from './orphans.ts'
import { RelayAttachment } from './relay/relay-attachment.ts'
import { RelayedHostPorts } from './relay/relayed-host-ports.ts'
import { ShimHost } from './sandbox-host.ts'
import { MachineSurroundings } from './surroundings.ts'
import { programVersion } from './version.ts'

/** Resolves when all that was saved is restored, and all that runs is taken up again. */
export async function compose(parts: ModelParts): Promise<RunningModel> {
  const { paths, datapath, log, io } = parts
  let { configuration } = parts
  const surroundings = new MachineSurroundings(log, { resolvConf: configuration.resolvConf })
  const events = new EventLog({ clock: surroundings })
  const host = new ShimHost({
    directory: paths.sandboxes,
    readLog,
    warn: (sandbox, warning) => log.warn({ sandbox, warning }, 'the sandbox goes without'),
  })
  const store = new FileStore(paths.root)
  const relay = new RelayAttachment(datapath)
  const fabric = new DatapathFabric(datapath, { log, relay, resolvConf: configuration.resolvConf })
  const hostPorts = new RelayedHostPorts(relay, (warning) => log.warn({ warning }, 'the relay'))
  const control = new Controller({
    fabric,
    host,
    hostPorts,
    store,
    addresses: addressesOf(paths.configuration, configuration, surroundings),
    events,
    surroundings,
    log,
    defaults: () => configuration,
    uplink: configuration.uplink,
    cluster: configuration.cluster && (await clusterOf(configuration.cluster)),
  })
  try {
    await control.recover()
  } catch (error) {
    const exhausted = error instanceof TapwireError && error.code === ErrorCode.poolsExhausted
    // The network bridge is made at a root's first start.
    throw exhausted && configuration.defaultAddressPools !== undefined
      ? invalidPools(paths.configuration, error)
      : error
  }
  const captures = new CaptureService({ datapath, places: control.places, events, log })
  const labs = new Labs(control, new HostDaemons({ root: paths.root, io, control }))
  const metrics = new MetricsOnDemand({
    control,
    events,
    portDrops: (port) => datapath.counters.port(port).drops,
    version: programVersion(),
    backend: datapath.backend,
    captures,
  })
  return {
    control,
    metrics: () => metrics.render(),
    prune: (options) => removeOrphans(paths, options),
    tell: (action, attributes = {}) => {
      const actor = { ID: paths.root, Attributes: { name: surroundings.hostHostname(), ...attributes } }
      events.publish({ Type: 'daemon', Action: action, Actor: actor })
    },
    reload: (changed) => {
      const waiting = settingsThatWait(parts.configuration, changed)
      configuration = changed
      return waiting
    },
    stop: async ({ keepSandboxes }) => {
      await captures.close()
      await control.shutdown({ liveRestore: keepSandboxes })
      // Of those that stay the next daemon is to hear the end, and to note it.
      host.release()
      await fabric.close()
      hostPorts.close()
      relay.close()
      await store.seal()
      await metrics.close()
    },
    mount: (api, context) => {
      labRoutes(api, labs, context)
      captureRoutes(api, captures, context)
    },
  }
}

/** A daemon that is in no cluster does not load what speaks to its registry. */
async function clusterOf(options: ClusterOptions): Promise<ClusterParts> {
  const { openRegistry } = await import('./etcd/open-registry.ts')
  const { address, advertise, udpPort, hostName } = options
  const registry = new PrefixedRegistry(openRegistry(options), clusterPrefix(address.name))
  return { registry, name: address.name, hostName, advertise, udpPort }
}

/** A daemon that nobody asks for metrics neither loads what makes them nor measures for them. */
class MetricsOnDemand {
  readonly #source: MetricsSource
  #metrics: Promise<Metrics> | undefined

  constructor(source: MetricsSource) {
    this.#source = source
  }

  async render(): Promise<MetricsAnswer> {
    this.#metrics ??= import('./metrics.ts').then((module) => new module.Metrics(this.#source))
    return (await this.#metrics).render()
  }

  async close(): Promise<void> {
    const metrics = await this.#metrics
    metrics?.close()
  }
}

/** What the address space was built with, and what was decided at the start. */
function settingsThatWait(atStart: Configuration, changed: Configuration): string[] {
  return [
    ...(isDeepStrictEqual(atStart.defaultAddressPools, changed.defaultAddressPools)
      ? []
      : ['default-address-pools']),
    ...(atStart.addressRestS === changed.addressRestS ? [] : ['address-rest']),
    ...(atStart.uplink === changed.uplink ? [] : ['uplink']),
    ...(atStart.resolvConf === changed.resolvConf ? [] : ['resolv-conf']),
    ...(isDeepStrictEqual(atStart.cluster, changed.cluster) ? [] : ['cluster']),
  ]
}

/** Throws CONFIGURATION_INVALID, of the file at `path`. */
function addressesOf(path: string, configuration: Configuration, clock: { now(): number }): Ipam {
  try {
    return new Ipam({
      hostId: machineId(),
      now: () => clock.now(),
      defaultPools: configuration.defaultAddressPools,
      restS: configuration.addressRestS,
    })
  } catch (cause) {
    throw invalidPools(path, cause)
  }
}

function invalidPools(path: string, cause: unknown): TapwireError {
  return new TapwireError(
    ErrorCode.configurationInvalid,
    `The configuration file ${path} is invalid: default-address-pools: ${(cause as Error).message}`,
    { cause },
  )
}

/** The same at each start, as far as the machine knows itself. */
function machineId(): string {
  try {
    return readFileSync('/etc/machine-id', 'utf8').trim() || hostname()
  } catch {
    return hostname()
  }
}
