import { ErrorCode, TapwireError } from '../errors.ts'

export const noCluster = (): TapwireError =>
  new TapwireError(
    ErrorCode.noCluster,
    'This host is in no cluster, and overlay networks are those of a cluster.',
    {
      hint:
        "Start the daemon with --cluster etcd://HOST:2379 --advertise ADDRESS; or name the other hosts yourself: 'tapwire network create -d vxlan " +
        "-o vni=NUMBER -o remote=ADDRESS NETWORK'.",
    },
  )

export const clusterAway = (message: string, cause?: unknown): TapwireError =>
  new TapwireError(ErrorCode.registryUnavailable, message, {
    cause,
    hint: "What is connected goes on; nothing of the cluster can be changed until its registry answers. 'tapwire doctor' shows how it stands.",
  })

/** In the words of a network of this cluster, where the registry is the reason; else as it is. */
export function ofCluster(cluster: string, error: unknown): unknown {
  if (!(error instanceof TapwireError) || error.code !== ErrorCode.registryUnavailable) return error
  return clusterAway(`cluster ${cluster}: ${error.message}`, error)
}
