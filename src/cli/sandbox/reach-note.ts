/** What `-p` promises to whoever knows Docker, and what holds on a daemon that has no way out. */
import type { SandboxCreate } from '../../control/api/sandbox.ts'
import type { Uplink } from '../../control/api/uplink.ts'
import { TapwireError } from '../../control/errors.ts'
import type { ApiClient } from '../api-client.ts'
import type { Cli } from '../cli.ts'
import { colorsFor } from '../colors.ts'

type HostConfig = NonNullable<SandboxCreate['HostConfig']>
type Publishing = Pick<HostConfig, 'NetworkMode' | 'PortBindings' | 'PublishAllPorts'>

const NOTE =
  'there is no uplink, so published ports are reached from this machine and from sandboxes only; `tapwire uplink set nic` ' +
  'opens them to its network.'

/** One line on standard error, where it applies. What the caller has done is done: no failure comes of this. */
export async function noteReach(cli: Cli, api: ApiClient, publishing: Publishing): Promise<void> {
  if (!isForOthers(publishing)) return
  try {
    const { Uplink: wanted, Up } = await api.get<Uplink>('/uplink')
    if (wanted !== 'none' || Up) return
  } catch (error) {
    if (error instanceof TapwireError) return
    throw error
  }
  cli.stderr.write(`${colorsFor(cli, cli.stderr).cyan('note:')} ${NOTE}\n`)
}

/** Whether anything is published for more than the machine itself. */
function isForOthers({ NetworkMode = 'default', PortBindings, PublishAllPorts }: Publishing): boolean {
  if (/^(none|host|container:.*)$/.test(NetworkMode)) return false
  const bindings = Object.values(PortBindings ?? {}).flatMap((some) => some ?? [])
  return PublishAllPorts === true || bindings.some(({ HostIp = '' }) => !isLoopback(HostIp))
}

const isLoopback = (address: string): boolean => address.startsWith('127.') || address === '::1'
