/**
 * Tapwire and its rivals as switches between two network namespaces, in one run, taking turns. docs/performance.md
 * says what is measured and how to read it.
 */
import { type Comparison, compare } from './support/comparison.ts'
import type { Forwarder } from './support/contender.ts'
import { CONTENDERS } from './support/contenders/all.ts'
import { MEASURES } from './support/measures/all.ts'
import { L2_TARGETS } from './support/targets.ts'
import { TestBed } from './support/test-bed.ts'

const SWITCHES: Comparison<TestBed, Forwarder> = {
  name: 'l2',
  title: 'Switching between two namespaces',
  picture: {
    title: 'Carrying frames between two namespaces',
    alternative: 'Medians of each contender, a panel a measure',
    shown: ['tcp1', 'tcp4', 'udp', 'frames', 'pingP50', 'cpuSystem'],
  },
  rounds: 5,
  full: { seconds: 3, pings: 1000, transferBytes: 32 * 2 ** 20 },
  quick: { seconds: 1, pings: 200, transferBytes: 4 * 2 ** 20 },
  needs: {
    iproute2: ['ip'],
    iperf3: ['iperf3'],
    'iputils-ping': ['ping'],
    'util-linux': ['nsenter', 'setpriv', 'taskset'],
    procps: ['sysctl'],
    gcc: ['cc'],
  },
  contenders: CONTENDERS,
  measures: MEASURES,
  targets: L2_TARGETS,
  makeBed: () => TestBed.create(),
  prepare: (bed) => bed.configure(),
}

await compare(SWITCHES)
