/**
 * How ports are published and exposed: the syntax of -p, of --expose, and of what `port` prints.
 *
 *     [[hostIP:]hostPort[-hostEnd]:]containerPort[-containerEnd][/tcp|udp|sctp]
 *     target=80,published=8080,protocol=tcp
 */

import { ErrorCode, TapwireError } from '../errors.ts'
import { parseIpAddress } from '../ip-address.ts'
import type { PortBinding } from '../model/records.ts'
import { printable } from './names.ts'
import {
  comparePorts,
  isProtocol,
  type PortProtocol,
  parsePortRange,
  parseProtocol,
  sortPorts,
  splitPort,
} from './port.ts'
import { isPublishable } from './publish-plan.ts'

export interface PublishedPort {
  readonly containerPort: number
  readonly protocol: PortProtocol
  /** Empty for all addresses. */
  readonly hostIp: string
  /** A port, a range `8000-8010` of which the first free one is taken, or empty for any. */
  readonly hostPort: string
}

/** One -p, in the short or the long form. Throws PORT_INVALID. */
export function parsePublish(spec: string): readonly PublishedPort[] {
  return parseShort(spec.includes('=') ? shortForm(spec) : spec)
}

/** All -p and --expose of a command line, as the API takes them; a published port is exposed as well. Throws PORT_INVALID. */
export function portRequest(
  publish: readonly string[],
  expose: readonly string[],
): {
  readonly ExposedPorts: Record<string, Record<string, never>>
  readonly PortBindings: Record<string, { HostIp: string; HostPort: string }[]>
} {
  const published = publish.flatMap(parsePublish)
  const PortBindings: Record<string, { HostIp: string; HostPort: string }[]> = {}
  for (const { containerPort, protocol, hostIp, hostPort } of published) {
    const bindings = (PortBindings[`${containerPort}/${protocol}`] ??= [])
    if (bindings.some((other) => other.HostIp === hostIp && other.HostPort === hostPort)) continue
    bindings.push({ HostIp: hostIp, HostPort: hostPort })
  }
  const exposed = new Set([...Object.keys(PortBindings), ...expose.flatMap(parseExpose)])
  return {
    ExposedPorts: Object.fromEntries(sortPorts([...exposed]).map((port) => [port, {}])),
    PortBindings,
  }
}

/** `80`, `80/udp`, `80-90/udp`: the ports as `80/tcp`. Throws PORT_INVALID. */
export function parseExpose(spec: string): readonly string[] {
  if (spec.includes(':')) throw invalid(`invalid port format for --expose: ${printable(spec)}`)
  const { ports, protocol } = parseProtocol(spec)
  const range = parsePortRange(ports)
  if (range === undefined || range.first === 0) {
    throw invalid(`invalid range format for --expose: ${printable(spec)}, error: ${whyNoRange(ports)}`)
  }
  return numbers(range.first, range.last).map((number) => `${number}/${protocol}`)
}

/** The bindings of a request, checked and in normal form, in the order of the ports. Throws PORT_INVALID. */
export function checkPortBindings(
  bindings: Readonly<
    Record<
      string,
      | readonly { readonly HostIp?: string | undefined; readonly HostPort?: string | undefined }[]
      | null
      | undefined
    >
  >,
): Readonly<Record<string, readonly PortBinding[]>> {
  const checked = new Map<string, PortBinding[]>()
  for (const [port, wanted] of Object.entries(bindings)) {
    const name = portName(port)
    const { protocol } = splitPort(name)
    if (!isPublishable(protocol) && (wanted ?? []).length > 0) {
      throw invalid(`port ${name} cannot be published: only TCP and UDP are forwarded to sandboxes`)
    }
    const more = (wanted ?? []).map(checkBinding)
    const known = checked.get(name)
    checked.set(name, known === undefined ? more : [...known, ...more])
  }
  return Object.fromEntries(sortPorts([...checked.keys()]).map((port) => [port, checked.get(port)!]))
}

/** `80` and `80/TCP` as `80/tcp`. Throws PORT_INVALID. */
export function portName(text: string): string {
  const { ports, protocol } = parseProtocol(text)
  const range = parsePortRange(ports)
  if (range === undefined || range.first === 0 || range.first !== range.last) {
    throw invalid(`invalid port specification: ${JSON.stringify(ports)}`)
  }
  return `${range.first}/${protocol}`
}

/**
 * What `port SANDBOX [PORT]` prints, a line each: `80/tcp -> 0.0.0.0:8080`, and for one port only the addresses behind it.
 * Throws PORT_INVALID, and PORT_NOT_PUBLISHED for a port that is asked for and not published.
 */
