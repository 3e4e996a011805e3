/** Sandboxes on the API. The shapes are those of Docker's containers, as far as a sandbox has what a container has. */

import { z } from 'zod'
import { impairmentSchema } from './link.ts'
import { endpointConfigSchema } from './network.ts'

const text = z.string()
const texts = z.array(text)
const map = z.record(text, text)
const absent = <T extends z.ZodType>(schema: T) => schema.nullish()

export const portBindingSchema = z.strictObject({ HostIp: text.optional(), HostPort: text.optional() })

const requestedBindings = z
  .record(text, absent(z.array(portBindingSchema)))
  .describe(
    'By port, 80/tcp, or by range of ports, 3000-3009/tcp. A range is published on as many host ports, 8000-8009, or each ' +
      'port of it on any where HostPort is empty; a single port on the first of a range that is free.',
  )

/** POST /sandboxes?name=NAME */
export const sandboxCreateSchema = z.strictObject({
  Hostname: text.optional(),
  Domainname: text.optional(),
  /** Program and arguments; without any it is an idle sandbox. */
  Cmd: absent(texts),
  Env: absent(texts),
  WorkingDir: text.optional(),
  Tty: z.boolean().optional(),
  OpenStdin: z.boolean().optional(),
  Labels: absent(map),
  StopSignal: text.optional(),
  /** Seconds. */
  StopTimeout: z.int().optional(),
  /** Of the endpoint that NetworkMode names. */
  MacAddress: text.optional(),
  ExposedPorts: absent(
    z.record(text, z.strictObject({})).describe('By port, 80/tcp, or by range of ports, 3000-3009/tcp.'),
  ),
  HostConfig: absent(
    z.strictObject({
      /** `bridge` (also `default`), a network, `none`, `host` or `container:NAME`. */
      NetworkMode: text.optional(),
      AutoRemove: z.boolean().optional(),
      PortBindings: absent(requestedBindings),
      PublishAllPorts: z.boolean().optional(),
      Dns: absent(texts),
      DnsSearch: absent(texts),
      DnsOptions: absent(texts),
      /** `name:address` */
      ExtraHosts: absent(texts),
      /** `name:alias` */
      Links: absent(texts),
    }),
  ),
  NetworkingConfig: absent(
    z.strictObject({
      /** By network. */
      EndpointsConfig: absent(z.record(text, absent(endpointConfigSchema))),
    }),
  ),
})
export type SandboxCreate = z.infer<typeof sandboxCreateSchema>

export const sandboxCreatedSchema = z.object({ Id: text, Warnings: texts })
export type SandboxCreated = z.infer<typeof sandboxCreatedSchema>

/** An endpoint as inspect shows it. */
export const endpointInspectSchema = z.object({
  IPAMConfig: z
    .object({
      IPv4Address: text.optional(),
      IPv6Address: text.optional(),
      LinkLocalIPs: texts.optional(),
    })
    .nullable(),
  Links: texts.nullable(),
  Aliases: texts.nullable(),
  MacAddress: text,
  DriverOpts: map.nullable(),
  GwPriority: z.int(),
  NetworkID: text,
  EndpointID: text,
  Gateway: text,
  IPAddress: text,
  IPPrefixLen: z.int(),
  IPv6Gateway: text,
  GlobalIPv6Address: text,
  GlobalIPv6PrefixLen: z.int(),
  DNSNames: texts.nullable(),
  /** The interface's name in the sandbox; empty while it does not run. */
  InterfaceName: text,
  /** What its link does to frames; absent where nothing. */
  Impairment: impairmentSchema.optional(),
})
export type EndpointInspect = z.infer<typeof endpointInspectSchema>

const portsSchema = z.record(text, z.array(z.object({ HostIp: text, HostPort: text })).nullable())

/** POST /sandboxes/{sandbox}/ports */
export const publishPortsSchema = z.strictObject({
  PortBindings: requestedBindings,
})
export type PublishPorts = z.infer<typeof publishPortsSchema>

export const portsPublishedSchema = z.object({
  Ports: portsSchema.describe(
    'Those that are new, as they are published now: neighbours as one range, 3000-3009/tcp at 8000-8009.',
  ),
})
export type PortsPublished = z.infer<typeof portsPublishedSchema>

