import { pinProcesses } from '../../pin.ts'
import { type Background, startUntil } from '../../process.ts'
import { type NatBed, PUBLISHED_PORTS } from '../bed.ts'
import type { NatContender } from '../gateway.ts'
import { makeBridge } from './kernel.ts'

const NOT_ITS_WAY = 'traffic that the sandbox begins does not pass through it; the kernel’s row has it'

/** Docker's userland proxy, as the engine starts it: a process for each published port, in place of DNAT. */
export const dockerProxy: NatContender = {
  id: 'docker-proxy',
  title: 'docker-proxy',
  description: 'the userland proxy of docker.io, a process for each published port; the rest is the kernel’s',
  needs: { 'docker.io': ['docker-proxy'], iptables: ['iptables'] },
  without: { tcpOut: NOT_ITS_WAY, connectionsOut: NOT_ITS_WAY, ping: NOT_ITS_WAY },
  async start(bed) {
    const sandbox = await makeBridge(bed)
    const proxies: Background[] = []
    const stop = async (): Promise<void> => {
      for (const proxy of proxies) await proxy.stop()
    }
    try {
      for (const port of PUBLISHED_PORTS) proxies.push(await startProxy(bed, sandbox.address, port))
    } catch (error) {
      await stop()
      throw error
    }
    const pids = proxies.map(({ pid }) => pid)
    return { sandbox, pids, pin: (core) => pinProcesses(pids, core), stop }
  },
}

/** It tells the engine on descriptor 3 that it listens, by a line with 0, or with 1 and why it does not. */
function startProxy(bed: NatBed, address: string, port: number): Promise<Background> {
  const args = ['-proto', 'tcp', '-host-ip', '0.0.0.0', '-host-port', String(port)]
  args.push('-container-ip', address, '-container-port', String(port))
  return startUntil('0\n', 'sh', ['-c', 'exec docker-proxy "$@" 3>&1', 'sh', ...args], {
    namespace: bed.path('host'),
  })
}
