/** One line of a packet, from its layers. */

import type { DissectedLayer } from './dissection.ts'

/** The last layer but data, with the addresses of the IP header above it. */
export function summarize(layers: readonly DissectedLayer[]): string {
  const outer = layers.filter((layer) => layer.depth === 0)
  const last = outer.findLast((layer) => layer.protocol !== 'data') ?? outer.at(-1)
  const network = outer.findLast((layer) => layer.protocol === 'ip' || layer.protocol === 'ipv6')
  if (last === undefined) return ''
  if (network === undefined || network === last) return last.title
  return `${network.title.slice(network.title.indexOf(',') + 2)}: ${last.title}`
}
