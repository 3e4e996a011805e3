/**
 * What a shim leaves that was killed itself: its command is killed with it by the kernel, but not what that had started.
 * They are found by the marker that every process of a sandbox has in its environment.
 */

import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { killProcess } from './holder.ts'

const MARKER = 'TAPWIRE_SANDBOX='
const MARKERS = /^[0-9a-f]{12}(?:\/[0-9a-f]{12})*$/

/** Between two looks, and how many there are: what has been killed takes a moment, and may just have made another one. */
const LOOK_MS = 5
const LOOKS_MAX = 400

/** One look through /proc serves all that ask for it at the time. */
export class LeftBehind {
  readonly #asking = new Map<string, PromiseWithResolvers>()
  #looking = false

  /** Kills all processes of the sandbox, by its marker; resolves when none is left. */
  kill(marker: string): Promise<void> {
    const present = this.#asking.get(marker)
    if (present !== undefined) return present.promise
    const asking = withResolvers()
    this.#asking.set(marker, asking)
    if (!this.#looking) {
      this.#looking = true
      void this.#look()
    }
    return asking.promise
  }

  async #look(): Promise<void> {
    const looks = new Map<string, number>()
    // Later than those who ask in the same turn.
    await delay(0)
    while (this.#asking.size > 0) {
      const found = killMarked(new Set(this.#asking.keys()))
      for (const [marker, asking] of this.#asking) {
        const count = (looks.get(marker) ?? 0) + 1
        looks.set(marker, count)
        if (found.has(marker) && count < LOOKS_MAX) continue
        this.#asking.delete(marker)
        looks.delete(marker)
        asking.resolve()
      }
      if (this.#asking.size > 0) await delay(LOOK_MS)
    }
    this.#looking = false
  }
}

interface PromiseWithResolvers {
  readonly promise: Promise<void>
  readonly resolve: () => void
}

function withResolvers(): PromiseWithResolvers {
  let resolve = (): void => {}
  const promise = new Promise<void>((fulfil) => {
    resolve = fulfil
  })
  return { promise, resolve }
}

/** Those markers of which there was a process. */
function killMarked(markers: ReadonlySet<string>): Set<string> {
  const found = new Set<string>()
  for (const entry of readdirSync('/proc')) {
    const pid = Number(entry)
    if (!(pid > 0) || pid === process.pid) continue
    for (const marker of markersOf(pid)) {
      if (!markers.has(marker)) continue
      found.add(marker)
      killProcess(pid)
    }
  }
  return found
}

/**
 * The sandboxes that a process is in. One in a sandbox has the outer one's marker in front of its own, with a slash between. A
 * variable alone proves nothing, anybody may have it by inheritance: who shares our own namespaces is in no sandbox of ours.
 */
export function markersOf(pid: number): readonly string[] {
  try {
    const markers = markersIn(readFileSync(`/proc/${pid}/environ`, 'latin1'))
    return markers.length === 0 || isBesideUs(pid) ? [] : markers
  } catch {
    return []
  }
}

/** Those that we were started in. */
export const ownMarkers = (): readonly string[] => markersIn(readFileSync('/proc/self/environ', 'latin1'))

function markersIn(environment: string): readonly string[] {
  const entry = environment.split('\0').find((variable) => variable.startsWith(MARKER))
  const value = entry?.slice(MARKER.length) ?? ''
  return MARKERS.test(value) ? value.split('/') : []
}

const isBesideUs = (pid: number): boolean =>
  ['mnt', 'net'].every(
    (kind) => readlinkSync(`/proc/${pid}/ns/${kind}`) === readlinkSync(`/proc/self/ns/${kind}`),
  )
