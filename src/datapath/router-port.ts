import { PORTS_MAX } from '../limits.ts'

/**
 * Where the gateways' MAC addresses live, as the MAC table has it: behind the last port that a device can be. So a frame for the router
 * is found by the lookup that every frame takes, and a switched one pays nothing for there being a router.
 */
export const ROUTER_PORT = PORTS_MAX
