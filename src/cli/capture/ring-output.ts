/**
 * The last of a capture in files of a bounded size, each complete in itself:
 *
 *     web-00003.pcapng   section, interfaces and names so far │ packets … │ statistics of the file
 *     web-00004.pcapng   section, interfaces and names so far │ packets …
 *
 * The oldest one goes before another one is begun, so that all of them together never take more than was allowed.
 */

import { rmSync } from 'node:fs'
import { ErrorCode, TapwireError } from '../../control/errors.ts'
import { BlockType } from '../../inspect/pcap/pcapng-block.ts'
import { formatAmount } from '../output.ts'
import { BlockFile } from './block-file.ts'
import type { CaptureOutput } from './capture-output.ts'
import { FILE_STATISTICS_SIZE, FileStatistics } from './file-statistics.ts'
import type { FileRing } from './ring-size.ts'
import { eachBlock } from './whole-blocks.ts'

/** What the daemon says of an interface at the end: five counters and a sentence. */
const STATISTICS_RESERVE = 160

/** Names that are kept for files to come take at most this part of one; where there are more, those that were known first are left out. */
const NAMES_PART = 1 / 4

export class RingOutput implements CaptureOutput {
  readonly #base: string
  readonly #extension: string
  readonly #ring: FileRing
  /** What each file begins with. */
  #section: Uint8Array = new Uint8Array(0)
  readonly #interfaces: Uint8Array[] = []
  #names: Uint8Array[] = []
  #namesSize = 0
  #file: BlockFile | undefined
  #statistics = new FileStatistics()
  /** Paths of the files that there are, the oldest one first. */
  readonly #paths: string[] = []
  #number = 0

  /** `web.pcapng` gives web-00001.pcapng and so on. */
  constructor(path: string, ring: FileRing) {
    const [, base = path, extension = '.pcapng'] = /^(.+)(\.pcap(?:ng)?)$/.exec(path) ?? []
    this.#base = base
    this.#extension = extension
    this.#ring = ring
  }

  /** Paths of the files, the oldest one first. */
  get paths(): readonly string[] {
    return this.#paths
  }

  write(blocks: Uint8Array): void {
    // Written together as far as they go into one file.
    let begin = 0
    let pending = 0
    const flush = (end: number): void => {
      if (end > begin) this.#file!.write(blocks.subarray(begin, end))
      begin = end
      pending = 0
    }
    eachBlock(blocks, (type, start, end, view) => {
      const block = blocks.subarray(start, end)
      const file = this.#keepAndOpen(type, block)
      const isLast = type === BlockType.interfaceStatistics
      const wanted = file.size + pending + block.length + (isLast ? 0 : this.#reserve())
      if (wanted > this.#ring.size) {
        flush(start)
        this.#rotate(isHead(type) ? 0 : block.length)
        // The new one begins with it already.
        if (isHead(type)) {
          begin = end
          return
        }
      }
      pending += block.length
      if (type === BlockType.enhancedPacket) this.#statistics.count(view, start)
    })
    flush(blocks.length)
  }

  end(): void {
    this.#file?.close()
  }

  close(): void {
    try {
      this.#file?.close()
    } catch {
      // Another failure has been told already.
    }
  }

  /** Remembers what the next files are to begin with. */
  #keepAndOpen(type: number, block: Uint8Array): BlockFile {
    if (type === BlockType.sectionHeader) this.#section = block.slice()
    else if (type === BlockType.interfaceDescription) this.#interfaces.push(block.slice())
    else if (type === BlockType.nameResolution) this.#keepNames(block.slice())
    return (this.#file ??= this.#create())
  }

  #keepNames(block: Uint8Array): void {
    this.#names.push(block)
    this.#namesSize += block.length
    while (this.#namesSize > this.#ring.size * NAMES_PART) this.#namesSize -= this.#names.shift()!.length
  }

  /** Bytes that stay free for what the file ends with. */
  #reserve(): number {
    return this.#interfaces.length * Math.max(STATISTICS_RESERVE, FILE_STATISTICS_SIZE)
  }

  /** The file is complete; the next one has what all begin with, and room for a block of this length. */
  #rotate(length: number): void {
    const done = this.#file!
    done.write(this.#statistics.take())
    done.close()
    const head = Buffer.concat([this.#section, ...this.#interfaces, ...this.#names])
    if (head.length + length + this.#reserve() > this.#ring.size) throw this.#tooSmall(head.length)
    while (this.#paths.length >= this.#ring.count) rmSync(this.#paths.shift()!, { force: true })
    this.#file = this.#create()
    this.#file.write(head)
  }

  #create(): BlockFile {
    this.#number += 1
    const path = `${this.#base}-${String(this.#number).padStart(5, '0')}${this.#extension}`
    const file = new BlockFile(path)
    this.#paths.push(path)
    return file
  }

  #tooSmall(head: number): TapwireError {
    const { length } = this.#interfaces
    return new TapwireError(
      ErrorCode.outputUnwritable,
      `Files of ${formatAmount(this.#ring.size, 'B')} are too small: the description of ${length} interfaces alone takes ${formatAmount(head + this.#reserve(), 'B')}.`,
      { hint: 'Give --ring more for each file, or capture at fewer places.' },
    )
  }
}

const isHead = (type: number): boolean =>
  type === BlockType.sectionHeader ||
  type === BlockType.interfaceDescription ||
  type === BlockType.nameResolution
