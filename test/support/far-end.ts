import { type ChildProcessByStdio, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { getSystemErrorName } from 'node:util'
import { plainEnvironment } from './network-namespace.ts'
import { repositoryRoot } from './repository.ts'

const Operation = { open: 1, send: 2, receive: 3, close: 4 } as const
type Operation = (typeof Operation)[keyof typeof Operation]

const ANSWER_SIZE = 8
const LENGTH_SIZE = 4

/**
 * Sends and receives raw frames on interfaces in other network namespaces: see far-end.c. When a promise has
 * resolved the kernel has taken or handed over the frames; there is nothing to wait for.
 */
export class FarEnd {
  readonly #process: ChildProcessByStdio<Writable, Readable, null>
  readonly #pending: { resolve(payload: Buffer): void; reject(error: Error): void }[] = []
  #received: Buffer = Buffer.alloc(0)
  #ended: Error | undefined

  /** Compiles the program and starts it. */
  static start(): FarEnd {
    const folder = mkdtempSync(join(tmpdir(), 'tapwire-far-end-'))
    try {
      const program = join(folder, 'far-end')
      const source = join(repositoryRoot, 'test/support/far-end.c')
      const args = ['-O1', '-std=gnu11', '-Wall', '-Wextra', '-Werror', '-o', program, source]
      execFileSync('gcc', args, { env: plainEnvironment() })
      // Started at once, so that the file is not needed any more when the folder goes.
      return new FarEnd(spawn(program, { stdio: ['pipe', 'pipe', 'inherit'], env: plainEnvironment() }))
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  }

  private constructor(process: ChildProcessByStdio<Writable, Readable, null>) {
    this.#process = process
    process.stdout.on('data', (chunk: Buffer) => this.#take(chunk))
    process.on('exit', () => this.#fail(new Error('the far end has ended')))
    process.on('error', (error) => this.#fail(error))
    process.stdin.on('error', () => undefined)
  }

  /** Opens the interface under a number of the caller's choice, and takes it up. */
  async open(port: number, namespacePath: string, interfaceName: string): Promise<void> {
    await this.#request(Operation.open, port, Buffer.from(`${namespacePath}\0${interfaceName}\0`))
  }

  async send(port: number, frames: readonly Uint8Array[]): Promise<void> {
    const parts = frames.flatMap((frame) => {
      const length = Buffer.alloc(LENGTH_SIZE)
      length.writeUInt32LE(frame.length)
      return [length, frame]
    })
    await this.#request(Operation.send, port, Buffer.concat(parts))
  }

  /** The frames that have arrived on the interface since the last call. */
  async receive(port: number): Promise<Uint8Array[]> {
    const payload = await this.#request(Operation.receive, port, Buffer.alloc(0))
    const frames: Uint8Array[] = []
    for (let at = 0; at < payload.length; ) {
      const start = at + LENGTH_SIZE
      at = start + payload.readUInt32LE(at)
      frames.push(new Uint8Array(payload.subarray(start, at)))
    }
    return frames
  }

  /** Closes the packet socket: it keeps its namespace alive. */
  async close(port: number): Promise<void> {
    await this.#request(Operation.close, port, Buffer.alloc(0))
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return
    const exit = once(this.#process, 'exit')
    this.#process.stdin.end()
    await exit
  }

  #request(operation: Operation, port: number, payload: Buffer): Promise<Buffer> {
    const head = Buffer.alloc(12)
    head.writeUInt32LE(operation, 0)
    head.writeUInt32LE(port, 4)
    head.writeUInt32LE(payload.length, 8)
    return new Promise((resolve, reject) => {
      if (this.#ended !== undefined) return reject(this.#ended)
      this.#pending.push({ resolve, reject })
      this.#process.stdin.write(Buffer.concat([head, payload]))
    })
  }

  #take(chunk: Buffer): void {
    this.#received = Buffer.concat([this.#received, chunk])
    while (this.#received.length >= ANSWER_SIZE) {
      const result = this.#received.readInt32LE(0)
      const end = ANSWER_SIZE + this.#received.readUInt32LE(4)
      if (this.#received.length < end) return
      const payload = this.#received.subarray(ANSWER_SIZE, end)
      this.#received = this.#received.subarray(end)
      const pending = this.#pending.shift()
      if (result < 0) pending?.reject(new Error(`the far end answered ${getSystemErrorName(result)}`))
      else pending?.resolve(payload)
    }
  }

  #fail(error: Error): void {
    this.#ended = error
    for (const pending of this.#pending.splice(0)) pending.reject(error)
  }
}
