/** Where our trees differ from Wireshark's on purpose. Each entry has to be needed by some frame of the corpus. */

import type { DissectedField, DissectedLayer } from '../../../src/inspect/dissect/dissection.ts'
import { PROTOCOLS } from '../../../src/inspect/dissect/packet.ts'
import type { TsharkField, TsharkFrame } from '../../support/tshark-tree.ts'

/** Where a field of ours stands. */
export interface FieldPlace {
  readonly layer: DissectedLayer
  readonly frame: TsharkFrame
  /** The frame was cut short by the capture. */
  readonly cut: boolean
  /** The layer is part of what an ICMP message quotes. */
  readonly quoted: boolean
  /** The layer, or one before it, is malformed: a length, a version or an option is wrong. */
  readonly broken: boolean
}

export interface FieldDifference {
  readonly reason: string
  /** `theirs`: all fields of this name in the frame. */
  readonly explains: (ours: DissectedField, theirs: readonly TsharkField[], place: FieldPlace) => boolean
}

export interface StackDifference {
  readonly reason: string
  /** `malformed`: the index of the first layer that is, -1. */
  readonly explains: (ours: string, theirs: TsharkFrame, malformed: number) => boolean
}

/** They have no field of this name there. */
const missing = (ours: DissectedField, theirs: readonly TsharkField[]): boolean =>
  theirs.every((one) => one.offset !== ours.offset)

/** The last protocol is one that we do not take apart. */
const isUnknown = (stack: string): boolean =>
  !PROTOCOLS.some((protocol) => protocol === stack.slice(stack.lastIndexOf(':') + 1))

export const FIELD_DIFFERENCES: readonly FieldDifference[] = [
  {
    reason: 'a frame that is cut short: Wireshark stops a header earlier, we show all fields that are whole',
    explains: (ours, theirs, { cut }) => cut && missing(ours, theirs),
  },
  {
    reason: 'a quoted TCP header: Wireshark calls its raw numbers tcp.seq and tcp.ack',
    explains: (ours, _theirs, { quoted, frame }) =>
      quoted &&
      (ours.name === 'tcp.seq_raw' || ours.name === 'tcp.ack_raw') &&
      (frame.fields.get(ours.name.slice(0, -4)) ?? []).some(
        (one) => one.offset === ours.offset && Number(one.show) === ours.value,
      ),
  },
  {
    reason:
      'a quoted TCP header: Wireshark does not show the length of its data, and of one that is cut short only its start',
    explains: (ours, theirs, { quoted, layer }) =>
      quoted && missing(ours, theirs) && /^(tcp|udp)$/.test(layer.protocol),
  },
  {
    reason: 'data of a quoted packet: Wireshark does not always show them',
    explains: (ours, theirs, { quoted }) => quoted && ours.name === 'data.data' && missing(ours, theirs),
  },
  {
    reason: 'the root: Wireshark calls it <Root>, a zone file has a dot',
    explains: (ours, theirs) =>
      ours.value === '.' && theirs.some((one) => one.offset === ours.offset && one.show === '<Root>'),
  },
  {
    reason: 'what ESP has encrypted: Wireshark shows no bytes of it',
    explains: (ours, theirs, { frame }) =>
      ours.name === 'data.data' && missing(ours, theirs) && frame.protocols.endsWith('esp'),
  },
  {
    reason: 'data of a segment with RST: Wireshark makes a reason of them (RFC 9293, 3.5.3), we show bytes',
    explains: (ours, theirs, { frame, layer }) =>
      layer.protocol !== 'tcp' && missing(ours, theirs) && frame.fields.has('tcp.reset_cause'),
  },
  {
    reason: 'padding of a frame that VXLAN carries: Wireshark does not show it',
    explains: (ours, theirs, { layer }) =>
      ours.name === 'eth.padding' && missing(ours, theirs) && layer.depth > 0,
  },
  {
    reason: 'Pad1 has one byte: Wireshark marks all up to the end of the packet where it is the last option',
    explains: (ours, theirs) =>
      ours.name === 'ipv6.opt' &&
      ours.label === 'Pad1' &&
      theirs.some((one) => one.offset === ours.offset && one.length > ours.length),
  },
  {
    reason: 'the owner of SRV: Wireshark shows its service, protocol and domain in place of it',
    explains: (ours, theirs, { frame }) =>
      ours.name === 'dns.resp.name' &&
      missing(ours, theirs) &&
      (frame.fields.get('dns.srv.service') ?? []).some((one) => one.offset === ours.offset),
  },
  {
    reason: 'a malformed layer: Wireshark leaves it, or what follows it, out; we show what can be read',
    explains: (ours, theirs, { broken }) => broken && missing(ours, theirs),
  },
  {
    reason: 'an unknown option of IPv4: Wireshark shows its text alone',
    explains: (ours, theirs) => ours.name.startsWith('ip.opt.') && missing(ours, theirs),
  },
  {
    reason:
      'bytes behind the payload: Wireshark takes the last four for a frame check sequence, which no capture here has',
    explains: (ours, theirs) =>
      ours.name === 'eth.trailer' &&
      theirs.some((one) => one.offset === ours.offset && one.length === ours.length - 4),
  },
  {
    reason: 'bytes of names that are no letters: we write them as a zone file does',
    explains: (ours, theirs) =>
      ours.name.startsWith('dns.') &&
      String(ours.value).includes('\\') &&
      theirs.some((one) => one.offset === ours.offset && one.length === ours.length),
  },
  {
    reason: 'IPv4 with the number of an extension header of IPv6: Wireshark takes it for one',
    explains: (ours, theirs, { frame }) =>
      ours.name === 'data.data' && missing(ours, theirs) && /:ip:ipv6\./.test(frame.protocols),
  },
  {
    reason: 'DNS at other ports: Wireshark guesses it, we go by the port',
    explains: (ours, theirs, { frame }) =>
      ours.name === 'data.data' && missing(ours, theirs) && frame.protocols.endsWith(':dns'),
  },
  {
    reason: 'fields of HTTP without a name of their own: Wireshark has the text alone',
    explains: (ours, theirs) => ours.name === 'http.unknown_header' && theirs.length === 0,
  },
  {
    reason: 'protocols that we do not take apart: their bytes are data',
    explains: (ours, theirs, { frame }) =>
      /^(data\.data|eth\.trailer)$/.test(ours.name) && missing(ours, theirs) && isUnknown(frame.protocols),
  },
]

