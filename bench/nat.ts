/**
 * Tapwire and its rivals as the gateway of a sandbox, out to the internet and in through published ports, in one run,
 * taking turns. docs/performance.md says what is measured and how to read it.
 */
import { type Comparison, compare } from './support/comparison.ts'
import { NatBed } from './support/nat/bed.ts'
import { CONTENDERS } from './support/nat/contenders/all.ts'
import type { Gateway } from './support/nat/gateway.ts'
import { MEASURES } from './support/nat/measures/all.ts'
import { NAT_TARGETS } from './support/targets.ts'
import { TRAFFIC_PROGRAMS } from './support/traffic-programs.ts'

const GATEWAYS: Comparison<NatBed, Gateway> = {
  name: 'nat',
  title: 'A sandbox, its gateway, and the internet',
  picture: {
    title: 'From a sandbox to the internet, and in through published ports',
    alternative: 'Medians of each gateway, a panel a measure',
    shown: ['tcpOut', 'tcpIn', 'pingP50', 'connectionsOut', 'connectionsIn', 'cpuOut'],
  },
  rounds: 5,
  full: { seconds: 2, pings: 500, transferBytes: 16 * 2 ** 20 },
  quick: { seconds: 1, pings: 100, transferBytes: 4 * 2 ** 20 },
  needs: { ...TRAFFIC_PROGRAMS, wrk: ['wrk'] },
  contenders: CONTENDERS,
  measures: MEASURES,
  targets: NAT_TARGETS,
  makeBed: () => NatBed.create(),
  prepare: (bed, gateway) => bed.configure(gateway),
}

await compare(GATEWAYS)
