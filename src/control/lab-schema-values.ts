/** The kinds of value in a lab file. Each `error` completes the sentence "… must be". */

import { z } from 'zod'
import { DNS_TTL_S_MAX, MTU_MAX, MTU_MIN, NAME_MAX } from '../limits.ts'
import { isLabLabel, LAB_LABEL } from './labs/labels.ts'
import { DNS_PLACES } from './rules/dns-options.ts'
import { parseUplink } from './rules/uplink.ts'

const UPLINK_ERROR = 'an uplink, such as nic:eth0'

/** Of labs and hosts: they become parts of paths, and a lab's name goes in front of its hosts'. */
export const NAME_PATTERN = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/

export function nameUpTo(max: number, min = 1) {
  const error = `${min} to ${max} small letters, digits and hyphens, no hyphen at either end`
  return z.string({ error }).min(min, { error }).max(max, { error }).regex(NAME_PATTERN, { error })
}

/** Of networks, and names that sandboxes go by: what the daemon takes. */
const nameError = `1 to ${NAME_MAX} letters, digits, dots, hyphens and underscores, a letter or digit first`
export const name = z
  .string({ error: nameError })
  .max(NAME_MAX, { error: nameError })
  .regex(/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/, { error: nameError })

/** Of sandboxes: Docker takes none of one letter, and neither does the daemon. */
const sandboxNameError = `2 to ${NAME_MAX} letters, digits, dots, hyphens and underscores, a letter or digit first`
export const sandboxName = z
  .string({ error: sandboxNameError })
  .max(NAME_MAX, { error: sandboxNameError })
  .regex(/^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/, { error: sandboxNameError })

export const subnet4 = z.cidrv4({ error: 'an IPv4 subnet in CIDR notation, such as 10.1.0.0/24' })
export const address4 = z.ipv4({ error: 'an IPv4 address, such as 10.1.0.10' })
export const address6 = z.ipv6({ error: 'an IPv6 address, such as fd00:1::10' })
export const address = z.union([z.ipv4(), z.ipv6()], { error: 'an IPv4 or IPv6 address' })
export const subnet = z.union([z.cidrv4(), z.cidrv6()], {
  error: 'an IPv4 or IPv6 subnet in CIDR notation, such as 10.1.0.0/24 or fd00:1::/64',
})
export const truth = z.boolean({ error: 'true or false' })

const mtuError = `a whole number from ${MTU_MIN} to ${MTU_MAX}`
export const mtu = z
  .int({ error: mtuError })
  .min(MTU_MIN, { error: mtuError })
  .max(MTU_MAX, { error: mtuError })

const dnsPlaceError = DNS_PLACES.join(', ').replace(/, (?=[^,]*$)/, ' or ')
export const dnsPlace = z.enum(DNS_PLACES, { error: dnsPlaceError })

const dnsTtlError = `a whole number of seconds from 0 to ${DNS_TTL_S_MAX}`
export const dnsTtl = z
  .int({ error: dnsTtlError })
  .min(0, { error: dnsTtlError })
  .max(DNS_TTL_S_MAX, { error: dnsTtlError })

const macError = 'a MAC address of six bytes, such as 02:00:00:00:00:0a'
export const mac = z
  .string({ error: macError })
  .regex(/^[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}$/, { error: macError })

/** As the daemon takes it. */
export const uplink = z.string({ error: UPLINK_ERROR }).refine(isUplink, { error: UPLINK_ERROR })

function isUplink(text: string): boolean {
  try {
    parseUplink(text)
    return true
  } catch {
    return false
  }
}

/** A NUL byte would end the argument early: execve(2) takes C strings. */
const wordError = 'text without NUL bytes'
export const word = z
  .string({ error: wordError })
  .refine((text) => !text.includes('\0'), { error: wordError })

export const words = z.array(word, { error: 'a list of texts' })

export const textMap = z.record(word.min(1), word, { error: 'a map from texts to texts' })

const optionsError = 'a map from texts to texts, numbers, true, false, or lists of texts'
/** What drivers take: a number or a truth is as good as its text, and a list as its texts with commas between. */
export const optionMap = z.record(
  word.min(1),
  z.union([word, z.number(), z.boolean(), z.array(word)], {
    error: 'a text, a number, true, false, or a list of texts',
  }),
  { error: optionsError },
)

/** Those of labs are how a lab knows what it has made. */
export const userLabelMap = textMap.refine((labels) => !Object.keys(labels).some(isLabLabel), {
  error: `a map of labels whose names do not begin with ${LAB_LABEL}, which are those of labs`,
})

/** In JSON schema: a map that has at least one of the keys. */
export function anyKeyOf(keys: readonly string[]) {
  return keys.map((key) => ({ type: 'object' as const, properties: { [key]: {} }, required: [key] }))
}