const withoutData = (stack: string): string => stack.replace(/:data$/, '')

export const STACK_DIFFERENCES: readonly StackDifference[] = [
  {
    reason: 'a malformed layer: Wireshark leaves out what follows, or goes on where we show data',
    explains: (ours, theirs, malformed) => {
      const stack = ours
        .split(':')
        .slice(0, malformed + 1)
        .join(':')
      return (
        malformed >= 0 &&
        (theirs.protocols.startsWith(stack) || stack.startsWith(withoutData(theirs.protocols)))
      )
    },
  },
  {
    reason: 'data of a segment with RST: Wireshark makes a reason of them (RFC 9293, 3.5.3)',
    explains: (ours, theirs) =>
      theirs.fields.has('tcp.reset_cause') && ours.startsWith(`${theirs.protocols}:`),
  },
  {
    reason: 'IPv4 with the number of an extension header of IPv6: Wireshark takes it for one',
    explains: (ours, theirs) => theirs.protocols.startsWith(ours.replace(/:data$/, ':ipv6.')),
  },
  {
    reason: 'DNS at other ports: Wireshark guesses it, we go by the port',
    explains: (ours, theirs) =>
      theirs.protocols.endsWith(':dns') && ours === theirs.protocols.replace(/dns$/, 'data'),
  },
  {
    reason: 'several DNS messages in one segment: each is a layer of ours, Wireshark names the protocol once',
    explains: (ours, theirs) => ours.replace('dns:dns', 'dns') === theirs.protocols,
  },
  {
    reason: 'data that Wireshark shows no bytes of: see the fields',
    explains: (ours, theirs) => withoutData(ours) === theirs.protocols,
  },
  {
    reason: 'protocols that we do not take apart: their bytes are data',
    explains: (ours, theirs) =>
      isUnknown(theirs.protocols) && withoutData(ours) === theirs.protocols.replace(/:[^:]*$/, ''),
  },
]
