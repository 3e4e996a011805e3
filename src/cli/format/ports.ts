import type { SandboxSummary } from '../../control/api/sandbox.ts'

type Port = SandboxSummary['Ports'][number]

/** Neighbouring ports that are published alike, or are only exposed. */
interface Run {
  readonly first: Port
  last: Port
}

/** `53/udp, 0.0.0.0:9000-9002->9000-9002/tcp, 0.0.0.0:8080->80/tcp` */
export function formatPorts(ports: readonly Port[]): string {
  return portRuns(ports).map(formatRun).join(', ')
}

/** `0.0.0.0:8080-8082` and `80-82/tcp`: where they are published, and which they are. */
export function formatPublished(ports: readonly Port[]): readonly (readonly [string, string])[] {
  return portRuns(ports.filter(({ PublicPort }) => PublicPort !== undefined)).map((run) => [
    outside(run),
    inside(run),
  ])
}

/**
 * In the order of `docker ps`: runs that another one of their kind follows, the last run of each kind, and then what is published under
 * another number, which docker does not draw together.
 */
function portRuns(ports: readonly Port[]): readonly Run[] {
  const [ended, renumbered]: [Run[], Run[]] = [[], []]
  const open = new Map<string, Run>()
  for (const port of ports.toSorted(comparePorts)) {
    const kind = kindOf(port)
    const run = open.get(kind)
    if (run !== undefined && run.last.PrivatePort + 1 === port.PrivatePort) {
      run.last = port
      continue
    }
    const fresh = { first: port, last: port }
    if (isRenumbered(port)) renumbered.push(fresh)
    else if (run !== undefined) ended.push(run)
    open.set(kind, fresh)
  }
  const last = [...open.values()].filter(({ first }) => !isRenumbered(first))
  return [...ended, ...last, ...renumbered]
}

function kindOf({ Type, IP = '', PrivatePort, PublicPort }: Port): string {
  return PublicPort === undefined ? Type : `${Type} ${IP} ${PublicPort - PrivatePort}`
}

function isRenumbered({ PrivatePort, PublicPort = PrivatePort }: Port): boolean {
  return PublicPort !== PrivatePort
}

function comparePorts(a: Port, b: Port): number {
  return (
    a.PrivatePort - b.PrivatePort ||
    compare(a.IP ?? '', b.IP ?? '') ||
    (a.PublicPort ?? 0) - (b.PublicPort ?? 0) ||
    compare(a.Type, b.Type)
  )
}

function formatRun(run: Run): string {
  return run.first.PublicPort === undefined ? inside(run) : `${outside(run)}->${inside(run)}`
}

function inside({ first, last }: Run): string {
  return `${range(first.PrivatePort, last.PrivatePort)}/${first.Type}`
}

function outside({
  first: { IP: ip = '', PublicPort: from = 0 },
  last: { PublicPort: to = from },
}: Run): string {
  const address = ip === '' ? '' : ip.includes(':') ? `[${ip}]:` : `${ip}:`
  return `${address}${range(from, to)}`
}

function range(first: number, last: number): string {
  return first === last ? String(first) : `${first}-${last}`
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
