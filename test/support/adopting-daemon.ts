/**
 * A process that makes a sandbox, tells of it, and waits to be killed: what a daemon leaves behind that had no time to
 * clean up. Arguments: folder of the sandboxes, program of the shim, id; `release`: lets the sandbox go, and ends by itself.
 */

import { ShimHost } from '../../src/daemon/sandbox-host.ts'

const [directory = '', shim = '', id = '', mode] = process.argv.slice(2)
const host = new ShimHost({ directory, shim, readLog: () => (async function* () {})() })
const sandbox = await host.create({ id, hostname: 'web', network: 'own', files: { hosts: 'first\n' } })
const command = ['sh', '-c', 'trap "exit 6" TERM; (setsid sleep 1000 &); while :; do sleep 0.05; done']
await sandbox.start({ command, environment: [], workingDirectory: '/', tty: false, openStdin: false })
process.stdout.write(`${sandbox.pid}\n`)
if (mode === 'release') host.release()
