import { type Place, Program } from './program.ts'

/** tcpdump in a sandbox: a line for each frame that arrives on an interface, in order. */
export class Capture {
  readonly #program: Program

  /** Resolves when tcpdump listens: no later frame is missed. */
  static async start(place: Place, interfaceName: string, filter: string): Promise<Capture> {
    // By default there is room for 32 frames that come at once.
    const buffer = ['-B', '16384', '-s', '2048']
    const options = ['-i', interfaceName, '-Q', 'in', '-n', '-e', '-l', '-A', '--immediate-mode', ...buffer]
    const capture = new Capture(new Program(place, 'tcpdump', ...options, filter))
    await capture.#program.printed(/listening on/)
    return capture
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
