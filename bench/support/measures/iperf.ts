import type { Forwarder } from '../contender.ts'
import { readCpuTime } from '../cpu.ts'
import { type Effort, type Measure, check } from '../measure.ts'
import { run, startUntil } from '../process.ts'
import { ADDRESS, INTERFACE, type TestBed } from '../test-bed.ts'

const UDP_PAYLOAD = 1400
const GIGABYTE = 1e9
/** Linux's default, named so that a machine with another one measures the same. */
const CONGESTION_CONTROL = 'cubic'

/**
 * One TCP connection from a to b. Where the threads run is the scheduler's affair: two ends and a forwarder on a
 * machine of any size, as in real use.
 *
 * CPU seconds per gigabyte come from the same run. The kernel bridge has no process, and what an interrupt does
 * counts for none, so the fair figure is the time of the whole machine, both ends included.
 */
export const tcpOneStream: Measure = {
  id: 'tcp1',
  title: 'TCP, 1 stream',
  async run(bed, forwarder, effort) {
    const { gigabits, bytes, system, processes } = await tcp(bed, forwarder, effort, 1)
    return {
      tcp1: gigabits,
      cpuSystem: (system * GIGABYTE) / bytes,
      ...(forwarder.pids.length > 0 ? { cpuForwarder: (processes * GIGABYTE) / bytes } : {}),
    }
  },
}

export const tcpFourStreams: Measure = {
  id: 'tcp4',
  title: 'TCP, 4 streams',
  async run(bed, forwarder, effort) {
    return { tcp4: (await tcp(bed, forwarder, effort, 4)).gigabits }
  },
}

/** As many datagrams of 1400 bytes as a will send; what counts is what b gets. */
export const udp: Measure = {
  id: 'udp',
  title: 'UDP, 1400 B',
  async run(bed, forwarder, effort) {
    const result = await iperf(bed, forwarder, effort, ['-u', '-b', '0', '-l', String(UDP_PAYLOAD)])
    const { sum_sent: sent, sum_received: received } = result.report.end
    const datagrams = received.bytes / UDP_PAYLOAD
    check(datagrams > 0, 'no datagram arrived')
    check(received.bytes <= sent.bytes, `${received.bytes} bytes received of ${sent.bytes} sent`)
    check(result.arrivedPackets >= datagrams, `${datagrams} datagrams in ${result.arrivedPackets} frames`)
    return { udp: received.bits_per_second / 1e9, udpLoss: 100 * (1 - received.bytes / sent.bytes) }
  },
}

interface TcpResult {
  readonly gigabits: number
  readonly bytes: number
  readonly system: number
  readonly processes: number
}

async function tcp(bed: TestBed, forwarder: Forwarder, effort: Effort, streams: number): Promise<TcpResult> {
  const result = await iperf(bed, forwarder, effort, ['-C', CONGESTION_CONTROL, '-P', String(streams)])
  const { sum_sent: sent, sum_received: received } = result.report.end
  check(received.bytes > 0, 'nothing arrived')
  check(received.bytes <= sent.bytes, `${received.bytes} bytes received of ${sent.bytes} sent`)
  // Frames have headers: if fewer bytes came through the interface than iperf3 read, they took another way.
  check(
    result.arrivedBytes >= received.bytes,
    `${received.bytes} bytes in ${result.arrivedBytes} on the interface`,
  )
  return { ...result, gigabits: received.bits_per_second / 1e9, bytes: received.bytes }
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
  readonly report: IperfReport
  /** What b's interface counted meanwhile. */
  readonly arrivedBytes: number
  readonly arrivedPackets: number
  /** CPU seconds. */
  readonly system: number
  readonly processes: number
}

async function iperf(
  bed: TestBed,
  forwarder: Forwarder,
  effort: Effort,
  args: readonly string[],
): Promise<IperfResult> {
  const server = await startUntil('Server listening', 'iperf3', ['-s', '-1', '--forceflush'], {
    namespace: bed.path('b'),
  })
  try {
    const arrivedBefore = await receiveCounters(bed)
    const cpuBefore = readCpuTime(forwarder.pids)
    const client = ['-c', ADDRESS.b, '-t', String(effort.seconds), '-J', ...args]
    const output = await run('iperf3', client, {
      namespace: bed.path('a'),
      timeoutMs: (effort.seconds + 20) * 1000,
    })
    const cpuAfter = readCpuTime(forwarder.pids)
    const arrivedAfter = await receiveCounters(bed)
    return {
      report: JSON.parse(output) as IperfReport,
      arrivedBytes: arrivedAfter.bytes - arrivedBefore.bytes,
      arrivedPackets: arrivedAfter.packets - arrivedBefore.packets,
      system: cpuAfter.system - cpuBefore.system,
      processes: cpuAfter.processes - cpuBefore.processes,
    }
  } finally {
    await server.stop()
  }
}

interface Received {
  readonly bytes: number
  readonly packets: number
}

async function receiveCounters(bed: TestBed): Promise<Received> {
  const links = JSON.parse(await bed.ip('b', ['-j', '-s', 'link', 'show', INTERFACE])) as {
    stats64: { rx: Received }
  }[]
  return links[0]!.stats64.rx
}
