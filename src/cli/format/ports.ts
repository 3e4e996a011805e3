import type { SandboxSummary } from '../../control/api/sandbox.ts'

type Port = SandboxSummary['Ports'][number]

/** `0.0.0.0:8000-8002->80-82/tcp, 53/udp`: neighbours are drawn together, as `docker ps` does. */
export function formatPorts(ports: readonly Port[]): string {
  const sorted = [...ports].sort(
    (a, b) =>
      compare(a.Type, b.Type) ||
      compare(a.IP ?? '', b.IP ?? '') ||
      a.PrivatePort - b.PrivatePort ||
      (a.PublicPort ?? 0) - (b.PublicPort ?? 0),
  )
  const runs: { first: Port; last: Port }[] = []
  for (const port of sorted) {
    const run = runs.at(-1)
    if (run !== undefined && continues(run.last, port)) run.last = port
    else runs.push({ first: port, last: port })
  }
  return runs.map(formatRun).join(', ')
}

function continues(before: Port, port: Port): boolean {
  if (before.Type !== port.Type || (before.IP ?? '') !== (port.IP ?? '')) return false
  if (port.PrivatePort !== before.PrivatePort + 1) return false
  if (port.PublicPort === undefined || before.PublicPort === undefined) {
    return port.PublicPort === before.PublicPort
  }
  return port.PublicPort === before.PublicPort + 1
}

function formatRun({ first, last }: { first: Port; last: Port }): string {
  const inside = `${range(first.PrivatePort, last.PrivatePort)}/${first.Type}`
  if (first.PublicPort === undefined) return inside
  const ip = first.IP ?? ''
  const address = ip === '' ? '' : ip.includes(':') ? `[${ip}]:` : `${ip}:`
  return `${address}${range(first.PublicPort, last.PublicPort ?? first.PublicPort)}->${inside}`
}

function range(first: number, last: number): string {
  return first === last ? String(first) : `${first}-${last}`
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
