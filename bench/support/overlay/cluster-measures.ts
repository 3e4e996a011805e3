/**
 * What a cluster costs its hosts, whatever their switches do: how soon an endpoint is known everywhere, and what it takes to remember one.
 *
 *     cluster   hosts × endpoints on a registry in memory, all in this process: latencies are those of all hosts one after the other
 *     converge  the same from nothing, on any registry
 */

import { performance } from 'node:perf_hooks'
import { setImmediate as immediate, setTimeout as wait } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { PrefixedRegistry } from '../../../src/control/cluster/prefixed-registry.ts'
import { ManualClock } from '../../../src/control/registry/manual-clock.ts'
import { MemoryRegistryServer } from '../../../src/control/registry/memory-registry.ts'
import type { Registry } from '../../../src/control/registry/registry.ts'
import { ClusterHost } from './cluster-host.ts'
import { ReceivedRegistry } from './received-registry.ts'

const NETWORK = 'lan'
const SUBNET = '172.28.0.0/18'
const UDP_PORT = 4789
const PREFIX = '/tapwire/bench/'
/** Milliseconds between two looks whether something has come about. */
const TURN_MS = 5
/** Births of one host that are under way at a time. */
const AT_A_TIME = 32
/** Hosts that are counted when memory is: what else comes and goes in the heap is shared by them. */
const OBSERVERS = 4
/** Milliseconds in which a host that knows all comes to rest; and one whose endpoints say where they are, for some seconds from their birth. */
const REST_MS = 100
const REST_OF_BIRTHS_MS = 5000
/** Births of all hosts between two words on how far it is. */
const BIRTHS_TOLD = 500

/** Is told what is going on. */
export type Tell = (text: string) => void

export interface ClusterMeasures {
  readonly hosts: number
  readonly endpoints: number
  /** Seconds until all endpoints of all hosts were there and known. */
  readonly filledS: number
  /** Milliseconds from the commit of one more endpoint until every host's switch has been told. */
  readonly knownMs: { readonly median: number; readonly p99: number; readonly most: number }
  /** Bytes of heap for each remote endpoint. */
  readonly bytesPerRemote: number
}

export async function measureCluster(
  hostCount: number,
  endpointsPerHost: number,
  births: number,
  tell: Tell,
): Promise<ClusterMeasures> {
  const server = standingServer()
  const begun = performance.now()
  const hosts = await startHosts(hostCount, () => server.connect())
  await fill(hosts, endpointsPerHost, tell)
  const filledS = (performance.now() - begun) / 1000
  tell(`${births} births more`)
  const latencies = await measureBirths(hosts, births, () => server.revision)
  tell('some more hosts')
  const bytesPerRemote = await measureMemory(hosts, server)
  for (const { controller } of hosts) await controller.shutdown({ liveRestore: true })
  return {
    hosts: hostCount,
    endpoints: hostCount * endpointsPerHost,
    filledS,
    knownMs: {
      median: latencies[latencies.length >> 1]!,
      p99: latencies[Math.floor(latencies.length * 0.99)]!,
      most: latencies.at(-1)!,
    },
    bytesPerRemote,
  }
}

/** Seconds from no host, no network and no endpoint until all hosts' switches have been told of all endpoints. */
export async function measureConvergence(
  hostCount: number,
  endpointsPerHost: number,
  connect: () => Registry,
  tell: Tell,
): Promise<number> {
  const begun = performance.now()
  const hosts = await startHosts(hostCount, connect)
  await fill(hosts, endpointsPerHost, tell)
  const seconds = (performance.now() - begun) / 1000
  for (const { controller } of hosts) await controller.shutdown({ liveRestore: false })
  return seconds
}

/**
 * Its clock stands: all hosts share the event loop with it, which filling them keeps busy for longer than a lease lasts, so that their signs of
 * life would come too late, other than those of hosts that have a processor each.
 */
const standingServer = (): MemoryRegistryServer => new MemoryRegistryServer(new ManualClock())

async function startHosts(count: number, connect: () => Registry): Promise<ClusterHost[]> {
  const hosts = Array.from({ length: count }, (_, index) => hostOf(index, connect()))
  await Promise.all(hosts.map(({ controller }) => controller.recover()))
  await until(() => hosts.every(({ controller }) => controller.clusterStatus()!.state === 'member'), TURN_MS)
  await hosts[0]!.controller.createNetwork({
    Name: NETWORK,
    Driver: 'overlay',
    IPAM: { Config: [{ Subnet: SUBNET }] },
  })
  await until(
    () => hosts.every(({ controller }) => controller.listNetworks({ name: [NETWORK] }).length > 0),
    TURN_MS,
  )
  return hosts
}

