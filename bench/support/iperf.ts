import { readCpuTime } from './cpu.ts'
import { check } from './measure.ts'
import { run, startUntil } from './process.ts'

/** Linux's default, named so that a machine with another one measures the same. */
export const CONGESTION_CONTROL = 'cubic'
const GIGABYTE = 1e9

/** Which way iperf3 sends. */
export interface IperfPath {
  /** Namespace paths of client, which sends, and server, which receives. */
  readonly from: string
  readonly to: string
  /** Where the client finds the server. */
  readonly address: string
  /** The server's interface, which must have counted what the server read. */
  readonly arrivalInterface: string
}

/** The part of `iperf3 -J` that is read here. */
interface IperfReport {
  readonly end: { readonly sum_sent: IperfSum; readonly sum_received: IperfSum }
}

interface IperfSum {
  readonly bytes: number
  readonly bits_per_second: number
}

interface IperfResult {
  readonly sent: IperfSum
  readonly received: IperfSum
  /** What the interface counted meanwhile. */
  readonly arrived: Arrived
  /** CPU seconds. */
  readonly system: number
  readonly processes: number
}

interface Arrived {
  readonly bytes: number
  readonly packets: number
}

export interface TcpFigures {
  readonly gigabits: number
  /** CPU seconds per gigabyte: of the whole machine, and of the given processes. */
  readonly cpuSystem: number
  readonly cpuProcesses: number
}

/** TCP for some seconds. Throws where what was read did not come through the interface. */
export async function iperfTcp(
  path: IperfPath,
  pids: readonly number[],
  seconds: number,
  streams: number,
): Promise<TcpFigures> {
  const { sent, received, arrived, system, processes } = await iperf(path, pids, seconds, [
    '-C',
    CONGESTION_CONTROL,
    '-P',
    String(streams),
  ])
  check(received.bytes > 0, 'nothing arrived')
  check(received.bytes <= sent.bytes, `${received.bytes} bytes received of ${sent.bytes} sent`)
  // Frames have headers: if fewer bytes came through the interface than iperf3 read, they took another way.
  check(arrived.bytes >= received.bytes, `${received.bytes} bytes in ${arrived.bytes} on the interface`)
  return {
    gigabits: received.bits_per_second / 1e9,
    cpuSystem: (system * GIGABYTE) / received.bytes,
    cpuProcesses: (processes * GIGABYTE) / received.bytes,
  }
}

export async function iperf(
  path: IperfPath,
  pids: readonly number[],
  seconds: number,
  args: readonly string[],
): Promise<IperfResult> {
  const server = await startUntil('Server listening', 'iperf3', ['-s', '-1', '--forceflush'], {
    namespace: path.to,
  })
  try {
    const arrivedBefore = await readArrived(path)
    const cpuBefore = readCpuTime(pids)
    const client = ['-c', path.address, '-t', String(seconds), '-J', ...args]
    const output = await run('iperf3', client, { namespace: path.from, timeoutMs: (seconds + 20) * 1000 })
    const cpuAfter = readCpuTime(pids)
    const arrivedAfter = await readArrived(path)
    const { sum_sent: sent, sum_received: received } = (JSON.parse(output) as IperfReport).end
    return {
      sent,
      received,
      arrived: {
        bytes: arrivedAfter.bytes - arrivedBefore.bytes,
        packets: arrivedAfter.packets - arrivedBefore.packets,
      },
      system: cpuAfter.system - cpuBefore.system,
      processes: cpuAfter.processes - cpuBefore.processes,
    }
  } finally {
    await server.stop()
  }
}

async function readArrived({ to, arrivalInterface }: IperfPath): Promise<Arrived> {
  const output = await run('ip', ['-j', '-s', 'link', 'show', arrivalInterface], { namespace: to })
  return (JSON.parse(output) as { stats64: { rx: Arrived } }[])[0]!.stats64.rx
}
