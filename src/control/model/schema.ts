/** The shape of the stored model, by which a file is checked before anything in it is believed. */

import { z } from 'zod'
import { checkWish } from '../rules/impairment.ts'
import { parsePortRange } from '../rules/port.ts'
import { isRunName } from '../rules/port-runs.ts'
import type { ImpairmentRecord, ModelRecord } from './records.ts'

/** Grows when what is stored changes so that an older Tapwire would misread it. 2: ranges of ports in a configuration. */
export const MODEL_VERSION = 2

/** Whose files are read as they are. */
const VERSIONS = [1, MODEL_VERSION] as const

const text = z.string()
const texts = z.array(text)
const map = z.record(text, text)
const id = text.regex(/^[\da-f]{64}$/, 'is no id of 64 hexadecimal digits')
const count = z.int().min(0)

const poolRecord = z.strictObject({
  family: z.union([z.literal(4), z.literal(6)]),
  subnet: text,
  range: text.optional(),
  gateway: text.optional(),
  gatewayGiven: z.boolean(),
  subnetGiven: z.boolean(),
  auxiliary: map,
})

const networkRecord = z.strictObject({
  id,
  name: text,
  created: text,
  driver: text,
  scope: z.enum(['local', 'global', 'swarm']),
  enableIPv4: z.boolean(),
  enableIPv6: z.boolean(),
  internal: z.boolean(),
  attachable: z.boolean(),
  ingress: z.boolean(),
  configOnly: z.boolean(),
  configFrom: text,
  ipam: z.strictObject({ driver: text, options: map, pools: z.array(poolRecord) }),
  options: map,
  labels: map,
})

const interfaceAddress = z.strictObject({ address: text, prefixLength: z.int().min(0).max(128) })

const impairmentWish = z.strictObject({
  delay: text.optional(),
  jitter: text.optional(),
  loss: text.optional(),
  duplicate: text.optional(),
  reorder: text.optional(),
  corrupt: text.optional(),
  rate: text.optional(),
  queue: z.int().optional(),
  down: z.boolean().optional(),
  seed: z.int().optional(),
})

/** In normal form, as everything in the file: what somebody has edited is not to reach the data path as no number. */
const impairmentRecord = z
  .strictObject({ from: impairmentWish.optional(), to: impairmentWish.optional() })
  .refine(isNormalImpairment, 'is no impairment of a link')

function isNormalImpairment(record: ImpairmentRecord): boolean {
  return [record.from, record.to].every((wish) => wish === undefined || checkWish(wish).problems.length === 0)
}

const endpointRecord = z.strictObject({
  network: id,
  formerName: text.optional(),
  settings: z.strictObject({
    ipv4: text.optional(),
    ipv6: text.optional(),
    linkLocal: texts,
    links: texts,
    aliases: texts,
    mac: text.optional(),
    driverOptions: map,
    gatewayPriority: z.int(),
  }),
  impairment: impairmentRecord.optional(),
  joined: z
    .strictObject({
      id,
      interface: text,
      mac: text,
      ipv4: interfaceAddress.optional(),
      ipv6: interfaceAddress.optional(),
      gateway4: text.optional(),
      gateway6: text.optional(),
    })
    .optional(),
})

const ports = text.refine(isRunName, 'is no port or range of ports')
const hostPorts = text.refine(
  (port) => port === '' || parsePortRange(port) !== undefined,
  'is no port or range of ports',
)
const portBindings = z.record(ports, z.array(z.strictObject({ hostIp: text, hostPort: hostPorts })))

const networkMode = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('networks'), name: text }),
  z.strictObject({ kind: z.literal('none') }),
  z.strictObject({ kind: z.literal('host') }),
  z.strictObject({ kind: z.literal('container'), sandbox: id }),
])

const sandboxRecord = z.strictObject({
  id,
  name: text,
  created: text,
  config: z.strictObject({
    command: texts,
    environment: texts,
    workingDirectory: text,
    tty: z.boolean(),
    openStdin: z.boolean(),
    hostname: text,
    domainname: text,
    labels: map,
    stopSignal: text,
    stopTimeoutS: z.int(),
    autoRemove: z.boolean(),
    networkMode,
    dns: texts,
    dnsSearch: texts,
    dnsOptions: texts,
    extraHosts: texts,
    links: texts,
    exposedPorts: z.array(ports),
    portBindings,
    publishAll: z.boolean(),
  }),
  state: z.strictObject({
    status: z.enum(['created', 'running', 'exited']),
    pid: count,
    exitCode: z.int(),
    error: text,
    startedAt: text,
    finishedAt: text,
  }),
  endpoints: z.array(endpointRecord),
  ports: portBindings,
})

const serviceRecord = z.strictObject({
  id,
  name: text,
  created: text,
  network: id,
  endpointMode: z.enum(['vip', 'dnsrr']),
  virtualIp: text,
  replicasOf: texts,
  endpoints: texts,
  ports: z.array(
    z.strictObject({
      protocol: z.enum(['tcp', 'udp']),
      published: z.int().min(1).max(65_535),
      target: z.int().min(1).max(65_535),
      mode: z.enum(['ingress', 'host']),
    }),
  ),
  labels: map,
})

/** The whole file. That `satisfies` holds is what keeps it and the records in step. */
export const storedModelSchema = z
  .strictObject({
    version: z.literal(VERSIONS),
    networks: z.array(networkRecord),
    sandboxes: z.array(sandboxRecord),
    resting: z.array(
      z.strictObject({ network: id, address: text, untilMs: z.number(), owner: id.optional() }),
    ),
    uplink: text.optional(),
    uplinkImpairment: impairmentRecord.optional(),
    services: z.array(serviceRecord).optional(),
    cluster: z.strictObject({ host: id, revision: count }).optional(),
  })
  .superRefine((model, context) => {
    for (const kind of ['networks', 'sandboxes'] as const) {
      for (const key of ['id', 'name'] as const) {
        const seen = new Set<string>()
        for (const [index, record] of model[kind].entries()) {
          if (seen.has(record[key])) {
            context.addIssue({ code: 'custom', path: [kind, index, key], message: 'is there twice' })
          }
          seen.add(record[key])
        }
      }
    }
  }) satisfies z.ZodType<ModelRecord>