function hostOf(index: number, registry: Registry): ClusterHost {
  const name = `host-${index}`
  return new ClusterHost(name, {
    registry: new PrefixedRegistry(new ReceivedRegistry(registry), PREFIX),
    name: 'bench',
    hostName: name,
    advertise: `192.0.${2 + (index >> 7)}.${1 + (index & 0x7f)}`,
    udpPort: UDP_PORT,
  })
}

async function fill(hosts: readonly ClusterHost[], endpointsPerHost: number, tell: Tell): Promise<void> {
  let born = 0
  await Promise.all(
    hosts.map(async (host) => {
      const numbers = Array.from({ length: endpointsPerHost }, (_, index) => index).values()
      const worker = async (): Promise<void> => {
        for (const number of numbers) {
          await host.start(`sandbox-${host.name}-${number}`, NETWORK)
          if (++born % BIRTHS_TOLD === 0) tell(`${born} of ${hosts.length * endpointsPerHost} endpoints`)
        }
      }
      await Promise.all(Array.from({ length: AT_A_TIME }, worker))
    }),
  )
  const remotes = (hosts.length - 1) * endpointsPerHost
  await until(() => hosts.every(({ stations }) => stations === remotes), TURN_MS)
}

/** Sorted milliseconds. The commit is when the registry's revision changes. */
async function measureBirths(
  hosts: readonly ClusterHost[],
  births: number,
  revision: () => number,
): Promise<number[]> {
  const latencies: number[] = []
  for (let birth = 0; birth < births; birth++) {
    const home = hosts[birth % hosts.length]!
    const others = hosts.filter((host) => host !== home)
    for (const host of others) {
      host.isWatched = true
      host.toldAt.clear()
    }
    const before = revision()
    let committedAt = 0
    const born = home.start(`sandbox-late-${birth}`, NETWORK)
    // Whoever is told first is told behind the commit: what that took counts from the last moment before it.
    while (committedAt === 0) {
      const now = performance.now()
      await Promise.resolve()
      if (revision() !== before) committedAt = now
      else if (others.some(({ toldAt }) => toldAt.size > 0)) break
    }
    const mac = await born
    await until(() => others.every(({ toldAt }) => toldAt.has(mac)))
    latencies.push(Math.max(...others.map(({ toldAt }) => toldAt.get(mac)!)) - committedAt)
    for (const host of others) host.isWatched = false
  }
  return latencies.toSorted((a, b) => a - b)
}

/**
 * Some more hosts, which have no endpoints: what they take is for the others' endpoints. Their registry is a copy, of which the others know
 * nothing: what those would take to remember them is none of it. The first one is not counted: it finds out what is to be compiled.
 */
async function measureMemory(hosts: readonly ClusterHost[], server: MemoryRegistryServer): Promise<number> {
  const remotes = hosts[0]!.stations + hosts[0]!.controller.listSandboxes({ all: true, filters: {} }).length
  const copy = standingServer()
  copy.restore(server.copy())
  const observers: ClusterHost[] = []
  const observe = async (): Promise<void> => {
    const observer = hostOf(hosts.length + observers.length, copy.connect())
    observers.push(observer)
    await observer.controller.recover()
    await until(() => observer.stations === remotes, TURN_MS)
    await wait(REST_MS)
  }
  await observe()
  // What is given back by then would be taken for something that the observers do not take.
  await wait(REST_OF_BIRTHS_MS)
  const before = heap()
  for (let index = 0; index < OBSERVERS; index++) await observe()
  const bytes = heap() - before
  for (const { controller } of observers) await controller.shutdown({ liveRestore: true })
  return bytes / (OBSERVERS * remotes)
}

/** Bytes, with those of typed arrays, which lie beside the heap. */
function heap(): number {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  collect()
  collect()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

/** Looks each turn of the event loop, or where a registry elsewhere needs the processor, every `ms`. */
async function until(holds: () => boolean, ms = 0): Promise<void> {
  while (!holds()) await (ms === 0 ? immediate() : wait(ms))
}
