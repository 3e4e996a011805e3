/**
 * Tapwire and its rivals as an overlay between two hosts, in one run, taking turns. docs/performance.md says what is measured and how
 * to read it.
 */
import { type Comparison, compare } from './support/comparison.ts'
import type { Forwarder } from './support/contender.ts'
import { EFFORTS, MEASURES, SHOWN } from './support/measures/all.ts'
import { OverlayBed } from './support/overlay/bed.ts'
import { CONTENDERS } from './support/overlay/contenders/all.ts'
import { OVERLAY_TARGETS } from './support/targets.ts'
import { TRAFFIC_PROGRAMS } from './support/traffic-programs.ts'

const OVERLAYS: Comparison<OverlayBed, Forwarder> = {
  name: 'overlay',
  title: 'An overlay between two hosts',
  picture: {
    title: 'Carrying frames from host to host, in VXLAN',
    alternative: 'Medians of each overlay, a panel a measure',
    shown: SHOWN,
  },
  rounds: 5,
  ...EFFORTS,
  needs: TRAFFIC_PROGRAMS,
  contenders: CONTENDERS,
  measures: MEASURES,
  targets: OVERLAY_TARGETS,
  makeBed: () => OverlayBed.create(),
  prepare: (bed) => bed.configure(),
}

await compare(OVERLAYS)
