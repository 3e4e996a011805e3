/**
 * Writes an answer, into the frame memory or elsewhere; the writer is reused, so that nothing is allocated.
 *
 *     begin | copyQuestion | edns | address4, address6, pointer, service ... | nextSection | ... | finish
 *
 *     record (RFC 1035, 4.1.3) | owner | type 2 | class 2 | ttl 4 | length 2 | data |
 *
 * What is added either fits and is written whole, or is not written at all. Names are compressed against names that the message has
 * already (RFC 1035, 4.1.4), where they are spelled alike: so a name keeps its case, also where the question has another one. The
 * target of SRV is not compressed (RFC 2782), but what follows may refer to it.
 */

import { CLASS_IN, HEADER_SIZE, setHeader, TYPE_A, TYPE_AAAA, TYPE_OPT, TYPE_PTR, TYPE_SRV } from './dns.ts'
import { NameCompression } from './dns-compression.ts'

/** Type 2, class 2, ttl 4, length 2: what stands between a record's owner and its data. */
const FIXED_SIZE = 10
const POINTER = 0xc000
const POINTER_FLAG = 0xc0
const POINTER_SIZE = 2
const POINTER_MASK = 0x3fff
const IPV4_SIZE = 4
const IPV6_SIZE = 16
/** Priority, weight and port in front of the target of SRV (RFC 2782). */
const SERVICE_FIXED_SIZE = 6
/** The root as owner; no options. */
const OPT_SIZE = 1 + FIXED_SIZE
const EXTENDED_RCODE_SHIFT = 4
const EXTENDED_RCODE_PLACE = 24
const DNSSEC_OK = 0x8000

const ANSWERS = 0
const AUTHORITIES = 1
const ADDITIONALS = 2

// Functions and constants of this module that are on the path of each answer: V8 folds what a module keeps to itself.
const IN = CLASS_IN
const HEADER = HEADER_SIZE
const A = TYPE_A
const AAAA = TYPE_AAAA
const PTR = TYPE_PTR
const SRV = TYPE_SRV
const OPT = TYPE_OPT

export class DnsWriter {
  /** Where the name last written by `pointer` or `service` begins, from the message's start: the owner of records about it. */
  nameOffset = 0
  /** Records that the answer has so far, by section. */
  answers = 0
  authorities = 0
  /** Without OPT, until the message is finished. */
  additionals = 0

  private view: DataView = new DataView(new ArrayBuffer(0))
  private bytes: Uint8Array = new Uint8Array(0)
  /** Where the message begins, how far it is written, and where it has to end. */
  private start = 0
  private at = 0
  private end = 0
  private questionEnd = 0
  private questionLabels = 0
  private questions = 0
  private section = ANSWERS
  private hasEdns = false
  private ednsSize = 0
  private ednsWord = 0
  private readonly compression = new NameCompression()

  /**
   * Begins a message of at most `limit` bytes at `at`, where there is room for as many, HEADER_SIZE at least. `bytes` and `view` are
   * of the same memory, and begin at the same place.
   */
  begin(view: DataView, bytes: Uint8Array, at: number, limit: number): void {
    this.view = view
    this.bytes = bytes
    this.start = at
    this.end = at + limit
    this.questions = 0
    this.questionEnd = at + HEADER
    this.questionLabels = 0
    this.hasEdns = false
    this.compression.begin(bytes, at)
    this.clearRecords()
  }

  /**
   * Copies the question from `from` to `to` of `view` behind the header: name, type and class, as QueryReader has found it. Where
   * they are the same (there is none that could be read), the message has none. The answer may be written over the question's message.
   */
  copyQuestion(view: DataView, from: number, to: number): boolean {
    const size = to - from
    if (size === 0) return true
    if (size > this.end - this.at) return false
    const { bytes, at } = this
    for (let i = 0; i < size; i++) bytes[at + i] = view.getUint8(from + i)
    this.compression.remember(at, at + size)
    this.at = at + size
    this.questions = 1
    this.questionEnd = this.at
    this.questionLabels = this.compression.count
    return true
  }

  /** Takes all records back that were added behind the question, and with them the sections: the first one is the answers' again. */
  clearRecords(): void {
    this.at = this.questionEnd
    this.compression.count = this.questionLabels
    this.answers = 0
    this.authorities = 0
    this.additionals = 0
    this.section = ANSWERS
    this.nameOffset = HEADER
  }

  /** What is added from here on belongs to the next section: authorities, then additionals. */
  nextSection(): void {
    if (this.section < ADDITIONALS) this.section++
  }

  /** A record A of `owner`, the offset of a name in this message. `address` is an int32. */
  address4(ttl: number, address: number, owner: number = HEADER): boolean {
    if (!this.record(owner, A, ttl, IPV4_SIZE)) return false
    this.view.setInt32(this.at, address)
    this.at += IPV4_SIZE
    return true
  }

  /** A record AAAA; the address as four int32. */
  address6(
    ttl: number,
    word0: number,
    word1: number,
    word2: number,
    word3: number,
    owner: number = HEADER,
  ): boolean {
    if (!this.record(owner, AAAA, ttl, IPV6_SIZE)) return false
    const { view, at } = this
    view.setInt32(at, word0)
    view.setInt32(at + 4, word1)
    view.setInt32(at + 8, word2)
    view.setInt32(at + 12, word3)
    this.at = at + IPV6_SIZE
    return true
  }

