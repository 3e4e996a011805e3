/** A lab on a daemon of its own, brought up and taken down as on the command line. */

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { LabStatus } from '../../../src/control/api/lab.ts'
import type { Fdb, Stats } from '../../../src/control/api/switch.ts'
import { ControlDaemon, type ControlOptions } from './control-daemon.ts'
import { type LabPlan, labFileOf } from './lab-plan.ts'
import { type Place, run } from './program.ts'
import { newFolder, newLabName } from './scene.ts'
import { until } from './until.ts'

export type Backend = 'io_uring' | 'epoll'

export interface LiveLabOptions extends ControlOptions {
  readonly io?: Backend
}

export class LiveLab {
  readonly daemon: ControlDaemon
  readonly name: string
  readonly #status: LabStatus

  static async up(plan: LabPlan, { io, ...options }: LiveLabOptions = {}): Promise<LiveLab> {
    const args = [...(options.args ?? []), ...(io === undefined ? [] : ['--io', io])]
    const daemon = await ControlDaemon.start({ ...options, args })
    const name = newLabName()
    const file = join(newFolder(), 'lab.yaml')
    writeFileSync(file, labFileOf(plan, name))
    await daemon.do('up', file)
    return new LiveLab(daemon, await daemon.call('GET', `/labs/${name}`))
  }

  private constructor(daemon: ControlDaemon, status: LabStatus) {
    this.daemon = daemon
    this.name = status.name
    this.#status = status
  }

  place(sandbox: string): Place {
    return this.daemon.place(this.#sandbox(sandbox).id)
  }

  /** Runs a program in a sandbox's network to its end; resolves to its output, rejects where it fails. */
  exec(sandbox: string, program: string, ...args: readonly string[]): Promise<string> {
    return run(this.place(sandbox), program, ...args)
  }

  /** Its first IPv4 address. */
  address(sandbox: string): string {
    return this.#sandbox(sandbox).endpoints[0]!.address
  }

  mac(sandbox: string): string {
    return this.#sandbox(sandbox).endpoints[0]!.mac
  }

  fdb(): Promise<Fdb> {
    return this.daemon.call('GET', '/fdb')
  }

  stats(): Promise<Stats> {
    return this.daemon.call('GET', '/stats')
  }

  /** Resolves to the counters once every frame is accounted for; rejects where that does not come about. */
  async accounted(): Promise<Stats> {
    let stats = await this.stats()
    const balance = (): number => {
      const { received, copies, segments, transmitted, dropped } = stats.totals
      return received + copies + segments - transmitted - dropped
    }
    // A frame may be on its way through the switch while the counters are read: sandboxes speak by themselves.
    await until('every frame is accounted for', async () => {
      if (balance() === 0) return true
      stats = await this.stats()
      return false
    })
    return stats
  }

  /** Takes the lab down and ends the daemon. */
  async down(): Promise<void> {
    await this.daemon.do('down', this.name)
    await this.daemon.stop()
  }

  #sandbox(name: string): LabStatus['sandboxes'][number] {
    return this.#status.sandboxes.find((sandbox) => sandbox.name === name)!
  }
}
