/** What a daemon with many sandboxes costs: a lab at once, and one network that grows. */

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { run } from '../process.ts'
import { TapwireDaemon } from '../tapwire-daemon.ts'
import { removeSandbox, runByRequests } from './commands.ts'
import type { Gathering } from './figures.ts'
import { time, timeCommand } from './timing.ts'

/** Sandboxes around the 10th and around the last that are measured. */
const AROUND = 10
/** The first of the ten around the 10th, counted from 1. */
const EARLY = 5
/** The daemon takes its time to give memory back that it does not need any more. */
const SETTLE_MS = 2000

const LARGE = 'bench-large'
const SIDE = 'bench-side'

/** `tapwire up` of a lab of `size` sandboxes that run a command each, on one network, from its beginning to its end. */
export async function measureLab(size: number, gathering: Gathering): Promise<void> {
  const daemon = await TapwireDaemon.start()
  try {
    const names = Array.from({ length: size }, (_, index) => `s${index + 1}`)
    const file = join(daemon.folder, 'lab.yaml')
    writeFileSync(
      file,
      [
        'name: bench',
        'networks:',
        '  lan: { subnet: 10.20.0.0/16 }',
        'sandboxes:',
        ...names.map((name) => `  ${name}: { networks: [lan], command: [sleep, "1000"] }`),
      ].join('\n'),
    )
    gathering.add('tapwire', 'lab', timeCommand(daemon.command('up', file)).ms / 1000)
    await expectRunning(daemon, size)
  } finally {
    await daemon.stop()
  }
}

/**
 * A network of `size` endpoints and some more, each of a sandbox of its own that runs a command. Returns how many milliseconds
 * each took.
 */
export async function measureGrowth(
  size: number,
  gathering: Gathering,
  tell: (count: number) => void,
): Promise<number[]> {
  const daemon = await TapwireDaemon.start()
  try {
    gathering.add('tapwire', 'memoryEmpty', daemon.memory())
    await daemon.request('POST', '/networks', {
      Name: LARGE,
      IPAM: { Config: [{ Subnet: '10.20.0.0/16' }] },
    })
    await daemon.request('POST', '/networks', { Name: SIDE, IPAM: { Config: [{ Subnet: '10.21.0.0/16' }] } })
    const helper = await runByRequests(daemon, 'helper', SIDE)
    const total = size + AROUND / 2
    const ids: string[] = []
    const growth: number[] = []
    while (ids.length < total) {
      if (ids.length === AROUND)
        gathering.add('tapwire', 'endpointFirst', ...(await connects(daemon, helper)))
      const { ms, value } = await time(() => runByRequests(daemon, `s${ids.length + 1}`, LARGE))
      ids.push(value)
      growth.push(ms)
      if (ids.length % 10 === 0) tell(ids.length)
    }
    gathering.add('tapwire', 'sandboxFirst', ...growth.slice(EARLY - 1, EARLY - 1 + AROUND))
    gathering.add('tapwire', 'sandboxLast', ...growth.slice(-AROUND))
    gathering.add('tapwire', 'endpointLast', ...(await connects(daemon, helper)))
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS))
    gathering.add('tapwire', 'memory', daemon.memory())
    gathering.add('tapwire', 'ping', ...(await ping(daemon, ids[0]!, ids.at(-1)!)))
    await daemon.kill()
    gathering.add('tapwire', 'recovery', (await time(() => daemon.launch())).ms / 1000)
    await expectRunning(daemon, total + 1)
    await ping(daemon, ids[0]!, ids.at(-1)!)
    await removeSandbox(daemon, helper)
    return growth
  } finally {
    await daemon.stop()
  }
}

/** One sandbox that joins the large network and leaves it, several times. */
async function connects(daemon: TapwireDaemon, sandbox: string): Promise<number[]> {
  const found: number[] = []
  for (let count = 0; count < AROUND; count++) {
    const body = { Container: sandbox }
    found.push((await time(() => daemon.request('POST', `/networks/${LARGE}/connect`, body))).ms)
    await daemon.request('POST', `/networks/${LARGE}/disconnect`, body)
  }
  return found
}

/** Round trips in milliseconds; throws where one is missing. */
async function ping(daemon: TapwireDaemon, from: string, to: string): Promise<number[]> {
  const { NetworkSettings } = await daemon.request<{
    NetworkSettings: { Networks: Record<string, { IPAddress: string }> }
  }>('GET', `/sandboxes/${to}`)
  const address = NetworkSettings.Networks[LARGE]!.IPAddress
  const namespace = TapwireDaemon.namespaceOf(from)
  const output = await run('ping', ['-i', '0.05', '-c', '10', '-w', '5', address], { namespace })
  const times = Array.from(output.matchAll(/ time=([\d.]+) ms/g), ([, ms]) => Number(ms))
  if (times.length !== 10) throw new Error(`of 10 echoes to ${address}, ${times.length} were answered`)
  return times
}

async function expectRunning(daemon: TapwireDaemon, count: number): Promise<void> {
  const { SandboxesRunning } = await daemon.request<{ SandboxesRunning: number }>('GET', '/version')
  if (SandboxesRunning !== count) throw new Error(`${SandboxesRunning} sandboxes run, and ${count} should`)
}
