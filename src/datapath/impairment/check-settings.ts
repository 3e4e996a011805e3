import { IMPAIRMENT_DELAY_US_MAX, IMPAIRMENT_QUEUE_MAX, IMPAIRMENT_RATE_MAX } from '../../limits.ts'
import type { ImpairmentSettings } from './impairment-settings.ts'

/** Throws RangeError, which names the value that is out of its range. */
export function requireLegal(settings: ImpairmentSettings): void {
  requireInteger('delayUs', settings.delayUs, 0, IMPAIRMENT_DELAY_US_MAX)
  requireInteger('jitterUs', settings.jitterUs, 0, IMPAIRMENT_DELAY_US_MAX)
  requireInteger('rate', settings.rate, 0, IMPAIRMENT_RATE_MAX)
  requireInteger('queue', settings.queue, 1, IMPAIRMENT_QUEUE_MAX)
  requireInteger('seed', settings.seed, -(2 ** 31), 2 ** 31 - 1)
  for (const name of ['loss', 'duplicate', 'reorder', 'corrupt'] as const) {
    const value = settings[name]
    if (!(value >= 0 && value <= 1)) throw new RangeError(`${name} is ${value}; it must be from 0 to 1`)
  }
}

function requireInteger(name: string, value: number, least: number, most: number): void {
  if (Number.isInteger(value) && value >= least && value <= most) return
  throw new RangeError(`${name} is ${value}; it must be an integer from ${least} to ${most}`)
}
