/** The machine's own end of a network: a TAP in the daemon's namespace, with the gateway's addresses, as docker0 is. */

import { ErrorCode, TapwireError } from '../control/errors.ts'
import type { FabricPort } from '../control/model/machine.ts'
import { TapError } from '../ports/tap.ts'
import type { Datapath } from './datapath.ts'
import { run } from './program.ts'

/** It is an ordinary TAP, which goes with whoever has it open. Throws what says why not, and leaves nothing. */
export async function openHostInterface(
  datapath: Pick<Datapath, 'addPort' | 'removePort'>,
  { port, domain, namespace, name, mac, mtu, offload, addresses = [] }: FabricPort,
): Promise<void> {
  try {
    await datapath.addPort({
      port,
      domain,
      name,
      mac,
      mtu,
      offload,
      host: true,
      ...(namespace === '' ? undefined : { namespace }),
    })
  } catch (cause) {
    if (!(cause instanceof TapError)) throw cause
    throw new TapwireError(ErrorCode.networkConfigInvalid, cause.message, { hint: cause.hint, cause })
  }
  try {
    await configure(namespace, name, addresses)
  } catch (error) {
    await datapath.removePort(port)
    throw error
  }
}

async function configure(namespace: string, name: string, addresses: readonly string[]): Promise<void> {
  const commands = [
    ...addresses.map((address) =>
      address.includes(':')
        ? `address replace ${address} nodad dev ${name}`
        : `address replace ${address} brd + dev ${name}`,
    ),
    `link set dev ${name} up`,
  ].join('\n')
  if (namespace === '') await run('ip', ['-batch', '-'], commands)
  else await run('nsenter', [`--net=${namespace}`, 'ip', '-batch', '-'], commands)
}
