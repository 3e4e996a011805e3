/** The machine that the daemon runs on, as far as the model asks about it. */

import { randomBytes } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { hostname } from 'node:os'
import { formatIpAddress, parseCidr, parseIpAddress } from '../control/ip-address.ts'
import type { Surroundings } from '../control/model/machine.ts'
import { describe, type Log } from './log.ts'
import { run } from './program.ts'

export const RESOLV_CONF = '/etc/resolv.conf'
/** What systemd-resolved itself asks, where /etc/resolv.conf names its stub, which no sandbox can reach. */
export const RESOLV_CONF_BEHIND_STUB = '/run/systemd/resolve/resolv.conf'
const STUB = '127.0.0.53'

/** The text of the machine's resolv.conf(5), or of the one behind the stub that it names; empty where there is none. */
export function hostResolvConf({
  resolvConf = RESOLV_CONF,
  resolvConfBehindStub = RESOLV_CONF_BEHIND_STUB,
}: Pick<SurroundingsPaths, 'resolvConf' | 'resolvConfBehindStub'>): string {
  const text = textOf(resolvConf)
  const [server, ...others] = nameservers(text)
  if (server !== STUB || others.length > 0) return text
  const behind = textOf(resolvConfBehindStub)
  return behind === '' ? text : behind
}

/** What setTimeout takes at most; it calls back at once for more. */
const TIMER_MS_MAX = 2 ** 31 - 1

export interface SurroundingsPaths {
  readonly resolvConf?: string | undefined
  readonly resolvConfBehindStub?: string | undefined
  readonly hosts?: string | undefined
}

export class MachineSurroundings implements Surroundings {
  readonly #log: Log
  readonly #paths: SurroundingsPaths

  constructor(log: Log, paths: SurroundingsPaths = {}) {
    this.#log = log
    this.#paths = paths
  }

  now(): number {
    return Date.now()
  }

  randomBytes(count: number): Uint8Array {
    return randomBytes(count)
  }

  after(ms: number, callback: () => void): () => void {
    let timer: NodeJS.Timeout
    const wait = (left: number): void => {
      timer =
        left > TIMER_MS_MAX
          ? setTimeout(() => wait(left - TIMER_MS_MAX), TIMER_MS_MAX)
          : setTimeout(callback, left)
    }
    wait(ms)
    return () => clearTimeout(timer)
  }

  hostResolvConf(): string {
    return hostResolvConf(this.#paths)
  }

  hostHosts(): string {
    return textOf(this.#paths.hosts ?? '/etc/hosts')
  }

  hostHostname(): string {
    return hostname()
  }

  async reservedPrefixes(): Promise<readonly string[]> {
    const routes = await Promise.all([this.#routes('-4'), this.#routes('-6')])
    const servers = nameservers(this.hostResolvConf()).flatMap(hostPrefix)
    return [...new Set([...routes.flat(), ...servers])]
  }

  /** Where nothing can be said of the routes, default pools are chosen without them. */
  async #routes(family: '-4' | '-6'): Promise<string[]> {
    try {
      const answer = await run('ip', ['-j', family, 'route', 'show'])
      return onLinkPrefixes(JSON.parse(answer === '' ? '[]' : answer) as Route[])
    } catch (error) {
      this.#log.warn({ error: describe(error) }, "the machine's routes could not be read")
      return []
    }
  }
}

/** As `ip -j route` prints it, as far as it is looked at. */
interface Route {
  readonly dst?: string
  readonly gateway?: string
  readonly type?: string
}

/** Prefixes that the machine reaches without a router. IPv6 link-local is on every link and says nothing. */
export function onLinkPrefixes(routes: readonly Route[]): string[] {
  return routes.flatMap(({ dst = 'default', gateway, type }) => {
    if (dst === 'default' || gateway !== undefined || type === 'unreachable') return []
    if (dst.startsWith('fe80:')) return []
    return parseCidr(dst) === undefined ? hostPrefix(dst) : [dst]
  })
}

function hostPrefix(address: string): string[] {
  const parsed = parseIpAddress(address.split('%', 1)[0]!)
  return parsed === undefined ? [] : [`${formatIpAddress(parsed)}/${parsed.family === 4 ? 32 : 128}`]
}

/** The servers of a resolv.conf(5), in order. */
export function nameservers(text: string): string[] {
  return [...text.matchAll(/^[ \t]*nameserver[ \t]+(\S+)/gm)].map(([, server]) => server!)
}

/** Empty where the file is not there, or not for us, or none: a pipe would be waited for, and a device may have no end. */
function textOf(path: string): string {
  try {
    return statSync(path).isFile() ? readFileSync(path, 'utf8') : ''
  } catch {
    return ''
  }
}
