/** The interface of the machine that a macvlan network has for its parent. */

import { closeSync } from 'node:fs'
import { ErrorCode, TapwireError } from '../control/errors.ts'
import { parentMissing, type VlanName, vlanName } from '../control/rules/macvlan-options.ts'
import { openPacketSocket, type PacketSocket, PacketSocketError } from '../ports/packet-socket.ts'
import type { OpenPort } from './datapath.ts'
import { run } from './program.ts'
import { type InterfaceFacts, readInterface } from './uplink/interface-facts.ts'

export interface OpenParent extends OpenPort {
  /** Bytes of IP packet. */
  readonly mtu: number
}

/** By this alias a VLAN's interface is known that we made, and may remove. */
const ALIAS = 'tapwire'

/** Opens it for all frames but the machine's own, and with `passthru` for those too. Throws PARENT_UNUSABLE, where it is not there in Docker's words. */
export async function openParent(name: string, options: { readonly passthru: boolean }): Promise<OpenParent> {
  const vlan = vlanName(name)
  if (vlan !== undefined && (await readInterface(name)) === undefined) await makeVlan(name, vlan)
  const { descriptor, mtu } = openSocket(name, options.passthru)
  return { descriptor, virtio: true, mtu, discard: () => closeSync(descriptor) }
}

/** Removes the interface of a VLAN that we made. Others have not been made by us, and stay. */
export async function releaseParent(name: string): Promise<void> {
  if (vlanName(name) === undefined) return
  const facts = await readInterface(name)
  if (facts?.alias === ALIAS) await run('ip', ['link', 'delete', 'dev', name])
}

function openSocket(name: string, passthru: boolean): PacketSocket {
  try {
    return openPacketSocket({ interface: name, promiscuous: true, withoutOwn: !passthru })
  } catch (error) {
    if (!(error instanceof PacketSocketError)) throw error
    const { code, hint } = error
    const isMissing = code === 'ENODEV' || code === 'ENXIO'
    throw new TapwireError(ErrorCode.parentUnusable, isMissing ? parentMissing(name) : error.message, {
      hint: isMissing ? MISSING_HINT : hint,
      cause: error,
    })
  }
}

const MISSING_HINT = 'There is no such interface on this machine: `ip link` lists those that there are.'

async function makeVlan(name: string, { parent, id }: VlanName): Promise<void> {
  const below: InterfaceFacts | undefined = await readInterface(parent)
  if (below === undefined) {
    throw new TapwireError(ErrorCode.parentUnusable, parentMissing(name), { hint: MISSING_HINT })
  }
  try {
    await run('ip', ['link', 'add', 'link', parent, 'name', name, 'type', 'vlan', 'id', String(id)])
    await run('ip', ['link', 'set', 'dev', name, 'alias', ALIAS, 'up'])
  } catch (cause) {
    const { message } = cause as Error
    const isMissing = /Unknown device type|not supported/.test(message)
    throw new TapwireError(
      ErrorCode.parentUnusable,
      isMissing ? `${name} cannot be made: this kernel has no VLAN interfaces (8021q)` : message,
      { hint: isMissing ? 'Load the module with `modprobe 8021q`.' : undefined, cause },
    )
  }
}
