import { iperfTcp } from '../../iperf.ts'
import { INTERFACE } from '../../test-bed.ts'
import { HOST, INTERNET } from '../bed.ts'
import type { NatMeasure } from '../gateway.ts'

/** One TCP connection from the sandbox to the internet. Threads run where the scheduler puts them, as in real use. */
export const tcpOut: NatMeasure = {
  id: 'tcpOut',
  title: 'TCP out',
  async run(bed, { sandbox, pids }, effort) {
    const path = {
      from: sandbox.namespace,
      to: bed.path('internet'),
      address: INTERNET,
      arrivalInterface: INTERFACE,
    }
    const { gigabits, cpuSystem } = await iperfTcp(path, pids, effort.seconds, 1)
    return { tcpOut: gigabits, cpuOut: cpuSystem }
  },
}

/** One TCP connection from the internet to a published port, iperf3's own. */
export const tcpIn: NatMeasure = {
  id: 'tcpIn',
  title: 'TCP in',
  async run(bed, { sandbox, pids }, effort) {
    const path = {
      from: bed.path('internet'),
      to: sandbox.namespace,
      address: HOST,
      arrivalInterface: INTERFACE,
    }
    const { gigabits, cpuSystem } = await iperfTcp(path, pids, effort.seconds, 1)
    return { tcpIn: gigabits, cpuIn: cpuSystem }
  },
}
