/** What Wireshark's dialog asks for before it captures, as lines of the extcap protocol. */

import { LINK_TYPE_ETHERNET } from '../../inspect/pcap/capture-file.ts'
import { CAPTURE_SNAP_LENGTH_MAX } from '../../limits.ts'
import type { ApiClient } from '../api-client.ts'
import { endpointNames, networkNames, sandboxNames } from './extcap-interfaces.ts'

/** Of all interfaces. */
export const LINK_TYPES: string = `dlt {number=${LINK_TYPE_ETHERNET}}{name=EN10MB}{display=Ethernet}\n`

/** By the name of the option behind `--`: the number that the protocol knows it by. */
const NUMBERS = { filter: 0, point: 1, snaplen: 2, drops: 3, raw: 4, place: 5, socket: 6 } as const

const POINTS: readonly (readonly [value: string, display: string])[] = [
  ['both', 'as packets arrive, and as they leave'],
  ['pre-nat', 'as packets arrive, before NAT'],
  ['post-nat', 'as packets leave, after NAT'],
]

/** Of `tapwire-any`, and of nothing else, one may choose where: all others are asked the same. `socket`: of the daemon that is asked now. */
export async function configOf(api: ApiClient, place: string): Promise<string> {
  const { socket } = api.address
  return place === 'any' ? commonConfig(socket) + textOf(await placeLines(api)) : commonConfig(socket)
}

/** What does not depend on the daemon's networks. */
export function commonConfig(socket: string): string {
  return textOf([
    argument(
      'filter',
      'string',
      'Filter',
      "Only packets that it describes, as tcpdump takes it; 'host web' too",
    ),
    argument('point', 'selector', 'Where', 'Addresses are translated between the two'),
    ...POINTS.map(([value, display], index) => valueOf('point', value, display, index === 0)),
    argument('snaplen', 'unsigned', 'Bytes of a packet', 'That are kept; 0 is all') +
      `{range=0,${CAPTURE_SNAP_LENGTH_MAX}}{default=0}`,
    argument('drops', 'boolflag', 'Only what is dropped', 'With the reason in a comment'),
    argument('raw', 'boolflag', 'As the devices see it', 'Super-frames whole, checksums unfinished'),
    argument('socket', 'string', "The daemon's socket", 'Where it is not at the usual place') +
      `{placeholder=${safe(socket)}}`,
  ])
}

/** The values of one option anew. Empty for all but the place. */
export async function reloadedValues(api: ApiClient, option: string): Promise<string> {
  return option === 'place' ? textOf(await placeValues(api)) : ''
}

async function placeLines(api: ApiClient): Promise<string[]> {
  const display = argument('place', 'selector', 'At', 'A network, a sandbox, or a sandbox on one network')
  return [`${display}{reload=true}`, ...(await placeValues(api))]
}

async function placeValues(api: ApiClient): Promise<string[]> {
  const [networks, sandboxes, endpoints] = await Promise.all([
    networkNames(api),
    sandboxNames(api),
    endpointNames(api),
  ])
  return [
    valueOf('place', 'any', 'everything', true),
    valueOf('place', 'uplink', 'uplink'),
    valueOf('place', 'host', 'host'),
    ...networks.map((name) => valueOf('place', `network:${name}`, `network ${name}`)),
    ...sandboxes.map((name) => valueOf('place', `sandbox:${name}`, `sandbox ${name}`)),
    ...endpoints.map((name) => valueOf('place', name, name)),
  ]
}

const textOf = (lines: readonly string[]): string => lines.map((line) => `${line}\n`).join('')

function argument(name: keyof typeof NUMBERS, type: string, display: string, tooltip: string): string {
  return `arg {number=${NUMBERS[name]}}{call=--${name}}{display=${display}}{type=${type}}{tooltip=${tooltip}}`
}

function valueOf(name: keyof typeof NUMBERS, value: string, display: string, isDefault = false): string {
  return `value {arg=${NUMBERS[name]}}{value=${safe(value)}}{display=${safe(display)}}{default=${isDefault}}`
}

/** The protocol has no way to write a closing brace. */
const safe = (text: string): string => text.replaceAll(/[{}\r\n]/g, '_')
