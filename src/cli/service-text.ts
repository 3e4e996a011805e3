/** Services, as tables show them. */

import type { LabServicePort } from '../control/lab.ts'

/** `*:8080->80/tcp`, Docker's words; of the mode host there is not one on every machine. */
export function servicePortText({ protocol, target, published, mode }: LabServicePort): string {
  const port = `${published === undefined ? '*' : `*:${published}`}->${target}/${protocol}`
  return mode === 'host' ? `${port} (host)` : port
}

/** The columns that follow the name and the network. */
export function servicePlace({
  address,
  ports,
}: {
  readonly address?: string | undefined
  readonly ports: readonly LabServicePort[]
}): readonly [address: string, ports: string] {
  return [address ?? '-', ports.map(servicePortText).join(', ')]
}
