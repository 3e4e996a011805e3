/**
 * The model in one file, `state.json`, with the copy before it beside it:
 *
 *     state.json            what was kept last; there at any moment once it was there first
 *     state.json.previous   what it replaced
 *     state.json.new        half a write; removed by the next load
 *
 * One record a line, so that people can read and compare it. A file that cannot be read is never written over.
 */

import { rmSync } from 'node:fs'
import { link, open, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { ErrorCode, TapwireError } from '../control/errors.ts'
import type { ModelRecord } from '../control/model/records.ts'
import { MODEL_VERSION } from '../control/model/schema.ts'
import type { Store } from '../control/model/store.ts'
import { readModel } from './state-file.ts'
import { errorMessage, isCode } from './system-error.ts'

/** The root's owner alone: labels and environments may hold secrets. */
const MODE = 0o600

export class FileStore implements Store {
  readonly #path: string
  /** Of records that did not change since the last save: they are immutable. With the comma and the line's beginning in front. */
  readonly #lines = new WeakMap<object, Uint8Array>()
  #loaded = false
  /** Settles, and never rejects, when the write under way has ended. */
  #underWay: Promise<unknown> = Promise.resolve()
  /** The write behind it, which all who call meanwhile share. */
  #next: Promise<void> | undefined
  #read: (() => ModelRecord) | undefined
  #sealed = false

  /** `directory` is there and belongs to this daemon alone. */
  constructor(directory: string) {
    this.#path = join(directory, 'state.json')
  }

  load(): ModelRecord | undefined {
    const model = readModel(this.#path, this.#previousPath)
    this.#removeHalfWrites()
    this.#loaded = true
    return model
  }

  /** For good: nothing is written once this has resolved. What is to be saved from here on is refused (STATE_UNWRITABLE). */
  async seal(): Promise<void> {
    this.#sealed = true
    await this.#underWay
  }

  save(read: () => ModelRecord): Promise<void> {
    if (this.#sealed) return Promise.reject(hasEnded())
    this.#read = read
    if (this.#next === undefined) {
      this.#next = this.#underWay.then(() => this.#write())
      this.#underWay = this.#next.catch(() => undefined)
    }
    return this.#next
  }

  get #newPath(): string {
    return `${this.#path}.new`
  }

  get #previousPath(): string {
    return `${this.#path}.previous`
  }

  async #write(): Promise<void> {
    const read = this.#read!
    // Who calls from here on may know of changes that the bytes below lack.
    this.#next = undefined
    if (!this.#loaded) this.load()
    const bytes = this.#format(read())
    try {
      await this.#replace(bytes)
    } catch (error) {
      throw new TapwireError(
        ErrorCode.stateUnwritable,
        `The state could not be written to ${this.#path}: ${errorMessage(error)}.`,
        { hint: hintFor(error, this.#path), cause: error },
      )
    }
  }

  /** All of the new file is on the disk before the first name changes; at every moment both names are of whole files. */
  async #replace(bytes: Uint8Array): Promise<void> {
    try {
      await writeDurably(this.#newPath, bytes)
      await this.#keepPrevious()
      await rename(this.#newPath, this.#path)
    } catch (error) {
      await rm(this.#newPath, { force: true }).catch(() => undefined)
      throw error
    }
    await syncDirectory(dirname(this.#path))
  }

  /** A second name for the file that the new one is about to take the first name from: no byte is copied. */
  async #keepPrevious(): Promise<void> {
    const linked = `${this.#previousPath}.new`
    try {
      await rm(linked, { force: true })
      await link(this.#path, linked)
    } catch (error) {
      if (isCode(error, 'ENOENT')) return
      throw error
    }
    await rename(linked, this.#previousPath)
    // rename(2) leaves both names where they are of one file already: where the last write failed just behind this.
    await rm(linked, { force: true })
  }

  /** Bytes and no text: to join and to encode a thousand records anew takes longer than to copy them. */
  #format({ networks, sandboxes, resting, ...others }: ModelRecord): Uint8Array {
    return Buffer.concat([
      Buffer.from(`{\n  "version": ${MODEL_VERSION},\n  "networks": [`),
      ...this.#list(networks),
      Buffer.from('],\n  "sandboxes": ['),
      ...this.#list(sandboxes),
      Buffer.from('],\n  "resting": ['),
      ...this.#list(resting),
      Buffer.from(']'),
      ...Object.entries(others).map(([name, value]) => Buffer.from(field(name, value))),
      Buffer.from('\n}\n'),
    ])
  }

  /** The first one without its comma. */
  #list(records: readonly object[]): Uint8Array[] {
    return records.map((record, index) => this.#line(record).subarray(index === 0 ? 1 : 0))
  }

  #line(record: object): Uint8Array {
    let line = this.#lines.get(record)
    if (line === undefined) {
      line = Buffer.from(`,\n    ${JSON.stringify(record)}`)
      this.#lines.set(record, line)
    }
    return line
  }

  /** Of a daemon that was killed while it wrote. */
  #removeHalfWrites(): void {
    for (const path of [this.#newPath, `${this.#previousPath}.new`]) rmSync(path, { force: true })
  }
}

const hasEnded = (): TapwireError =>
  new TapwireError(ErrorCode.stateUnwritable, 'The daemon has ended; its state belongs to the next one.')

/** FileHandle.writeFile goes on after a short write, by which a disk that is about to be full first shows. */
async function writeDurably(path: string, bytes: Uint8Array): Promise<void> {
  const file = await open(path, 'w', MODE)
  try {
    // What an earlier daemon left may have another mode.
    await file.chmod(MODE)
    await file.writeFile(bytes)
    await file.sync()
  } finally {
    await file.close()
  }
}

/** A rename is safe from a power failure only when the directory is written as well (rename(2), fsync(2)). */
async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r')
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}

/** One that may be absent, behind the others. */
function field(name: string, value: unknown): string {
  return value === undefined ? '' : `,\n  "${name}": ${JSON.stringify(value)}`
}

function hintFor(error: unknown, path: string): string {
  if (isCode(error, 'ENOSPC') || isCode(error, 'EDQUOT')) {
    return `The disk is full. Make room below ${dirname(path)} and try again; what was kept before is unharmed.`
  }
  return `What was kept before is unharmed. See that ${dirname(path)} is there and can be written to, and try again.`
}
