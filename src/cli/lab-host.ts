/** The daemons inside a lab's hosts, by name. */
import type { LabStatus } from '../control/api/lab.ts'
import { ErrorCode, TapwireError } from '../control/errors.ts'
import { didYouMean } from '../control/suggest.ts'
import { ApiClient, segment } from './api-client.ts'
import type { Cli } from './cli.ts'
import { daemonAddress } from './daemon-address.ts'

/** Where the daemon of `lab/host` listens, as unix:///PATH. The daemon that has the lab is asked. */
export async function socketOfHost(cli: Cli, name: string): Promise<string> {
  const [lab = '', host = ''] = name.split('/')
  const { host: _host, ...outer } = cli.globals
  const { TAPWIRE_HOST: named = '', ...rest } = cli.env
  // Where it is the variable that names the host, it does not say whom to ask.
  const env = named === name ? rest : cli.env
  const { hosts } = await new ApiClient(daemonAddress(outer, env)).get<LabStatus>(`/labs/${segment(lab)}`)
  const found = hosts.find((one) => one.name === host)
  if (found === undefined) {
    const known = hosts.map((one) => one.name)
    throw new TapwireError(ErrorCode.labHostUnknown, `Lab '${lab}' has no host '${host}'.`, {
      hint:
        known.length === 0 ? `Lab '${lab}' has no hosts at all.` : `The hosts: ${didYouMean(host, known)}`,
    })
  }
  return `unix://${found.socket}`
}
