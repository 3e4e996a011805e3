/** The figures that the comparisons report, a column each, in the order of the report. */
export const METRICS = {
  tcp1: { title: 'TCP, 1 stream', unit: 'Gbit/s', better: 'higher', digits: 2 },
  tcp4: { title: 'TCP, 4 streams', unit: 'Gbit/s', better: 'higher', digits: 2 },
  udp: { title: 'UDP, 1400 B, received', unit: 'Gbit/s', better: 'higher', digits: 2 },
  udpLoss: { title: 'UDP, 1400 B, lost', unit: '%', better: 'lower', digits: 1 },
  tcpOut: { title: 'TCP out, 1 stream', unit: 'Gbit/s', better: 'higher', digits: 2 },
  tcpIn: { title: 'TCP in, 1 stream', unit: 'Gbit/s', better: 'higher', digits: 2 },
  connectionsOut: { title: 'New connections out', unit: '1/s', better: 'higher', digits: 0 },
  connectionsIn: { title: 'New connections in', unit: '1/s', better: 'higher', digits: 0 },
  frames: { title: '60-byte frames', unit: 'Mpps', better: 'higher', digits: 3 },
  pingP50: { title: 'Ping, median', unit: 'µs', better: 'lower', digits: 0 },
  pingP99: { title: 'Ping, 99th percentile', unit: 'µs', better: 'lower', digits: 0 },
  cpuSystem: { title: 'CPU, whole machine', unit: 's/GB', better: 'lower', digits: 3 },
  cpuOut: { title: 'CPU out, whole machine', unit: 's/GB', better: 'lower', digits: 3 },
  cpuIn: { title: 'CPU in, whole machine', unit: 's/GB', better: 'lower', digits: 3 },
  cpuForwarder: { title: 'CPU, forwarder', unit: 's/GB', better: 'lower', digits: 3 },
  dnsRate: { title: 'Questions, 10 names', unit: '1/s', better: 'higher', digits: 0 },
  dnsRateMany: { title: 'Questions, 10,000 names', unit: '1/s', better: 'higher', digits: 0 },
  dnsManyCost: { title: 'Cost of 10,000 names', unit: 'times that of 10', better: 'lower', digits: 2 },
  dnsLost: { title: 'Lost at half that rate', unit: '%', better: 'lower', digits: 2 },
  dnsP50: { title: 'Answer, median', unit: 'µs', better: 'lower', digits: 0 },
  dnsP99: { title: 'Answer, 99th percentile', unit: 'µs', better: 'lower', digits: 0 },
  dnsCpuServer: { title: 'CPU, server', unit: 's/million', better: 'lower', digits: 2 },
  dnsCpuClient: { title: 'CPU, client', unit: 's/million', better: 'lower', digits: 2 },
  dnsCpu: { title: 'CPU, whole machine', unit: 's/million', better: 'lower', digits: 2 },
  dnsMiss: { title: 'Name from outside, new', unit: 'µs', better: 'lower', digits: 0 },
  dnsHit: { title: 'Name from outside, again', unit: 'µs', better: 'lower', digits: 0 },
  dnsDirect: { title: 'Asked outside directly', unit: 'µs', better: 'lower', digits: 0 },
  dnsMissExtra: { title: 'New name, less 1.2 × directly', unit: 'µs', better: 'lower', digits: 0 },
  publish: { title: 'Publishing 10,000 ports', unit: 'ms', better: 'lower', digits: 0 },
} as const satisfies Record<string, Metric>

export interface Metric {
  readonly title: string
  readonly unit: string
  readonly better: 'higher' | 'lower'
  /** Digits after the point when printed. */
  readonly digits: number
}

export type MetricId = keyof typeof METRICS
export const METRIC_IDS = Object.keys(METRICS) as MetricId[]

/** What one measurement found: some metrics, each once. */
export type Figures = Partial<Record<MetricId, number>>

export function format(metric: MetricId, value: number | undefined): string {
  return value === undefined || Number.isNaN(value) ? '–' : value.toFixed(METRICS[metric].digits)
}
