import type { NatMeasure } from '../gateway.ts'

const FIRST = 20_000
const COUNT = 10_000

/** A range of ports published on a sandbox that runs, by one request. Only for gateways that can do that. */
export const publish: NatMeasure = {
  id: 'publish',
  title: 'publish a range',
  async run(_bed, gateway) {
    if (gateway.publishRange === undefined) return {}
    const start = performance.now()
    await gateway.publishRange(FIRST, COUNT)
    return { publish: performance.now() - start }
  },
}
