/** The labels by which a lab knows what it has made. */

/** The lab's name, on its networks and sandboxes. */
export const LAB_LABEL = 'tapwire.lab'

/** Digest of the settings that cannot change while the network or sandbox lives: other settings mean another one. */
export const DIGEST_LABEL = 'tapwire.lab.digest'

/** Digest of the endpoints that the sandbox was made with, for one that does not run and shows them in part. */
export const ENDPOINTS_LABEL = 'tapwire.lab.endpoints'

/** The host's name, on the sandbox that it is. */
export const HOST_LABEL = 'tapwire.lab.host'

/** A host's way out, on the sandbox that it is. */
export const UPLINK_LABEL = 'tapwire.lab.uplink'

/** On the network that a link is: its hosts, with commas between them. */
export const LINK_LABEL = 'tapwire.lab.link'

/** The cluster's name, on the network that it is linked by, and on its hosts. */
export const CLUSTER_LABEL = 'tapwire.lab.cluster'

/** On that network: the registry's address, or `sandbox:` and the name of the one that the lab's own runs in. On that sandbox: its name. */
export const REGISTRY_LABEL = 'tapwire.lab.registry'

const OURS: ReadonlySet<string> = new Set([
  LAB_LABEL,
  DIGEST_LABEL,
  ENDPOINTS_LABEL,
  HOST_LABEL,
  UPLINK_LABEL,
  LINK_LABEL,
  CLUSTER_LABEL,
  REGISTRY_LABEL,
])

/** Whether it is a label of labs, of today or of a later version: nobody else gives one. */
export function isLabLabel(name: string): boolean {
  return name === LAB_LABEL || name.startsWith(`${LAB_LABEL}.`)
}

/** The labels that the user gave. */
export function userLabels(labels: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(labels).filter(([name]) => !OURS.has(name)))
}
