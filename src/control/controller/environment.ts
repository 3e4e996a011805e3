import type { SandboxConfig } from '../model/records.ts'

/** As Docker has it for Linux. */
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/** The whole environment of a sandbox's command: what every one has, what links add, and above both what the user said. */
export function commandEnvironment(
  config: Pick<SandboxConfig, 'hostname' | 'tty' | 'environment'>,
  links: readonly string[] = [],
): readonly string[] {
  const common = [
    `PATH=${PATH}`,
    `HOSTNAME=${config.hostname}`,
    'HOME=/root',
    ...(config.tty ? ['TERM=xterm'] : []),
  ]
  const variables = new Map<string, string>()
  for (const variable of [...common, ...links, ...config.environment]) {
    variables.set(variable.split('=', 1)[0]!, variable)
  }
  return [...variables.values()]
}
