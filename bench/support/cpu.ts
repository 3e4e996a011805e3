import { readFileSync } from 'node:fs'

/** The unit of time in /proc: USER_HZ, 100 on every architecture that Node runs on. */
const TICKS_PER_SECOND = 100

/** CPU time used so far, in seconds. */
export interface CpuTime {
  /** By everything on the machine: user, system, interrupts. */
  readonly system: number
  /** By the given processes, all their threads. Work that the kernel does in an interrupt counts for nobody. */
  readonly processes: number
}

export function readCpuTime(pids: readonly number[]): CpuTime {
  return { system: machineBusySeconds(), processes: pids.reduce((sum, pid) => sum + processSeconds(pid), 0) }
}

/** The share of all cores that was busy over the next `ms`, 0 to 1: what disturbs a measurement. */
export async function busyShare(cores: number, ms: number): Promise<number> {
  const before = machineBusySeconds()
  await new Promise((resolve) => setTimeout(resolve, ms))
  return (machineBusySeconds() - before) / (cores * (ms / 1000))
}

/** /proc/stat, first line: cpu user nice system idle iowait irq softirq steal … (proc(5)). */
function machineBusySeconds(): number {
  const [user, nice, system, , , irq, softirq] = readFileSync('/proc/stat', 'utf8')
    .split('\n', 1)[0]!
    .split(/\s+/)
    .slice(1)
    .map(Number)
  return (user! + nice! + system! + irq! + softirq!) / TICKS_PER_SECOND
}

/** /proc/PID/stat: utime and stime are fields 14 and 15, counted after the name in parentheses, which is field 2. */
function processSeconds(pid: number): number {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
}

/**
 * Nanoseconds, to the microsecond, that `work` kept its thread busy, at most. Both clocks are upper bounds: that of the wall has in it
 * what else the machine did meanwhile, that of the processor what the other threads of this process did (compiler, garbage collector).
 */
export function busyTime(work: () => void): number {
  const wall = process.hrtime.bigint()
  const cpu = process.cpuUsage()
  work()
  const { user, system } = process.cpuUsage(cpu)
  return Math.min(Number(process.hrtime.bigint() - wall), 1000 * (user + system))
}
