/** What measuring traffic between namespaces takes, by Debian package. */
export const TRAFFIC_PROGRAMS = {
  iproute2: ['ip'],
  iperf3: ['iperf3'],
  'iputils-ping': ['ping'],
  'util-linux': ['nsenter', 'setpriv', 'taskset'],
  procps: ['sysctl'],
  gcc: ['cc'],
} as const
