/** All commands. Names and summaries are here, the rest is in their modules, which are loaded when they are wanted. */
import type { Command } from 'commander'
import type { Cli } from './cli.ts'

/** Gives a command its description, options and action. */
export type Define = (command: Command, cli: Cli) => void

export interface CommandEntry {
  readonly name: string
  readonly aliases?: readonly string[]
  readonly summary: string
  /** The heading under which help lists it. */
  readonly group?: string
  readonly hidden?: boolean
  /** Absent where it only has commands of its own. */
  define?(): Promise<Define>
  readonly commands?: readonly CommandEntry[]
}

const SANDBOXES = 'Sandboxes:'
const NETWORKS = 'Networks:'
const ROUTER = 'Gateway and NAT:'
const NAMES = 'Names:'
const PACKETS = 'Packets:'
const LABS = 'Labs:'
const SYSTEM = 'Switch and system:'

const attach: CommandEntry = {
  name: 'attach',
  summary: 'take over the streams of a running sandbox',
  define: async () => (await import('./commands/attach.ts')).defineAttach,
}
const create: CommandEntry = {
  name: 'create',
  summary: 'make a sandbox without starting it',
  define: async () => (await import('./commands/create.ts')).defineCreate,
}
const exec: CommandEntry = {
  name: 'exec',
  summary: 'run a command in a running sandbox',
  define: async () => (await import('./commands/exec.ts')).defineExec,
}
const inspectSandbox: CommandEntry = {
  name: 'inspect',
  summary: 'show all that is known of sandboxes',
  define: async () => (await import('./commands/inspect.ts')).defineSandboxInspect,
}
const kill: CommandEntry = {
  name: 'kill',
  summary: 'send a signal to sandboxes',
  define: async () => (await import('./commands/stop.ts')).defineKill,
}
const logs: CommandEntry = {
  name: 'logs',
  summary: 'show what a sandbox has printed',
  define: async () => (await import('./commands/logs.ts')).defineLogs,
}
const port: CommandEntry = {
  name: 'port',
  summary: 'list the published ports of a sandbox',
  define: async () => (await import('./commands/port.ts')).definePort,
  commands: [
    {
      name: 'add',
      summary: 'publish ports of a sandbox',
      define: async () => (await import('./commands/port-change.ts')).definePortAdd,
    },
    {
      name: 'rm',
      aliases: ['remove'],
      summary: 'publish ports no more',
      define: async () => (await import('./commands/port-change.ts')).definePortRm,
    },
    {
      name: 'ls',
      aliases: ['list'],
      summary: 'list the published ports of all sandboxes, or of one',
      define: async () => (await import('./commands/port.ts')).definePortLs,
    },
  ],
}
const ps: CommandEntry = {
  name: 'ps',
  summary: 'list sandboxes',
  define: async () => (await import('./commands/ps.ts')).definePs,
}
const rename: CommandEntry = {
  name: 'rename',
  summary: 'give a sandbox another name',
  define: async () => (await import('./commands/rename.ts')).defineRename,
}
const restart: CommandEntry = {
  name: 'restart',
  summary: 'stop sandboxes and start them again',
  define: async () => (await import('./commands/stop.ts')).defineRestart,
}
const rm: CommandEntry = {
  name: 'rm',
  aliases: ['remove'],
  summary: 'remove sandboxes',
  define: async () => (await import('./commands/rm.ts')).defineRm,
}
const run: CommandEntry = {
  name: 'run',
  summary: 'make a sandbox and run a command in it',
  define: async () => (await import('./commands/run.ts')).defineRun,
}
const start: CommandEntry = {
  name: 'start',
  summary: 'start sandboxes that do not run',
  define: async () => (await import('./commands/start.ts')).defineStart,
}
const stats: CommandEntry = {
  name: 'stats',
  summary: 'show what the switch has done',
  define: async () => (await import('./commands/stats.ts')).defineStats,
}
const stop: CommandEntry = {
  name: 'stop',
  summary: 'stop running sandboxes',
  define: async () => (await import('./commands/stop.ts')).defineStop,
}
const wait: CommandEntry = {
  name: 'wait',
  summary: 'wait until sandboxes end, and print their exit codes',
  define: async () => (await import('./commands/wait.ts')).defineWait,
}

