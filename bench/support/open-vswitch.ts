/** Open vSwitch's userspace datapath, each with a database and a run directory of its own. */

import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { pinProcesses } from './pin.ts'
import { type Background, CommandError, run, start } from './process.ts'

const SCHEMA = '/usr/share/openvswitch/vswitch.ovsschema'
const START_MS = 5000

export interface OpenVSwitchOptions {
  /** Path of the network namespace that it works in. */
  readonly namespace: string
  /** Whether it may take super-frames; its tunnels cannot. */
  readonly segmentationOffload: boolean
}

/** An Open vSwitch at work. */
export interface OpenVSwitch {
  readonly pids: readonly number[]
  pin(core: number | undefined): Promise<void>
  stop(): Promise<void>
}

/** Starts one whose database, sockets and log are in `folder`. */
export async function startOpenVSwitch(
  folder: string,
  { namespace, segmentationOffload }: OpenVSwitchOptions,
): Promise<OpenVSwitch> {
  mkdirSync(folder, { recursive: true })
  const options = { namespace, environment: runDirectory(folder) }
  const database = join(folder, 'conf.db')
  await run('ovsdb-tool', ['create', database, SCHEMA])
  const server = start(
    'ovsdb-server',
    [
      database,
      `--remote=punix:${socketOf(folder)}`,
      `--unixctl=${join(folder, 'ovsdb.ctl')}`,
      '-vconsole:off',
    ],
    options,
  )
  await waitFor(socketOf(folder), server)
  await vsctl(folder, ['--no-wait', 'init'])
  if (segmentationOffload) {
    const setting = 'other_config:userspace-tso-enable=true'
    await vsctl(folder, ['--no-wait', 'set', 'Open_vSwitch', '.', setting])
  }

  const control = join(folder, 'vswitchd.ctl')
  const vswitchd = start(
    'ovs-vswitchd',
    [`unix:${socketOf(folder)}`, `--unixctl=${control}`, `--log-file=${logOf(folder)}`, '-vconsole:off'],
    options,
  )
  await waitFor(control, vswitchd)
  return {
    pids: [vswitchd.pid],
    pin: (core) => pinProcesses([vswitchd.pid], core),
    async stop() {
      await vswitchd.stop()
      await server.stop()
    },
  }
}

/** Asks the database of the one in `folder`. */
export function vsctl(folder: string, args: readonly string[]): Promise<string> {
  return run('ovs-vsctl', [`--db=unix:${socketOf(folder)}`, '--timeout=10', ...args], {
    environment: runDirectory(folder),
  })
}

async function waitFor(path: string, daemon: Background): Promise<void> {
  for (const end = Date.now() + START_MS; !existsSync(path); ) {
    if (Date.now() > end) throw new CommandError(`process ${daemon.pid} did not make ${path}`)
    await sleep(10)
  }
}

const socketOf = (folder: string): string => join(folder, 'db.sock')
/** Where its log is. */
export const logOf = (folder: string): string => join(folder, 'vswitchd.log')
const runDirectory = (folder: string): Record<string, string> => ({
  OVS_RUNDIR: folder,
  OVS_LOGDIR: folder,
  OVS_DBDIR: folder,
})
