/**
 * Where the frames of a capture come from, as the user says it:
 *
 *     eth0=web                  what was captured on the interface eth0 comes from the sandbox web
 *     02:42:ac:11:00:02=web     what has this source address does
 *     10.1.0.2=web@blue         what has this source address does, on the network blue
 *     *=uplink, uplink          everything does
 */

import { ErrorCode, TapwireError } from '../../control/errors.ts'
import { formatIpAddress, parseIpAddress } from '../../control/ip-address.ts'
import { didYouMean } from '../../control/suggest.ts'
import { formatMac, parseMac } from '../../wire/address.ts'
import type { SimulatedPlace } from '../simulated-place.ts'

/** Says of which frames. */
export type SourceMatch =
  | { readonly kind: 'all' }
  | { readonly kind: 'interface'; readonly name: string }
  | { readonly kind: 'mac'; readonly mac: string }
  | { readonly kind: 'address'; readonly address: string }

export interface SourceRule {
  readonly match: SourceMatch
  /** As the user wrote it. */
  readonly place: string
}

/** Throws USAGE. */
export function parseSourceRule(text: string): SourceRule {
  const at = text.lastIndexOf('=')
  const place = text.slice(at + 1)
  const match = at === -1 ? '*' : text.slice(0, at)
  if (place === '' || match === '') {
    throw new TapwireError(ErrorCode.usage, `'${text}' does not say which frames come from where.`, {
      hint: 'Write it as in `--from-port eth0=web`, `--from-port 02:42:ac:11:00:02=web@blue` or `--from-port uplink`.',
    })
  }
  return { match: matchOf(match), place }
}

function matchOf(text: string): SourceMatch {
  if (text === '*') return { kind: 'all' }
  const mac = parseMac(text.toLowerCase())
  if (mac !== undefined) return { kind: 'mac', mac: formatMac(mac.high, mac.low) }
  const address = parseIpAddress(text)
  if (address !== undefined) return { kind: 'address', address: formatIpAddress(address) }
  return { kind: 'interface', name: text }
}

/**
 * The one place that is called so: `web`, `web@blue`, `web/eth1`, or an uplink's interface; `uplink` is the only uplink there is.
 * Throws USAGE where there is none, or more.
 */
export function findPlace(places: Iterable<SimulatedPlace>, name: string): SimulatedPlace {
  const all = [...places]
  const found = all.filter((place) => namesOf(place).includes(name))
  const [place, ...others] =
    found.length > 0 ? found : all.filter(({ kind }) => kind === 'uplink' && name === kind)
  if (place === undefined) {
    const known = [...new Set(all.map(({ name: one }) => one))]
    throw new TapwireError(ErrorCode.usage, `The lab has no place '${name}'.`, {
      hint: known.length === 0 ? 'It has no places at all.' : didYouMean(name, known),
    })
  }
  if (others.length === 0) return place
  const choices = [place, ...others].map((one) => `${one.name}@${one.network}`)
  throw new TapwireError(ErrorCode.usage, `'${name}' has several places.`, {
    hint: `Choose one of ${choices.join(', ')}.`,
  })
}

function namesOf({ kind, name, network, interface: itself }: SimulatedPlace): readonly string[] {
  return kind === 'sandbox' ? [name, `${name}@${network}`, `${name}/${itself}`] : [name, `${name}@${network}`]
}
