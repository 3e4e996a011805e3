import { type FSWatcher, realpathSync, watch } from 'node:fs'
import { isIP } from 'node:net'
import { dirname } from 'node:path'
import { DNS_SERVERS_MAX } from '../../limits.ts'
import { hostResolvConf, nameservers, RESOLV_CONF_BEHIND_STUB } from '../surroundings.ts'

/** Programs write such a file in several steps, and replace several of them at once. */
const SETTLE_MS = 50

/** A look now and then as well: a file that is bound to its place (a container's) changes without its folder, and watches are limited. */
const LOOK_MS = 5000

export interface HostServersParts {
  /** Path of a resolv.conf(5). */
  readonly resolvConf: string
  /** The one that counts where that names the stub of systemd-resolved alone. */
  readonly resolvConfBehindStub?: string | undefined
  /** Told of the servers whenever they are others. */
  readonly changed: (servers: readonly string[]) => void
  readonly lookMs?: number | undefined
}

/**
 * The machine's name servers, as its resolv.conf has them now: written anew, replaced by another file, or a link that leads elsewhere.
 * What it says while it is not there, or is half written, is that there are none.
 *
 * 127.0.0.11 stays: asked from the machine's own namespace it is no sandbox's, but the server of whatever the machine is a sandbox of.
 */
export class HostServers {
  readonly #parts: Pick<HostServersParts, 'resolvConf' | 'changed'> & { readonly behindStub: string }
  readonly #look: NodeJS.Timeout
  #settle: NodeJS.Timeout | undefined
  #watchers = new Map<string, FSWatcher>()
  #servers: readonly string[] = []

  constructor({
    resolvConf,
    resolvConfBehindStub = RESOLV_CONF_BEHIND_STUB,
    changed,
    lookMs = LOOK_MS,
  }: HostServersParts) {
    this.#parts = { resolvConf, behindStub: resolvConfBehindStub, changed }
    this.#look = setInterval(() => this.look(), lookMs)
    this.#look.unref()
    this.look()
  }

  get servers(): readonly string[] {
    return this.#servers
  }

  /** Reads the file now. */
  look(): void {
    // First the watches: what changes after the file was read is seen then.
    this.#watch()
    const { resolvConf, behindStub, changed } = this.#parts
    const servers = usable(nameservers(hostResolvConf({ resolvConf, resolvConfBehindStub: behindStub })))
    if (servers.join() === this.#servers.join()) return
    this.#servers = servers
    changed(servers)
  }

  close(): void {
    clearInterval(this.#look)
    clearTimeout(this.#settle)
    for (const watcher of this.#watchers.values()) watcher.close()
    this.#watchers.clear()
  }

  /** Folders of the file, of what it leads to, and of the one behind the stub: a file that replaces another is an event of its folder. */
  #watch(): void {
    const { resolvConf, behindStub } = this.#parts
    const folders = new Set([resolvConf, behindStub].flatMap((path) => [dirname(path), folderBehind(path)]))
    for (const [folder, watcher] of this.#watchers) {
      if (folders.has(folder)) continue
      this.#watchers.delete(folder)
      watcher.close()
    }
    for (const folder of folders) if (!this.#watchers.has(folder)) this.#watchFolder(folder)
  }

  #watchFolder(folder: string): void {
    try {
      const watcher = watch(folder, { persistent: false }, () => this.#changedSoon())
      this.#watchers.set(folder, watcher)
      watcher.on('error', () => this.#forget(folder, watcher))
    } catch {
      // It is not there, or there are no more watches to be had: the next look tries again.
    }
  }

  #forget(folder: string, watcher: FSWatcher): void {
    watcher.close()
    if (this.#watchers.get(folder) === watcher) this.#watchers.delete(folder)
  }

  #changedSoon(): void {
    this.#settle ??= setTimeout(() => {
      this.#settle = undefined
      this.look()
    }, SETTLE_MS)
  }
}

/** What resolv.conf(5) takes of it: addresses, each once, and the first three. One of IPv6 may name its link, `fe80::1%eth0`. */
const usable = (servers: readonly string[]): string[] =>
  [...new Set(servers.filter((server) => isIP(server) !== 0))].slice(0, DNS_SERVERS_MAX)

/** The folder of the file that a link leads to, in however many steps. */
function folderBehind(path: string): string {
  try {
    return dirname(realpathSync(path))
  } catch {
    return dirname(path)
  }
}
