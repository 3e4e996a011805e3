/**
 * The guided tour: brings the example lab up, lets real programs talk through the switch and the router, and tells after each what
 * those did, from their own counters. Everything lives in namespaces that the tour makes and removes.
 */
import type { ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Command } from 'commander'
import { ErrorCode, TapwireError } from '../control/errors.ts'
import { loadLab } from '../control/lab-file.ts'
import { ApiClient } from './api-client.ts'
import { type Cli, EXIT_INTERRUPTED } from './cli.ts'
import { DemoDaemon } from './demo-daemon.ts'
import { DemoStage } from './demo-stage.ts'
import { tour } from './demo-tour.ts'
import { followLab } from './labs.ts'
import { examples } from './options.ts'
import { bringUp } from './up.ts'

const LAB_FILE = fileURLToPath(new URL('../../../examples/demo.yaml', import.meta.url))

export function defineDemo(command: Command, cli: Cli): void {
  command
    .description(
      'Brings the lab examples/demo.yaml up on a daemon of its own, lets ping, curl and iperf3 talk through its switch and its ' +
        'router, tells what those did, and removes all of it. Needs root, and touches no interface of this machine.',
    )
    .addHelpText('after', examples('tapwire demo'))
    .action(() => demo(cli))
}

async function demo(cli: Cli): Promise<void> {
  const lab = loadLab(LAB_FILE)
  cli.stdout.write(INTRODUCTION)
  const interrupt = new Interrupt(cli)
  try {
    const daemon = await DemoDaemon.start(cli)
    try {
      await interrupt.check()
      const api = new ApiClient(daemon.address)
      const { status } = await bringUp(cli, api, lab)
      await tour(new DemoStage(cli, { api, root: daemon.root, lab: status, interrupt }))
      cli.stdout.write('\n')
      await followLab(cli, api, lab.name, { method: 'DELETE' })
    } finally {
      await daemon.end()
    }
  } finally {
    interrupt.close()
  }
}

/** Ctrl-C ends what runs in a sandbox, then the tour, and the lab is taken down in peace. */
class Interrupt {
  readonly close: () => void
  running: ChildProcess | undefined
  #happened = false

  constructor(cli: Cli) {
    this.close = cli.onInterrupt((signal) => {
      this.#happened = true
      this.running?.kill(signal)
    })
  }

  /** Throws INTERRUPTED where it happened. The end of a child may be seen before the signal that ended it. */
  async check(): Promise<void> {
    await new Promise(setImmediate)
    if (this.#happened)
      throw new TapwireError(ErrorCode.interrupted, 'Interrupted.', { exitCode: EXIT_INTERRUPTED })
  }
}

const INTRODUCTION = `
Five sandboxes, three networks, and one Node.js process that is switch and router for them: it owns
a TAP in each sandbox. No kernel bridge, no iptables, no interface of this machine takes part. The
network "internet" plays the world outside.

      alice      bob       carol           dave
    10.1.0.2   10.1.0.3   10.1.0.4       10.2.0.2
        │          │          │              │
        └───────  web  ───────┘            other
                   │                         │
          10.1.0.1 └──────── router ─────────┘ 10.2.0.1
                                │ 203.0.113.1, where port 80 leads to bob
                                │
                            internet
                                │
                              erin
                           203.0.113.2

`
