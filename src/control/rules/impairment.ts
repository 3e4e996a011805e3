/**
 * What people say of a link, in the words of tc-netem(8), and what of it holds: durations with their unit, probabilities in percent,
 * rates in bits a second. Text stays text up to the data path, so that a lab file, a record and a command line say it alike.
 *
 *     delay: 50ms   jitter: 5ms   loss: 1%   duplicate: 1%   reorder: 25%   corrupt: 0.1%   rate: 10mbit   queue: 100   down   seed: 7
 */

import type { ImpairmentSettings } from '../../datapath/impairment/impairment-settings.ts'
import {
  IMPAIRMENT_DELAY_US_MAX,
  IMPAIRMENT_QUEUE_DEFAULT,
  IMPAIRMENT_QUEUE_MAX,
  IMPAIRMENT_RATE_MAX,
  LINK_PERCENT_DIGITS,
  LINK_RATE_MIN,
} from '../../limits.ts'
import { ErrorCode, TapwireError } from '../errors.ts'
import type { FabricImpairment } from '../model/machine.ts'
import type { ImpairmentRecord, ImpairmentWish } from '../model/records.ts'
import { printable } from './names.ts'

export type ImpairmentKey = keyof ImpairmentWish

export interface ImpairmentProblem {
  readonly key: ImpairmentKey
  /** A sentence without its end: `delay '50' has no unit`. */
  readonly message: string
  /** What to write instead. */
  readonly hint: string
}

/** What is checked of one value: its normal form, or undefined where it asks for nothing. */
type Check<T> = (value: T) => T | undefined

/** `from` is what the endpoint sends, `to` what it is sent. */
export const LINK_DIRECTIONS = ['from', 'to', 'both'] as const
export type LinkDirections = (typeof LINK_DIRECTIONS)[number]

class Problem extends Error {
  readonly hint: string

  constructor(message: string, hint: string) {
    super(message)
    this.hint = hint
  }
}

const CHECKS: { readonly [Key in ImpairmentKey]-?: Check<NonNullable<ImpairmentWish[Key]>> } = {
  delay: duration,
  jitter: duration,
  loss: percentage,
  duplicate: percentage,
  reorder: percentage,
  corrupt: percentage,
  rate,
  queue: (value) => whole(value, 1, IMPAIRMENT_QUEUE_MAX, 'frames'),
  down: (value) => value || undefined,
  seed: (value) => whole(value, -(2 ** 31), 2 ** 31 - 1, ''),
}

/** In the order in which they are told. */
export const IMPAIRMENT_KEYS = Object.keys(CHECKS) as readonly ImpairmentKey[]

/** What is wished for in normal form, without what asks for nothing, and all that is wrong with it. */
export function checkWish(given: ImpairmentWish): {
  readonly wish: ImpairmentWish
  readonly problems: readonly ImpairmentProblem[]
} {
  const wish: Record<string, unknown> = {}
  const problems: ImpairmentProblem[] = []
  for (const key of IMPAIRMENT_KEYS) {
    const value = given[key]
    if (value === undefined) continue
    try {
      const normal = (CHECKS[key] as Check<unknown>)(value)
      if (normal !== undefined) wish[key] = normal
    } catch (error) {
      if (!(error instanceof Problem)) throw error
      problems.push({ key, message: `${key} ${error.message}`, hint: error.hint })
    }
  }
  if (problems.length === 0) problems.push(...contradictions(wish))
  return { wish, problems }
}

/** `before` with what `change` gives in its place; 0 takes a value back. Throws LINK_INVALID. */
export function changedWish(before: ImpairmentWish | undefined, change: ImpairmentWish): ImpairmentWish {
  const given = Object.entries(change).filter(([, value]) => value !== undefined)
  const { wish, problems } = checkWish({ ...before, ...Object.fromEntries(given) })
  const [problem] = problems
  if (problem === undefined) return wish
  throw new TapwireError(ErrorCode.linkInvalid, `invalid link: ${problem.message}`, { hint: problem.hint })
}

/** The same for both directions; undefined where nothing is left of them. Throws LINK_INVALID. */
export function normalImpairment(
  given: { readonly from?: ImpairmentWish | undefined; readonly to?: ImpairmentWish | undefined } | undefined,
): ImpairmentRecord | undefined {
  return impairmentRecord(
    given?.from && changedWish(undefined, given.from),
    given?.to && changedWish(undefined, given.to),
  )
}

export function impairmentRecord(
  from: ImpairmentWish | undefined,
  to: ImpairmentWish | undefined,
): ImpairmentRecord | undefined {
  const record = { ...(isEmpty(from) ? undefined : { from }), ...(isEmpty(to) ? undefined : { to }) }
  return Object.keys(record).length === 0 ? undefined : record
}

/** For the data path. Where no seed is given, the place's name is one: the same lab has the same fate again. */
export function fabricImpairment(
  record: ImpairmentRecord | undefined,
  place: string,
): FabricImpairment | undefined {
  const from = record?.from && settingsOf(record.from, `${place} from`)
  const to = record?.to && settingsOf(record.to, `${place} to`)
  if (from === undefined && to === undefined) return undefined
  return { ...(from && { from }), ...(to && { to }) }
}

