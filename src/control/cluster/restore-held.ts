import { addressKey, networkKey, serviceKey, serviceNameKey, servicePortKey } from './cluster-keys.ts'
import type { ClusterNetworks } from './cluster-networks.ts'
import type { ClusterService } from './cluster-records.ts'
import type { ClusterSession } from './cluster-session.ts'
import { claimText, clusterText } from './cluster-texts.ts'

/**
 * The registry has come back as it was some time ago. What is no single host's own, networks and services, whoever remembers it puts back;
 * hosts and endpoints do their own.
 */
export async function restoreHeld(session: ClusterSession, networks: ClusterNetworks): Promise<void> {
  const services = [...session.view.held].flatMap((key) => (key.kind === 'service' ? [key.id] : []))
  networks.regressed()
  try {
    await networks.settle()
    for (const id of services) {
      const service = session.view.services.get(id)
      if (service !== undefined) await restoreService(session, service)
    }
  } catch {
    // The registry is away again. When it is back there is another listing, or somebody else has done it.
  }
}

async function restoreService({ registry, view }: ClusterSession, service: ClusterService): Promise<void> {
  const { id, name, network, virtualIp } = service
  const claim = view.claims(network).get(virtualIp)
  const address = addressKey(network, virtualIp)
  const isLost = claim?.owner === id && view.isHeld(address)
  const ports = service.ports.flatMap(({ mode, protocol, published }) =>
    mode === 'ingress' ? [servicePortKey(protocol, published)] : [],
  )
  const keys = [serviceKey(id), serviceNameKey(name), ...ports, ...(isLost ? [address] : [])]
  await registry.commit({
    when: [
      { key: networkKey(network), is: 'present' },
      ...keys.map((key) => ({ key, is: 'absent' }) as const),
    ],
    do: [
      { put: serviceKey(id), value: clusterText(service) },
      { put: serviceNameKey(name), value: id },
      ...ports.map((put) => ({ put, value: id })),
      ...(isLost ? [{ put: address, value: claimText(claim) }] : []),
    ],
  })
}
