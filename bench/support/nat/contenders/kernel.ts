import { INTERFACE } from '../../test-bed.ts'
import { HOST, type NatBed, PUBLISHED_PORTS } from '../bed.ts'
import type { Gateway, NatContender, Sandbox } from '../gateway.ts'

const BRIDGE = 'br0'
const NETWORK = '172.20.0.0/16'
const GATEWAY_ADDRESS = '172.20.0.1'
const SANDBOX_ADDRESS = '172.20.0.2'

/** The rules that Docker's bridge driver makes for one network and its published ports. */
export const kernel: NatContender = {
  id: 'kernel',
  title: 'Kernel, iptables',
  description:
    'veth pair into a Linux bridge, ip_forward, MASQUERADE and DNAT, a FORWARD chain that drops the rest',
  needs: { iptables: ['iptables'] },
  async start(bed) {
    const sandbox = await makeBridge(bed)
    for (const port of PUBLISHED_PORTS) {
      await iptables(
        bed,
        `-t nat -A PREROUTING -d ${HOST} -p tcp --dport ${port} -j DNAT --to ${SANDBOX_ADDRESS}`,
      )
      await iptables(
        bed,
        `-A FORWARD -d ${SANDBOX_ADDRESS} ! -i ${BRIDGE} -o ${BRIDGE} -p tcp --dport ${port} -j ACCEPT`,
      )
    }
    return inKernel(sandbox)
  },
}

/** Everything but published ports: the sandbox reaches the internet and nothing reaches it. */
export async function makeBridge(bed: NatBed): Promise<Sandbox> {
  await bed.ip('host', ['link', 'add', BRIDGE, 'type', 'bridge'])
  await bed.ip('host', ['addr', 'add', `${GATEWAY_ADDRESS}/16`, 'dev', BRIDGE])
  await bed.ip('host', ['link', 'set', BRIDGE, 'up'])
  await bed.setCongestionControl(NETWORK, BRIDGE)
  await bed.cable('host', 'port', 'sandbox', INTERFACE)
  await bed.ip('host', ['link', 'set', 'port', 'master', BRIDGE, 'up'])
  await bed.ip('sandbox', ['addr', 'add', `${SANDBOX_ADDRESS}/16`, 'dev', INTERFACE])
  await bed.ip('sandbox', ['link', 'set', INTERFACE, 'up'])
  await bed.ip('sandbox', ['route', 'add', 'default', 'via', GATEWAY_ADDRESS])
  await bed.exec('host', 'sysctl', ['-qw', 'net.ipv4.ip_forward=1'])
  await iptables(bed, '-P FORWARD DROP')
  await iptables(bed, `-t nat -A POSTROUTING -s ${NETWORK} ! -o ${BRIDGE} -j MASQUERADE`)
  await iptables(bed, `-A FORWARD -o ${BRIDGE} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT`)
  await iptables(bed, `-A FORWARD -i ${BRIDGE} ! -o ${BRIDGE} -j ACCEPT`)
  return bed.sandbox(SANDBOX_ADDRESS)
}

/** A gateway without a process: what an interrupt or a system call does cannot be moved to another core. */
function inKernel(sandbox: Sandbox): Gateway {
  return { sandbox, pids: [], pin: async () => undefined, stop: async () => undefined }
}

async function iptables(bed: NatBed, rule: string): Promise<void> {
  await bed.exec('host', 'iptables', ['-w', ...rule.split(' ')])
}