const SANDBOX_COMMANDS: readonly CommandEntry[] = [
  run,
  create,
  start,
  stop,
  restart,
  kill,
  rm,
  ps,
  exec,
  attach,
  logs,
  inspectSandbox,
  rename,
  wait,
  port,
]

const NETWORK_COMMANDS: readonly CommandEntry[] = [
  {
    name: 'create',
    summary: 'make a network',
    define: async () => (await import('./commands/network-create.ts')).defineNetworkCreate,
  },
  {
    name: 'ls',
    aliases: ['list'],
    summary: 'list networks',
    define: async () => (await import('./commands/network-ls.ts')).defineNetworkLs,
  },
  {
    name: 'inspect',
    summary: 'show all that is known of networks',
    define: async () => (await import('./commands/inspect.ts')).defineNetworkInspect,
  },
  {
    name: 'rm',
    aliases: ['remove'],
    summary: 'remove networks',
    define: async () => (await import('./commands/network-rm.ts')).defineNetworkRm,
  },
  {
    name: 'prune',
    summary: 'remove all networks that no sandbox uses',
    define: async () => (await import('./commands/prune.ts')).defineNetworkPrune,
  },
  {
    name: 'connect',
    summary: 'plug a sandbox into a network',
    define: async () => (await import('./commands/network-connect.ts')).defineNetworkConnect,
  },
  {
    name: 'disconnect',
    summary: 'unplug a sandbox from a network',
    define: async () => (await import('./commands/network-connect.ts')).defineNetworkDisconnect,
  },
]

/** `tapwire inspect` takes networks as well. */
const inspect: CommandEntry = {
  name: 'inspect',
  summary: 'show all that is known of sandboxes and networks',
  define: async () => (await import('./commands/inspect.ts')).defineInspect,
}

