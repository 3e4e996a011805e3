/** An interface of the machine as it is now, read with `ip -json` in the daemon's own namespace. Nothing here changes anything. */

import { readFileSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { TapwireError } from '../../control/errors.ts'
import type { UplinkRoute } from '../../control/fabric/uplink-place.ts'
import { run } from '../program.ts'

export interface InterfaceFacts {
  readonly name: string
  /** The kernel's number for it, which stays where the name changes. */
  readonly index: number
  readonly ethernet: boolean
  /** Whether somebody has taken it up, and whether there is somebody at the other end. */
  readonly up: boolean
  readonly carrier: boolean
  readonly mac: string
  /** What somebody has noted of it; most often empty. */
  readonly alias: string
  /** Bytes of IP packet. */
  readonly mtu: number
  /** Its first IPv4 address; empty where it has none. */
  readonly address: string
  readonly prefixLength: number
  /** By this interface, but for that of the address's own subnet. Those to the same prefix are in the order of preference. */
  readonly routes: readonly UplinkRoute[]
}

/** As `ip -json address` prints an interface, as far as it is looked at. */
interface IpAddressEntry {
  readonly ifindex?: number
  readonly ifname?: string
  readonly flags?: readonly string[]
  readonly mtu?: number
  readonly link_type?: string
  readonly address?: string
  readonly ifalias?: string
  readonly addr_info?: readonly {
    readonly family?: string
    readonly local?: string
    /** Of the other end, where that has a subnet of its own (`peer`). */
    readonly address?: string
    readonly prefixlen?: number
    readonly scope?: string
  }[]
}

/** As `ip -json route` prints a route. */
interface IpRouteEntry {
  readonly type?: string
  readonly dst?: string
  readonly gateway?: string
  readonly dev?: string
  readonly protocol?: string
  readonly prefsrc?: string
  readonly metric?: number
  readonly flags?: readonly string[]
}

/** Of the default route's interface where the name is empty. Undefined where there is no such interface. */
export async function readInterface(name: string): Promise<InterfaceFacts | undefined> {
  const wanted = name === '' ? defaultInterface(await routes('default')) : name
  if (wanted === undefined) return undefined
  const answer = await unlessMissing(run('ip', ['-json', 'address', 'show', 'dev', wanted]))
  const [entry] = parse(answer) as readonly IpAddressEntry[]
  if (entry === undefined) return undefined
  return factsOf(wanted, entry, await routes('dev', wanted))
}

/**
 * A text that changes when what `readInterface` answers may have changed, and that costs no process: addresses of the interface
 * while it is up, and its routes.
 */
export function interfaceFingerprint(name: string): string {
  const addresses = networkInterfaces()
  const table = readFileSync('/proc/self/net/route', 'utf8')
  if (name === '') return JSON.stringify([addresses, table])
  const lines = table.split('\n').filter((line) => line.startsWith(`${name}\t`))
  return JSON.stringify([addresses[name], lines])
}

export function factsOf(
  name: string,
  entry: IpAddressEntry,
  routeEntries: readonly IpRouteEntry[],
): InterfaceFacts {
  const flags = entry.flags ?? []
  const own = entry.addr_info?.find(({ family, scope }) => family === 'inet' && scope === 'global')
  return {
    name,
    index: entry.ifindex ?? 0,
    ethernet: entry.link_type === 'ether',
    up: flags.includes('UP'),
    carrier: flags.includes('LOWER_UP'),
    mac: entry.address ?? '',
    alias: entry.ifalias ?? '',
    mtu: entry.mtu ?? 0,
    address: own?.local ?? '',
    prefixLength: own?.address === undefined ? (own?.prefixlen ?? 0) : 32,
    routes: routeEntries
      .filter((route) => isUsable(route) && !isOwnSubnet(route, own))
      .toSorted((a, b) => (a.metric ?? 0) - (b.metric ?? 0))
      .map(routeOf),
  }
}

/** The interface of the preferred one of some default routes. */
export function defaultInterface(entries: readonly IpRouteEntry[]): string | undefined {
  return entries.filter(isUsable).toSorted((a, b) => (a.metric ?? 0) - (b.metric ?? 0))[0]?.dev
}

/** With an address the kernel makes the route to its subnet, which the router knows by itself. */
const isOwnSubnet = (
  { protocol, prefsrc }: IpRouteEntry,
  own: { readonly local?: string; readonly address?: string } | undefined,
): boolean => protocol === 'kernel' && prefsrc === own?.local && own?.address === undefined

function isUsable({ type = 'unicast', flags = [] }: IpRouteEntry): boolean {
  return type === 'unicast' && !flags.includes('dead')
}

function routeOf({ dst = 'default', gateway = '' }: IpRouteEntry): UplinkRoute {
  const [prefix = '', length = '32'] = (dst === 'default' ? '0.0.0.0/0' : dst).split('/')
  return { prefix, prefixLength: Number(length), gateway }
}

async function routes(...selection: readonly string[]): Promise<readonly IpRouteEntry[]> {
  return parse(
    await unlessMissing(run('ip', ['-json', '-4', 'route', 'show', ...selection])),
  ) as readonly IpRouteEntry[]
}

/** Between two looks an interface may go. */
async function unlessMissing(answer: Promise<string>): Promise<string> {
  try {
    return await answer
  } catch (error) {
    if (error instanceof TapwireError && /does not exist|Cannot find device/.test(error.message)) return ''
    throw error
  }
}

/** `ip` prints nothing at all where there is nothing, and empty objects for what a filter leaves out. */
function parse(text: string): readonly object[] {
  const entries = JSON.parse(text.trim() === '' ? '[]' : text) as readonly object[]
  return entries.filter((entry) => Object.keys(entry).length > 0)
}
