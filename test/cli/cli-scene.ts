import assert from 'node:assert/strict'
import { join } from 'node:path'
import { afterEach, beforeEach } from 'node:test'
import { CliHarness, type CliOptions, type CliResult } from './cli-harness.ts'
import { FakeControl } from './fake-control.ts'

/** The command line against an API that this process serves: both are new for each test of the file that has one. */
export class CliScene {
  #harness: CliHarness | undefined
  #control: FakeControl | undefined

  constructor() {
    beforeEach(async () => {
      this.#harness = new CliHarness()
      this.#control = await FakeControl.serve(join(this.harness.folder, 's'))
    })
    afterEach(async () => {
      await this.control.close()
      this.harness.remove()
    })
  }

  get harness(): CliHarness {
    return this.#harness!
  }

  get control(): FakeControl {
    return this.#control!
  }

  /** As `--host` names the API. */
  get host(): string {
    return `unix://${this.control.socket}`
  }

  tapwire(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
    return this.harness.tapwire(['--host', this.host, ...args], options)
  }

  /** What a command prints that goes well. */
  async out(...args: readonly string[]): Promise<string> {
    const { code, out, err } = await this.tapwire(args)
    assert.deepEqual([code, err], [0, ''])
    return out
  }
}
