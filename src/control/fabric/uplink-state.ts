/** What is said of uplinks: where there is none, or a network plays the world, or one cannot be had. */

import { NAT_FIRST_PORT, NAT_LAST_PORT } from '../../limits.ts'
import { ErrorCode, TapwireError } from '../errors.ts'
import type { FabricGateway, UplinkState } from '../model/machine.ts'

/** A network that plays the world. */
export interface World {
  readonly domain: number
  readonly gateway: FabricGateway
}

const HINT = '`ip address` shows the interfaces of the machine, `tapwire uplink ls` the uplink that is set.'

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

export const WORLD_THERE = 'a network that was made with tapwire.uplink=true is the way out'

export const unusable = (message: string): TapwireError =>
  new TapwireError(ErrorCode.uplinkUnusable, message, { hint: HINT })

export function asUnusable(error: unknown): TapwireError {
  if (error instanceof TapwireError) return error
  const { message, hint = HINT } = error as Error & { readonly hint?: string }
  return new TapwireError(ErrorCode.uplinkUnusable, message, { hint, cause: error })
}

export const NO_UPLINK: UplinkState = {
  spec: undefined,
  up: false,
  reason: 'none is set',
  interface: '',
  mac: '',
  address: '',
  prefixLength: 0,
  gateway: '',
  mtu: 0,
  ports: [0, 0],
}

export const worldState = ({ domain, gateway }: World): UplinkState => ({
  ...NO_UPLINK,
  up: true,
  reason: '',
  mac: gateway.mac,
  address: gateway.address,
  prefixLength: gateway.prefixLength,
  mtu: gateway.mtu,
  ports: [NAT_FIRST_PORT, NAT_LAST_PORT],
  domain,
})
