import { MTU_DEFAULT } from '../limits.ts'

/** What holds where a request says nothing, and the user of the daemon may have said it for all of them. */
export interface Defaults {
  /** Of bridge networks that are made from now on. */
  readonly mtu: number
  /** Address that their ports are published on where neither -p nor an option says one; undefined: all. */
  readonly hostBinding: string | undefined
  /** Whether sandboxes on the network bridge may talk to one another; as it is at the daemon's start. */
  readonly icc: boolean
  /** Of the resolv.conf of sandboxes that name none of their own, when it is written; empty: as the machine's. */
  readonly dns: readonly string[]
  readonly dnsSearch: readonly string[]
  readonly dnsOptions: readonly string[]
  /** What `host-gateway` stands for in --add-host; undefined: the gateway of the default bridge. */
  readonly hostGateway: string | undefined
}

export const DEFAULTS: Defaults = {
  mtu: MTU_DEFAULT,
  hostBinding: undefined,
  icc: true,
  dns: [],
  dnsSearch: [],
  dnsOptions: [],
  hostGateway: undefined,
}
