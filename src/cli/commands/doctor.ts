import { execFile } from 'node:child_process'
import type { Command } from 'commander'
import type { DoctorCheck } from '../../control/api/doctor.ts'
import type { ClusterVersion, Version } from '../../control/api/system.ts'
import { apiClientOfRunning } from '../api-client.ts'
import type { Cli } from '../cli.ts'
import { colorsFor } from '../colors.ts'
import { parseFailure } from '../failure.ts'
import { examples } from '../options.ts'
import { printable, printJson } from '../output.ts'

export function defineDoctor(command: Command, cli: Cli): void {
  command
    .description(
      'Checks all that Tapwire needs from the machine, and says what to do where something is missing. The exit ' +
        'code is 1 if a check fails.',
    )
    .option('--json', 'print the checks as JSON')
    .addHelpText('after', examples('tapwire doctor', 'tapwire doctor --json | jq -r ".checks[].name"'))
    .action(async (options: { json?: true }) => {
      const cluster = await clusterOfRunning(cli)
      const checks = [...(await examine(cli, cluster)), ...clusterChecks(cluster)]
      if (options.json === true) printJson(cli, { checks })
      else cli.stdout.write(formatChecks(cli, checks))
      cli.exitCode = checks.some((check) => check.state === 'fail') ? 1 : 0
    })
}

/**
 * The daemon is what needs the machine, so its program does the looking. The registry of a daemon that is named by --host may be
 * out of reach from here (that of a host of a lab is on a link of the lab): what that daemon says of it has to do.
 */
async function examine(cli: Cli, cluster: ClusterVersion | undefined): Promise<DoctorCheck[]> {
  const { stdout, problem } = await runDoctor(
    cli,
    cluster === undefined || cli.globals.host !== undefined ? rootArgs(cli) : clusterArgs(cluster),
  )
  try {
    return (JSON.parse(stdout) as { checks: DoctorCheck[] }).checks
  } catch {
    const detail = problem ?? 'it prints no checks'
    return [{ name: 'daemon', state: 'fail', detail, hint: 'Build Tapwire anew: npm run build.' }]
  }
}

/** A daemon that runs knows best which cluster it is in. None is started for the question. */
async function clusterOfRunning(cli: Cli): Promise<ClusterVersion | undefined> {
  try {
    return (await apiClientOfRunning(cli).get<Version>('/version')).Cluster
  } catch {
    return undefined
  }
}

/** Otherwise the one that a daemon would be in which is started. */
const rootArgs = ({ globals: { root } }: Cli): string[] => (root === undefined ? [] : [`--root=${root}`])

function clusterArgs({
  Address,
  HostName,
  Advertise,
  DataPathPort,
  Ca,
  Certificate,
  Key,
}: ClusterVersion): string[] {
  const options = {
    cluster: Address,
    'host-name': HostName,
    advertise: Advertise,
    'data-path-port': DataPathPort,
    'cluster-ca': Ca,
    'cluster-cert': Certificate,
    'cluster-key': Key,
  }
  return Object.entries(options).flatMap(([name, value]) =>
    value === undefined ? [] : [`--${name}=${value}`],
  )
}

/** The registry as the daemon has found it, which may be otherwise than who asks now does. */
function clusterChecks(cluster: ClusterVersion | undefined): DoctorCheck[] {
  if (cluster?.Registry === undefined) return []
  const { Reachable, Since, Problem } = cluster.Registry
  const name = 'daemon in cluster'
  if (Reachable)
    return [{ name, state: 'ok', detail: `${cluster.HostName} reaches the registry since ${Since}` }]
  const hint = 'Known endpoints go on talking to each other; changes wait until the registry is there.'
  return [{ name, state: 'fail', detail: `without the registry since ${Since}: ${Problem}`, hint }]
}

const DOCTOR_TIMEOUT_MS = 30_000

function runDoctor(
  cli: Cli,
  args: readonly string[],
): Promise<{ stdout: string; problem: string | undefined }> {
  return new Promise((resolve) => {
    const options = { env: cli.env, timeout: DOCTOR_TIMEOUT_MS }
    execFile(process.execPath, [cli.daemonProgram, '--doctor', ...args], options, (error, stdout, stderr) => {
      const errorLine = stderr.split('\n').find((line) => line.includes('Error'))
      resolve({ stdout, problem: parseFailure(stderr)?.message ?? errorLine ?? error?.message })
    })
  })
}

function formatChecks(cli: Cli, checks: readonly DoctorCheck[]): string {
  const colors = colorsFor(cli, cli.stdout)
  const signs = { ok: colors.green('ok  '), warn: colors.yellow('warn'), fail: colors.red('fail') }
  const width = Math.max(...checks.map((check) => check.name.length))
  return checks
    .map(({ name, state, detail, hint }) => {
      const line = `${signs[state]}  ${name.padEnd(width)}  ${printable(detail)}\n`
      return hint === undefined
        ? line
        : `${line}${' '.repeat(width + 8)}${colors.cyan('→')} ${printable(hint)}\n`
    })
    .join('')
}
