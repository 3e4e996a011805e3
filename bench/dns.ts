/**
 * Tapwire's name server and others, asked by the same client for the same names, in one run, taking turns. docs/performance.md
 * says what is measured and how to read it.
 */
import { type Comparison, compare } from './support/comparison.ts'
import { DnsBed } from './support/dns/bed.ts'
import { CONTENDERS } from './support/dns/contenders/all.ts'
import { MEASURES } from './support/dns/measures/all.ts'
import type { NameServer } from './support/dns/name-server.ts'
import { DNS_TARGETS } from './support/targets.ts'

const NAME_SERVERS: Comparison<DnsBed, NameServer> = {
  name: 'dns',
  title: 'Names of a network, and of the world outside',
  picture: {
    title: 'Questions to a name server',
    alternative: 'Medians of each name server, a panel a measure',
    shown: ['dnsRate', 'dnsRateMany', 'dnsCpuServer', 'dnsP99', 'dnsMiss', 'dnsHit'],
  },
  rounds: 5,
  full: { seconds: 3, pings: 1000, transferBytes: 0 },
  quick: { seconds: 1, pings: 100, transferBytes: 0 },
  needs: {
    iproute2: ['ip'],
    procps: ['sysctl'],
    'util-linux': ['nsenter', 'setpriv', 'taskset'],
    dnsperf: ['dnsperf'],
    'dnsmasq-base': ['dnsmasq'],
  },
  contenders: CONTENDERS,
  measures: MEASURES,
  targets: DNS_TARGETS,
  makeBed: () => DnsBed.create(),
  prepare: (_bed, server) => server.ready(),
}

await compare(NAME_SERVERS)
