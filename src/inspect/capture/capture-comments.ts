/** What became of a frame, in plain words: the comments of its packets. */

import { type CaptureRingReader, RecordKind } from '../../datapath/capture/capture-ring.ts'
import { Fact } from '../../datapath/capture/recorded-frame.ts'
import { DROP_REASONS, DropReason } from '../../datapath/drop-reason.ts'
import { formatIpv4, macAt } from '../../wire/address.ts'
import * as ethernet from '../../wire/ethernet.ts'
import * as ipProtocol from '../../wire/ip-protocol.ts'
import * as ipv4 from '../../wire/ipv4.ts'

/** Comments on connections that are kept made: packets of one follow one another. */
const KEPT = 4096
const NONE: readonly string[] = []
const SOURCE = 0
const DESTINATION = 1
const PORTS = 2
const ORIGINAL = 0
const REPLY = 1
/** Of what leaves an impaired link. */
const LINK = Fact.delayed | Fact.released

type Record = Pick<
  CaptureRingReader,
  'kind' | 'facts' | 'reason' | 'flow' | 'protocol' | 'movedFrom' | 'number' | 'tuple'
>

export class CaptureComments {
  readonly #placeName: (port: number) => string
  /** Translations, by reference; with the tuples that they were made of, since references are given out again. */
  readonly #translations = new Map<number, { readonly tuples: string; readonly text: string }>()

  /** `placeName`: what a port of the switch is called, as interfaces of the file are: `web.eth0@blue`. */
  constructor(placeName: (port: number) => string) {
    this.#placeName = placeName
  }

  /** Of the record that the reader stands at. `here` is what its own port is called; the frame begins at `offset` of `view`. */
  of(record: Record, here: string, view: DataView, offset: number): readonly string[] {
    const { kind, facts, reason, flow } = record
    const isArrival = kind === RecordKind.arrival
    if (flow < 0 && reason === 0 && facts === 0 && record.number !== 0) return NONE
    const comments: string[] = []
    const isPacket = ethernet.etherType(view, offset) === ethernet.TYPE_IPV4
    if (isArrival) this.#addFacts(record, here, view, offset, comments)
    else if ((facts & LINK) === LINK) comments.push('delayed by the link')
    else if ((facts & Fact.made) !== 0 && record.number !== 0) {
      comments.push('made by the router, because of a frame that came')
    } else if ((facts & Fact.released) !== 0) comments.push('had waited')
    else if (record.number === 0) comments.push('made by the router')
    if (flow >= 0) this.#addConnection(record, isArrival, isPacket, comments)
    if (reason !== DropReason.none && kind !== RecordKind.departure) comments.push(dropText(reason))
    return comments
  }

  #addFacts(record: Record, here: string, view: DataView, offset: number, comments: string[]): void {
    const { facts } = record
    const has = (fact: number): boolean => (facts & fact) !== 0
    if (has(Fact.learned)) comments.push(`learned ${macAt(view, offset + 6)} on ${here}`)
    if (has(Fact.moved))
      comments.push(
        `learned ${macAt(view, offset + 6)} on ${here}; it was on ${this.#placeName(record.movedFrom)}`,
      )
    if (has(Fact.flooded)) comments.push('flooded to all other ports of the network')
    if (has(Fact.consumed)) comments.push('for the router itself')
    if (has(Fact.held)) comments.push(waitText(record, view, offset))
    if (has(Fact.delayed)) comments.push('delayed by the link')
    if (has(Fact.released)) comments.push('had waited')
  }

  #addConnection(record: Record, isArrival: boolean, isPacket: boolean, comments: string[]): void {
    const { flow, facts } = record
    // What a packet of a connection leads to, such as a question by ARP, is not translated as that is.
    const translation = isPacket ? this.#translation(record) : ''
    const connection = `connection #${flow >>> 1}`
    if (isArrival && (facts & Fact.beganFlow) !== 0) {
      comments.push(`begins ${connection}`)
      if (translation !== '') comments.push(translation)
      return
    }
    const before = translation === '' ? '' : `${translation}, `
    comments.push(`${before}${connection}${isPacket && (flow & 1) === REPLY ? ', answer' : ''}`)
  }

  #translation(record: Record): string {
    const { flow } = record
    const tuples = tupleText(record)
    const known = this.#translations.get(flow)
    if (known?.tuples === tuples) return known.text
    if (this.#translations.size >= KEPT) this.#translations.clear()
    const text = translationText(record)
    this.#translations.set(flow, { tuples, text })
    return text
  }
}

function tupleText(record: Record): string {
  let text = String(record.protocol)
  for (let part = SOURCE; part <= PORTS; part++) {
    text += `,${record.tuple(ORIGINAL, part)},${record.tuple(REPLY, part)}`
  }
  return text
}

/**
 * `DNAT 203.0.113.1:3000 → 172.18.0.2:80`, empty where nothing is translated. What translation there is shows in the difference between the
 * tuple of one direction and that of the other turned round; answers are translated back.
 */
function translationText(record: Record): string {
  const isReply = (record.flow & 1) === REPLY
  const sent = [end(record, ORIGINAL, SOURCE), end(record, ORIGINAL, DESTINATION)] as const
  const goes = [end(record, REPLY, DESTINATION), end(record, REPLY, SOURCE)] as const
  const parts: string[] = []
  const add = (name: string, index: number): void => {
    if (sent[index] === goes[index]) return
    parts.push(
      isReply ? `${name} undone ${goes[index]} → ${sent[index]}` : `${name} ${sent[index]} → ${goes[index]}`,
    )
  }
  add('DNAT', DESTINATION)
  add('SNAT', SOURCE)
  return parts.join(', ')
}

/** `10.0.0.2:80`; without a port for what has none, with the identifier of ICMP. */
function end(record: Record, direction: number, part: number): string {
  const address = formatIpv4(record.tuple(direction, part))
  const ports = record.tuple(direction, PORTS)
  const port = part === SOURCE ? ports >>> 16 : ports & 0xffff
  if (record.protocol === ipProtocol.ICMP) return `${address} id ${port}`
  return port === 0 ? address : `${address}:${port}`
}

/** What the router waits with a frame for. A later fragment whose first one it has not seen has no connection yet. */
function waitText({ flow }: Record, view: DataView, offset: number): string {
  const ip = offset + ethernet.HEADER_SIZE
  const isLater =
    view.byteLength >= ip + ipv4.MIN_HEADER_SIZE &&
    ethernet.etherType(view, offset) === ethernet.TYPE_IPV4 &&
    ipv4.fragmentOffset(view, ip) > 0
  return isLater && flow < 0 ? 'waits for the first fragment of its datagram' : 'waits for an answer to ARP'
}

function dropText(reason: number): string {
  const { name, sentence } = DROP_REASONS[reason]!
  return `dropped: ${name}. ${sentence}`
}
