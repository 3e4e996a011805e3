/** The decisions on a frame in order, with what the data path noted when it had carried them out. */

import { type DecisionStep, explainSentence } from '../explain-text.ts'
import type { StoryPlace, StoryStep } from './frame-story.ts'
import type { StorySource } from './story-source.ts'

/** `mac`: the sender's address. */
export function storySteps(source: StorySource, mac: string): readonly StoryStep[] {
  const steps: DecisionStep[] = [...source.steps]
  insertLearning(steps, source, mac)
  insertFlow(steps, source)
  return steps.map((step) => ({ ...step, sentence: explainSentence(step) }))
}

/** The switch learns from what it takes, before it looks for its target. */
function insertLearning(
  steps: DecisionStep[],
  { facts, movedFrom, arrival }: StorySource,
  mac: string,
): void {
  if (arrival === undefined) return
  const values = { mac, ...whereOf(arrival.place) }
  const at = steps.findIndex(({ stage }) => stage === 'bridge')
  const insert = (step: DecisionStep): void => void steps.splice(at < 0 ? steps.length : at, 0, step)
  if (facts.includes('moved') && movedFrom !== undefined) {
    const { interface: oldInterface, ...old } = whereOf(movedFrom)
    const oldSandbox = old.sandbox === undefined ? {} : { oldSandbox: old.sandbox }
    insert({ stage: 'learn', verdict: 'moved', values: { ...values, oldInterface, ...oldSandbox } })
  } else if (facts.includes('learned')) insert({ stage: 'learn', verdict: 'new', values })
}

/** The number is known when the connection is in the table, which is when its first packet has been let through. */
function insertFlow(steps: DecisionStep[], { facts, flow, packets }: StorySource): void {
  // What a capture says of the connection is among its comments.
  if (flow === undefined || packets !== undefined) return
  if (steps.some(({ stage, verdict }) => stage === 'flow' && verdict === 'known')) return
  const began = facts.includes('began-flow')
  const accepted = steps.findIndex(({ stage, verdict }) => stage === 'policy' && verdict === 'accept')
  const step = { stage: 'flow', verdict: began ? 'began' : 'part', values: { number: flow } }
  steps.splice(accepted < 0 ? steps.length : accepted + 1, 0, step)
}

const whereOf = ({
  kind,
  name,
  interface: device,
  network,
}: StoryPlace): { interface: string; network: string; sandbox?: string } => ({
  interface: device === '' ? name : device,
  network,
  ...(kind === 'sandbox' && { sandbox: name }),
})
