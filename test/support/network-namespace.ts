import { execFileSync } from 'node:child_process'

/** As `ip -j -d link` prints it, as far as tests look at it. */
export interface LinkFacts {
  readonly ifname: string
  readonly address: string
  readonly mtu: number
  readonly txqlen: number
  readonly operstate: string
  readonly flags: readonly string[]
  readonly linkinfo?: {
    readonly info_kind: string
    readonly info_data: Readonly<Record<string, unknown>>
  }
}

/**
 * The environment for programs that a test starts: without a library preloaded. Under the sanitizers the Node that
 * runs the test has one, which is of no use in `ip` or `cc`.
 */
export function plainEnvironment(): NodeJS.ProcessEnv {
  const { LD_PRELOAD: _, ...environment } = process.env
  return environment
}

/** The same for another Node: with the addon that is built without the sanitizers. */
export function plainNodeEnvironment(): NodeJS.ProcessEnv {
  const { TAPWIRE_ADDON: _, ...environment } = plainEnvironment()
  return environment
}

const run = (program: string, args: readonly string[]): string =>
  execFileSync(program, args, {
    encoding: 'utf8',
    env: plainEnvironment(),
    stdio: ['ignore', 'pipe', 'pipe'],
  })

let created = 0
const present = new Set<NetworkNamespace>()
// Last resort for a test that ends without its `after`, by an error that nobody caught.
process.on('exit', () => {
  for (const namespace of present) namespace.remove()
})

/** A network namespace of the test's own. There is no way out of it. */
export class NetworkNamespace {
  readonly name = `twtest-${process.pid}-${++created}`
  readonly path = `/run/netns/${this.name}`

  constructor() {
    run('ip', ['netns', 'add', this.name])
    present.add(this)
  }

  /** `ip -n NAME …`. Throws with the program's stderr. */
  ip(...args: readonly string[]): string {
    return run('ip', ['-n', this.name, ...args])
  }

  /** Runs a program in the namespace to its end. Throws with its stderr. */
  exec(program: string, ...args: readonly string[]): string {
    return run('nsenter', [`--net=${this.path}`, '--', program, ...args])
  }

  /** The namespace's interfaces, without the loopback. */
  links(): LinkFacts[] {
    const links = JSON.parse(this.ip('-j', '-d', 'link')) as LinkFacts[]
    return links.filter((link) => link.ifname !== 'lo')
  }

  link(name: string): LinkFacts | undefined {
    return this.links().find((link) => link.ifname === name)
  }

  /** More than once does no harm. */
  remove(): void {
    if (!present.delete(this)) return
    run('ip', ['netns', 'del', this.name])
  }
}