/** `delay 50ms ±5ms, loss 1%`; `none` where nothing is asked for. */
export function wishText(wish: ImpairmentWish | undefined): string {
  const parts = IMPAIRMENT_KEYS.flatMap((key) => {
    const value = wish?.[key]
    if (value === undefined || key === 'jitter' || key === 'down') return []
    if (key === 'delay')
      return wish?.jitter === undefined ? `delay ${value}` : `delay ${value} ±${wish.jitter}`
    return `${key} ${value}`
  })
  if (wish?.down === true) parts.unshift('down')
  return parts.length === 0 ? 'none' : parts.join(', ')
}

/** Both directions in one, where they are alike. */
export function impairmentText(record: ImpairmentRecord | undefined): string {
  const [from, to] = [wishText(record?.from), wishText(record?.to)]
  return from === to ? from : `from: ${from}; to: ${to}`
}

function isEmpty(wish: ImpairmentWish | undefined): boolean {
  return wish === undefined || Object.keys(wish).length === 0
}

/** As in tc-netem(8), which refuses the second and makes of the first something that is no jitter any more. */
function contradictions({ delay, jitter, reorder }: ImpairmentWish): ImpairmentProblem[] {
  const problems: ImpairmentProblem[] = []
  if (microseconds(jitter) > microseconds(delay)) {
    problems.push({
      key: 'jitter',
      message: `jitter ${jitter} is above the delay of ${delay ?? '0'}: no frame can leave before it has come`,
      hint: `Make the delay ${jitter} at least, or the jitter ${delay ?? '0'} at most.`,
    })
  }
  if (reorder !== undefined && delay === undefined) {
    problems.push({
      key: 'reorder',
      message: `reorder ${reorder} needs a delay: a frame overtakes only those that wait`,
      hint: 'Give a delay as well, 10ms for example.',
    })
  }
  return problems
}

/** Undefined where no frame would fare differently: a seed alone, or a queue that nothing fills. */
function settingsOf(wish: ImpairmentWish, place: string): ImpairmentSettings | undefined {
  const settings = {
    delayUs: microseconds(wish.delay),
    jitterUs: microseconds(wish.jitter),
    loss: probability(wish.loss),
    duplicate: probability(wish.duplicate),
    reorder: probability(wish.reorder),
    corrupt: probability(wish.corrupt),
    rate: wish.rate === undefined ? 0 : bits(wish.rate)!,
    queue: wish.queue ?? IMPAIRMENT_QUEUE_DEFAULT,
    down: wish.down ?? false,
    seed: wish.seed ?? seedOf(place),
  }
  const { delayUs, loss, duplicate, corrupt, rate: limit, down } = settings
  return delayUs + loss + duplicate + corrupt + limit > 0 || down ? settings : undefined
}

/** FNV-1a of the name, as an int32. */
function seedOf(place: string): number {
  let hash = 0x811c9dc5
  for (const byte of Buffer.from(place)) hash = Math.imul(hash ^ byte, 0x01000193)
  return hash
}

const DURATION_UNITS: readonly (readonly [unit: string, us: number])[] = [
  ['s', 1_000_000],
  ['ms', 1000],
  ['us', 1],
]

function duration(text: string): string | undefined {
  if (isZero(text)) return undefined
  const us = parseUnits(text, DURATION_UNITS)
  if (us === undefined) {
    const [, number = ''] = /^(\d+(?:\.\d+)?)$/.exec(text) ?? []
    // tc takes a bare number for microseconds, and people for milliseconds.
    if (number !== '')
      throw new Problem(`${shown(text)} has no unit`, `Write ${number}ms, ${number}us or ${number}s.`)
    throw new Problem(`${shown(text)} is no duration`, 'Write it as in 50ms, 1.5s or 200us.')
  }
  if (us === 0) return undefined
  if (!Number.isInteger(us))
    throw new Problem(`${shown(text)} is finer than a microsecond`, 'Write whole microseconds.')
  if (us > IMPAIRMENT_DELAY_US_MAX) {
    throw new Problem(
      `${shown(text)} is longer than the ${IMPAIRMENT_DELAY_US_MAX / 1_000_000}s that a frame can be kept`,
      'Write less.',
    )
  }
  return formatUnits(us, us >= 1_000_000 ? ['s', 1_000_000] : us >= 1000 ? ['ms', 1000] : ['us', 1])
}

function microseconds(text: string | undefined): number {
  return text === undefined ? 0 : parseUnits(text, DURATION_UNITS)!
}

const PERCENT = new RegExp(String.raw`^(\d{1,3}(?:\.\d{1,${LINK_PERCENT_DIGITS}})?)%$`)

