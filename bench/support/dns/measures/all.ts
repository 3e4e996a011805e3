import type { DnsMeasure } from '../name-server.ts'
import { latency } from './latency.ts'
import { outside } from './outside.ts'
import { rate } from './rate.ts'

/** In the order in which they run. */
export const MEASURES: readonly DnsMeasure[] = [rate, latency, outside]
