/** Making, changing and removing services. */
import type { Command } from 'commander'
import type { ServiceCreate, ServiceCreated, ServiceUpdate } from '../../control/api/service.ts'
import { apiClient, segment } from '../api-client.ts'
import type { Cli } from '../cli.ts'
import { collect, collectList, examples, toLabels } from '../options.ts'
import { compact } from '../sandbox/create-options.ts'
import { forEachPrinted } from '../several.ts'

interface CreateOptions {
  readonly name: string
  readonly network?: string
  readonly replicasOf?: readonly string[]
  readonly endpoint?: readonly string[]
  readonly publish?: readonly string[]
  readonly endpointMode?: string
  readonly label?: readonly string[]
}

interface UpdateOptions {
  readonly publishAdd?: readonly string[]
  readonly publishRm?: readonly string[]
  readonly replicasOf?: readonly string[]
  readonly endpoint?: readonly string[]
  readonly labelAdd?: readonly string[]
  readonly labelRm?: readonly string[]
}

const PUBLISH = 'published=5000,target=80[,protocol=udp][,mode=host]; or 5000:80'

export function defineServiceCreate(command: Command, cli: Cli): void {
  command
    .description(
      'Gives several sandboxes of a network one name and one address, and prints its id. Each connection to that address goes to one of them.',
    )
    .requiredOption('--name <text>', 'its name, also for DNS')
    .option('--endpoint <sandbox>', 'a sandbox that serves', collectList)
    .option('--endpoint-mode <mode>', 'vip, or dnsrr: the name leads to all of them, and no address does')
    .option('-l, --label <key=value>', 'note something with the service', collect)
    .option('--network <network>', 'that they are on; the only one that they are on unless given')
    .option('-p, --publish <port>', PUBLISH, collect)
    .option('--replicas-of <label>', 'sandboxes with this label serve: app=web, or app', collect)
    .addHelpText(
      'after',
      examples(
        'tapwire service create --name web --replicas-of app=web --network blue',
        'tapwire service create --name web --endpoint web1,web2 -p published=5000,target=80',
        'tapwire service create --name dns --replicas-of dns -p published=53,target=53,protocol=udp,mode=host',
      ),
    )
    .action(async (options: CreateOptions) => {
      const { parseServicePublish } = await import('../../control/rules/service-publish.ts')
      const body = compact<ServiceCreate>({
        Name: options.name,
        Network: options.network,
        EndpointMode: options.endpointMode as ServiceCreate['EndpointMode'],
        ReplicasOf: options.replicasOf && [...options.replicasOf],
        Endpoints: options.endpoint && [...options.endpoint],
        Ports: options.publish?.flatMap(parseServicePublish),
        Labels: toLabels(options.label),
      })
      const { ID } = await apiClient(cli).post<ServiceCreated>('/services', { body })
      cli.stdout.write(`${ID}\n`)
    })
}

export function defineServiceUpdate(command: Command, cli: Cli): void {
  command
    .description('Changes a service. Connections by what stays go on.')
    .argument('<service>', 'name or id')
    .option('--endpoint <sandbox>', 'sandboxes that serve, in place of those named before', collectList)
    .option('--label-add <key=value>', 'note something with the service', collect)
    .option('--label-rm <key>', 'forget that', collect)
    .option('--publish-add <port>', PUBLISH, collect)
    .option('--publish-rm <target-port>', 'publish this port of the sandboxes no more: 80, 53/udp', collect)
    .option('--replicas-of <label>', 'labels of those that serve, in place of those before', collect)
    .addHelpText(
      'after',
      examples(
        'tapwire service update --publish-add published=5443,target=443 web',
        'tapwire service update --publish-rm 80 web',
      ),
    )
    .action(async (service: string, options: UpdateOptions) => {
      const { parseServicePublish, parseServiceTarget } = await import(
        '../../control/rules/service-publish.ts'
      )
      const body = compact<ServiceUpdate>({
        PublishAdd: options.publishAdd?.flatMap(parseServicePublish),
        PublishRm: options.publishRm?.map(parseServiceTarget),
        ReplicasOf: options.replicasOf && [...options.replicasOf],
        Endpoints: options.endpoint && [...options.endpoint],
        LabelAdd: toLabels(options.labelAdd),
        LabelRm: options.labelRm && [...options.labelRm],
      })
      await apiClient(cli).post(`/services/${segment(service)}/update`, { body })
      cli.stdout.write(`${service}\n`)
    })
}

export function defineServiceRm(command: Command, cli: Cli): void {
  command
    .description('Removes services. Their connections end; the sandboxes stay.')
    .argument('<service...>', 'names or ids')
    .addHelpText('after', examples('tapwire service rm web'))
    .action(async (services: string[]) => {
      const api = apiClient(cli)
      await forEachPrinted(cli, services, (service) => api.delete(`/services/${segment(service)}`))
    })
}