export function portLines(
  ports: Readonly<Record<string, readonly { readonly HostIp: string; readonly HostPort: string }[] | null>>,
  sandbox: string,
  port?: string,
): readonly string[] {
  if (port === undefined) {
    return Object.keys(ports)
      .sort(comparePorts)
      .flatMap((name) => (ports[name] ?? []).map((binding) => `${name} -> ${hostSide(binding)}`))
  }
  const { ports: number } = parseProtocol(port)
  if (parsePortRange(number) === undefined || number.includes('-')) {
    throw invalid(`invalid port (${printable(number)}): ${whyNoNumber(number)}`)
  }
  const bindings = ports[portName(port)]
  if (bindings === undefined || bindings === null || bindings.length === 0) {
    throw new TapwireError(
      ErrorCode.portNotPublished,
      `no public port '${printable(port)}' published for ${sandbox}`,
    )
  }
  return bindings.map(hostSide)
}

function parseShort(spec: string): PublishedPort[] {
  const parts = spec.split(':')
  const container = parts.pop()!
  const hostPorts = parts.pop() ?? ''
  const hostIp = checkHostIp(parts.join(':'))
  if (container.replace(/\/.*/s, '') === '') throw invalid(`no port specified: ${printable(spec)}<empty>`)
  const { ports, protocol } = parseProtocol(container)
  const inside = parsePortRange(ports)
  if (inside === undefined || inside.first === 0) throw invalid(`invalid containerPort: ${printable(ports)}`)
  const outside = hostPorts === '' ? undefined : parsePortRange(hostPorts)
  if (hostPorts !== '' && outside === undefined) throw invalid(`invalid hostPort: ${printable(hostPorts)}`)

  const single = inside.first === inside.last
  if (!single && outside !== undefined && outside.last - outside.first !== inside.last - inside.first) {
    throw invalid(`invalid ranges specified for container and host Ports: ${ports} and ${hostPorts}`)
  }
  return numbers(inside.first, inside.last).map((containerPort) => ({
    containerPort,
    protocol,
    hostIp,
    hostPort:
      outside === undefined
        ? ''
        : single
          ? rangeText(outside.first, outside.last)
          : portText(outside.first + containerPort - inside.first),
  }))
}

/** The long form in the words of the short one. Its mode is for services, and says nothing about a single sandbox. */
function shortForm(spec: string): string {
  const fields: Record<string, string> = { protocol: 'tcp', published: '', target: '' }
  for (const field of spec.split(',')) {
    const [key = '', ...rest] = field.split('=')
    if (key === '' || rest.length === 0) {
      throw invalid(`invalid publish opts format (should be name=value but got '${printable(field)}')`)
    }
    const value = rest.join('=')
    checkField(key, value)
    fields[key] = value
  }
  return `${fields['published']}:${fields['target']}/${fields['protocol']}`
}

function checkField(key: string, value: string): void {
  switch (key) {
    case 'target':
    case 'published':
      if (!/^[\d-]*$/.test(value)) {
        const what = key === 'target' ? 'containerPort' : 'hostPort'
        throw invalid(`invalid ${what}: ${printable(value)}`)
      }
      return
    case 'protocol':
      if (!isProtocol(value)) throw invalid(`invalid protocol value ${printable(value)}`)
      return
    case 'mode':
      if (value !== 'ingress' && value !== 'host')
        throw invalid(`invalid publish mode value ${printable(value)}`)
      return
    default:
      throw invalid(`invalid field key: ${printable(key)}`)
  }
}

/** An IPv6 address may stand in brackets, and need not: the last two fields are ports, and the rest is the address. */
function checkHostIp(text: string): string {
  const address = /^\[(.*)\]$/s.exec(text)?.[1] ?? text
  if (text !== '' && parseIpAddress(address) === undefined)
    throw invalid(`invalid IP address: ${printable(address)}`)
  return address
}

function checkBinding(binding: {
  readonly HostIp?: string | undefined
  readonly HostPort?: string | undefined
}): PortBinding {
  const { HostIp: hostIp = '', HostPort: hostPort = '' } = binding
  if (hostPort === '') return { hostIp: checkHostIp(hostIp), hostPort: '' }
  const range = parsePortRange(hostPort)
  if (range === undefined) throw invalid(`invalid port specification: ${JSON.stringify(hostPort)}`)
  return { hostIp: checkHostIp(hostIp), hostPort: rangeText(range.first, range.last) }
}

/** In the words of Go's strconv, which Docker passes on. */
function whyNoRange(text: string): string {
  if (text === '') return 'empty string specified for ports'
  if (/^\d+-\d+$/.test(text)) return `invalid range specified for port: ${text}`
  return whyNoNumber(text)
}

function whyNoNumber(text: string): string {
  const why = /^\d+$/.test(text) ? 'value out of range' : 'invalid syntax'
  return `strconv.ParseUint: parsing ${JSON.stringify(text)}: ${why}`
}

function rangeText(first: number, last: number): string {
  return first === last ? portText(first) : `${first}-${last}`
}

/** Port 0 asks for any port, like none. */
function portText(port: number): string {
  return port === 0 ? '' : String(port)
}

function hostSide(binding: { readonly HostIp: string; readonly HostPort: string }): string {
  const address = binding.HostIp.includes(':') ? `[${binding.HostIp}]` : binding.HostIp
  return `${address}:${binding.HostPort}`
}

function numbers(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index)
}

function invalid(message: string): TapwireError {
  return new TapwireError(ErrorCode.portInvalid, message)
}
