/** The file of one capture: turns the records of its ring into packets of interfaces, as people know them. */

import { type CaptureRingReader, RecordKind } from '../../datapath/capture/capture-ring.ts'
import { VIRTIO_NET_HEADER_SIZE } from '../../datapath/frame-memory.ts'
import { type CaptureName, type CaptureTime, Direction } from '../pcap/capture-file.ts'
import { type CaptureSink, PcapngWriter } from '../pcap/pcapng-writer.ts'
import { CaptureComments } from './capture-comments.ts'
import { type CapturePlace, type CapturePlaces, describePlace } from './capture-places.ts'
import { FinishedFrames } from './finished-frames.ts'

/** What Linux says of a TAP (ethtool); it has no other limit than the processor. */
const TAP_SPEED = 10_000_000_000

export interface CaptureFileOptions {
  readonly places: CapturePlaces
  /** Times of the data path's clock as those since 1970. */
  readonly clock: { time(timeMs: number): CaptureTime }
  /** The program that captures, and the system that it is on; empty where that says nothing. */
  readonly application: string
  readonly os: string
  readonly filter: string
  readonly snapLength: number
  readonly raw: boolean
  /** Packets behind which nothing is written any more; undefined: without end. */
  readonly count: number | undefined
  /** What the file says of itself. */
  readonly comment: string
}

interface FileInterface {
  readonly place: CapturePlace
  /** Without what #unique adds. */
  readonly name: string
  /** In the file; undefined while nothing has been said of it. */
  id: number | undefined
}

/** One for all captures: what it holds is used at once. */
let frames: FinishedFrames | undefined

export class CaptureFile {
  /** Packets written. */
  packets = 0
  readonly #options: CaptureFileOptions
  readonly #writer: PcapngWriter
  readonly #comments: CaptureComments
  readonly #interfaces: FileInterface[] = []
  readonly #names = new Set<string>()
  /** Addresses whose names the file has, with those. */
  readonly #resolved = new Map<string, string>()
  /** Milliseconds of the data path's clock, of the last record. */
  #lastMs = 0

  constructor(sink: CaptureSink, options: CaptureFileOptions) {
    this.#options = options
    frames ??= new FinishedFrames()
    this.#writer = new PcapngWriter(sink, {
      application: options.application,
      os: options.os === '' ? undefined : options.os,
      comment: options.comment,
    })
    this.#comments = new CaptureComments((port) => describePlace(options.places.at(port)).name)
  }

  /** All packets that were asked for have been written. */
  get isFull(): boolean {
    return this.packets >= (this.#options.count ?? Number.POSITIVE_INFINITY)
  }

  /** A place that records may come from; its number there. `told`: at once, and not with the first packet. */
  addInterface(place: CapturePlace, told: boolean): number {
    const number = this.#interfaces.length
    this.#interfaces.push({ place, name: describePlace(place).name, id: undefined })
    if (told) this.#tell(this.#interfaces[number]!)
    return number
  }

  /** Names of addresses that the file does not have yet. Behind an interface: editcap 4.0 takes no file that begins with names. */
  addNames(): void {
    if (this.#names.size === 0) return
    const fresh = this.#options.places.addresses().filter((entry) => this.#isNew(entry))
    if (fresh.length > 0) this.#writer.names(fresh)
  }

  /** The packets of the record that the reader stands at. */
  write(record: CaptureRingReader): void {
    const found = this.#interfaces[record.interface]!
    const id = found.id ?? this.#tell(found)
    const { raw, clock } = this.#options
    this.#lastMs = record.timeMs
    const { seconds, nanoseconds } = clock.time(record.timeMs)
    const { frame } = record
    const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength)
    const direction = record.kind === RecordKind.arrival ? Direction.inbound : Direction.outbound
    const comments = this.#comments.of(record, found.name, view, VIRTIO_NET_HEADER_SIZE)
    if (raw || record.captured < record.length) {
      const { captured, length } = record
      const settings = settingsOf(direction, comments)
      this.#writer.packet(id, seconds, nanoseconds, frame, VIRTIO_NET_HEADER_SIZE, captured, length, settings)
      this.packets++
      return
    }
    this.#writeFinished(id, seconds, nanoseconds, frame, direction, comments)
  }

  /** What the interfaces counted. Nothing is written behind it. */
  end(counts: (number: number) => ReturnType<CaptureRingReader['countsOf']>, nowMs: number): void {
    const { clock } = this.#options
    // A file without an interface is of no link type, and no program's.
    if (this.#names.size === 0) for (const one of this.#interfaces) this.#tell(one)
    const time = clock.time(Math.max(nowMs, this.#lastMs))
    for (const [number, { id }] of this.#interfaces.entries()) {
      if (id === undefined) continue
      const { seen, accepted, dropped, refused } = counts(number)
      this.#writer.statistics(id, {
        time,
        received: seen,
        accepted,
        dropped,
        ...(refused > 0 && { comment: `${refused} frames were not taken by the device` }),
      })
    }
    this.flush()
  }

  flush(): void {
    this.#writer.flush()
  }

  #writeFinished(
    id: number,
    seconds: number,
    nanoseconds: number,
    frame: Uint8Array,
    direction: Direction,
    comments: readonly string[],
  ): void {
    const finished = frames!
    finished.take(frame)
    const snapLength = this.#options.snapLength || Number.POSITIVE_INFINITY
    for (let i = 0; i < finished.count && !this.isFull; i++) {
      const length = finished.length(i)
      const captured = Math.min(length, snapLength)
      // What is said of a super-frame stands by its first segment.
      const settings = settingsOf(direction, i === 0 ? comments : [])
      const { bytes } = finished
      this.#writer.packet(id, seconds, nanoseconds, bytes, finished.offset(i), captured, length, settings)
      this.packets++
    }
  }

  #tell(one: FileInterface): number {
    // What is not there from the start is asked for anew: an uplink may be another interface by now.
    const place = this.#options.places.at(one.place.port)
    const { name, mac, description } = describePlace(place.owner === one.place.owner ? place : one.place)
    const { snapLength, filter } = this.#options
    one.id = this.#writer.addInterface({
      name: this.#unique(name),
      description,
      speed: TAP_SPEED,
      snapLength,
      filter,
      ...(mac !== '' && { mac }),
    })
    if (one.id === 0) this.addNames()
    return one.id
  }

  /** A sandbox that leaves a network and comes back is another interface. */
  #unique(name: string): string {
    let unique = name
    for (let i = 2; this.#names.has(unique); i++) unique = `${name}#${i}`
    this.#names.add(unique)
    return unique
  }

  #isNew({ address, names }: CaptureName): boolean {
    const text = names.join(' ')
    if (this.#resolved.get(address) === text) return false
    this.#resolved.set(address, text)
    return true
  }
}

const INBOUND = { direction: Direction.inbound }
const OUTBOUND = { direction: Direction.outbound }

function settingsOf(direction: Direction, comments: readonly string[]) {
  if (comments.length > 0) return { direction, comments }
  return direction === Direction.inbound ? INBOUND : OUTBOUND
}
