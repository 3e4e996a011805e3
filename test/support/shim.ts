/** A shim of the test's own, spoken to over its socket frame by frame. */

import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import {
  decodeExit,
  decodeFailed,
  encodeFrame,
  encodePlan,
  type Frame,
  FrameDecoder,
  FrameType,
  type PlanFlags,
} from '../../src/control/shim-frames.ts'
import { repositoryRoot } from './repository.ts'

const SANITIZED = join(repositoryRoot, 'build/tapwire-shim-asan')

/** With the sanitizers where it is built so (`npm test` does), so that every test is also one for memory faults. */
export const shimProgram: string = existsSync(SANITIZED)
  ? SANITIZED
  : join(repositoryRoot, 'build/tapwire-shim')

/** A finding ends the shim with exit code 99 and a report on stderr. */
export const shimEnvironment = (): NodeJS.ProcessEnv => ({
  ...process.env,
  ASAN_OPTIONS: 'exitcode=99',
  UBSAN_OPTIONS: 'print_stacktrace=1:halt_on_error=1:exitcode=99',
})

const present = new Set<TestShim>()
// Last resort for a test that ends without its clean-up, by an error that nobody caught.
process.on('exit', () => {
  for (const shim of present) shim.kill()
})

export class TestShim {
  readonly directory: string
  /** What it printed before it was ready: `warning …` and `ready PID`. */
  readonly answer: string
  readonly #child: ChildProcess
  readonly #errors: Promise<string>
  readonly #exit: Promise<unknown[]>

  private constructor(child: ChildProcess, directory: string, answer: string, errors: Promise<string>) {
    this.#child = child
    this.directory = directory
    this.answer = answer
    this.#errors = errors
    this.#exit = child.exitCode === null ? once(child, 'exit') : Promise.resolve([child.exitCode])
    present.add(this)
  }

  static async start(...args: readonly string[]): Promise<TestShim> {
    const directory = mkdtempSync(join(tmpdir(), 'twshim-'))
    const child = spawn(shimProgram, ['hold', '--directory', directory, '--hostname', 'web', ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: shimEnvironment(),
    })
    const errors = text(child.stderr!)
    return new TestShim(child, directory, await text(child.stdout!), errors)
  }

  get pid(): number {
    return this.#child.pid!
  }

  connect(): Promise<ShimClient> {
    return ShimClient.open(join(this.directory, 'shim.sock'))
  }

  file(name: string): string {
    return readFileSync(join(this.directory, name), 'utf8')
  }

  has(name: string): boolean {
    return existsSync(join(this.directory, name))
  }

  /** Entries of log.json. */
  log(name = 'log.json'): LogLine[] {
    return this.file(name)
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as LogLine)
  }

  kill(): void {
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.#child.kill('SIGKILL')
  }

  /** Waits for its own end: orderly, and without a finding of the sanitizers. */
  async ended(): Promise<void> {
    const [code] = await this.#exit
    assert.equal(await this.#errors, '')
    assert.equal(code, 0)
  }

  /** Whatever has happened: nothing is left of it. */
  async remove(): Promise<void> {
    this.kill()
    await this.#exit
    present.delete(this)
    rmSync(this.directory, { recursive: true, force: true })
  }
}

export interface LogLine {
  readonly log: string
  readonly stream: string
  readonly time: string
}

/** What came on a connection until its end. */
export interface Outcome {
  readonly stdout: string
  readonly stderr: string
  readonly exitCode: number | undefined
}

export class ShimClient {
  readonly socket: Socket
  readonly #decoder = new FrameDecoder()

  private constructor(socket: Socket) {
    this.socket = socket
    socket.on('error', () => {})
  }

  /** The first frame, `state`, is read already. */
  static async open(path: string): Promise<ShimClient> {
    const socket = connect({ path, allowHalfOpen: true })
    await once(socket, 'connect')
    const client = new ShimClient(socket)
    assert.equal((await client.next())?.type, FrameType.state)
    return client
  }

  send(type: number, payload: Uint8Array | string = ''): void {
    this.socket.write(encodeFrame(type, typeof payload === 'string' ? Buffer.from(payload) : payload))
  }

  sendPlan(
    type: typeof FrameType.start | typeof FrameType.exec,
    command: readonly string[],
    { flags = {}, directory = '/', environment = [] }: PlanOptions = {},
  ): void {
    const all = { tty: false, openStdin: false, ...flags }
    for (const frame of encodePlan(type, all, directory, command, environment)) this.socket.write(frame)
  }

  /** Undefined at the end of the connection. */
  async next(): Promise<Frame | undefined> {
    for (;;) {
      const frame = this.#decoder.next()
      if (frame !== undefined) return frame
      const chunk = this.socket.read() as Buffer | null
      if (chunk !== null) this.#decoder.push(chunk)
      else if (this.socket.readableEnded || this.socket.destroyed) return undefined
      else await new Promise<void>((resolve) => this.#once(resolve))
    }
  }

  #once(resolve: () => void): void {
    const events = ['readable', 'end', 'close']
    const done = (): void => {
      for (const event of events) this.socket.off(event, done)
      resolve()
    }
    for (const event of events) this.socket.on(event, done)
  }

  /** The next frame, which must be of that type. */
  async expect(type: number): Promise<Frame> {
    const frame = await this.next()
    assert.ok(frame !== undefined, 'the connection has ended')
    const detail = frame.type === FrameType.failed ? decodeFailed(frame).message : ''
    assert.equal(frame.type, type, detail)
    return frame
  }

  /** Starts a command or another process, and reads all that it prints. */
  async run(
    type: typeof FrameType.start | typeof FrameType.exec,
    command: readonly string[],
    options: PlanOptions = {},
  ): Promise<Outcome> {
    this.sendPlan(type, command, options)
    await this.expect(FrameType.started)
    return this.outcome()
  }

  async outcome(): Promise<Outcome> {
    const output: [Uint8Array[], Uint8Array[]] = [[], []]
    let exitCode: number | undefined
    for (let frame = await this.next(); frame !== undefined; frame = await this.next()) {
      assert.equal(exitCode, undefined, 'a frame behind the exit')
      if (frame.type === FrameType.stdout) output[0].push(frame.payload)
      else if (frame.type === FrameType.stderr) output[1].push(frame.payload)
      else if (frame.type === FrameType.exit) exitCode = decodeExit(frame)
      else assert.fail(`a frame of type ${frame.type}`)
    }
    this.close()
    const [stdout, stderr] = output.map((chunks) => Buffer.concat(chunks).toString())
    return { stdout: stdout ?? '', stderr: stderr ?? '', exitCode }
  }

  close(): void {
    this.socket.destroy()
  }
}

export interface PlanOptions {
  readonly flags?: Partial<PlanFlags>
  readonly directory?: string
  readonly environment?: readonly string[]
}

/** A process that has ended, or waits only for its parent to take note of it. */
export function isGone(pid: number): boolean {
  try {
    return /\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'latin1'))
  } catch {
    return true
  }
}
