/** The options that `run` and `create` share, and the request that they come to. */
import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import type { EndpointConfig } from '../../control/api/network.ts'
import type { SandboxCreate } from '../../control/api/sandbox.ts'
import type { Cli } from '../cli.ts'
import { collect, openError, parseInteger, toLabels, usage } from '../options.ts'
import { refuseDockerOptions, refuseRestartPolicy } from './docker-options.ts'
import { environmentOf } from './environment.ts'
import { isUserDefined, type NetworkOption, parseNetworkOption } from './network-option.ts'
import { parseExpose, parsePublish, portBindings } from './publish.ts'

export interface CreateOptions {
  readonly name?: string
  readonly rm?: boolean
  readonly interactive?: boolean
  readonly tty?: boolean
  readonly attach?: readonly string[]
  readonly network?: readonly string[]
  readonly networkAlias?: readonly string[]
  readonly ip?: string
  readonly ip6?: string
  readonly linkLocalIp?: readonly string[]
  readonly macAddress?: string
  readonly link?: readonly string[]
  readonly publish?: readonly string[]
  readonly publishAll?: boolean
  readonly expose?: readonly string[]
  readonly hostname?: string
  readonly domainname?: string
  readonly dns?: readonly string[]
  readonly dnsSearch?: readonly string[]
  readonly dnsOption?: readonly string[]
  readonly addHost?: readonly string[]
  readonly env?: readonly string[]
  readonly envFile?: readonly string[]
  readonly workdir?: string
  readonly label?: readonly string[]
  readonly labelFile?: readonly string[]
  readonly stopSignal?: string
  readonly stopTimeout?: number
  readonly cidfile?: string
}

export function addCreateOptions(command: Command): Command {
  command
    .option('--name <name>', 'name of the sandbox; one is made up unless given')
    .option('--rm', 'remove the sandbox when it ends')
    .option('-i, --interactive', "keep the command's standard input open")
    .option('-t, --tty', 'give the command a terminal')
    .option('-a, --attach <stream>', 'attach to STDIN, STDOUT or STDERR', collect)
    .option('-e, --env <name=value>', 'set an environment variable', collect)
    .option('--env-file <file>', 'read environment variables from a file', collect)
    .option('-w, --workdir <folder>', 'where the command runs; here unless given')
    .option('--network <network>', 'NAME, or name=NAME,alias=…,ip=…,…; more than once for several', collect)
    .option('--network-alias <name>', 'another name by which others on the network find it', collect)
    .option('--ip <address>', 'IPv4 address (e.g., 172.30.100.104)')
    .option('--ip6 <address>', 'IPv6 address (e.g., 2001:db8::33)')
    .option('--link-local-ip <address>', 'a link-local address', collect)
    .option('--mac-address <address>', 'MAC address (e.g., 92:d0:c6:0a:29:33)')
    .option('--link <sandbox[:alias]>', 'a name for another sandbox that only this one knows', collect)
    .option('-p, --publish <ports>', 'publish ports to the host, [[IP:]HOST:]PORT[/PROTOCOL]', collect)
    .option('-P, --publish-all', 'publish all exposed ports to random ports')
    .option('--expose <port>', 'expose a port or a range of ports', collect)
    .option('-h, --hostname <name>', 'host name; the short id unless given')
    .option('--domainname <name>', 'NIS domain name')
    .option(
      '--dns <address>',
      "name server to ask for what is no sandbox; the machine's unless given",
      collect,
    )
    .option('--dns-search <domain>', "domain that is put behind names in turn; '.' for none", collect)
    .option('--dns-option <option>', 'option of resolv.conf, such as ndots:2', collect)
    .option('--add-host <name:address>', 'add a line to /etc/hosts', collect)
    .option('-l, --label <key=value>', 'note something with the sandbox', collect)
    .option('--label-file <file>', 'read labels from a file, one a line', collect)
    .option('--stop-signal <signal>', 'signal that stops the command; SIGTERM unless given')
    .option('--stop-timeout <seconds>', 'time before it is killed; 10 unless given', parseInteger)
    .option('--cidfile <file>', 'write the id to a file')
    .helpOption('--help', 'show this help')
  return refuseRestartPolicy(refuseDockerOptions(command))
}

/** Throws USAGE. */
export function createRequest(cli: Cli, options: CreateOptions, command: readonly string[]): SandboxCreate {
  const tty = options.tty === true
  const networks = networkOptions(options)
  const [first] = networks
  const mode = first?.target ?? 'default'
  return compact<SandboxCreate>({
    Hostname: options.hostname,
    Domainname: options.domainname,
    Cmd: command.length === 0 ? undefined : [...command],
    Env: environmentOf(cli.env, options, tty),
    WorkingDir: options.workdir ?? process.cwd(),
    Tty: tty || undefined,
    OpenStdin: options.interactive,
    Labels: labelsOf(options),
    StopSignal: options.stopSignal,
    StopTimeout: options.stopTimeout,
    MacAddress: macAddress(options.macAddress),
    ExposedPorts: exposedPorts(options),
    HostConfig: compact<NonNullable<SandboxCreate['HostConfig']>>({
      NetworkMode: mode,
      AutoRemove: options.rm,
      PortBindings: options.publish?.length ? portBindings(options.publish) : undefined,
      PublishAllPorts: options.publishAll,
      Dns: copied(options.dns),
      DnsSearch: copied(options.dnsSearch),
      DnsOptions: copied(options.dnsOption),
      ExtraHosts: options.addHost?.map(extraHost),
      Links: isUserDefined(mode) ? undefined : copied(options.link),
    }),
    NetworkingConfig: networkingConfig(networks),
  })
}

