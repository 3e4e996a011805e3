import { mkdirSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { pinProcesses } from '../../pin.ts'
import { CommandError, startUntil } from '../../process.ts'
import { INTERFACE } from '../../test-bed.ts'
import { PUBLISHED_PORTS } from '../bed.ts'
import type { NatContender } from '../gateway.ts'

/** What `--configure` gives the sandbox. */
const SANDBOX_ADDRESS = '10.0.2.100'

/** The stack of rootless containers: libslirp takes frames from a TAP apart and makes connections of its own. */
export const slirp4netns: NatContender = {
  id: 'slirp4netns',
  title: 'slirp4netns',
  description: 'libslirp on a TAP with an MTU of 65520, ports published through its API socket',
  needs: { slirp4netns: ['slirp4netns'] },
  async start(bed, folder) {
    mkdirSync(folder, { recursive: true })
    const api = join(folder, 'slirp4netns.sock')
    const options = ['--netns-type=path', '--configure', '--mtu=65520', '--disable-host-loopback']
    const told = ['--api-socket', api, '--ready-fd', '3']
    const slirp = await startUntil(
      // The byte on the descriptor is a 1; its own words go to standard error, out of the way.
      '1',
      'sh',
      ['-c', 'exec slirp4netns "$@" 3>&1 1>&2', 'sh', ...options, ...told, bed.path('sandbox'), INTERFACE],
      { namespace: bed.path('host') },
    )
    try {
      for (const port of PUBLISHED_PORTS) await publish(api, port)
    } catch (error) {
      await slirp.stop()
      throw error
    }
    return {
      sandbox: bed.sandbox(SANDBOX_ADDRESS),
      pids: [slirp.pid],
      pin: (core) => pinProcesses([slirp.pid], core),
      stop: () => slirp.stop(),
    }
  },
}

/** One request a connection: JSON there, JSON back. */
async function publish(api: string, port: number): Promise<void> {
  const socket = connect({ path: api, allowHalfOpen: true })
  const forward = { proto: 'tcp', host_addr: '0.0.0.0', host_port: port }
  const guest = { guest_addr: SANDBOX_ADDRESS, guest_port: port }
  socket.end(JSON.stringify({ execute: 'add_hostfwd', arguments: { ...forward, ...guest } }))
  const answer = await text(socket)
  if (!('return' in (JSON.parse(answer) as object))) throw new CommandError(`slirp4netns: ${answer}`)
}
