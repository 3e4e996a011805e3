import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { killChildren, run } from './process.ts'

const NAMESPACES = '/run/netns'
const PREFIX = 'tapwire-bench-'

let sets = 0

/** Network namespaces that belong together, one for each place. IPv6 is off, and there is no route out of any of them. */
export class Namespaces<Place extends string> {
  readonly #id = `${PREFIX}${process.pid}-${sets++}`
  readonly #places: readonly Place[]

  protected constructor(places: readonly Place[]) {
    this.#places = places
  }

  protected async make(): Promise<void> {
    for (const place of this.#places) {
      await run('ip', ['netns', 'add', this.name(place)])
      await this.exec(place, 'sysctl', [
        '-qw',
        'net.ipv6.conf.all.disable_ipv6=1',
        'net.ipv6.conf.default.disable_ipv6=1',
      ])
      await this.ip(place, ['link', 'set', 'lo', 'up'])
    }
  }

  name(place: Place): string {
    return `${this.#id}-${place}`
  }

  path(place: Place): string {
    return `${NAMESPACES}/${this.name(place)}`
  }

  exec(place: Place, command: string, args: readonly string[]): Promise<string> {
    return run(command, args, { namespace: this.path(place) })
  }

  ip(place: Place, args: readonly string[]): Promise<string> {
    return run('ip', ['-n', this.name(place), ...args])
  }

  /** Joins two places by a veth pair, whose ends are down. */
  async cable(place: Place, end: string, far: Place, farEnd: string): Promise<void> {
    const peer = ['peer', 'name', farEnd, 'netns', this.name(far)]
    await this.ip(place, ['link', 'add', end, 'type', 'veth', ...peer])
  }

  async destroy(): Promise<void> {
    for (const place of this.#places) await run('ip', ['netns', 'del', this.name(place)])
  }
}

/** Removes what an earlier run left behind that was killed outright. */
export function removeStale(): void {
  for (const name of listNamespaces()) {
    const owner = Number(name.slice(PREFIX.length).split('-')[0])
    if (!existsSync(`/proc/${owner}`)) removeNamespace(name)
  }
}

/** From here on the process leaves no child and no namespace behind, whichever way it ends. */
export function cleanUpOnExit(): void {
  process.on('exit', () => {
    killChildren()
    const own = `${PREFIX}${process.pid}-`
    for (const name of listNamespaces()) if (name.startsWith(own)) removeNamespace(name)
  })
  process.on('SIGINT', () => process.exit(130))
  process.on('SIGTERM', () => process.exit(143))
  process.on('SIGHUP', () => process.exit(129))
}

function listNamespaces(): string[] {
  if (!existsSync(NAMESPACES)) return []
  return readdirSync(NAMESPACES).filter((name) => name.startsWith(PREFIX))
}

function removeNamespace(name: string): void {
  spawnSync('ip', ['netns', 'del', name])
}
