/** Drivers whose networks are bridge domains of the switch with a gateway that is our router's. */
const ROUTED: ReadonlySet<string> = new Set(['bridge', 'vxlan', 'overlay'])

/** Drivers whose networks are bridge domains of the switch. */
const SWITCHED: ReadonlySet<string> = new Set([...ROUTED, 'macvlan'])

export const isRouted = (driver: string): boolean => ROUTED.has(driver)

export const isSwitched = (driver: string): boolean => SWITCHED.has(driver)
