import { hostPortsConformance } from './host-ports.conformance.ts'
import { MemoryHostPorts } from './memory-host-ports.ts'

hostPortsConformance('MemoryHostPorts as HostPorts', () => {
  const busy = new Set<string>()
  const ports = new MemoryHostPorts(async (_name, action) => action(), busy)
  return {
    ports,
    occupy: async (protocol, address, port) => {
      const entry = `${address} ${port}/${protocol}`
      busy.add(entry)
      return async () => void busy.delete(entry)
    },
    close: () => undefined,
  }
})