export const COMMANDS: readonly CommandEntry[] = [
  ...SANDBOX_COMMANDS.map((entry) => ({
    ...(entry === inspectSandbox ? inspect : entry),
    group: SANDBOXES,
  })),
  {
    name: 'sandbox',
    aliases: ['container'],
    summary: 'all commands for sandboxes, and prune',
    group: SANDBOXES,
    commands: [
      ...SANDBOX_COMMANDS.map((entry) =>
        entry === ps ? { ...ps, name: 'ls', aliases: ['list', 'ps'] } : entry,
      ),
      {
        name: 'prune',
        summary: 'remove all sandboxes that do not run',
        define: async () => (await import('./commands/prune.ts')).defineSandboxPrune,
      },
    ],
  },
  { name: 'network', summary: 'manage networks', group: NETWORKS, commands: NETWORK_COMMANDS },
  {
    name: 'service',
    summary: 'one name and one address for several sandboxes',
    group: NETWORKS,
    commands: [
      {
        name: 'create',
        summary: 'make a service',
        define: async () => (await import('./commands/service.ts')).defineServiceCreate,
      },
      {
        name: 'ls',
        aliases: ['list'],
        summary: 'list services',
        define: async () => (await import('./commands/service-ls.ts')).defineServiceLs,
      },
      {
        name: 'ps',
        summary: 'list the sandboxes that serve',
        define: async () => (await import('./commands/service-ls.ts')).defineServicePs,
      },
      {
        name: 'inspect',
        summary: 'show all that is known of services',
        define: async () => (await import('./commands/inspect.ts')).defineServiceInspect,
      },
      {
        name: 'update',
        summary: 'change what a service publishes, and who serves',
        define: async () => (await import('./commands/service.ts')).defineServiceUpdate,
      },
      {
        name: 'rm',
        aliases: ['remove'],
        summary: 'remove services',
        define: async () => (await import('./commands/service.ts')).defineServiceRm,
      },
    ],
  },
  {
    name: 'link',
    summary: 'make links late, lossy, slow or down, and look at what they do',
    group: NETWORKS,
    commands: [
      {
        name: 'set',
        summary: 'say what a link does to frames',
        define: async () => (await import('./commands/link.ts')).defineLinkSet,
      },
      {
        name: 'show',
        aliases: ['ls', 'list'],
        summary: 'show what links do, and have done',
        define: async () => (await import('./commands/link.ts')).defineLinkShow,
      },
      {
        name: 'reset',
        summary: 'let frames pass as they are',
        define: async () => (await import('./commands/link.ts')).defineLinkReset,
      },
    ],
  },
  {
    name: 'overlay',
    summary: 'look at networks that go on to other hosts',
    group: NETWORKS,
    commands: [
      {
        name: 'ls',
        aliases: ['list'],
        summary: 'list the networks that go on behind a tunnel',
        define: async () => (await import('./commands/overlay.ts')).defineOverlayLs,
      },
      {
        name: 'peers',
        summary: 'list the hosts that they go on to',
        define: async () => (await import('./commands/overlay.ts')).defineOverlayPeers,
      },
      {
        name: 'status',
        summary: 'show how this host stands in its cluster, and who else is there',
        define: async () => (await import('./commands/cluster.ts')).defineOverlayStatus,
      },
      {
        name: 'forget',
        summary: 'give back the addresses of hosts that will not come back',
        define: async () => (await import('./commands/cluster.ts')).defineOverlayForget,
      },
    ],
  },
  {
    name: 'nat',
    summary: 'look at the connections that the router follows',
    group: ROUTER,
    commands: [
      {
        name: 'ls',
        aliases: ['list'],
        summary: 'list the connections, and how they are translated',
        define: async () => (await import('./commands/nat.ts')).defineNatLs,
      },
      {
        name: 'flush',
        summary: 'end connections',
        define: async () => (await import('./commands/nat.ts')).defineNatFlush,
      },
      {
        name: 'stats',
        summary: 'show what the router has counted',
        define: async () => (await import('./commands/nat-stats.ts')).defineNatStats,
      },
    ],
  },
  {
    name: 'uplink',
    summary: 'manage the way out of all networks',
    group: ROUTER,
    commands: [
      {
        name: 'ls',
        aliases: ['list'],
        summary: 'show the uplink',
        define: async () => (await import('./commands/uplink.ts')).defineUplinkLs,
      },
      {
        name: 'set',
        summary: 'connect the networks to an interface of the machine, or to a TAP',
        define: async () => (await import('./commands/uplink.ts')).defineUplinkSet,
      },
      {
        name: 'unset',
        summary: 'take the way out away',
        define: async () => (await import('./commands/uplink.ts')).defineUplinkUnset,
      },
    ],
  },
  {
    name: 'neigh',
    summary: "look at the router's neighbours",
    group: ROUTER,
    commands: [
      {
        name: 'ls',
        aliases: ['list'],
        summary: 'list the addresses that the router knows by ARP',
        define: async () => (await import('./commands/neigh.ts')).defineNeighLs,
      },
    ],
  },
  {
    name: 'explain',
    summary: 'tell hop by hop what becomes of a packet, of a capture or of what passes, and why',
    group: ROUTER,
    define: async () => (await import('./commands/explain.ts')).defineExplain,
  },
  {
    name: 'capture',
    summary: 'show what passes the switch, or write it for Wireshark',
    group: PACKETS,
    define: async () => (await import('./commands/capture.ts')).defineCapture,
  },
  {
    name: 'replay',
    summary: 'take a capture through the data path of a lab that is only simulated',
    group: PACKETS,
    define: async () => (await import('./commands/replay.ts')).defineReplay,
  },
  {
    name: 'dissect',
    summary: 'show what is in a capture file',
    group: PACKETS,
    define: async () => (await import('./commands/dissect.ts')).defineDissect,
  },
  {
    name: 'extcap',
    summary: "show the networks among Wireshark's interfaces",
    group: PACKETS,
    commands: [
      {
        name: 'install',
        summary: 'let Wireshark find Tapwire',
        define: async () => (await import('./commands/extcap.ts')).defineExtcapInstall,
      },
      {
        name: 'uninstall',
        summary: 'take that back',
        define: async () => (await import('./commands/extcap.ts')).defineExtcapUninstall,
      },
      {
        name: 'status',
        summary: 'tell whether Wireshark finds Tapwire, and which',
        define: async () => (await import('./commands/extcap.ts')).defineExtcapStatus,
      },
      {
        name: 'run',
        summary: 'what Wireshark calls',
        hidden: true,
        define: async () => (await import('./commands/extcap-run.ts')).defineExtcapRun,
      },
    ],
  },
  {
    name: 'dns',
    summary: 'look at the names by which sandboxes find one another, and at who asks for what',
    group: NAMES,
    commands: [
      {
        name: 'ls',
        aliases: ['list'],
        summary: 'list the names of all networks, or of one',
        define: async () => (await import('./commands/dns.ts')).defineDnsLs,
      },
      {
        name: 'query',
        summary: 'ask as a sandbox would, and tell why the answer is what it is',
        define: async () => (await import('./commands/dns-query.ts')).defineDnsQuery,
      },
      {
        name: 'log',
        summary: 'show what was asked, and what became of it',
        define: async () => (await import('./commands/dns-log.ts')).defineDnsLog,
      },
      {
        name: 'stats',
        summary: 'show what the name server has counted',
        define: async () => (await import('./commands/dns-stats.ts')).defineDnsStats,
      },
      {
        name: 'flush',
        summary: 'forget answers from outside',
        define: async () => (await import('./commands/dns.ts')).defineDnsFlush,
      },
    ],
  },
  {
    name: 'demo',
    summary: 'a tour of one minute',
    group: LABS,
    define: async () => (await import('./demo.ts')).defineDemo,
  },
  {
    name: 'up',
    summary: 'bring a lab up',
    group: LABS,
    define: async () => (await import('./up.ts')).defineUp,
  },
  {
    name: 'down',
    summary: 'take a lab down',
    group: LABS,
    define: async () => (await import('./down.ts')).defineDown,
  },
  {
    name: 'validate',
    summary: 'check a lab file',
    group: LABS,
    define: async () => (await import('./validate.ts')).defineValidate,
  },
  {
    name: 'save',
    summary: 'write a lab file of what is there',
    group: LABS,
    define: async () => (await import('./save.ts')).defineSave,
  },
  {
    name: 'graph',
    summary: 'draw a lab',
    group: LABS,
    define: async () => (await import('./graph.ts')).defineGraph,
  },
  {
    name: 'fdb',
    summary: "look at the switch's MAC table",
    group: SYSTEM,
    commands: [
      {
        name: 'ls',
        aliases: ['list'],
        summary: 'list the stations',
        define: async () => (await import('./commands/fdb.ts')).defineFdbLs,
      },
      {
        name: 'flush',
        summary: 'forget the stations',
        define: async () => (await import('./commands/fdb.ts')).defineFdbFlush,
      },
    ],
  },
  { ...stats, group: SYSTEM },
  {
    name: 'events',
    summary: 'show what happens, as it happens',
    group: SYSTEM,
    define: async () => (await import('./commands/events.ts')).defineEvents,
  },
  {
    name: 'info',
    summary: 'show what the daemon is and has',
    group: SYSTEM,
    define: async () => (await import('./commands/version.ts')).defineInfo,
  },
  {
    name: 'version',
    summary: 'show the versions of program and daemon',
    group: SYSTEM,
    define: async () => (await import('./commands/version.ts')).defineVersion,
  },
  {
    name: 'doctor',
    summary: 'check what this machine can do',
    group: SYSTEM,
    define: async () => (await import('./commands/doctor.ts')).defineDoctor,
  },
  {
    name: 'daemon',
    summary: 'run the daemon in the foreground, or stop it',
    group: SYSTEM,
    define: async () => (await import('./commands/daemon.ts')).defineDaemon,
    commands: [
      {
        name: 'stop',
        summary: 'stop the daemon and all sandboxes',
        define: async () => (await import('./commands/daemon.ts')).defineDaemonStop,
      },
    ],
  },
  {
    name: 'system',
    summary: 'prune, events and info',
    group: SYSTEM,
    commands: [
      {
        name: 'prune',
        summary: 'remove what is unused, and what dead daemons left',
        define: async () => (await import('./commands/prune.ts')).defineSystemPrune,
      },
      {
        name: 'events',
        summary: 'show what happens, as it happens',
        define: async () => (await import('./commands/events.ts')).defineEvents,
      },
      {
        name: 'info',
        summary: 'show what the daemon is and has',
        define: async () => (await import('./commands/version.ts')).defineInfo,
      },
    ],
  },
  {
    name: 'complete',
    summary: 'print the completion script of a shell',
    group: SYSTEM,
    define: async () => (await import('./commands/complete.ts')).defineComplete,
  },
]
