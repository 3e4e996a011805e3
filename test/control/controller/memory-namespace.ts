/** What `ip -batch` and the sysctls make of a network namespace, as far as the controller uses them. */

export interface MemoryTap {
  readonly mac: string
  mtu: number
  /** gso_max_size. */
  superFrameSize: number
  up: boolean
  /** Whether a switch has it open. */
  open: boolean
  readonly addresses: Set<string>
  readonly sysctls: Map<string, string>
}

/** Next hop and interface, by destination. */
type Routes = Map<string, string>

export class MemoryNamespace {
  readonly path: string
  #taps = new Map<string, MemoryTap>()
  #routes: Routes = new Map()
  readonly #renamed = new Map<string, string>()

  constructor(path: string) {
    this.path = path
  }

  get taps(): ReadonlyMap<string, MemoryTap> {
    return this.#taps
  }

  get routes(): ReadonlyMap<string, string> {
    return this.#routes
  }

  openTap(name: string, mac: string, mtu: number): void {
    const there = this.#taps.get(name)
    if (there?.open === true) throw new Error(`${name}: Device or resource busy`)
    if (there !== undefined) Object.assign(there, { open: true, mtu })
    else {
      this.#taps.set(name, {
        mac,
        mtu,
        superFrameSize: 65_536,
        up: false,
        open: true,
        addresses: new Set(),
        sysctls: new Map(),
      })
    }
  }

  /** A switch has a TAP open whatever it is called meanwhile. */
  closeTap(name: string): void {
    const tap = this.#taps.get(this.#renamed.get(name) ?? name)
    if (tap !== undefined) tap.open = false
  }

  /** Somebody in the sandbox does so. */
  rename(from: string, to: string): void {
    this.#taps.set(to, this.#tap(from))
    this.#taps.delete(from)
    this.#renamed.set(from, to)
  }

  closeAll(): void {
    for (const tap of this.#taps.values()) tap.open = false
  }

  setSysctl(name: string, value: string): void {
    const [, tap, key] = /^net\.ipv[46]\.\w+\.([^.]+)\.(\w+)$/.exec(name) ?? []
    this.#tap(tap ?? '').sysctls.set(key!, value)
  }

  /** All of the commands, or none. */
  configure(commands: readonly string[]): void {
    const taps = structuredClone(this.#taps)
    const routes = structuredClone(this.#routes)
    try {
      for (const command of commands) this.#run(command)
    } catch (error) {
      this.#taps = taps
      this.#routes = routes
      throw error
    }
  }

  #run(command: string): void {
    const word = (pattern: RegExp): string[] | undefined => pattern.exec(command)?.slice(1)
    const address = word(/^address replace (\S+) (?:brd \+|nodad) dev (\S+)$/)
    if (address !== undefined) return void this.#tap(address[1]!).addresses.add(address[0]!)
    const up = word(/^link set dev (\S+) up$/)
    if (up !== undefined) {
      this.#tap(up[0]!).up = true
      return
    }
    const mtu = word(/^link set dev (\S+) mtu (\d+)$/)
    if (mtu !== undefined) {
      this.#tap(mtu[0]!).mtu = Number(mtu[1])
      return
    }
    const superFrame = word(/^link set dev (\S+) gso_max_size (\d+)$/)
    if (superFrame !== undefined) {
      this.#tap(superFrame[0]!).superFrameSize = Number(superFrame[1])
      return
    }
    const deleted = word(/^link delete dev (\S+)$/)
    if (deleted !== undefined) return this.#delete(deleted[0]!)
    const route = word(/^route replace (\S+) via (\S+) dev (\S+)$/)
    if (route !== undefined) return this.#replaceRoute(route[0]!, route[1]!, route[2]!)
    const gone = word(/^route delete (\S+) dev (\S+)$/)
    if (gone === undefined) throw new Error(`Command "${command}" is unknown`)
    if (!this.#routes.delete(gone[0]!)) throw new Error('RTNETLINK answers: No such process')
  }

  #replaceRoute(destination: string, nextHop: string, name: string): void {
    const tap = this.#tap(name)
    if (!tap.up) throw new Error('RTNETLINK answers: Network is down')
    this.#routes.set(destination, `${nextHop} ${name}`)
  }

  #delete(name: string): void {
    this.#tap(name)
    this.#taps.delete(name)
    for (const [destination, way] of this.#routes) {
      if (way.endsWith(` ${name}`)) this.#routes.delete(destination)
    }
  }

  #tap(name: string): MemoryTap {
    const tap = this.#taps.get(name)
    if (tap === undefined) throw new Error(`Cannot find device "${name}"`)
    return tap
  }
}
