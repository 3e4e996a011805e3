import { ManualClock } from '../../../src/control/registry/manual-clock.ts'
import { MemoryRegistryServer } from '../../../src/control/registry/memory-registry.ts'
import { registryConformance } from './registry.conformance.ts'

registryConformance('memory', async () => {
  const clock = new ManualClock()
  const server = new MemoryRegistryServer(clock)
  return {
    connect: () => server.connect(),
    compact: async (revision) => server.compact(revision),
    outlive: (ttlS) => clock.advance(ttlS * 1000),
    stop: async () => {},
  }
})
