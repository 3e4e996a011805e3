/** How ports are published and exposed: the syntax of -p, of --expose, and of what `port` prints. */

import type { PortBinding } from '../model/records.ts'

export type PortProtocol = 'tcp' | 'udp' | 'sctp'

export interface PublishedPort {
  readonly containerPort: number
  readonly protocol: PortProtocol
  /** Empty for all addresses. */
  readonly hostIp: string
  /** A port, a range `8000-8010` of which the first free one is taken, or empty for any. */
  readonly hostPort: string
}

/** One -p, short (`127.0.0.1:8080-8081:80-81/tcp`) or long (`target=80,published=8080`). Throws PORT_INVALID. */
export function parsePublish(spec: string): readonly PublishedPort[] {
  throw new Error('to be written')
}

/** All -p and --expose of a command line, as the API takes them. Throws PORT_INVALID. */
export function portRequest(
  publish: readonly string[],
  expose: readonly string[],
): {
  readonly ExposedPorts: Record<string, Record<string, never>>
  readonly PortBindings: Record<string, { HostIp: string; HostPort: string }[]>
} {
  throw new Error('to be written')
}

/** `80`, `80/udp`, `80-90/udp`: the ports as `80/tcp`. Throws PORT_INVALID. */
export function parseExpose(spec: string): readonly string[] {
  throw new Error('to be written')
}

/** `80/tcp` as number and protocol. Throws PORT_INVALID. */
export function parsePort(text: string): { readonly number: number; readonly protocol: PortProtocol } {
  throw new Error('to be written')
}

/** Orders `80/tcp`s by number, then protocol. */
export function comparePorts(a: string, b: string): number {
  throw new Error('to be written')
}

/** The lines that `port SANDBOX [PORT]` prints. Throws PORT_NOT_PUBLISHED for a port that is asked for and not published. */
export function portLines(
  ports: Readonly<Record<string, readonly { HostIp: string; HostPort: string }[] | null>>,
  sandbox: string,
  port?: string,
): readonly string[] {
  throw new Error('to be written')
}

/** The bindings of a request, checked. Throws PORT_INVALID. */
export function checkPortBindings(
  bindings: Readonly<
    Record<
      string,
      readonly { HostIp?: string | undefined; HostPort?: string | undefined }[] | null | undefined
    >
  >,
): Readonly<Record<string, readonly PortBinding[]>> {
  throw new Error('to be written')
}