  /** A record PTR of the question's name, which leads to the name of `size` bytes in wire form at `nameAt` of `name`. */
  pointer(ttl: number, name: Uint8Array, nameAt: number, size: number): boolean {
    const { compression } = this
    compression.findSuffix(name, nameAt, size)
    const prefix = compression.suffixAt - nameAt
    const written = prefix === size ? size : prefix + POINTER_SIZE
    if (!this.record(HEADER, PTR, ttl, written)) return false
    this.putName(name, nameAt, prefix)
    if (prefix !== size) {
      this.view.setUint16(this.at, POINTER | compression.suffixOffset)
      this.at += POINTER_SIZE
    }
    if (prefix === 0) this.nameOffset = compression.suffixOffset
    return true
  }

  /** A record SRV of the question's name, with priority 0 and weight 0; the target as in `pointer`. */
  service(ttl: number, port: number, target: Uint8Array, targetAt: number, size: number): boolean {
    if (!this.record(HEADER, SRV, ttl, SERVICE_FIXED_SIZE + size)) return false
    const { view, at } = this
    view.setInt32(at, 0)
    view.setUint16(at + 4, port)
    this.at = at + SERVICE_FIXED_SIZE
    this.putName(target, targetAt, size)
    return true
  }

  /**
   * The record OPT (RFC 6891, 6.1): how much we take by UDP, whether the asker's bit DO is on (it is to be as it was, RFC 3225, 3),
   * and the upper bits of `rcode`. It keeps its room free from here on, and is the last record of the message: so it is best added
   * before all others.
   */
  edns(udpSize: number, dnssecOk: boolean, rcode: number): boolean {
    if (!this.hasEdns) {
      if (OPT_SIZE > this.end - this.at) return false
      this.end -= OPT_SIZE
      this.hasEdns = true
    }
    this.ednsSize = udpSize
    this.ednsWord = ((rcode >>> EXTENDED_RCODE_SHIFT) << EXTENDED_RCODE_PLACE) | (dnssecOk ? DNSSEC_OK : 0)
    return true
  }

  /** Completes the message and returns its size. `flags` has the lower bits of the response code. */
  finish(id: number, flags: number): number {
    if (this.hasEdns) this.putEdns()
    setHeader(
      this.view,
      this.start,
      id,
      flags,
      this.questions,
      this.answers,
      this.authorities,
      this.additionals,
    )
    return this.at - this.start
  }

  private putEdns(): void {
    const { view, at } = this
    view.setUint8(at, 0)
    view.setUint16(at + 1, OPT)
    view.setUint16(at + 3, this.ednsSize)
    view.setInt32(at + 5, this.ednsWord)
    view.setUint16(at + 9, 0)
    this.at = at + OPT_SIZE
    this.end += OPT_SIZE
    this.hasEdns = false
    this.additionals++
  }

  /** Writes what stands in front of a record's data, if there is room for both, and counts the record. */
  private record(owner: number, type: number, ttl: number, dataSize: number): boolean {
    const ownerSize = this.ownerSize(owner)
    if (ownerSize + FIXED_SIZE + dataSize > this.end - this.at) return false
    this.putOwner(owner, ownerSize)
    const { view, at } = this
    view.setUint16(at, type)
    view.setUint16(at + 2, IN)
    view.setInt32(at + 4, ttl)
    view.setUint16(at + 8, dataSize)
    this.at = at + FIXED_SIZE
    if (this.section === ANSWERS) this.answers++
    else if (this.section === AUTHORITIES) this.authorities++
    else this.additionals++
    return true
  }

  /** A pointer; the root is shorter than that. A name that is too far behind for a pointer stands there once more. */
  private ownerSize(owner: number): number {
    if (this.bytes[this.start + owner] === 0) return 1
    return owner <= POINTER_MASK ? POINTER_SIZE : this.nameSizeAt(owner)
  }

  private putOwner(owner: number, size: number): void {
    if (owner <= POINTER_MASK && size === POINTER_SIZE) {
      this.view.setUint16(this.at, POINTER | owner)
      this.at += POINTER_SIZE
      return
    }
    const { bytes, at } = this
    const from = this.start + owner
    for (let i = 0; i < size; i++) bytes[at + i] = bytes[from + i]!
    this.at = at + size
  }

  /** Writes `size` bytes of a name, whose labels can then be referred to. */
  private putName(name: Uint8Array, nameAt: number, size: number): void {
    const { bytes, at } = this
    for (let i = 0; i < size; i++) bytes[at + i] = name[nameAt + i]!
    this.nameOffset = at - this.start
    this.compression.remember(at, at + size)
    this.at = at + size
  }

  /** Bytes of the name at `offset` of the message, to its root or its pointer. */
  private nameSizeAt(offset: number): number {
    const { bytes } = this
    const from = this.start + offset
    let at = from
    while (at < this.at) {
      const size = bytes[at]!
      if (size === 0) return at + 1 - from
      if (size >= POINTER_FLAG) return at + POINTER_SIZE - from
      at += size + 1
    }
    return at - from
  }
}
