/** A sandbox that runs: its shim, and the daemon's connection to it. */

import { constants } from 'node:os'
import type { Duplex } from 'node:stream'
import type { CommandPlan, RunningSandbox, SandboxExit, SandboxFiles } from '../../control/model/machine.ts'
import { decodeNumber, encodeFrame, encodePlan, encodeSignal, FrameType } from '../../control/shim-frames.ts'
import { SHIM_TIMEOUT_MS } from '../../limits.ts'
import { run } from '../program.ts'
import type { Holder } from './holder.ts'
import { idleTapsOf } from './idle-taps.ts'
import type { LeftBehind } from './left-behind.ts'
import type { NamespaceLink } from './namespace-link.ts'
import { isNotRunnable, runInside } from './run-inside.ts'
import type { SandboxDirectory, SandboxFacts } from './sandbox-directory.ts'
import { openStream, type ShimConnection } from './shim-connection.ts'

/** What a killed shim's sandbox is taken to have ended with. */
const KILLED = 128 + constants.signals.SIGKILL

export interface ShimSandboxParts {
  readonly id: string
  readonly directory: SandboxDirectory
  readonly holder: Holder
  readonly connection: ShimConnection
  readonly leftBehind: LeftBehind
  readonly network: SandboxFacts['network']
  /** Undefined where the network namespace is the daemon's own. */
  readonly link: NamespaceLink | undefined
}

const OWN_NAMESPACE = '/proc/self/ns/net'

export class ShimSandbox implements RunningSandbox {
  readonly id: string
  readonly exited: Promise<SandboxExit>
  readonly #parts: ShimSandboxParts
  #pid: number | undefined
  #released = false

  constructor(parts: ShimSandboxParts) {
    this.#parts = parts
    this.id = parts.id
    this.exited = this.#end()
  }

  get pid(): number {
    const { connection, holder } = this.#parts
    return this.#pid ?? (connection.commandPid || holder.pid)
  }

  get networkNamespace(): string {
    const { link } = this.#parts
    this.#restoreLink()
    return link === undefined ? OWN_NAMESPACE : link.path
  }

  async start(plan: CommandPlan): Promise<number> {
    const { tty, openStdin, workingDirectory, command, environment } = plan
    const frames = encodePlan(FrameType.start, { tty, openStdin }, workingDirectory, command, environment)
    const pid = decodeNumber(await this.#parts.connection.request(...frames))
    this.#pid = pid
    return pid
  }

  signal(signal: NodeJS.Signals): void {
    this.#parts.connection.send(encodeSignal(constants.signals[signal]))
  }

  /** Lets the daemon end, and the sandbox live on: `exited` never resolves from here on. */
  release(): void {
    this.#released = true
    this.#parts.connection.close()
  }

  async configure(commands: readonly string[]): Promise<void> {
    const { link } = this.#parts
    if (commands.length === 0) return
    this.#restoreLink()
    const batch = ['-batch', '-']
    const input = commands.join('\n')
    try {
      await runInside(this.#parts.directory.socketPath, ['ip', ...batch], input)
    } catch (error) {
      if (!isNotRunnable(error)) throw error
      if (!this.#parts.holder.isAlive()) throw error
      // Somebody has mounted something over it in there; the machine may have one all the same.
      await run('ip', [...(link === undefined ? [] : ['-n', link.name]), ...batch], input)
    }
  }

  /** Only of a namespace of its own: TAPs in another's are the other's. */
  async idleTaps(mac?: string): Promise<readonly string[]> {
    return this.#parts.network === 'own' ? idleTapsOf(this.#parts.holder.pid, mac) : []
  }

  async setSysctls(values: Readonly<Record<string, string>>): Promise<void> {
    const requests = Object.entries(values).map(([name, value]) =>
      this.#parts.connection
        .request(encodeFrame(FrameType.sysctl, Buffer.from(`${sysctlPath(name)}\0${value}`)))
        .catch((error: unknown) => {
          if (!isWithoutIpv6(name, value, error)) throw error
        }),
    )
    // All of them have been tried when one is told to have failed.
    const failed = (await Promise.allSettled(requests)).find((result) => result.status === 'rejected')
    if (failed !== undefined) throw failed.reason
  }

  writeFiles(files: SandboxFiles): void {
    this.#parts.directory.writeFiles(files)
  }

  attach(): Promise<Duplex> {
    return openStream(this.#parts.directory.socketPath, encodeFrame(FrameType.attach))
  }

  exec(plan: CommandPlan): Promise<Duplex> {
    const { command, environment, workingDirectory } = plan
    return openStream(
      this.#parts.directory.socketPath,
      ...encodePlan(FrameType.exec, plan, workingDirectory, command, environment),
    )
  }

  /** Ends it with all that runs in it, by force if it must be; resolves when it has ended. */
  async stop(): Promise<void> {
    const { connection, holder } = this.#parts
    connection.send(encodeFrame(FrameType.lastwords))
    const timer = setTimeout(() => void holder.kill().then(() => connection.close()), SHIM_TIMEOUT_MS)
    await this.exited
    clearTimeout(timer)
  }

  /** Somebody may have removed it, `ip netns delete` for example, which leaves the namespace itself. */
  #restoreLink(): void {
    const { link, holder } = this.#parts
    if (holder.isAlive()) link?.write(holder.pid)
  }

  async #end(): Promise<SandboxExit> {
    const { connection, holder, directory, leftBehind } = this.#parts
    const exitCode = await connection.ended
    if (this.#released) return new Promise(() => {})
    // Killed, or as good as that: a shim that does not tell of the exit before it hangs up is of no use any more.
    if (exitCode === undefined) await holder.kill()
    if (exitCode === undefined || directory.hasLeftBehind()) await leftBehind.kill(directory.name)
    return directory.readExit() ?? { exitCode: exitCode ?? KILLED, finishedAt: new Date().toISOString() }
  }
}

/** Whether IPv6 is to be off where there is none: on an interface whose MTU is below 1280, or in a kernel that goes without. */
const isWithoutIpv6 = (name: string, value: string, error: unknown): boolean =>
  name.endsWith('.disable_ipv6') &&
  value === '1' &&
  error instanceof Error &&
  error.message.endsWith('No such file or directory')

/** `net.ipv4.conf.eth0/1.forwarding` is net/ipv4/conf/eth0.1/forwarding, as sysctl(8) has it. */
const sysctlPath = (name: string): string =>
  name.replaceAll(/[./]/g, (separator) => (separator === '.' ? '/' : '.'))
