import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { killChildren, run } from './process.ts'

/**
 * Two namespaces that a contender joins, and one in which it may have parts of its own:
 *
 *     a: eth0 10.99.0.1/24 ──── contender, maybe in s ──── b: eth0 10.99.0.2/24
 *
 * IPv6 is off, the MTU is 1500. There is no route out of any of them.
 */
export type Place = 'a' | 'b' | 's'

export const ADDRESS: Readonly<Record<'a' | 'b', string>> = { a: '10.99.0.1', b: '10.99.0.2' }
export const INTERFACE = 'eth0'

/**
 * Frames that wait in a TAP, the same for every contender that has one (the kernel's default is 500). A veth has
 * no such queue.
 */
export const TRANSMIT_QUEUE = 1000

const NAMESPACES = '/run/netns'
const PREFIX = 'tapwire-bench-'
const PLACES: readonly Place[] = ['a', 'b', 's']

let beds = 0

export class TestBed {
  readonly #id = `${PREFIX}${process.pid}-${beds++}`

  static async create(): Promise<TestBed> {
    const bed = new TestBed()
    for (const place of PLACES) {
      await run('ip', ['netns', 'add', bed.name(place)])
      await bed.exec(place, 'sysctl', [
        '-qw',
        'net.ipv6.conf.all.disable_ipv6=1',
        'net.ipv6.conf.default.disable_ipv6=1',
      ])
      await bed.ip(place, ['link', 'set', 'lo', 'up'])
    }
    return bed
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

  /** Gives the contender's two interfaces their addresses and waits until a ping crosses. */
  async configure(): Promise<void> {
    for (const place of ['a', 'b'] as const) {
      await this.ip(place, [
        'link',
        'set',
        INTERFACE,
        'mtu',
        '1500',
        'txqueuelen',
        String(TRANSMIT_QUEUE),
        'up',
      ])
      await this.ip(place, ['addr', 'add', `${ADDRESS[place]}/24`, 'dev', INTERFACE])
    }
    // Both ways, so that both stations are learnt; a switch may need a moment to see that its links are up.
    await this.exec('a', 'ping', ['-q', '-i', '0.05', '-c', '3', '-w', '5', ADDRESS.b])
  }

  async destroy(): Promise<void> {
    for (const place of PLACES) await run('ip', ['netns', 'del', this.name(place)])
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
