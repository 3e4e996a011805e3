/**
 * Tapwire and its rivals as switches between two network namespaces, in one run, taking turns. docs/performance.md
 * says what is measured and how to read it.
 */
import { type Comparison, compare } from './support/comparison.ts'
import type { Forwarder } from './support/contender.ts'
import { CONTENDERS } from './support/contenders/all.ts'
import { EFFORTS, MEASURES, SHOWN } from './support/measures/all.ts'
import { L2_TARGETS } from './support/targets.ts'
import { TestBed } from './support/test-bed.ts'
import { TRAFFIC_PROGRAMS } from './support/traffic-programs.ts'

const SWITCHES: Comparison<TestBed, Forwarder> = {
  name: 'l2',
  title: 'Switching between two namespaces',
  picture: {
    title: 'Carrying frames between two namespaces',
    alternative: 'Medians of each contender, a panel a measure',
    shown: SHOWN,
  },
  rounds: 5,
  ...EFFORTS,
  needs: TRAFFIC_PROGRAMS,
  contenders: CONTENDERS,
  measures: MEASURES,
  targets: L2_TARGETS,
  makeBed: () => TestBed.create(),
  prepare: (bed) => bed.configure(),
}

await compare(SWITCHES)
