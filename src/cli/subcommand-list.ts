/**
 * The commands that stand behind another one, by that one, in the order of command-list.ts. Here as there, the rest is in their modules,
 * which are loaded when they are wanted.
 */
import type { CommandEntry } from './command-entry.ts'

export const PORT_COMMANDS: readonly CommandEntry[] = [
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
]

/** Those that stand right behind `tapwire`, too, are in command-list.ts. */
export const MORE_SANDBOX_COMMANDS: readonly CommandEntry[] = [
  {
    name: 'prune',
    summary: 'remove all sandboxes that do not run',
    define: async () => (await import('./commands/prune.ts')).defineSandboxPrune,
  },
]

export const NETWORK_COMMANDS: readonly CommandEntry[] = [
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

export const SERVICE_COMMANDS: readonly CommandEntry[] = [
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
]

export const LINK_COMMANDS: readonly CommandEntry[] = [
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
]

export const OVERLAY_COMMANDS: readonly CommandEntry[] = [
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
]

export const NAT_COMMANDS: readonly CommandEntry[] = [
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
]

export const UPLINK_COMMANDS: readonly CommandEntry[] = [
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
]

export const NEIGH_COMMANDS: readonly CommandEntry[] = [
  {
    name: 'ls',
    aliases: ['list'],
    summary: 'list the addresses that the router knows by ARP',
    define: async () => (await import('./commands/neigh.ts')).defineNeighLs,
  },
]

export const EXTCAP_COMMANDS: readonly CommandEntry[] = [
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
]

export const DNS_COMMANDS: readonly CommandEntry[] = [
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
]

export const FDB_COMMANDS: readonly CommandEntry[] = [
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
]

export const DAEMON_COMMANDS: readonly CommandEntry[] = [
  {
    name: 'stop',
    summary: 'stop the daemon and all sandboxes',
    define: async () => (await import('./commands/daemon.ts')).defineDaemonStop,
  },
]

export const SYSTEM_COMMANDS: readonly CommandEntry[] = [
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
]
