/** The packet that is being taken apart: its bytes, the layers found so far, and what they tell those that follow. */

import {
  DISSECTED_FIELDS_MAX,
  DISSECTED_TEXT_MAX,
  DISSECTED_TEXT_MIN,
  DISSECTED_TEXT_PER_BYTE,
} from '../../limits.ts'
import type { DissectedLayer, DissectOptions } from './dissection.ts'
import { Fields } from './fields.ts'

/** Names of layers, as Wireshark has them. */
export const PROTOCOLS = [
  'eth',
  'vlan',
  'ieee8021ad',
  'llc',
  'arp',
  'ip',
  'ipv6',
  'ipv6.hopopts',
  'ipv6.dstopts',
  'ipv6.routing',
  'ipv6.fraghdr',
  'ah',
  'esp',
  'icmp',
  'icmpv6',
  'udp',
  'tcp',
  'dns',
  'mdns',
  'dhcp',
  'vxlan',
  'http',
  'tls',
  'data',
] as const
export type Protocol = (typeof PROTOCOLS)[number]

/** Bytes of a layer with all that it carries. Offsets are the frame's. */
export interface Extent {
  readonly offset: number
  /** Where the bytes that are here end. */
  readonly end: number
  /** Where they ended on the wire: behind `end` where the capture, or whoever quotes the packet, has cut it short. */
  readonly wireEnd: number
  /** It is a part of a stream, as TCP's. */
  readonly stream?: boolean | undefined
}

/** What stands behind a layer. */
export interface Next extends Extent {
  readonly protocol: Protocol
}

/** Shows the layer that begins at the extent's offset, and says what follows. Never throws. */
export type Dissector = (packet: Packet, extent: Extent) => Next | undefined

/** The IP header above a transport header, for its checksum. */
export interface Carrier {
  readonly version: 4 | 6
  readonly header: number
  /** The transport's bytes are not all here, or its addresses are not the header's: no checksum can be verified. */
  readonly partial: boolean
}

class Layer implements DissectedLayer {
  readonly protocol: Protocol
  title: string
  offset: number
  length: number
  readonly depth: number
  readonly fields: Fields['list'] = []
  problem: string | undefined = undefined

  constructor(protocol: Protocol, title: string, offset: number, length: number, depth: number) {
    this.protocol = protocol
    this.title = title
    this.offset = offset
    this.length = length
    this.depth = depth
  }
}

export type { Layer }

export class Packet {
  /** Exactly the bytes that are here: reading beside them throws, and so is seen by tests, instead of reading another packet's. */
  readonly view: DataView
  readonly options: DissectOptions
  readonly layers: Layer[] = []
  carrier: Carrier | undefined = undefined
  /** Of the layers that follow. */
  depth = 0
  /** They are what an error message quotes, which may end anywhere. */
  quoted = false
  fieldsLeft: number = DISSECTED_FIELDS_MAX
  lettersLeft: number

  constructor(view: DataView, options: DissectOptions) {
    this.view = view
    this.options = options
    const wanted = DISSECTED_TEXT_MIN + DISSECTED_TEXT_PER_BYTE * view.byteLength
    this.lettersLeft = Math.min(wanted, DISSECTED_TEXT_MAX)
  }

  /** No more fields are shown. */
  get full(): boolean {
    return this.fieldsLeft <= 0 || this.lettersLeft <= 0
  }

  /** Begins a layer of `length` bytes, or of those that are here. */
  layer(protocol: Protocol, title: string, extent: Extent, length: number): Layer {
    const { offset, end } = extent
    const layer = new Layer(protocol, title, offset, Math.min(length, end - offset), this.depth)
    if (end - offset < length) layer.problem = cutShort(end - offset, length)
    this.layers.push(layer)
    return layer
  }

  /** The list of the layer's fields. */
  fields(layer: Layer, { end }: Extent): Fields {
    return new Fields(this, this.view, end, layer.fields)
  }
}

export const cutShort = (here: number, wanted: number): string =>
  `cut short: ${here} of ${wanted} bytes are here`