/** The networks, the first with what stands in options of its own. Docker's rules for what goes together. */
function networkOptions(options: CreateOptions): NetworkOption[] {
  const [first = { target: 'default', endpoint: {} }, ...others] = (options.network ?? []).map(
    parseNetworkOption,
  )
  if (others.length > 0 && [first, ...others].some(({ target }) => !isUserDefined(target))) {
    throw usage('conflicting options: cannot attach both user-defined and non-user-defined network-modes')
  }
  const seen = new Set<string>()
  for (const { target } of [first, ...others]) {
    if (seen.has(target)) throw usage(`network "${target}" is specified multiple times`)
    seen.add(target)
  }
  return [{ target: first.target, endpoint: mergeEndpoint(options, first) }, ...others]
}

function mergeEndpoint(options: CreateOptions, { target, endpoint }: NetworkOption): EndpointConfig {
  const { networkAlias = [], ip, ip6, linkLocalIp = [], macAddress, link = [] } = options
  const both = (what: string, option: string): never => {
    throw usage(`conflicting options: cannot specify both ${option} and per-network ${what}`)
  }
  if (networkAlias.length > 0) {
    if (endpoint.Aliases) both('alias', '--network-alias')
    if (!isUserDefined(target))
      throw usage('network-scoped aliases are only supported for user-defined networks')
  }
  if (ip !== undefined && endpoint.IPAMConfig?.IPv4Address !== undefined) both('IPv4 address', '--ip')
  if (ip6 !== undefined && endpoint.IPAMConfig?.IPv6Address !== undefined) both('IPv6 address', '--ip6')
  if (linkLocalIp.length > 0 && endpoint.IPAMConfig?.LinkLocalIPs) {
    both('link-local IP addresses', '--link-local-ip')
  }
  if (macAddress !== undefined && endpoint.MacAddress !== undefined) both('MAC address', '--mac-address')
  const ipam = compact<NonNullable<EndpointConfig['IPAMConfig']>>({
    IPv4Address: ip,
    IPv6Address: ip6,
    LinkLocalIPs: linkLocalIp.length === 0 ? undefined : [...linkLocalIp],
  })
  return compact<EndpointConfig>({
    ...endpoint,
    Aliases: networkAlias.length === 0 ? endpoint.Aliases : [...networkAlias],
    Links: link.length > 0 && isUserDefined(target) ? [...link] : endpoint.Links,
    IPAMConfig: Object.keys(ipam).length === 0 ? endpoint.IPAMConfig : { ...endpoint.IPAMConfig, ...ipam },
  })
}

function networkingConfig(networks: readonly NetworkOption[]): SandboxCreate['NetworkingConfig'] {
  const wished = networks.filter(
    ({ target, endpoint }) => isUserDefined(target) || Object.keys(endpoint).length > 0,
  )
  if (wished.length === 0) return undefined
  return { EndpointsConfig: Object.fromEntries(wished.map(({ target, endpoint }) => [target, endpoint])) }
}

/** Published ports are exposed as well. */
function exposedPorts({ expose = [], publish = [] }: CreateOptions): SandboxCreate['ExposedPorts'] {
  const ports = [...expose.map(parseExpose), ...publish.map((spec) => parsePublish(spec).port)]
  return ports.length === 0 ? undefined : Object.fromEntries(ports.map((port) => [port, {}]))
}

/** In Docker's words, which has this option checked before all else. */
function macAddress(text: string | undefined): string | undefined {
  if (text === undefined || text === '' || MAC.test(text)) return text
  throw usage(`${text} is not a valid mac address`)
}

const MAC = /^[\da-f]{2}([:-][\da-f]{2}){5}$/i

/** Docker also takes `name=address`. */
function extraHost(entry: string): string {
  const at = entry.search(/[=:]/)
  const address = entry.slice(at + 1)
  if (at < 1 || address === '') throw usage(`bad format for add-host: "${entry}"`)
  return `${entry.slice(0, at)}:${address.replace(/^\[(.*)\]$/, '$1')}`
}

function labelsOf({ label = [], labelFile = [] }: CreateOptions): Record<string, string> | undefined {
  const fromFiles = labelFile.flatMap((path) => {
    try {
      return readFileSync(path, 'utf8')
        .split('\n')
        .map((line) => line.trim())
        .filter((line) => line !== '' && !line.startsWith('#'))
    } catch (cause) {
      throw usage(openError(path, cause))
    }
  })
  return toLabels([...fromFiles, ...label])
}

function copied(values: readonly string[] | undefined): string[] | undefined {
  return values === undefined ? undefined : [...values]
}

/** Without what is not set. */
export function compact<T extends object>(value: { [K in keyof T]?: T[K] | undefined }): T {
  return Object.fromEntries(Object.entries(value).filter(([, inner]) => inner !== undefined)) as T
}
