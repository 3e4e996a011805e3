/** Services as the API shows them. */

import type { ServiceInspect, ServiceTask } from '../api/service.ts'
import { parseCidr } from '../ip-address.ts'
import type { NetworkRecord } from '../model/records.ts'
import type { ServiceRecord } from '../model/services.ts'
import type { ServiceMember } from '../rules/service-members.ts'

export function inspectService(
  service: ServiceRecord,
  network: NetworkRecord | undefined,
  backends: readonly ServiceMember[],
  problem: string,
): ServiceInspect {
  return {
    ID: service.id,
    Name: service.name,
    CreatedAt: service.created,
    Scope: network?.scope === 'swarm' ? 'swarm' : 'local',
    Network: { ID: service.network, Name: network?.name ?? '' },
    EndpointMode: service.endpointMode,
    VirtualIP: service.virtualIp === '' ? '' : `${service.virtualIp}/${prefixLengthOf(network)}`,
    ReplicasOf: [...service.replicasOf],
    Endpoints: [...service.endpoints],
    Ports: service.ports.map(({ protocol, target, published, mode }) => ({
      Protocol: protocol,
      TargetPort: target,
      PublishedPort: published,
      PublishMode: mode,
    })),
    Tasks: backends.map(taskOf),
    Labels: { ...service.labels },
    Problem: problem,
  }
}

export const taskOf = ({ sandbox, name, endpoint, host, address }: ServiceMember): ServiceTask => ({
  ID: sandbox,
  Name: name,
  EndpointID: endpoint,
  Node: host,
  Address: address,
  State: 'running',
})

function prefixLengthOf(network: NetworkRecord | undefined): number {
  const pool = network?.ipam.pools.find(({ family }) => family === 4)
  return pool === undefined ? 32 : parseCidr(pool.subnet)!.prefixLength
}
