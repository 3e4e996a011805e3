import { execFile } from 'node:child_process'
import { accessSync, closeSync, constants, openSync, readFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import type { Command } from 'commander'
import { type DoctorCheck, doctorSchema } from '../control/api.ts'
import type { Cli } from './cli.ts'
import { colorsFor, printable, printJson } from './output.ts'

export function addDoctor(program: Command, cli: Cli): void {
  program
    .command('doctor')
    .summary('check what this machine can do')
    .description(
      'Checks all that Tapwire needs from the machine, and says what to do where something is missing. The exit code is ' +
        '1 if a check fails.',
    )
    .option('--json', 'print the checks as JSON')
    .addHelpText('after', '\nExamples:\n  tapwire doctor\n  tapwire doctor --json | jq -r ".checks[].name"')
    .action(async (options: { json?: true }) => {
      const checks = mergeChecks([...ownChecks(cli), ...(await daemonChecks(cli))])
      if (options.json === true) printJson(cli, { checks })
      else cli.stdout.write(formatChecks(cli, checks))
      cli.exitCode = checks.some((check) => check.state === 'fail') ? 1 : 0
    })
}

function ownChecks(cli: Cli): DoctorCheck[] {
  return [
    platformCheck(),
    nodeCheck(),
    capabilityCheck(),
    tunCheck(),
    programCheck(cli, 'ip', 'iproute2'),
    programCheck(cli, 'nsenter', 'util-linux'),
  ]
}

function platformCheck(): DoctorCheck {
  const { platform } = process
  return platform === 'linux'
    ? { name: 'Linux', state: 'ok', detail: readFileSync('/proc/sys/kernel/osrelease', 'utf8').trim() }
    : { name: 'Linux', state: 'fail', detail: `this is ${platform}`, hint: 'Run Tapwire on Linux.' }
}

const NODE_MINIMUM = [20, 19] as const

function nodeCheck(): DoctorCheck {
  const { version } = process
  const [major = 0, minor = 0] = version.slice(1).split('.').map(Number)
  const [needMajor, needMinor] = NODE_MINIMUM
  if (major > needMajor || (major === needMajor && minor >= needMinor)) {
    return { name: 'Node.js', state: 'ok', detail: version }
  }
  return {
    name: 'Node.js',
    state: 'fail',
    detail: version,
    hint: `Install Node.js ${NODE_MINIMUM.join('.')} or newer.`,
  }
}

/** Bits of the effective set (linux/capability.h): TAPs want the first, namespaces the second. */
const CAPABILITIES = [
  { name: 'CAP_NET_ADMIN', bit: 12n },
  { name: 'CAP_SYS_ADMIN', bit: 21n },
] as const

function capabilityCheck(): DoctorCheck {
  const name = 'capabilities'
  const [, hex = '0'] = /^CapEff:\s*([\da-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? []
  const effective = BigInt(`0x${hex}`)
  const missing = CAPABILITIES.filter(({ bit }) => ((effective >> bit) & 1n) === 0n).map((one) => one.name)
  if (missing.length === 0)
    return { name, state: 'ok', detail: CAPABILITIES.map((one) => one.name).join(', ') }
  return {
    name,
    state: 'fail',
    detail: `${missing.join(' and ')} missing`,
    hint: 'Run as root, for example with sudo.',
  }
}

function tunCheck(): DoctorCheck {
  const name = '/dev/net/tun'
  try {
    closeSync(openSync(name, constants.O_RDWR))
    return { name, state: 'ok', detail: 'can be opened' }
  } catch (cause) {
    const { code = '' } = cause as NodeJS.ErrnoException
    const hint = TUN_HINTS[code]
    return {
      name,
      state: 'fail',
      detail: `cannot be opened (${code})`,
      ...(hint === undefined ? undefined : { hint }),
    }
  }
}

const TUN_HINTS: Readonly<Record<string, string>> = {
  ENOENT: 'Load the module with `modprobe tun`; in a container, pass the device in (--device /dev/net/tun).',
  ENODEV: 'Load the module with `modprobe tun`.',
  EACCES: 'Run as root, for example with sudo.',
  EPERM: 'The container may not use the device; allow it (--device /dev/net/tun).',
}

function programCheck(cli: Cli, program: string, debianPackage: string): DoctorCheck {
  const path = (cli.env['PATH'] ?? '')
    .split(delimiter)
    .filter((folder) => folder !== '')
    .map((folder) => join(folder, program))
    .find(isExecutable)
  if (path !== undefined) return { name: program, state: 'ok', detail: path }
  const hint = `Install it: apt-get install ${debianPackage}; or add its folder to PATH.`
  return { name: program, state: 'fail', detail: 'not in PATH', hint }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** The addon and the ways to move frames are the daemon's business, so it looks at them itself. */
async function daemonChecks(cli: Cli): Promise<DoctorCheck[]> {
  const { stdout, problem } = await runDoctor(cli)
  try {
    return doctorSchema.parse(JSON.parse(stdout)).checks
  } catch {
    const detail = problem ?? 'it prints no checks'
    return [{ name: 'daemon', state: 'fail', detail, hint: 'Build Tapwire anew: npm run build.' }]
  }
}

const DOCTOR_TIMEOUT_MS = 30_000

/** With checks that fail, its exit code may be another than 0; what it printed counts. */
function runDoctor(cli: Cli): Promise<{ stdout: string; problem: string | undefined }> {
  return new Promise((resolve) => {
    const options = { env: cli.env, timeout: DOCTOR_TIMEOUT_MS }
    execFile(process.execPath, [cli.daemonProgram, '--doctor'], options, (error, stdout, stderr) => {
      const said =
        stderr
          .trim()
          .split('\n')
          .find((line) => line.includes('Error')) ?? error?.message
      resolve({ stdout, problem: said })
    })
  })
}

/** Where two checks have one name, the later one stays, in the place of the first. */
function mergeChecks(checks: readonly DoctorCheck[]): DoctorCheck[] {
  return [...new Map(checks.map((check) => [check.name, check])).values()]
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
