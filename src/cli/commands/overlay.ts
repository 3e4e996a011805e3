import type { Command } from 'commander'
import type { OverlayNetworks, OverlayPeers } from '../../control/api/overlay.ts'
import { apiClient } from '../api-client.ts'
import type { Cli } from '../cli.ts'
import { naturalOrder } from '../natural-order.ts'
import { examples } from '../options.ts'
import { formatAge, formatAmount, formatCount, formatTable, printJson } from '../output.ts'

export function defineOverlayLs(command: Command, cli: Cli): void {
  command
    .description(
      'Lists the networks that go on behind a tunnel to other hosts: the number that they have there, the address of this host that is sent ' +
        'from, how long packets may be, and to how many hosts they go.',
    )
    .option('--json', 'print the networks as JSON')
    .addHelpText('after', examples('tapwire overlay ls', 'tapwire overlay ls --json | jq ".networks[].mtu"'))
    .action(async ({ json }: { json?: true }) => {
      const answer = await apiClient(cli).get<OverlayNetworks>('/overlay/networks')
      if (json === true) printJson(cli, answer)
      else cli.stdout.write(formatNetworks(answer))
    })
}

export function defineOverlayPeers(command: Command, cli: Cli): void {
  command
    .description(
      'Lists the other hosts that networks go on to. ENDPOINTS are those that the host has told of, STATIONS those that the switch knows ' +
        'behind it; IDLE is the time since its last frame.',
    )
    .argument('[network]', 'only those of this network')
    .option('--json', 'print the hosts as JSON')
    .addHelpText(
      'after',
      examples(
        'tapwire overlay peers',
        'tapwire overlay peers blue',
        'tapwire overlay peers --json | jq -r ".peers[].address"',
      ),
    )
    .action(async (network: string | undefined, { json }: { json?: true }) => {
      const answer = await apiClient(cli).get<OverlayPeers>('/overlay/peers', { query: { network } })
      if (json === true) printJson(cli, answer)
      else cli.stdout.write(formatPeers(answer))
    })
}

function formatNetworks({ networks }: OverlayNetworks): string {
  return formatTable(
    [
      'NETWORK',
      'DRIVER',
      { heading: 'VNI', align: 'right' },
      'LOCAL',
      { heading: 'PORT', align: 'right' },
      { heading: 'MTU', align: 'right' },
      { heading: 'PEERS', align: 'right' },
      'STATE',
    ],
    networks
      .toSorted((a, b) => naturalOrder(a.network, b.network))
      .map(({ network, driver, vni, local, udpPort, mtu, peers, problem }) => [
        network,
        driver,
        vni,
        local || '-',
        udpPort,
        mtu,
        peers,
        problem === '' ? 'up' : `down: ${problem}`,
      ]),
  )
}

function formatPeers({ peers }: OverlayPeers): string {
  const right = (heading: string) => ({ heading, align: 'right' }) as const
  return formatTable(
    [
      'HOST',
      'ADDRESS',
      'NETWORK',
      right('MTU'),
      right('ENDPOINTS'),
      right('STATIONS'),
      right('IDLE'),
      right('FROM IT'),
      right('TO IT'),
      right('DROPPED'),
    ],
    peers
      .toSorted(
        (a, b) =>
          naturalOrder(a.host, b.host) ||
          naturalOrder(a.address, b.address) ||
          naturalOrder(a.network, b.network),
      )
      .map((peer) => [
        peer.host,
        peer.address,
        peer.network,
        peer.mtu,
        formatCount(peer.endpoints),
        formatCount(peer.stations),
        peer.idleS === undefined ? 'never heard' : formatAge(peer.idleS),
        trafficText(peer.received),
        trafficText(peer.transmitted),
        formatCount(peer.dropped),
      ]),
  )
}

const trafficText = ({ frames, bytes }: OverlayPeers['peers'][number]['received']): string =>
  `${formatCount(frames)} / ${formatAmount(bytes, 'B')}`
