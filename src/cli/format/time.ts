/** Times as docker writes them. */
import { ErrorCode, TapwireError } from '../../control/errors.ts'

/** `Less than a second`, `5 seconds`, `About a minute`, `3 hours`: go-units' HumanDuration. */
export function humanDuration(seconds: number): string {
  const whole = Math.floor(seconds)
  if (whole < 1) return 'Less than a second'
  if (whole === 1) return '1 second'
  if (whole < 60) return `${whole} seconds`
  const minutes = Math.floor(seconds / 60)
  if (minutes === 1) return 'About a minute'
  if (minutes < 60) return `${minutes} minutes`
  const hours = Math.round(seconds / 3600)
  if (hours === 1) return 'About an hour'
  if (hours < 48) return `${hours} hours`
  if (hours < 24 * 7 * 2) return `${Math.floor(hours / 24)} days`
  if (hours < 24 * 30 * 2) return `${Math.floor(hours / 24 / 7)} weeks`
  if (hours < 24 * 365 * 2) return `${Math.floor(hours / 24 / 30)} months`
  return `${Math.floor(seconds / 3600 / 24 / 365)} years`
}

/** `2026-01-02 03:04:05.678901234 +0000 UTC`, as Go prints a time; from RFC 3339 in UTC. */
export function goTime(rfc3339: string): string {
  return rfc3339
    .replace('T', ' ')
    .replace(/(?:\.0+)?Z$/, ' +0000 UTC')
    .replace(/(\.\d*?)0*( \+0000)/, '$1$2')
}

/** The same of whole seconds since 1970. */
export function goTimeOfSeconds(seconds: number): string {
  return goTime(new Date(seconds * 1000).toISOString())
}

/**
 * What `--since` and `--until` take, as seconds since 1970 with a fraction: RFC 3339 or a part of it in the local time
 * zone, seconds since 1970, or a duration before `nowMs` as in `1h30m`. Throws USAGE.
 */
export function parseMoment(text: string, nowMs: number): string {
  if (/^\d+(\.\d{1,9})?$/.test(text)) return text
  const duration = parseDuration(text)
  if (duration !== undefined) return (nowMs / 1000 - duration).toFixed(3)
  if (/^\d{4}-\d\d-\d\d([T ]\d\d(:\d\d(:\d\d(\.\d{1,9})?)?)?)?(Z|[+-]\d\d:?\d\d)?$/.test(text)) {
    // Without a time of the day, JavaScript would take it for UTC.
    const [, date = '', rest = ''] = /^(\S{10})[T ]?(.*)$/.exec(text) ?? []
    const time =
      rest === '' || /^(Z|[+-])/.test(rest) ? `00:00${rest}` : rest.replace(/^(\d\d)(?!\d|:)/, '$1:00')
    const at = Date.parse(`${date}T${time}`)
    if (!Number.isNaN(at)) return (at / 1000).toFixed(3)
  }
  throw new TapwireError(
    ErrorCode.usage,
    `failed to parse value as time or duration: ${JSON.stringify(text)}`,
    {
      hint: 'Times are as in 2026-01-02T15:04:05Z, durations as in 42m or 1h30m.',
    },
  )
}

/** Go's durations, `1h30m`, `1.5s`, as seconds; undefined where it is none. */
export function parseDuration(text: string): number | undefined {
  if (!/^(\d+(\.\d+)?(ns|us|µs|ms|s|m|h))+$/.test(text)) return undefined
  let seconds = 0
  for (const [, value = '', unit = ''] of text.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g)) {
    seconds += Number(value) * UNITS[unit]!
  }
  return seconds
}

const UNITS: Readonly<Record<string, number>> = {
  ns: 1e-9,
  us: 1e-6,
  µs: 1e-6,
  ms: 1e-3,
  s: 1,
  m: 60,
  h: 3600,
}
