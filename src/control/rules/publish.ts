/**
 * How ports are published and exposed: the syntax of -p, of --expose, and of what `port` prints.
 *
 *     [[hostIP:]hostPort[-hostEnd]:]containerPort[-containerEnd][/tcp|udp|sctp]
 *     target=80,published=8080,protocol=tcp
 */

import { PORT_BINDINGS_MAX } from '../../limits.ts'
import { ErrorCode, TapwireError } from '../errors.ts'
import { parseIpAddress } from '../ip-address.ts'
import { printable } from './names.ts'
import {
  comparePorts,
  isProtocol,
  type PortProtocol,
  parsePortRange,
  parseProtocol,
  sortPorts,
} from './port.ts'
import {
  type Bindings,
  type BoundRun,
  bindingsFrom,
  type HostBinding,
  type HostWish,
  parseHostWish,
  uniteBindings,
  writeBindings,
} from './port-bindings.ts'
import { eachPort, numbersOf, type PortRun, parseRun, runName } from './port-runs.ts'
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
  return eachPort([runName(parseExposed(spec))])
}

/** The same as one range. Throws PORT_INVALID. */
export function parseExposed(spec: string): PortRun {
  if (spec.includes(':')) throw invalid(`invalid port format for --expose: ${printable(spec)}`)
  const run = parseRun(spec)
  if (run === undefined) {
    const { ports } = parseProtocol(spec)
    throw invalid(`invalid range format for --expose: ${printable(spec)}, error: ${whyNoRange(ports)}`)
  }
  return run
}

/**
 * The bindings of a request, checked and in normal form, in the order of the ports. A range of ports goes to any host ports, or
 * to as many: `3000-3009/tcp` at `8000-8009`. Throws PORT_INVALID, and LIMIT_REACHED where they are more than a sandbox can have.
 */
export function checkPortBindings(
  bindings: Readonly<
    Record<
      string,
      | readonly { readonly HostIp?: string | undefined; readonly HostPort?: string | undefined }[]
      | null
      | undefined
    >
  >,
): Bindings {
  const runs = Object.entries(bindings).flatMap(([port, wanted]) => {
    const run = parsePorts(port)
    if (!isPublishable(run.protocol) && (wanted ?? []).length > 0) {
      throw invalid(`port ${runName(run)} cannot be published: only TCP and UDP are forwarded to sandboxes`)
    }
    return boundRuns(run, wanted ?? [])
  })
  return writeBindings(uniteBindings(checkCount(runs)))
}

/** Refuses more bindings, each port by itself, than a sandbox can have. Throws LIMIT_REACHED. */
export function checkCount(runs: readonly BoundRun[]): readonly BoundRun[] {
  const count = runs.reduce(
    (sum, { first, last, bindings }) => sum + (last - first + 1) * Math.max(1, bindings.length),
    0,
  )
  if (count <= PORT_BINDINGS_MAX) return runs
  throw new TapwireError(
    ErrorCode.limitReached,
    `too many published ports: ${count}, at most ${PORT_BINDINGS_MAX} are possible`,
  )
}

/** `80`, `80/TCP`, `3000-3009/tcp`. Throws PORT_INVALID. */
export function parsePorts(text: string): PortRun {
  const run = parseRun(text)
  if (run === undefined)
    throw invalid(`invalid port specification: ${JSON.stringify(parseProtocol(text).ports)}`)
  return run
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
  const bindings = ports[runName(parsePorts(port))]
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
  return numbersOf({ protocol, ...inside }).map((containerPort) => ({
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

function boundRuns(
  run: PortRun,
  wanted: readonly { readonly HostIp?: string | undefined; readonly HostPort?: string | undefined }[],
): readonly BoundRun[] {
  const bindings = wanted.map(({ HostIp = '', HostPort = '' }): HostBinding => {
    const hostIp = checkHostIp(HostIp)
    return { hostIp, host: checkHostPort(run, HostPort) }
  })
  const { first, last } = run
  const startsAt0 = bindings.some(({ host }) => host.kind === 'fixed' && host.first === 0)
  if (!startsAt0) return [{ ...run, bindings }]
  // Port 0 asks for any port, like none; those behind it are ports like others.
  const all: BoundRun = { ...run, bindings }
  const one = bindings.map((binding) =>
    binding.host.kind === 'fixed' && binding.host.first === 0
      ? { ...binding, host: { kind: 'any' } as const }
      : binding,
  )
  const rest = first === last ? [] : [{ ...run, first: first + 1, bindings: bindingsFrom(all, first + 1) }]
  return [{ ...run, last: first, bindings: one }, ...rest]
}

function checkHostPort(run: PortRun, text: string): HostWish {
  const host = parseHostWish(run, text)
  if (host !== undefined) return host
  if (parsePortRange(text) === undefined) throw invalid(`invalid port specification: ${JSON.stringify(text)}`)
  const ports = rangeText(run.first, run.last)
  throw invalid(`invalid ranges specified for container and host Ports: ${ports} and ${text}`)
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

function invalid(message: string): TapwireError {
  return new TapwireError(ErrorCode.portInvalid, message)
}