/** DELETE /sandboxes/{sandbox}/ports */
export const unpublishPortsSchema = z.strictObject({
  /** Of a binding only what is given has to fit. */
  PortBindings: absent(requestedBindings),
  Ports: absent(texts.describe('All bindings of a port, 80/tcp, or of a range of ports, 3000-3009/tcp.')),
})
export type UnpublishPorts = z.infer<typeof unpublishPortsSchema>

/** Why the default route goes where it goes: Docker's rule, and which part of it decided. */
const defaultRouteSchema = z.object({
  /** Name of the network; empty where no endpoint gives a default route. */
  Network: text,
  Gateway: text,
  /** A sentence. */
  Reason: text,
})

/** GET /sandboxes/{sandbox} */
export const sandboxInspectSchema = z.object({
  Id: text,
  Created: text,
  /** The command's first word and the others; empty where the sandbox is idle. */
  Path: text,
  Args: texts,
  State: z.object({
    Status: z.enum(['created', 'running', 'exited']),
    Running: z.boolean(),
    Pid: z.int(),
    ExitCode: z.int(),
    Error: text,
    StartedAt: text,
    FinishedAt: text,
  }),
  ResolvConfPath: text,
  HostnamePath: text,
  HostsPath: text,
  LogPath: text,
  Name: text,
  Config: z.object({
    Hostname: text,
    Domainname: text,
    ExposedPorts: z.record(text, z.object({})).optional(),
    Tty: z.boolean(),
    OpenStdin: z.boolean(),
    Env: texts,
    Cmd: texts.nullable(),
    WorkingDir: text,
    Labels: map,
    StopSignal: text,
    StopTimeout: z.int(),
  }),
  HostConfig: z.object({
    NetworkMode: text,
    AutoRemove: z.boolean(),
    PortBindings: portsSchema,
    PublishAllPorts: z.boolean(),
    Dns: texts,
    DnsSearch: texts,
    DnsOptions: texts,
    ExtraHosts: texts,
    Links: texts.nullable(),
  }),
  NetworkSettings: z.object({
    SandboxID: text,
    /** The network namespace, under /run/netns. */
    SandboxKey: text,
    Ports: portsSchema,
    /** By network name. */
    Networks: z.record(text, endpointInspectSchema),
    DefaultRoute: z.object({ IPv4: defaultRouteSchema, IPv6: defaultRouteSchema }),
  }),
})
export type SandboxInspect = z.infer<typeof sandboxInspectSchema>

/** GET /sandboxes */
export const sandboxSummarySchema = z.object({
  Id: text,
  /** With a slash in front, as Docker has it. */
  Names: texts,
  Command: text,
  /** Seconds since 1970. */
  Created: z.int(),
  State: z.enum(['created', 'running', 'exited']),
  /** `Up 3 minutes`, `Exited (0) 2 hours ago`, `Created` */
  Status: text,
  Ports: z.array(
    z.object({
      IP: text.optional(),
      PrivatePort: z.int(),
      PublicPort: z.int().optional(),
      Type: z.enum(['tcp', 'udp', 'sctp']),
    }),
  ),
  Labels: map,
  HostConfig: z.object({ NetworkMode: text }),
  NetworkSettings: z.object({ Networks: z.record(text, endpointInspectSchema) }),
})
export type SandboxSummary = z.infer<typeof sandboxSummarySchema>

/** POST /sandboxes/{sandbox}/exec; the connection is upgraded to a stream. */
export const execSchema = z.strictObject({
  Cmd: texts.min(1),
  Env: absent(texts),
  WorkingDir: text.optional(),
  Tty: z.boolean().optional(),
  AttachStdin: z.boolean().optional(),
  /** Answers 201 at once, and the command runs on. */
  Detach: z.boolean().optional(),
})
export type Exec = z.infer<typeof execSchema>

/** POST /sandboxes/{sandbox}/wait?condition=not-running|next-exit|removed */
export const waitedSchema = z.object({ StatusCode: z.int(), Error: z.object({ Message: text }).optional() })
export type Waited = z.infer<typeof waitedSchema>

export const sandboxesPrunedSchema = z.object({ SandboxesDeleted: texts })
export type SandboxesPruned = z.infer<typeof sandboxesPrunedSchema>

/** One line of GET /sandboxes/{sandbox}/logs, an NDJSON stream; one line of the log file, too. */
export const logEntrySchema = z.object({
  /** What was printed, most often a line with its end. */
  log: text,
  stream: z.enum(['stdout', 'stderr']),
  /** RFC 3339 with nanoseconds. */
  time: text,
})
export type LogEntry = z.infer<typeof logEntrySchema>
