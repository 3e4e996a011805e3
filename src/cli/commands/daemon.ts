import { setTimeout as delay } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import type { Command } from 'commander'
import type { Version } from '../../control/api/system.ts'
import { ErrorCode, TapwireError } from '../../control/errors.ts'
import { DAEMON_END_TIMEOUT_MS } from '../../limits.ts'
import { apiClientOfRunning } from '../api-client.ts'
import type { Cli } from '../cli.ts'
import { daemonAddress } from '../daemon-address.ts'
import { examples } from '../options.ts'

export function defineDaemon(command: Command, cli: Cli): void {
  command
    .description(
      'Runs the daemon in the foreground until SIGTERM or Ctrl-C, which stops all sandboxes; SIGHUP reads its configuration ' +
        'ROOT/daemon.json again. Commands start a daemon in the background by themselves where none runs.',
    )
    .argument('[option...]', 'more, as tapwire daemon -- --help shows them')
    .option('--io <backend>', 'io_uring or epoll; the best that works unless given')
    .option('--uplink <uplink>', 'the way out of all networks')
    .option('--resolv-conf <file>', "the machine's resolv.conf")
    .option(
      '--cluster <address>',
      'the registry of the cluster that this host is in: etcd://HOST:PORT[,…][/NAME]',
    )
    .option('--advertise <address>', "the address that the cluster's other hosts reach this one at")
    .option('--host-name <name>', "of this host in the cluster; the machine's unless given")
    .option('--data-path-port <port>', "the UDP port of this host's tunnel; 4789 unless given")
    .option('--cluster-ca <file>', "the authority that signs the registry's certificates (PEM)")
    .option('--cluster-cert <file>', 'the certificate that the registry knows this host by (PEM)')
    .option('--cluster-key <file>', 'the key of it (PEM)')
    .option('--live-restore', 'sandboxes go on running when the daemon ends')
    .option('--log-level <level>', 'trace, debug, info, warn, error or fatal')
    .allowUnknownOption()
    .passThroughOptions()
    .addHelpText(
      'after',
      examples(
        'tapwire daemon',
        'tapwire daemon --live-restore --root /tmp/tw',
        'tapwire daemon --cluster etcd://192.0.2.10:2379 --advertise 192.0.2.1',
        'tapwire daemon stop',
      ),
    )
    .action((args: string[]) => runDaemon(cli, [...givenArgs(command), ...args]))
}

/** The daemon has a parser of its own, which is the one that counts; here options are known for help and completion. */
const givenArgs = (command: Command): string[] =>
  command.options.flatMap((option) => {
    const value: unknown = command.getOptionValue(option.attributeName())
    if (typeof value === 'string') return [`${option.long}=${value}`]
    return value === true ? [option.long!] : []
  })

export function defineDaemonStop(command: Command, cli: Cli): void {
  command
    .description('Stops all sandboxes and the daemon, and waits until it has ended.')
    .addHelpText('after', examples('tapwire daemon stop', 'tapwire --root /tmp/tw daemon stop'))
    .action(() => stopDaemon(cli))
}

/** In this same process, so that who started it has the daemon itself. */
async function runDaemon(cli: Cli, args: readonly string[]): Promise<void> {
  process.argv = [process.execPath, cli.daemonProgram, ...globalArgs(cli), ...args]
  await import(pathToFileURL(cli.daemonProgram).href)
  cli.exitCode = Number(process.exitCode ?? 0)
}

/** `tapwire --root DIR daemon` is `tapwire daemon --root DIR`. */
function globalArgs(cli: Cli): string[] {
  if (Object.keys(cli.globals).length === 0) return []
  const { root, socket } = daemonAddress(cli.globals, cli.env)
  return [...(root === undefined ? [] : ['--root', root]), '--socket', socket]
}

async function stopDaemon(cli: Cli): Promise<void> {
  const api = apiClientOfRunning(cli)
  const { Pid } = await api.get<Version>('/version')
  await api.post('/shutdown', { patient: true })
  const started = performance.now()
  while (runs(Pid)) {
    if (performance.now() - started > DAEMON_END_TIMEOUT_MS) {
      throw new TapwireError(
        ErrorCode.daemonStays,
        `The daemon (process ${Pid}) has not ended within ${DAEMON_END_TIMEOUT_MS / 1000} s.`,
      )
    }
    await delay(POLL_MS)
  }
}

const POLL_MS = 10

function runs(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (cause) {
    return (cause as NodeJS.ErrnoException).code === 'EPERM'
  }
}
