import { DropReason } from '../drop-reason.ts'
import type { ExplainedSteps } from '../explained-steps.ts'
import type { ImpairedLink } from './impaired-link.ts'
import { LinkDirection } from './impairment-settings.ts'

/**
 * What an impaired link does, or may do, with a frame that comes to it now: a step for each, in the order of ImpairedLink. False where
 * the frame gets no further for sure. No number is drawn.
 */
export function explainLink(link: ImpairedLink | undefined, length: number, steps: ExplainedSteps): boolean {
  if (link === undefined) return true
  const { settings, waiting, port } = link
  const { delayUs, jitterUs, loss, duplicate, reorder, corrupt, rate, queue } = settings
  const where = { port, way: link.direction === LinkDirection.from ? 'from' : 'to' }
  if (settings.down) return steps.drop('link', DropReason.linkDown, where)
  if (loss === 1) return steps.drop('link', DropReason.linkLoss, where)
  if (duplicate > 0) steps.say('link', 'may-double', { ...where, duplicate })
  if (loss > 0) steps.say('link', 'may-lose', { ...where, loss })
  if (corrupt > 0) steps.say('link', 'may-corrupt', { ...where, corrupt })
  if (reorder > 0) steps.say('link', 'may-go-ahead', { ...where, reorder })
  // Where all go ahead, none waits.
  if (reorder === 1) return true
  const isLate = delayUs + jitterUs + rate > 0
  if (isLate && reorder === 0 && waiting >= queue) {
    return steps.drop('link', DropReason.linkQueueFull, { ...where, waiting, queue })
  }
  if (rate > 0) steps.say('link', 'serialise', { ...where, rate, length, waiting })
  if (delayUs + jitterUs > 0) steps.say('link', 'delay', { ...where, delayUs, jitterUs, waiting })
  return true
}
