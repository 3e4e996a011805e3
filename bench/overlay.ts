/**
 * Tapwire and its rivals as an overlay between two hosts, in one run, taking turns. docs/performance.md says what is measured and how
 * to read it.
 */
import { type Comparison, compare } from './support/comparison.ts'
import type { Forwarder } from './support/contender.ts'
import { MEASURES } from './support/measures/all.ts'
import { OverlayBed } from './support/overlay/bed.ts'
import { CONTENDERS } from './support/overlay/contenders/all.ts'
import { OVERLAY_TARGETS } from './support/targets.ts'

const OVERLAYS: Comparison<OverlayBed, Forwarder> = {
  name: 'overlay',
  title: 'An overlay between two hosts',
  picture: {
    title: 'Carrying frames from host to host, in VXLAN',
    alternative: 'Medians of each overlay, a panel a measure',
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
  targets: OVERLAY_TARGETS,
  makeBed: () => OverlayBed.create(),
  prepare: (bed) => bed.configure(),
}

await compare(OVERLAYS)
