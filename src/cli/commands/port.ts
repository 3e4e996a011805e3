import type { Command } from 'commander'
import { apiClient } from '../api-client.ts'
import type { Cli } from '../cli.ts'
import { naturalOrder } from '../natural-order.ts'
import { examples, usage } from '../options.ts'
import { inspectSandbox } from '../sandbox/foreground.ts'

export function definePort(command: Command, cli: Cli): void {
  command
    .description("Lists a sandbox's published ports, or tells where one of them is published.")
    .argument('<sandbox>', 'name or id')
    .argument('[port]', 'a port of the sandbox: 80, 80/udp')
    .addHelpText('after', examples('tapwire port web', 'tapwire port web 80/tcp'))
    .action((sandbox: string, port: string | undefined) => showPorts(cli, sandbox, port))
}

async function showPorts(cli: Cli, sandbox: string, port: string | undefined): Promise<void> {
  const { NetworkSettings } = await inspectSandbox(apiClient(cli), sandbox)
  const published = Object.entries(NetworkSettings.Ports).flatMap(([name, bindings]) =>
    (bindings ?? []).map(({ HostIp, HostPort }) => ({
      name,
      address: `${HostIp.includes(':') ? `[${HostIp}]` : HostIp}:${HostPort}`,
    })),
  )
  if (port === undefined) {
    const sorted = published.toSorted((a, b) => naturalOrder(a.name, b.name))
    const lines = sorted.map(({ name, address }) => `${name} -> ${address}`)
    cli.stdout.write(lines.map((line) => `${line}\n`).join(''))
    return
  }
  const [number = '', protocol = 'tcp'] = port.split('/', 2)
  if (!/^\d+$/.test(number)) {
    throw usage(
      `invalid port (${number}): strconv.ParseUint: parsing ${JSON.stringify(number)}: invalid syntax`,
    )
  }
  const wanted = `${Number(number)}/${protocol}`
  const found = published.filter(({ name }) => name === wanted)
  if (found.length === 0) throw usage(`No public port '${port}' published for ${sandbox}`)
  cli.stdout.write(found.map(({ address }) => `${address}\n`).join(''))
}
