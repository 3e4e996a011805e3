/** What this machine has of what Tapwire needs, each with what to do about it. */

import { randomBytes } from 'node:crypto'
import { accessSync, closeSync, constants, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import type { DoctorCheck } from '../control/api/doctor.ts'
import type { ClusterOptions } from '../control/cluster/cluster-options.ts'
import { TapwireError } from '../control/errors.ts'
import { underlayBytes } from '../control/fabric/underlay-address.ts'
import { VXLAN_PORT_DEFAULT } from '../control/rules/vxlan-options.ts'
import { native } from '../ports/native.ts'
import { NativeFrameIo, openWake } from '../ports/native-frame-io.ts'
import { openPacketSocket, PacketSocketError } from '../ports/packet-socket.ts'
import { openTap, TapError, TapFeature } from '../ports/tap.ts'
import { closeUdpTunnel, openUdpTunnel, TunnelError } from '../ports/udp-tunnel.ts'
import { missingCapabilities } from './capabilities.ts'
import { readLog } from './log-reader.ts'
import { createNamespace, deleteNamespace, namespacePath } from './namespace.ts'
import { run } from './program.ts'
import { ShimHost } from './sandbox-host.ts'

const NODE_MIN = [20, 19] as const

/** Programs that the daemon calls, and the Debian packages that have them. */
const PROGRAMS = [
  ['ip', 'iproute2'],
  ['flock', 'util-linux'],
] as const

/** `cluster` gives the options of the cluster that a daemon here is in; what it throws is a finding. */
export async function examine(cluster: () => ClusterOptions | undefined): Promise<DoctorCheck[]> {
  const addon = checkAddon()
  const checks = [
    checkSystem(),
    checkNode(),
    addon,
    checkTunDevice(),
    checkCapabilities(),
    ...PROGRAMS.map(checkProgram),
  ]
  if (addon.state === 'ok')
    checks.push(
      checkIoUring(),
      checkEpoll(),
      await checkTap(),
      await checkPacketSocket(),
      await checkTunnel(),
    )
  checks.push(await checkSandbox(), ...(await checkCluster(cluster)))
  return checks
}

/** Nothing where there is none. */
async function checkCluster(cluster: () => ClusterOptions | undefined): Promise<DoctorCheck[]> {
  let options: ClusterOptions | undefined
  try {
    options = cluster()
  } catch (error) {
    if (!(error instanceof TapwireError)) throw error
    return [fail('configuration', error.message, error.hint ?? 'Correct it: no daemon starts with it.')]
  }
  if (options === undefined) return []
  const { checkRegistry } = await import('./doctor-registry.ts')
  return [await checkRegistry(options)]
}

const ok = (name: string, detail: string): DoctorCheck => ({ name, state: 'ok', detail })
const warn = (name: string, detail: string, hint: string): DoctorCheck => ({
  name,
  state: 'warn',
  detail,
  hint,
})
const fail = (name: string, detail: string, hint: string): DoctorCheck => ({
  name,
  state: 'fail',
  detail,
  hint,
})

function checkSystem(): DoctorCheck {
  if (process.platform !== 'linux') return fail('Linux', process.platform, 'Tapwire runs on Linux only.')
  return ok('Linux', readFileSync('/proc/sys/kernel/osrelease', 'utf8').trim())
}

function checkNode(): DoctorCheck {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  const enough = major > NODE_MIN[0] || (major === NODE_MIN[0] && minor >= NODE_MIN[1])
  if (enough) return ok('Node.js', process.versions.node)
  return fail('Node.js', process.versions.node, `Install Node.js ${NODE_MIN.join('.')} or newer.`)
}

function checkAddon(): DoctorCheck {
  try {
    native()
    return ok('native addon', 'loads')
  } catch (error) {
    return fail('native addon', (error as Error).message.split('\n')[0]!, 'Build it: npm run build')
  }
}

function checkTunDevice(): DoctorCheck {
  const path = '/dev/net/tun'
  if (!existsSync(path)) {
    const hint =
      'Load the module with `modprobe tun`; in a container, pass the device in (`--device /dev/net/tun`).'
    return fail(path, 'missing', hint)
  }
  try {
    accessSync(path, constants.R_OK | constants.W_OK)
    return ok(path, 'present')
  } catch {
    return fail(path, 'not accessible', 'Run as root.')
  }
}

function checkCapabilities(): DoctorCheck {
  const missing = missingCapabilities()
  if (missing.length === 0) return ok('capabilities', 'CAP_NET_ADMIN and CAP_SYS_ADMIN')
  return fail('capabilities', `no ${missing.join(', no ')}`, 'Run as root: namespaces and TAPs take these.')
}

function checkProgram([program, debian]: readonly [string, string]): DoctorCheck {
  const folders = (process.env['PATH'] ?? '').split(delimiter)
  const path = folders.map((folder) => join(folder, program)).find((candidate) => existsSync(candidate))
  return path === undefined ? fail(program, 'missing', `apt-get install ${debian}`) : ok(program, path)
}

function checkIoUring(): DoctorCheck {
  const reason = openFailure('io_uring')
  if (reason === undefined) return ok('io_uring', 'multishot reads: the fast backend is used')
  return warn(
    'io_uring',
    reason,
    'The daemon uses epoll, which is slower on small frames. io_uring needs Linux 6.7, and may be forbidden by ' +
      'kernel.io_uring_disabled or a container profile.',
  )
}

function checkEpoll(): DoctorCheck {
  const reason = openFailure('epoll')
  return reason === undefined
    ? ok('epoll', 'available')
    : fail('epoll', reason, 'This kernel lacks what Tapwire needs.')
}

function openFailure(backend: 'io_uring' | 'epoll'): string | undefined {
  const wakeDescriptor = openWake()
  try {
    new NativeFrameIo({ backend, wakeDescriptor }).close()
    return undefined
  } catch (error) {
    return (error as Error).message
  } finally {
    closeSync(wakeDescriptor)
  }
}

/** In a namespace of its own: the machine's interfaces are none of ours. */
async function checkTap(): Promise<DoctorCheck> {
  const namespace = `tw-doctor-${process.pid}`
  try {
    await createNamespace(namespace)
    const tap = openTap({ namespace: namespacePath(namespace), name: 'tap0', mtu: 1500 })
    closeSync(tap.descriptor)
    const granted = Object.entries(TapFeature).filter(([, bit]) => (tap.features & bit) !== 0)
    return ok('TAP', `opens; offloads: ${granted.map(([name]) => name).join(', ') || 'none'}`)
  } catch (error) {
    if (!(error instanceof TapError || error instanceof TapwireError)) throw error
    return fail('TAP', error.message, error.hint ?? 'Run as root.')
  } finally {
    await deleteNamespace(namespace)
  }
}

/** Of interfaces that the machine has: uplinks and parents of macvlan networks. On one end of a cable of our own. */
async function checkPacketSocket(): Promise<DoctorCheck> {
  const namespace = `tw-doctor-packet-${process.pid}`
  try {
    await createNamespace(namespace)
    await run('ip', ['-n', namespace, 'link', 'add', 'one', 'type', 'veth', 'peer', 'name', 'two'])
    await run('ip', ['-n', namespace, 'link', 'set', 'one', 'up'])
    const socket = openPacketSocket({
      namespace: namespacePath(namespace),
      interface: 'one',
      promiscuous: true,
    })
    closeSync(socket.descriptor)
    return ok('packet socket', 'opens: uplinks by an interface, and macvlan networks')
  } catch (error) {
    if (!(error instanceof PacketSocketError || error instanceof TapwireError)) throw error
    return warn(
      'packet socket',
      error.message,
      'Without it no interface of the machine can be an uplink, or the parent of a macvlan network.',
    )
  } finally {
    await deleteNamespace(namespace)
  }
}

/** Of networks that go on to other hosts. In a namespace of its own, to nobody. */
async function checkTunnel(): Promise<DoctorCheck> {
  const namespace = `tw-doctor-tunnel-${process.pid}`
  try {
    await createNamespace(namespace)
    await run('ip', ['-n', namespace, 'link', 'set', 'lo', 'up'])
    const local = underlayBytes('127.0.0.1')
    closeUdpTunnel(openUdpTunnel({ namespace: namespacePath(namespace), local, udpPort: VXLAN_PORT_DEFAULT }))
    return ok('tunnel', 'opens: vxlan and overlay networks')
  } catch (error) {
    if (!(error instanceof TunnelError || error instanceof TapwireError)) throw error
    return warn('tunnel', error.message, error.hint ?? 'Without it no network goes on to other hosts.')
  } finally {
    await deleteNamespace(namespace)
  }
}

/** One is made, in a folder of its own, and removed again. */
async function checkSandbox(): Promise<DoctorCheck> {
  const directory = mkdtempSync(join(tmpdir(), 'tapwire-doctor-'))
  const warnings: string[] = []
  const host = new ShimHost({ directory, readLog, warn: (_, warning) => warnings.push(warning) })
  const id = randomBytes(32).toString('hex')
  try {
    await host.create({ id, hostname: 'doctor', network: 'own', files: ETC })
    if (warnings.length === 0) return ok('sandbox', 'has its own network, /etc/hosts, host name and /sys')
    return warn('sandbox', `goes without ${warnings.join('; ')}`, 'Sandboxes see what the machine has there.')
  } catch (error) {
    if (!(error instanceof TapwireError)) throw error
    return fail('sandbox', error.message, error.hint ?? 'Run as root; build the shim with npm run build.')
  } finally {
    await host.remove(id, { log: true })
    rmSync(directory, { recursive: true })
  }
}

const ETC = { hosts: '127.0.0.1\tlocalhost\n', resolvConf: '', hostname: 'doctor\n' }
