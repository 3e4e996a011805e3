/**
 * The commands that people wait for, on both sides: each turn runs a sandbox on a network, connects it to another one, lists the
 * networks, and removes the sandbox again, which is not measured.
 */

import { DockerEngine } from '../docker-engine.ts'
import type { TapwireDaemon } from '../tapwire-daemon.ts'
import type { Gathering } from './figures.ts'
import { time, timeCommand } from './timing.ts'

const NETWORKS = ['bench-one', 'bench-two', 'bench-three'] as const
const [FIRST, SECOND, THIRD] = NETWORKS
const COMMAND = ['sleep', '1000']

/** A side whose turn it is. */
export interface Side {
  turn(round: number): Promise<void>
}

/** Makes the networks; what is returned makes a side that adds to `gathering`. */
export async function tapwireSide(daemon: TapwireDaemon): Promise<(gathering: Gathering) => Side> {
  for (const Name of NETWORKS) await daemon.request('POST', '/networks', { Name })
  const command = (...args: readonly string[]) => timeCommand(daemon.command(...args))
  return (gathering) => ({
    async turn(round) {
      gathering.add('tapwire', 'client', command('--version').ms)
      const name = `by-command-${round}`
      const ran = command('run', '-d', '--network', FIRST, '--name', name, '--', ...COMMAND)
      gathering.add('tapwire', 'run', ran.ms)
      gathering.add('tapwire', 'connect', command('network', 'connect', SECOND, name).ms)
      gathering.add('tapwire', 'list', command('network', 'ls').ms)
      gathering.add(
        'tapwire',
        'connectRequest',
        (await time(() => daemon.request('POST', `/networks/${THIRD}/connect`, { Container: name }))).ms,
      )
      gathering.add('tapwire', 'listRequest', (await time(() => daemon.request('GET', '/networks'))).ms)
      const requested = await time(() => runByRequests(daemon, `by-request-${round}`, FIRST))
      gathering.add('tapwire', 'runRequests', requested.ms)
      for (const id of [ran.output, requested.value]) await removeSandbox(daemon, id)
    },
  })
}

export function dockerSide(engine: DockerEngine): (gathering: Gathering) => Side {
  for (const network of NETWORKS) engine.succeed(['network', 'create', network])
  const env = { ...process.env, DOCKER_CONFIG: `${engine.folder}/client` }
  const command = (...args: readonly string[]) => timeCommand(engine.command(args), env)
  return (gathering) => ({
    async turn(round) {
      gathering.add('docker', 'client', command('--version').ms)
      const name = `by-command-${round}`
      gathering.add(
        'docker',
        'run',
        command('run', '-d', '--network', FIRST, '--name', name, DockerEngine.image, ...COMMAND).ms,
      )
      gathering.add('docker', 'connect', command('network', 'connect', SECOND, name).ms)
      gathering.add('docker', 'list', command('network', 'ls').ms)
      engine.succeed(['rm', '-f', name])
    },
  })
}

/** What `run -d` asks the daemon for; resolves to the id. */
export async function runByRequests(daemon: TapwireDaemon, name: string, network: string): Promise<string> {
  const { Id } = await daemon.request<{ Id: string }>('POST', `/sandboxes?name=${name}`, {
    Cmd: COMMAND,
    HostConfig: { NetworkMode: network },
  })
  await daemon.request('POST', `/sandboxes/${Id}/start`)
  return Id
}

export async function removeSandbox(daemon: TapwireDaemon, id: string): Promise<void> {
  await daemon.request('DELETE', `/sandboxes/${id}?force=true`)
}
