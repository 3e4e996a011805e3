/** The options of a network that decide about its names, as typed values, and what is wrong with them. */

import { DNS_TTL_S_DEFAULT, DNS_TTL_S_MAX } from '../../limits.ts'
import { badOption, checkInteger, type OptionCheck } from './option-values.ts'

export const DNS_OPTION = {
  place: 'tapwire.dns',
  ttl: 'tapwire.dns-ttl',
} as const

/** Where the sandboxes of a network ask: at its gateway's address, at 127.0.0.11 in their own namespace, or nowhere. */
export type DnsPlace = (typeof DNS_PLACES)[number]

export const DNS_PLACES = ['gateway', 'loopback', 'none'] as const

export interface DnsOptions {
  /** Undefined where the user has not said. */
  readonly place: DnsPlace | undefined
  readonly ttlS: number
}

/** Typed values of options that the checks below find nothing wrong with. */
export function dnsOptions(options: Readonly<Record<string, string>>): DnsOptions {
  const place = options[DNS_OPTION.place]
  return {
    place: DNS_PLACES.find((known) => known === place),
    ttlS: Number(options[DNS_OPTION.ttl] ?? DNS_TTL_S_DEFAULT),
  }
}

/** `noGateway` says why nothing can be asked at the network's gateway; undefined where it can. */
export function dnsChecks(noGateway: string | undefined): Readonly<Record<string, OptionCheck>> {
  return {
    [DNS_OPTION.place]: (name, value) => {
      if (!DNS_PLACES.some((place) => place === value)) {
        return badOption(name, value, "must be 'gateway', 'loopback' or 'none'")
      }
      return value === 'gateway' && noGateway !== undefined ? badOption(name, value, noGateway) : undefined
    },
    [DNS_OPTION.ttl]: (name, value) => checkInteger(name, value, 0, DNS_TTL_S_MAX),
  }
}
