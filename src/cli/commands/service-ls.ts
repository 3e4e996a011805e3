/** Services and their backends, as tables. */
import type { Command } from 'commander'
import type { ServiceInspect, ServiceTask } from '../../control/api/service.ts'
import { apiClient, segment } from '../api-client.ts'
import type { Cli } from '../cli.ts'
import { type Listing, printListing } from '../format/listing.ts'
import { goTime } from '../format/time.ts'
import { naturalOrder } from '../natural-order.ts'
import { collect, examples, FORMAT_HELP, filtersOf } from '../options.ts'
import { printable } from '../output.ts'
import { servicePortText } from '../service-text.ts'

interface LsOptions {
  readonly filter?: readonly string[]
  readonly format?: string
  readonly quiet?: boolean
}

interface PsOptions {
  readonly format?: string
  readonly quiet?: boolean
  /** --no-trunc makes it false. */
  readonly trunc: boolean
}

export function defineServiceLs(command: Command, cli: Cli): void {
  command
    .description('Lists services, by name.')
    .option('-f, --filter <key=value>', 'id, label, mode, name', collect)
    .option('--format <format>', FORMAT_HELP)
    .option('-q, --quiet', 'print ids only')
    .addHelpText('after', examples('tapwire service ls', 'tapwire service ls --filter mode=vip'))
    .action(async ({ filter, format, quiet }: LsOptions) => {
      const query = { filters: filtersOf(filter) }
      const services = await apiClient(cli).get<ServiceInspect[]>('/services', { query })
      const sorted = services.toSorted((a, b) => naturalOrder(a.Name, b.Name))
      await printListing(cli, SERVICES, sorted, { format, quiet })
    })
}

export function defineServicePs(command: Command, cli: Cli): void {
  command
    .description('Lists the sandboxes that serve, on all hosts.')
    .argument('<service...>', 'names or ids')
    .option('--format <format>', FORMAT_HELP)
    .option('--no-trunc', 'do not shorten ids')
    .option('-q, --quiet', 'print ids only')
    .addHelpText('after', examples('tapwire service ps web'))
    .action(async (services: string[], { format, quiet, trunc }: PsOptions) => {
      const api = apiClient(cli)
      const tasks: ServiceTask[] = []
      for (const service of services)
        tasks.push(...(await api.get<ServiceTask[]>(`/services/${segment(service)}/tasks`)))
      const sorted = tasks.toSorted((a, b) => naturalOrder(a.Name, b.Name) || naturalOrder(a.Node, b.Node))
      await printListing(cli, tasksListing(trunc), sorted, { format, quiet })
    })
}

const SERVICES: Listing<ServiceInspect> = {
  columns: ['ID', 'Name', 'Mode', 'Replicas', 'Network', 'Address', 'Ports'],
  labels: ({ Labels }) => Labels,
  fields: {
    ID: { heading: 'ID', value: ({ ID }) => ID.slice(0, 12) },
    Name: { heading: 'NAME', value: ({ Name }) => Name },
    Mode: { heading: 'MODE', value: ({ EndpointMode }) => EndpointMode },
    Replicas: { heading: 'REPLICAS', value: ({ Tasks }) => String(Tasks.length) },
    Network: { heading: 'NETWORK', value: ({ Network }) => printable(Network.Name) },
    Address: { heading: 'ADDRESS', value: ({ VirtualIP }) => VirtualIP.split('/', 1)[0] || '-' },
    Ports: { heading: 'PORTS', value: ({ Ports }) => Ports.map(portText).join(', ') },
    Scope: { heading: 'SCOPE', value: ({ Scope }) => Scope },
    CreatedAt: { heading: 'CREATED AT', value: ({ CreatedAt }) => goTime(CreatedAt) },
    Problem: { heading: 'PROBLEM', value: ({ Problem }) => printable(Problem) || '-' },
  },
}

function portText({
  PublishedPort: published,
  TargetPort: target,
  Protocol,
  PublishMode,
}: ServiceInspect['Ports'][number]): string {
  const protocol = Protocol === 'udp' ? 'udp' : 'tcp'
  return servicePortText({ protocol, target, published, mode: PublishMode === 'host' ? 'host' : 'ingress' })
}

const tasksListing = (trunc: boolean): Listing<ServiceTask> => ({
  columns: ['ID', 'Name', 'Node', 'Address', 'CurrentState'],
  fields: {
    ID: { heading: 'ID', value: ({ ID }) => (trunc ? ID.slice(0, 12) : ID) },
    Name: { heading: 'NAME', value: ({ Name }) => printable(Name) },
    Node: { heading: 'NODE', value: ({ Node }) => printable(Node) || '-' },
    Address: { heading: 'ADDRESS', value: ({ Address }) => Address },
    CurrentState: { heading: 'CURRENT STATE', value: ({ State }) => State },
  },
})
