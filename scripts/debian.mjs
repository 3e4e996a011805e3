import { existsSync } from 'node:fs'
import { capture, Failure, findProgram, isRoot, step, withLock } from './steps.mjs'

/**
 * What each Debian package is wanted for: a program, or a file. Looking for that, and not for the package, costs
 * nothing, and it is right on other distributions and for programs built by hand too.
 * @type {Record<string, { program: string } | { file: string }>}
 */
const PROVIDES = {
  'bind9-dnsutils': { program: 'dig' },
  'bind9-host': { program: 'host' },
  'busybox-static': { program: 'busybox' },
  curl: { program: 'curl' },
  'dnsmasq-base': { program: 'dnsmasq' },
  dnsperf: { program: 'dnsperf' },
  'etcd-client': { program: 'etcdctl' },
  'etcd-server': { program: 'etcd' },
  ethtool: { program: 'ethtool' },
  fish: { program: 'fish' },
  gcc: { program: 'gcc' },
  iperf3: { program: 'iperf3' },
  iproute2: { program: 'ip' },
  iptables: { program: 'iptables' },
  'iputils-ping': { program: 'ping' },
  'knot-dnsutils': { program: 'kdig' },
  'libc6-dev': { file: '/usr/include/stdio.h' },
  'linux-libc-dev': { file: '/usr/include/linux/if_tun.h' },
  'musl-tools': { program: 'musl-gcc' },
  'openvswitch-switch': { program: 'ovs-vswitchd' },
  'netcat-openbsd': { program: 'nc' },
  nmap: { program: 'nmap' },
  openssl: { program: 'openssl' },
  passt: { program: 'pasta' },
  procps: { program: 'ps' },
  prometheus: { program: 'promtool' },
  python3: { program: 'python3' },
  'python3-scapy': { file: '/usr/lib/python3/dist-packages/scapy/__init__.py' },
  slirp4netns: { program: 'slirp4netns' },
  socat: { program: 'socat' },
  tcpdump: { program: 'tcpdump' },
  traceroute: { program: 'traceroute' },
  tshark: { program: 'tshark' },
  'util-linux': { program: 'nsenter' },
  vde2: { program: 'vde_switch' },
  'wireshark-common': { program: 'capinfos' },
  wrk: { program: 'wrk' },
  zsh: { program: 'zsh' },
}

/** Debian packages by what they are needed for. */
export const PACKAGES = {
  compiler: ['gcc', 'libc6-dev', 'linux-libc-dev'],
  demo: ['iproute2', 'iputils-ping', 'curl', 'iperf3'],
  tests: [
    'iproute2',
    'iputils-ping',
    'iptables',
    'curl',
    'iperf3',
    'wrk',
    'nmap',
    'bind9-dnsutils',
    'bind9-host',
    'knot-dnsutils',
    'dnsmasq-base',
    'dnsperf',
    'etcd-client',
    'etcd-server',
    'openssl',
    'openvswitch-switch',
    'musl-tools',
    'traceroute',
    'tcpdump',
    'tshark',
    'wireshark-common',
    'socat',
    'netcat-openbsd',
    'ethtool',
    'python3',
    'python3-scapy',
    'util-linux',
    'procps',
    'busybox-static',
    'prometheus',
    'zsh',
    'fish',
  ],
  bench: [
    'openvswitch-switch',
    'vde2',
    'slirp4netns',
    'passt',
    'iptables',
    'iperf3',
    'wrk',
    'dnsperf',
    'dnsmasq-base',
    'ethtool',
    'iproute2',
    'iputils-ping',
    'gcc',
    'libc6-dev',
    'linux-libc-dev',
    'tcpdump',
    'tshark',
  ],
}

/** @param {readonly string[]} packages */
export function missing(packages) {
  return packages.filter((name) => {
    const provides = PROVIDES[name]
    if (provides === undefined) throw new Error(`say in PROVIDES what ${name} is wanted for`)
    return 'program' in provides ? findProgram(provides.program) === undefined : !existsSync(provides.file)
  })
}

export const canInstall = () => isRoot && findProgram('apt-get') !== undefined

/**
 * Installs what is missing of `packages`; returns what is still missing because it cannot install here (no
 * root, or no Debian). Throws where it could and apt-get failed.
 * @param {readonly string[]} packages
 */
export async function install(packages) {
  let wanted = missing(packages)
  if (wanted.length === 0 || !canInstall()) return wanted
  // apt-get waits for another apt-get only with dpkg's lock, not with that of the package lists.
  await withLock('apt-get', 'Waiting: Debian packages are being installed.', async () => {
    wanted = missing(wanted)
    if (wanted.length > 0) await step(`Debian packages ${wanted.join(' ')}`, () => aptGetInstall(wanted))
  })
  const still = missing(wanted)
  if (still.length > 0)
    throw new Failure(`apt-get installed ${still.join(' ')}, but what they are for is not there.`)
  return still
}

/** @param {readonly string[]} packages */
async function aptGetInstall(packages) {
  const first = await aptGet(['install', '-y', '--no-install-recommends', ...packages])
  if (first.code === 0) return
  // Package lists that are absent, as in a fresh container image, or out of date.
  const update = await aptGet(['update'])
  const second = await aptGet(['install', '-y', '--no-install-recommends', ...packages])
  if (second.code !== 0) {
    throw new Failure(`apt-get update said:\n${update.output}\napt-get install said:\n${second.output}`)
  }
}

/** @param {readonly string[]} args */
const aptGet = (args) =>
  capture('apt-get', ['-q', '-o', 'DPkg::Lock::Timeout=300', ...args], {
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C.UTF-8' },
  })
