/**
 * All commands that stand right behind `tapwire`, as its help lists them. Names and summaries are here; those of the commands behind them
 * (`tapwire network create`) are in subcommand-list.ts, and the rest is in the commands' modules. Both are loaded when they are wanted.
 */
import type { CommandEntry } from './command-entry.ts'

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
  commands: async () => (await import('./subcommand-list.ts')).PORT_COMMANDS,
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

/** Behind `tapwire sandbox` as well. */
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
    commands: async () => [
      ...SANDBOX_COMMANDS.map((entry) =>
        entry === ps ? { ...ps, name: 'ls', aliases: ['list', 'ps'] } : entry,
      ),
      ...(await import('./subcommand-list.ts')).MORE_SANDBOX_COMMANDS,
    ],
  },
  {
    name: 'network',
    summary: 'manage networks',
    group: NETWORKS,
    commands: async () => (await import('./subcommand-list.ts')).NETWORK_COMMANDS,
  },
  {
    name: 'service',
    summary: 'one name and one address for several sandboxes',
    group: NETWORKS,
    commands: async () => (await import('./subcommand-list.ts')).SERVICE_COMMANDS,
  },
  {
    name: 'link',
    summary: 'make links late, lossy, slow or down, and look at what they do',
    group: NETWORKS,
    commands: async () => (await import('./subcommand-list.ts')).LINK_COMMANDS,
  },
  {
    name: 'overlay',
    summary: 'look at networks that go on to other hosts',
    group: NETWORKS,
    commands: async () => (await import('./subcommand-list.ts')).OVERLAY_COMMANDS,
  },
  {
    name: 'nat',
    summary: 'look at the connections that the router follows',
    group: ROUTER,
    commands: async () => (await import('./subcommand-list.ts')).NAT_COMMANDS,
  },
  {
    name: 'uplink',
    summary: 'manage the way out of all networks',
    group: ROUTER,
    commands: async () => (await import('./subcommand-list.ts')).UPLINK_COMMANDS,
  },
  {
    name: 'neigh',
    summary: "look at the router's neighbours",
    group: ROUTER,
    commands: async () => (await import('./subcommand-list.ts')).NEIGH_COMMANDS,
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
    commands: async () => (await import('./subcommand-list.ts')).EXTCAP_COMMANDS,
  },
  {
    name: 'dns',
    summary: 'look at the names by which sandboxes find one another, and at who asks for what',
    group: NAMES,
    commands: async () => (await import('./subcommand-list.ts')).DNS_COMMANDS,
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
    commands: async () => (await import('./subcommand-list.ts')).FDB_COMMANDS,
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
    commands: async () => (await import('./subcommand-list.ts')).DAEMON_COMMANDS,
  },
  {
    name: 'system',
    summary: 'prune, events and info',
    group: SYSTEM,
    commands: async () => (await import('./subcommand-list.ts')).SYSTEM_COMMANDS,
  },
  {
    name: 'complete',
    summary: 'print the completion script of a shell',
    group: SYSTEM,
    define: async () => (await import('./commands/complete.ts')).defineComplete,
  },
]
