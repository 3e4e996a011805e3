/** The ports of a simulated lab, as people know them. */

import type { Controller } from '../control/controller/controller.ts'
import type { StoryPlace } from '../inspect/story/frame-story.ts'
import type { SimulatedFabric } from './simulated-fabric.ts'

export interface SimulatedPlace extends StoryPlace {
  readonly kind: Exclude<StoryPlace['kind'], 'interface'>
  /** Of the sandbox's interface; of the uplink, the router's there. */
  readonly mac: string
  /** `172.18.0.2`, IPv4 before IPv6; at the uplink the router's. */
  readonly addresses: readonly string[]
}

/** All ports, by number. */
export function simulatedPlaces(
  control: Controller,
  fabric: SimulatedFabric,
): ReadonlyMap<number, SimulatedPlace> {
  const places = new Map<number, SimulatedPlace>()
  for (const { port, network, sandbox, interface: name } of control.stats().ports) {
    const there = { port, interface: name, network }
    const settings = fabric.ports.get(port)
    if (sandbox !== '') places.set(port, { ...there, ...sandboxPlace(control, sandbox, network) })
    else if (settings !== undefined) places.set(port, { ...there, ...hostPlace(name, settings) })
    else places.set(port, { ...there, kind: 'uplink', name, mac: '', addresses: [] })
  }
  const uplink = fabric.uplink()
  if (uplink.port !== undefined) {
    const { port, interface: name, mac, address } = uplink
    places.set(port, { port, kind: 'uplink', name, interface: name, network: '', mac, addresses: [address] })
  }
  return places
}

type OfPlace = Pick<SimulatedPlace, 'kind' | 'name' | 'mac' | 'addresses'>

function sandboxPlace(control: Controller, sandbox: string, network: string): OfPlace {
  const endpoint = control.inspectSandbox(sandbox).NetworkSettings.Networks[network]
  const { MacAddress: mac = '', IPAddress = '', GlobalIPv6Address = '' } = endpoint ?? {}
  const addresses = [IPAddress, GlobalIPv6Address].filter((address) => address !== '')
  return { kind: 'sandbox', name: sandbox, mac, addresses }
}

/** The machine's own end of a network. */
function hostPlace(
  name: string,
  { mac, addresses = [] }: { readonly mac: string; readonly addresses?: readonly string[] | undefined },
): OfPlace {
  return { kind: 'host', name, mac, addresses: addresses.map((cidr) => cidr.replace(/\/.*$/, '')) }
}
