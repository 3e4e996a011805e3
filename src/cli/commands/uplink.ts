import type { Command } from 'commander'
import type { Uplink, UplinkSet } from '../../control/api/uplink.ts'
import { apiClient } from '../api-client.ts'
import type { Cli } from '../cli.ts'
import { examples } from '../options.ts'
import { formatTable, printJson } from '../output.ts'

const FORMS = `
Uplinks:
  nic                the interface that the machine's default route goes by
  nic:eth0           this interface; its addresses stay the machine's
  tap:NAME,address=203.0.113.1/24[,gateway=203.0.113.254][,namespace=/run/netns/x][,mtu=1500]
                     a TAP of its own, with an address of its own
  none               no way out, as it is at first`

export function defineUplinkLs(command: Command, cli: Cli): void {
  command
    .description(
      'Shows the way out of all networks: what was set, and whether packets pass. Where there is none, sandboxes reach ' +
        'one another and nothing beyond.',
    )
    .option('--json', 'print it as JSON')
    .addHelpText('after', examples('tapwire uplink ls', 'tapwire uplink ls --json | jq -r .Address'))
    .action(async ({ json }: { json?: true }) => {
      const uplink = await apiClient(cli).get<Uplink>('/uplink')
      if (json === true) printJson(cli, uplink)
      else cli.stdout.write(formatUplink(uplink))
    })
}

export function defineUplinkSet(command: Command, cli: Cli): void {
  command
    .description(
      'Sets the way out of all networks, for this daemon and those after it. Sandboxes then reach what the machine ' +
        'reaches, under its address, and published ports can be reached from there.',
    )
    .argument('<uplink>', 'as below')
    .addHelpText(
      'after',
      `${FORMS}\n${examples(
        'tapwire uplink set nic',
        'tapwire uplink set nic:eth0',
        'tapwire uplink set tap:up0,address=203.0.113.1/24,namespace=/run/netns/internet',
      )}`,
    )
    .action(async (uplink: string) => {
      const body: UplinkSet = { Uplink: uplink }
      const set = await apiClient(cli).put<Uplink>('/uplink', { body })
      cli.stdout.write(formatUplink(set))
    })
}

export function defineUplinkUnset(command: Command, cli: Cli): void {
  command
    .description('Takes the way out of all networks away. Connections by it end.')
    .addHelpText('after', examples('tapwire uplink unset'))
    .action(async () => {
      await apiClient(cli).delete('/uplink')
    })
}

function formatUplink(uplink: Uplink): string {
  const { Uplink: spec, Up, Reason, Interface, MacAddress, Address, Gateway, Mtu, Ports } = uplink
  const ports = Ports.Last === 0 ? '' : `${Ports.First}-${Ports.Last}`
  const columns = ['UPLINK', 'STATE', 'INTERFACE', 'MAC', 'ADDRESS', 'GATEWAY', 'MTU', 'PORTS', 'REASON']
  // One that was not set and is there all the same is a network that plays the world.
  const name = spec === 'none' && Up ? 'a network' : spec
  const row = [name, Up ? 'up' : 'down', Interface, MacAddress, Address, Gateway, Mtu || '', ports, Reason]
  // What has nothing to say is left out, so that the line stays short.
  const told = columns.flatMap((column, index) =>
    (column === 'REASON' && Reason === '') || (!Up && row[index] === '') ? [] : [[column, row[index]!]],
  ) as [string, string | number][]
  return formatTable(
    told.map(([column]) => column),
    [told.map(([, cell]) => (cell === '' ? '-' : cell))],
  )
}
