/** What daemon.json in the root may say, and what holds where it says nothing. The names are those of dockerd where it has them. */

import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { isAbsolute } from 'node:path'
import { z } from 'zod'
import type { ClusterOptions } from '../control/cluster/cluster-options.ts'
import { DEFAULTS, type Defaults } from '../control/defaults.ts'
import { ErrorCode, TapwireError } from '../control/errors.ts'
import { parseCidr, parseIpAddress } from '../control/ip-address.ts'
import { type ClusterSettings, clusterOptions } from '../control/rules/cluster-options.ts'
import { parseUplink } from '../control/rules/uplink.ts'
import { ADDRESS_REST_S, CONFIGURATION_SIZE_MAX, MTU_MAX, MTU_MIN } from '../limits.ts'
import { parsePart } from './api/request-issue.ts'
import { RESOLV_CONF } from './surroundings.ts'

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

const address = z.string().refine((text) => parseIpAddress(text) !== undefined, 'must be an IP address')
const prefix = z
  .string()
  .refine((text) => parseCidr(text) !== undefined, 'must be a prefix, as in 10.200.0.0/16')

const file = z.string().refine(isAbsolute, 'must be an absolute path')

const uplink = z.string().superRefine((text, context) => {
  try {
    parseUplink(text)
  } catch (error) {
    context.addIssue({ code: 'custom', message: `is an ${(error as Error).message}` })
  }
})

const configurationSchema = z.strictObject({
  'default-address-pools': z
    .array(z.strictObject({ base: prefix, size: z.int().min(1).max(128) }))
    .optional(),
  'log-level': z.enum(LOG_LEVELS).optional(),
  mtu: z.int().min(MTU_MIN).max(MTU_MAX).optional(),
  /** Where ports are published unless more is said. */
  ip: address.refine((text) => !text.includes(':'), 'must be an IPv4 address').optional(),
  /** Whether sandboxes on the network bridge may talk to one another. */
  icc: z.boolean().optional(),
  dns: z.array(address).optional(),
  'dns-search': z.array(z.string()).optional(),
  'dns-opts': z.array(z.string()).optional(),
  /** What `host-gateway` in --add-host stands for. */
  'host-gateway-ip': address.optional(),
  'live-restore': z.boolean().optional(),
  /** The way out of all networks, in place of the one that was set last. */
  uplink: uplink.optional(),
  /** The machine's resolv.conf(5): what sandboxes get, and whose servers names are asked of. */
  'resolv-conf': file.optional(),
  /** The registry of the cluster that this host is in, and what this host is there. */
  cluster: z.string().optional(),
  advertise: z.string().optional(),
  'host-name': z.string().optional(),
  'data-path-port': z.int().optional(),
  'cluster-ca': file.optional(),
  'cluster-cert': file.optional(),
  'cluster-key': file.optional(),
  /** Seconds that a released address rests. */
  'address-rest': z.number().min(0).max(86_400).optional(),
})

export interface Configuration extends Defaults {
  /** Undefined: Docker's own. */
  readonly defaultAddressPools: readonly { readonly base: string; readonly size: number }[] | undefined
  readonly logLevel: LogLevel
  readonly liveRestore: boolean
  readonly addressRestS: number
  /** In its text form; undefined: the one that was set last. */
  readonly uplink: string | undefined
  /** Path of the machine's resolv.conf(5). */
  readonly resolvConf: string
  /** Undefined: in none. */
  readonly cluster: ClusterOptions | undefined
}

/** What the command line says goes before what the file says. */
export interface ConfigurationOverrides {
  readonly logLevel?: LogLevel | undefined
  readonly liveRestore?: boolean | undefined
  readonly uplink?: string | undefined
  readonly resolvConf?: string | undefined
  readonly cluster?: ClusterSettings | undefined
}

/** Reads the file; where there is none, all is as by default. Throws CONFIGURATION_INVALID, which names the place. */
export function readConfiguration(path: string, overrides: ConfigurationOverrides): Configuration {
  const given = parse(path, textOf(path))
  return {
    defaultAddressPools: given['default-address-pools'],
    logLevel: overrides.logLevel ?? given['log-level'] ?? 'info',
    mtu: given.mtu ?? DEFAULTS.mtu,
    hostBinding: given.ip,
    icc: given.icc ?? DEFAULTS.icc,
    dns: given.dns ?? DEFAULTS.dns,
    dnsSearch: given['dns-search'] ?? DEFAULTS.dnsSearch,
    dnsOptions: given['dns-opts'] ?? DEFAULTS.dnsOptions,
    hostGateway: given['host-gateway-ip'],
    liveRestore: overrides.liveRestore ?? given['live-restore'] ?? false,
    addressRestS: given['address-rest'] ?? ADDRESS_REST_S,
    uplink: overrides.uplink ?? given.uplink,
    resolvConf: overrides.resolvConf ?? given['resolv-conf'] ?? RESOLV_CONF,
    cluster: clusterOf(path, given, overrides.cluster),
  }
}

/** What the command line leaves open the file says. */
function clusterOf(
  path: string,
  given: z.infer<typeof configurationSchema>,
  settings: ClusterSettings = {},
): ClusterOptions | undefined {
  const all: ClusterSettings = {
    cluster: settings.cluster ?? given.cluster,
    advertise: settings.advertise ?? given.advertise,
    hostName: settings.hostName ?? given['host-name'],
    dataPathPort: settings.dataPathPort ?? given['data-path-port'],
    ca: settings.ca ?? given['cluster-ca'],
    certificate: settings.certificate ?? given['cluster-cert'],
    key: settings.key ?? given['cluster-key'],
  }
  try {
    return clusterOptions(all, hostname())
  } catch (cause) {
    if (!(cause instanceof TapwireError) || Object.values(settings).some((value) => value !== undefined))
      throw cause
    throw invalid(path, cause.message, cause)
  }
}

function textOf(path: string): string {
  try {
    const text = readFileSync(path, 'utf8')
    if (text.length > CONFIGURATION_SIZE_MAX)
      throw new Error(`it has more than ${CONFIGURATION_SIZE_MAX} bytes`)
    return text
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '{}'
    throw invalid(path, (error as Error).message, error)
  }
}

function parse(path: string, text: string): z.infer<typeof configurationSchema> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw invalid(path, `it is no JSON: ${(cause as Error).message}`, cause)
  }
  try {
    return parsePart(configurationSchema, value, 'file')
  } catch (cause) {
    throw invalid(path, (cause as TapwireError).message, cause)
  }
}

function invalid(path: string, why: string, cause: unknown): TapwireError {
  const hint = cause instanceof TapwireError ? cause.hint : undefined
  return new TapwireError(
    ErrorCode.configurationInvalid,
    `The configuration file ${path} is invalid: ${why}`,
    { cause, hint },
  )
}