function percentage(text: string): string | undefined {
  if (isZero(text)) return undefined
  const [, number = ''] = PERCENT.exec(text) ?? []
  const percent = Number(number)
  if (number !== '' && percent <= 100) return percent === 0 ? undefined : `${fixed(percent)}%`
  if (number !== '') throw new Problem(`${shown(text)} is more than 100%`, 'Write 100% for all frames.')
  const bare = /^\d*\.?\d+$/.test(text) ? Number(text) : Number.NaN
  if (Number.isNaN(bare) || bare > 100) {
    throw new Problem(
      `${shown(text)} is no percentage`,
      `Write it as in 1% or 0.1%, with at most ${LINK_PERCENT_DIGITS} digits behind the point.`,
    )
  }
  // 0.5 may be half of all frames, or one of two hundred.
  const meant = bare <= 1 ? [`${fixed(bare * 100)}%`, `${fixed(bare)}%`] : [`${fixed(bare)}%`]
  throw new Problem(`${shown(text)} is no percentage: it has no %`, `Write ${meant.join(' or ')}.`)
}

function probability(text: string | undefined): number {
  return text === undefined ? 0 : Number(text.slice(0, -1)) / 100
}

const RATE_UNITS: readonly (readonly [unit: string, bits: number])[] = [
  ['gbit', 1e9],
  ['mbit', 1e6],
  ['kbit', 1e3],
  ['bit', 1],
]

function rate(text: string): string | undefined {
  if (isZero(text)) return undefined
  const bitsASecond = bits(text)
  if (bitsASecond === undefined) throw noRate(text)
  if (bitsASecond === 0) return undefined
  if (!Number.isInteger(bitsASecond))
    throw new Problem(`${shown(text)} is no whole number of bits`, 'Write it as in 1500bit.')
  if (bitsASecond < LINK_RATE_MIN || bitsASecond > IMPAIRMENT_RATE_MAX) {
    const [least, most] = [formatRate(LINK_RATE_MIN), formatRate(IMPAIRMENT_RATE_MAX)]
    throw new Problem(
      `${shown(text)} is not from ${least} to ${most}`,
      'Leave the rate out for no limit, and say down for none at all.',
    )
  }
  return formatRate(bitsASecond)
}

function noRate(text: string): Problem {
  const [, number = '', prefix = ''] = /^(\d+(?:\.\d+)?)([kmg]?)(bps|b\/s)$/i.exec(text) ?? []
  if (number === '') {
    const bare = /^\d+$/.test(text)
    return bare
      ? new Problem(`${shown(text)} has no unit`, `Write ${text}bit, ${text}kbit or ${text}mbit.`)
      : new Problem(`${shown(text)} is no rate`, 'Write it as in 10mbit, 500kbit or 1gbit: bits a second.')
  }
  // tc's mbps are megabytes, and everybody else's megabits.
  const unit = prefix.toLowerCase()
  return new Problem(
    `${shown(text)} may be bits or bytes a second`,
    `Write ${number}${unit}bit for bits, ${fixed(Number(number) * 8)}${unit}bit for bytes.`,
  )
}

function bits(text: string): number | undefined {
  return parseUnits(text.toLowerCase(), RATE_UNITS)
}

function formatRate(value: number): string {
  const [unit, factor] = RATE_UNITS.find(([, one]) => value >= one && Number.isInteger((value / one) * 1000))!
  return formatUnits(value, [unit, factor])
}

function whole(value: number, least: number, most: number, of: string): number {
  if (Number.isInteger(value) && value >= least && value <= most) return value
  throw new Problem(
    `${value} is no whole number from ${least} to ${most}`,
    of === ''
      ? 'Any of these gives a sequence of its own.'
      : `It counts ${of}; leave it out for ${IMPAIRMENT_QUEUE_DEFAULT}.`,
  )
}

/** 0 asks for nothing, in whatever unit. */
function isZero(text: string): boolean {
  return /^0+(\.0+)?$/.test(text)
}

/** Far above what a double loses of the greatest rate, far below what anybody writes. */
const DOUBLE_ERROR = 1e-4

/** Of `1.5ms`, in the smallest unit. */
function parseUnits(
  text: string,
  units: readonly (readonly [unit: string, factor: number])[],
): number | undefined {
  const [, number = '', word = ''] = /^(\d{1,15}(?:\.\d{1,9})?)([a-z]+)$/.exec(text) ?? []
  const factor = units.find(([unit]) => unit === word)?.[1]
  if (number === '' || factor === undefined) return undefined
  const value = Number(number) * factor
  // 0.0011 s are 1100 µs, but for the last bits of a double.
  const nearest = Math.round(value)
  return Math.abs(value - nearest) < DOUBLE_ERROR ? nearest : value
}

function formatUnits(value: number, [unit, factor]: readonly [unit: string, factor: number]): string {
  return `${fixed(value / factor)}${unit}`
}

/** Without an exponent, and without the last bits of a double. */
function fixed(value: number): string {
  return String(Number(value.toFixed(6)))
}

const SHOWN_MAX = 60

const shown = (text: string): string => `'${printable(text.slice(0, SHOWN_MAX))}'`
