import type { FrameStory } from './frame-story.ts'

/** `Frame 3`: what stands in front of its summary. */
export function storyName({ number, continued, arrival }: FrameStory): string {
  if (number > 0) return `Frame ${number}${continued ? ', which had waited' : ''}`
  if (continued) return 'A frame that had waited'
  return arrival === undefined ? 'From the router' : 'Made up for the simulation'
}
