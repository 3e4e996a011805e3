import type { Contender } from '../contender.ts'
import { INTERFACE } from '../test-bed.ts'

/** What Docker's bridge driver builds, without its firewall rules. */
export const kernelBridge: Contender = {
  id: 'kernel-bridge',
  title: 'Kernel bridge',
  description: 'veth pairs into a Linux bridge, no firewall rules',
  needs: {},
  async start(bed) {
    await bed.ip('s', ['link', 'add', 'br0', 'type', 'bridge'])
    await bed.ip('s', ['link', 'set', 'br0', 'up'])
    for (const place of ['a', 'b'] as const) {
      const port = `port-${place}`
      await bed.cable('s', port, place, INTERFACE)
      await bed.ip('s', ['link', 'set', port, 'master', 'br0', 'up'])
    }
    return {
      pids: [],
      // A veth hands its frames over on the core that sends them; there is no forwarder that could be moved.
      pin: async () => undefined,
      stop: async () => undefined,
    }
  },
}
