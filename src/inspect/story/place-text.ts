import type { StoryPlace } from './frame-story.ts'

/** `web (eth0 on blue)`, `uplink eth0`, `host tw-blue on blue`; `sandbox` and the rest are names, which anything may be in. */
export function placeText({ kind, name, interface: device, network }: StoryPlace): string {
  const on = network === '' ? '' : ` on ${network}`
  if (kind === 'sandbox') return `${name} (${device}${on})`
  return `${kind}${name === '' || name === kind ? '' : ` ${name}`}${on}`
}
