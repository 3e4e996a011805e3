/**
 * tcpdump in a sandbox, or on a machine of a scene: what it prints while frames arrive, or a file with all that has passed.
 *
 * Both are ready when `start` resolves: no later frame is missed. What comes before that may be there or not.
 */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type Place, Program } from './program.ts'
import { newFolder } from './scene.ts'
import { until } from './until.ts'

async function listen(place: Place, interfaceName: string, options: readonly string[]): Promise<Program> {
  const program = new Program(place, 'tcpdump', '-i', interfaceName, ...options)
  await program.printed(/listening on/)
  return program
}

/** A line for each frame that arrives on an interface, in order. */
export class Capture {
  readonly #program: Program

  static async start(place: Place, interfaceName: string, filter: string): Promise<Capture> {
    // By default there is room for 32 frames that come at once.
    const buffer = ['-B', '16384', '-s', '2048']
    const options = ['-Q', 'in', '-n', '-e', '-l', '-A', '--immediate-mode', ...buffer, filter]
    return new Capture(await listen(place, interfaceName, options))
  }

  private constructor(program: Program) {
    this.#program = program
  }

  /** Resolves when a frame with this text has arrived. All that arrived before it is in `text` then. */
  has(text: string): Promise<void> {
    return this.#program.printed(new RegExp(text))
  }

  get text(): string {
    return this.#program.output
  }

  async stop(): Promise<void> {
    await this.#program.stop('SIGINT')
  }
}

/** KiB that wait for tcpdump: more than any test sends while it may have no processor. */
const ROOM = '65536'

/** What tcpdump says at SIGUSR1. */
const COUNTS =
  /^(?:tcpdump: )?(\d+) packets? captured, (\d+) packets? received by filter, (\d+) packets? dropped by kernel\n/gm

interface Counts {
  /** Packets that are in the file. */
  readonly written: number
  /** Packets that have passed the interface; those that are not in the file wait in a ring of the kernel, unless they are lost. */
  readonly passed: number
  readonly lost: number
}

/**
 * A pcap file of all frames that pass an interface, in both directions and in order, each of them whole. The interface is not a loopback one,
 * where the kernel counts each frame twice.
 *
 * There is no filter, not even of directions: with one of them, the kernel counts frames that tcpdump then leaves out, and that all is
 * written could not be known. Who reads the file chooses.
 */
export class Recording {
  readonly file: string
  readonly #program: Program
  #answers = 0

  static async start(place: Place, interfaceName = 'eth0'): Promise<Recording> {
    const file = join(newFolder(), `${interfaceName}.pcap`)
    // Each packet is written at once, by root, whose folder it is. The immediate mode would give every frame room for the longest one.
    const options = ['-n', '-U', '-B', ROOM, '-Z', 'root', '-w', file]
    return new Recording(file, await listen(place, interfaceName, options))
  }

  private constructor(file: string, program: Program) {
    this.file = file
    this.#program = program
  }

  /** Ends it. All that has passed before the call is in the file then; rejects where any of it is lost. */
  async stop(): Promise<void> {
    const { passed } = await this.#counts()
    // The kernel hands the ring over at least once a second. A signal that ends tcpdump before that would leave the rest out.
    await until('all that has passed is written', async () => {
      const { written, lost } = await this.#counts()
      assert.equal(lost, 0, `frames that tcpdump had no room for: ${this.#program.said}`)
      return written >= passed
    })
    const { code } = await this.#program.stop('SIGINT')
    assert.equal(code, 0, this.#program.said)
  }

  /** As they are now. */
  async #counts(): Promise<Counts> {
    this.#answers += 1
    this.#program.child.kill('SIGUSR1')
    await this.#program.printed(new RegExp(`(?:${COUNTS.source}){${this.#answers}}`, 'm'))
    const [, written, passed, lost] = [...this.#program.errors.matchAll(COUNTS)].at(-1)!
    return { written: Number(written), passed: Number(passed), lost: Number(lost) }
  }
}
