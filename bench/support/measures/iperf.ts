import { type IperfPath, iperf, iperfTcp } from '../iperf.ts'
import { check, type Measure } from '../measure.ts'
import { ADDRESS, type Ends, INTERFACE } from '../test-bed.ts'

const UDP_PAYLOAD = 1400

/**
 * One TCP connection from a to b. Where the threads run is the scheduler's affair: two ends and a forwarder on a
 * machine of any size, as in real use.
 *
 * CPU seconds per gigabyte come from the same run. The kernel bridge has no process, and what an interrupt does
 * counts for none, so the fair figure is the time of the whole machine, both ends included.
 */
export const tcpOneStream: Measure<Ends> = {
  id: 'tcp1',
  title: 'TCP, 1 stream',
  async run(bed, { pids }, effort) {
    const { gigabits, cpuSystem, cpuProcesses } = await iperfTcp(fromAToB(bed), pids, effort.seconds, 1)
    return { tcp1: gigabits, cpuSystem, ...(pids.length > 0 ? { cpuForwarder: cpuProcesses } : {}) }
  },
}

export const tcpFourStreams: Measure<Ends> = {
  id: 'tcp4',
  title: 'TCP, 4 streams',
  async run(bed, { pids }, effort) {
    return { tcp4: (await iperfTcp(fromAToB(bed), pids, effort.seconds, 4)).gigabits }
  },
}

/** As many datagrams of 1400 bytes as a will send; what counts is what b gets. */
export const udp: Measure<Ends> = {
  id: 'udp',
  title: 'UDP, 1400 B',
  async run(bed, { pids }, effort) {
    const args = ['-u', '-b', '0', '-l', String(UDP_PAYLOAD)]
    const { sent, received, arrived } = await iperf(fromAToB(bed), pids, effort.seconds, args)
    const datagrams = received.bytes / UDP_PAYLOAD
    check(datagrams > 0, 'no datagram arrived')
    check(received.bytes <= sent.bytes, `${received.bytes} bytes received of ${sent.bytes} sent`)
    check(arrived.packets >= datagrams, `${datagrams} datagrams in ${arrived.packets} frames`)
    return { udp: received.bits_per_second / 1e9, udpLoss: 100 * (1 - received.bytes / sent.bytes) }
  },
}

function fromAToB(bed: Ends): IperfPath {
  return { from: bed.path('a'), to: bed.path('b'), address: ADDRESS.b, arrivalInterface: INTERFACE }
}
