/**
 * The daemon's command line, run where this module is imported.
 *
 *     main.js [--root DIR] [--socket PATH] [--io io_uring|epoll] [--uplink SPEC] [--resolv-conf FILE]
 *             [--cluster ADDR --advertise ADDR [--host-name NAME] [--data-path-port N]
 *              [--cluster-ca FILE] [--cluster-cert FILE --cluster-key FILE]] [--live-restore] [--ephemeral] [--log-level LEVEL] [--ready-fd N]
 *     main.js --doctor          examines the machine; JSON on standard output
 */

import { failureOf } from './api/failure.ts'
import { daemonOptions, doctorCluster, parse } from './command-line.ts'
import { compose } from './compose.ts'
import { LOG_LEVELS } from './configuration.ts'
import { runDaemon } from './daemon.ts'
import { examine } from './doctor.ts'
import { ROOT_DEFAULT } from './root-directory.ts'
import { RESOLV_CONF } from './surroundings.ts'

const USAGE = `usage: tapwire daemon [options]

  --root DIR         the folder that the daemon keeps everything in (${ROOT_DEFAULT}; $TAPWIRE_ROOT)
  --socket PATH      where its API listens (/run/tapwire/tapwire.sock; with another root ROOT/tapwire.sock)
  --io BACKEND       io_uring or epoll; the best that works unless given
  --uplink SPEC      the way out of all networks: none, nic, nic:eth0, tap:NAME,address=203.0.113.1/24;
                     the one that was set last unless given ($TAPWIRE_UPLINK)
  --resolv-conf FILE the machine's resolv.conf, in place of ${RESOLV_CONF} ($TAPWIRE_RESOLV_CONF)
  --cluster ADDR     the registry of the cluster that this host is in: etcd://HOST:PORT[,HOST:PORT…][/NAME],
                     etcds:// for TLS ($TAPWIRE_CLUSTER)
  --advertise ADDR   the address that the cluster's other hosts reach this one at ($TAPWIRE_ADVERTISE)
  --host-name NAME   of this host in the cluster; the machine's unless given
  --data-path-port N the UDP port of this host's tunnel; 4789 unless given
  --cluster-ca FILE, --cluster-cert FILE, --cluster-key FILE
                     the authority that signs the registry's certificates, and the certificate of this host with
                     its key (PEM)
  --live-restore     sandboxes go on running when the daemon ends
  --ephemeral        ends with its standard input, and removes its folder at the end
  --log-level LEVEL  ${LOG_LEVELS.join(', ')}
  --ready-fd N       a descriptor that is told in a line of JSON when the API listens, or why it does not
  --doctor           examine the machine, and the registry of the cluster, and end
`

const EXIT_USAGE = 2

try {
  // Also where something is left to wait for: nothing of a daemon that has ended may go on beside the next one.
  process.exit(await main(process.argv.slice(2)))
} catch (error) {
  const { message, hint } = failureOf(error)
  process.stderr.write(`tapwire: ${message}\n${hint === undefined ? '' : `hint: ${hint}\n`}`)
  process.exit(EXIT_USAGE)
}

async function main(args: string[]): Promise<number> {
  const options = parse(args)
  if (options.help) {
    process.stdout.write(USAGE)
    return 0
  }
  if (options.doctor) {
    process.stdout.write(`${JSON.stringify({ checks: await examine(doctorCluster(options)) })}\n`)
    return 0
  }
  return runDaemon(daemonOptions(options), compose)
}
