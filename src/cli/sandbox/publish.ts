/** The short syntax of --publish and --expose, as docker's client reads it (go-connections' nat). */
import { isIP } from 'node:net'
import { usage } from '../options.ts'

export interface PublishedPort {
  /** `80/tcp`, or a range of as many ports as there are host ports: `80-89/tcp`. */
  readonly port: string
  readonly hostIp: string
  /** A port, a range, or empty for any (each, where it is a range of ports). */
  readonly hostPort: string
}

/** `[[hostIP:]hostPort[-end]:]port[-end][/protocol]`, or `target=80,published=8080,protocol=tcp`. Throws USAGE. */
export function parsePublish(spec: string): PublishedPort {
  const short = spec.includes('=') ? shortOf(spec) : spec
  const { hostIp, host, ports, protocol } = split(short)
  const [first, last] = parseRange(ports, 'containerPort')
  const port = `${rangeText(first, last)}/${protocol}`
  if (host === '') return { port, hostIp, hostPort: '' }
  const [hostFirst, hostLast] = parseRange(host, 'hostPort')
  if (first !== last && hostLast - hostFirst !== last - first) {
    throw usage(`invalid ranges specified for container and host Ports: ${ports} and ${host}`)
  }
  return { port, hostIp, hostPort: host }
}

/** All of a command line, as the API takes them. Throws USAGE. */
export function portBindings(
  specs: readonly string[],
): Record<string, { HostIp: string; HostPort: string }[]> {
  const bindings = new Map<string, { HostIp: string; HostPort: string }[]>()
  for (const { port, hostIp, hostPort } of specs.map(parsePublish)) {
    const known = bindings.get(port) ?? []
    known.push({ HostIp: hostIp, HostPort: hostPort })
    bindings.set(port, known)
  }
  return Object.fromEntries(bindings)
}

/** `80-90/udp`, as the API takes it. Throws USAGE. */
export function parseExpose(spec: string): string {
  if (spec.includes(':')) throw usage(`invalid port format for --expose: ${spec}`)
  const { ports, protocol } = split(spec)
  const wrong = wrongRange(ports)
  if (wrong !== undefined) throw usage(`invalid range format for --expose: ${spec}, error: ${wrong}`)
  const [first, last] = parseRange(ports, 'containerPort')
  return `${rangeText(first, last)}/${protocol}`
}

/** Go's words for what is no port and no range of ports. */
function wrongRange(text: string): string | undefined {
  const ports = text.split('-')
  for (const port of ports) {
    const fault = !/^\d+$/.test(port)
      ? 'invalid syntax'
      : Number(port) > 65_535
        ? 'value out of range'
        : undefined
    if (fault !== undefined) return `strconv.ParseUint: parsing ${JSON.stringify(port)}: ${fault}`
  }
  const [first, last] = ports.map(Number)
  if (last === undefined || last >= first!) return undefined
  return `Invalid range specified for the Port: ${text}`
}

interface Parts {
  readonly hostIp: string
  readonly host: string
  readonly ports: string
  readonly protocol: string
}

function split(spec: string): Parts {
  const fields = spec.split(':')
  const [ports = '', protocolGiven] = fields.pop()!.split('/', 2)
  const host = fields.pop() ?? ''
  const ip = fields.join(':')
  const hostIp = ip.startsWith('[') && ip.endsWith(']') ? ip.slice(1, -1) : ip
  if (hostIp.includes(':') && isIP(hostIp) === 0) {
    throw usage(`invalid IP address ${hostIp}: address ${hostIp}:: too many colons in address`)
  }
  if (hostIp !== '' && isIP(hostIp) === 0) throw usage(`invalid IP address: ${hostIp}`)
  if (ports === '') throw usage(`no port specified: ${spec}<empty>`)
  const protocol = (protocolGiven ?? 'tcp').toLowerCase()
  if (!['tcp', 'udp', 'sctp'].includes(protocol)) throw usage(`invalid proto: ${protocolGiven ?? ''}`)
  return { hostIp, host, ports, protocol }
}

function parseRange(text: string, what: 'containerPort' | 'hostPort'): [number, number] {
  const [, first, last = first] = /^(\d+)(?:-(\d+))?$/.exec(text) ?? []
  const [from, to] = [Number(first), Number(last)]
  const least = what === 'containerPort' ? 1 : 0
  if (first === undefined || from < least || to < from || to > 65_535) throw usage(`invalid ${what}: ${text}`)
  return [from, to]
}

function rangeText(first: number, last: number): string {
  return first === last ? String(first) : `${first}-${last}`
}

/** The long syntax, written short. */
function shortOf(spec: string): string {
  const values = new Map<string, string>()
  for (const part of spec.split(',')) {
    const [, key = '', value = ''] = /^([^=]+)=(.*)$/.exec(part) ?? []
    if (key === '') throw usage(`invalid field: ${part}`)
    values.set(key, value)
  }
  for (const key of values.keys()) {
    if (!['target', 'published', 'protocol', 'mode'].includes(key)) throw usage(`invalid field key: ${key}`)
  }
  const target = values.get('target') ?? ''
  const published = values.get('published')
  return `${published === undefined ? '' : `${published}:`}${target}/${values.get('protocol') ?? 'tcp'}`
}
