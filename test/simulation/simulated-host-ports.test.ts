import { SimulatedHostPorts } from '../../src/simulation/simulated-host-ports.ts'
import { hostPortsConformance } from '../control/controller/host-ports.conformance.ts'

hostPortsConformance('SimulatedHostPorts as HostPorts', () => {
  const ports = new SimulatedHostPorts()
  return {
    ports,
    occupy: async (protocol, address, port) => {
      const target = { address: '', first: 1 }
      const reservation = await ports.open({ protocol, address, first: port, last: port, target })
      return () => reservation.close()
    },
    close: () => undefined,
  }
})
