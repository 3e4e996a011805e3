import type { Command } from 'commander'
import type { PortsPublished, UnpublishPorts } from '../../control/api/sandbox.ts'
import { apiClient, segment } from '../api-client.ts'
import type { Cli } from '../cli.ts'
import { examples } from '../options.ts'
import { parseExpose, portBindings } from '../sandbox/publish.ts'
import { noteReach } from '../sandbox/reach-note.ts'
import { portLines } from './port.ts'

const SPEC = "as in 'run --publish': 8080:80, 127.0.0.1:8053:53/udp, 8000-8010:80, 80"

export function definePortAdd(command: Command, cli: Cli): void {
  command
    .description(
      'Publishes ports of a sandbox, while it runs or not, and prints where they are. A restart keeps them. Where one of them ' +
        'cannot be published, none is.',
    )
    .argument('<sandbox>', 'name or id')
    .argument('<spec...>', SPEC)
    .addHelpText('after', examples('tapwire port add web 8080:80', 'tapwire port add dns 53:53/udp 53:53'))
    .action((sandbox: string, specs: string[]) => add(cli, sandbox, specs))
}

export function definePortRm(command: Command, cli: Cli): void {
  command
    .description(
      'Publishes ports of a sandbox no more: the one that is said, or all that a port of the sandbox is published on. ' +
        'Connections by them end; of a range of which a part stays, all of its connections.',
    )
    .argument('<sandbox>', 'name or id')
    .argument('<port...>', "8080:80 as in 'run --publish', or a port of the sandbox: 80, 80/udp, 80-90")
    .addHelpText('after', examples('tapwire port rm web 8080:80', 'tapwire port rm web 80/tcp'))
    .action((sandbox: string, ports: string[]) => remove(cli, sandbox, ports))
}

async function add(cli: Cli, sandbox: string, specs: readonly string[]): Promise<void> {
  const body = { PortBindings: portBindings(specs) }
  const api = apiClient(cli)
  const { Ports } = await api.post<PortsPublished>(pathOf(sandbox), { body })
  cli.stdout.write(
    portLines(Ports)
      .map((line) => `${line}\n`)
      .join(''),
  )
  await noteReach(cli, api, body)
}

/** What names no host port is a port of the sandbox, with all that it is published on. */
async function remove(cli: Cli, sandbox: string, ports: readonly string[]): Promise<void> {
  const isSpec = (text: string): boolean => text.includes(':') || text.includes('=')
  const body: UnpublishPorts = {
    Ports: ports.filter((port) => !isSpec(port)).map(parseExpose),
    PortBindings: portBindings(ports.filter(isSpec)),
  }
  await apiClient(cli).delete(pathOf(sandbox), { body })
}

const pathOf = (sandbox: string): string => `/sandboxes/${segment(sandbox)}/ports`
