import { dirname, join } from 'node:path'
import { PORTS_MAX } from '../../limits.ts'
import type {
  SandboxCreate,
  SandboxCreated,
  SandboxesPruned,
  SandboxInspect,
  SandboxSummary,
  Waited,
} from '../api/sandbox.ts'
import type { Filters, SandboxListOptions } from '../control-plane.ts'
import { ErrorCode, TapwireError } from '../errors.ts'
import type { EndpointRecord, SandboxRecord } from '../model/records.ts'
import { planFirstEndpoint } from '../rules/endpoint-settings.ts'
import { normalImpairment } from '../rules/impairment.ts'
import { parseLink } from '../rules/link-environment.ts'
import { checkSandboxName, sandboxNameTaken } from '../rules/names.ts'
import { randomName } from '../rules/random-name.ts'
import { planSandbox, type WantedEndpoint } from '../rules/sandbox-create.ts'
import { asksForStopped, sandboxFilter } from '../views/list-filters.ts'
import { pruneFilter } from '../views/prune-filters.ts'
import { inspectSandbox, type SandboxPaths, type SandboxSurroundings } from '../views/sandbox-inspect.ts'
import { summarizeSandbox } from '../views/sandbox-summary.ts'
import { refuseConfigOnly } from './connections.ts'
import type { Context } from './context.ts'
import { type Lifecycle, NEVER } from './lifecycle.ts'
import type { Runs } from './runs.ts'
import { withWords } from './told-as.ts'
import type { Undo } from './undo.ts'
import type { Watchers } from './watchers.ts'

const NO_PATHS: SandboxPaths = { log: '', hosts: '', resolvConf: '', hostname: '', networkNamespace: '' }

/** Creation, sight and naming of sandboxes. */
export class Sandboxes {
  readonly #context: Context
  readonly #runs: Runs
  readonly #lifecycle: Lifecycle
  readonly #watchers: Watchers
  readonly #surroundings: SandboxSurroundings

  constructor(context: Context, runs: Runs, lifecycle: Lifecycle, watchers: Watchers) {
    this.#context = context
    this.#runs = runs
    this.#lifecycle = lifecycle
    this.#watchers = watchers
    this.#surroundings = {
      network: (id) => context.model.network(id),
      sandboxName: (id) => context.model.sandbox(id)?.name,
    }
  }

  create(name: string | undefined, request: SandboxCreate): Promise<SandboxCreated> {
    const { model } = this.#context
    return this.#context.attempt(async (undo) => {
      const id = this.#context.newId()
      const plan = planSandbox(id, request, {
        findSandbox: (word) => this.#context.findSandbox(word),
        findNetwork: (word) => this.#context.findNetwork(word),
        hostHostname: () => this.#context.parts.surroundings.hostHostname(),
      })
      const endpoints = this.#planEndpoints(plan.endpoints)
      this.#checkLinks(plan.config.links)
      const chosen = name === undefined ? this.#randomName() : checkSandboxName(name)
      this.#refuseMore()
      this.#takeName(chosen, id)
      undo.add(() => model.sandboxNames.giveBack(chosen))
      const sandbox: SandboxRecord = {
        id,
        name: chosen,
        created: this.#context.timestamp(),
        config: plan.config,
        state: { status: 'created', pid: 0, exitCode: 0, error: '', startedAt: NEVER, finishedAt: NEVER },
        endpoints,
        ports: {},
      }
      // Who knows its name already waits until it is kept.
      await this.#context.lock.run(id, () =>
        this.#context.attempt((own) => this.#context.commitSandbox(own, sandbox)),
      )
      this.#context.sandboxEvent('create', sandbox)
      return { Id: id, Warnings: [...plan.warnings] }
    })
  }

  async rename(reference: string, wanted: string): Promise<void> {
    const { id } = this.#context.findSandbox(reference)
    if (wanted === '') {
      throw new TapwireError(ErrorCode.nameInvalid, 'Neither old nor new names may be empty')
    }
    const name = renamed(() => checkSandboxName(wanted.startsWith('/') ? wanted : `/${wanted}`))
    while (!(await this.#renameLocked(id, name)));
  }

  /** False where somebody has begun to link to it since its locks were asked for. */
  #renameLocked(id: string, name: string): Promise<boolean> {
    const { lock } = this.#context
    // What is under way with one that links to it will put a record in the model that has the old link.
    const locked = new Set([id, ...this.#linkingTo(id)])
    return lock.runAll(locked, async () => {
      if (this.#linkingTo(id).some((other) => !locked.has(other))) return false
      await this.#rename(this.#context.findSandbox(id), name)
      return true
    })
  }

  async #rename(sandbox: SandboxRecord, name: string): Promise<void> {
    if (sandbox.name === name) {
      throw new TapwireError(
        ErrorCode.nameTaken,
        'Renaming a container with the same name as its current name',
      )
    }
    const { id } = sandbox
    const { model } = this.#context
    await this.#context.attempt(async (undo) => {
      renamed(() => this.#takeName(name, id))
      undo.add(() => model.sandboxNames.giveBack(name))
      await this.#commitName(undo, sandbox, name)
      model.sandboxNames.giveBack(sandbox.name)
    })
    this.#context.sandboxEvent('rename', model.sandbox(id)!, { oldName: `/${sandbox.name}` })
  }

  /** Ids of the others that name it in a link. */
  #linkingTo(id: string): readonly string[] {
    const { sandboxes } = this.#context.model
    const name = sandboxes.get(id)?.name
    if (name === undefined) return []
    return [...sandboxes.values()]
      .filter((other) => other.id !== id && linksOf(other).some((link) => isTo(link, name)))
      .map((other) => other.id)
  }

  /** Links to it follow the name, as they do in Docker. */
  async #commitName(undo: Undo, sandbox: SandboxRecord, name: string): Promise<void> {
    const { model } = this.#context
    const others = this.#linkingTo(sandbox.id).map((id) => model.sandbox(id)!)
    const before = [sandbox, ...others]
    const after = before.map((record) =>
      record === sandbox ? { ...record, name } : withLinksTo(record, sandbox.name, name),
    )
    const { names } = this.#runs
    const running = this.#runs.find(sandbox.id)?.running
    if (running !== undefined) names.returnTo(undo, running, sandbox)
    const follow = async (from: string, to: string): Promise<void> => {
      for (const { id } of others) await names.revise(id, (other) => withLinksTo(other, from, to))
    }
    undo.add(() => follow(name, sandbox.name))
    await this.#context.commit(
      undo,
      () => after.forEach((record) => model.putSandbox(record)),
      () => before.forEach((record) => model.putSandbox(record)),
    )
    if (running !== undefined) await names.become(running, { ...sandbox, name })
    await follow(sandbox.name, name)
  }

  async wait(
    reference: string,
    condition: 'not-running' | 'next-exit' | 'removed',
    signal: AbortSignal,
  ): Promise<Waited> {
    const sandbox = this.#context.findSandbox(reference)
    if (condition === 'not-running' && sandbox.state.status !== 'running') {
      return { StatusCode: sandbox.state.exitCode }
    }
    return { StatusCode: await this.#watchers.next(sandbox.id, condition === 'removed', signal) }
  }

  /** The youngest first. A limit takes the last that were created, whether or not they run. */
  list({ all, limit, filters }: SandboxListOptions): readonly SandboxSummary[] {
    const passes = sandboxFilter(filters, {
      networkName: (id) => this.#context.model.network(id)?.name,
      findSandbox: (reference) => this.#context.findSandbox(reference),
    })
    // As Docker, which takes 0 and less for no limit.
    const last = limit !== undefined && limit > 0 ? limit : undefined
    const everything = all || last !== undefined || asksForStopped(filters)
    const now = this.#context.parts.surroundings.now()
    return [...this.#context.model.sandboxes.values()]
      .filter((sandbox) => (everything || sandbox.state.status === 'running') && passes(sandbox))
      .toSorted((a, b) => (a.created < b.created ? 1 : a.created > b.created ? -1 : 0))
      .slice(0, last)
      .map((sandbox) => summarizeSandbox(sandbox, this.#surroundings, now))
  }

  inspect(reference: string): SandboxInspect {
    const sandbox = this.#context.findSandbox(reference)
    return inspectSandbox(sandbox, this.#surroundings, this.#pathsOf(sandbox))
  }

  async prune(filters: Filters): Promise<SandboxesPruned> {
    const passes = pruneFilter(filters, this.#context.parts.surroundings.now())
    const removed: string[] = []
    for (const { id, created, config, state } of this.#context.model.sandboxes.values()) {
      if (state.status === 'running' || !passes({ created, labels: config.labels })) continue
      try {
        await this.#lifecycle.remove(id, { force: false })
        removed.push(id)
      } catch (error) {
        // Others may have started it, or removed it, since we looked.
        this.#context.warn(error, 'a sandbox could not be pruned')
      }
    }
    return { SandboxesDeleted: removed }
  }

  #planEndpoints(wanted: readonly WantedEndpoint[]): readonly EndpointRecord[] {
    const endpoints = new Map<string, EndpointRecord>()
    for (const { network: reference, config } of wanted) {
      const network = this.#context.findNetworkToJoin(reference)
      refuseConfigOnly(network)
      if (endpoints.has(network.id)) {
        throw new TapwireError(ErrorCode.sandboxInvalid, `network ${network.name} is named twice`)
      }
      const impairment = normalImpairment(config?.Impairment ?? undefined)
      endpoints.set(network.id, {
        network: network.id,
        settings: planFirstEndpoint(network, config),
        ...(impairment && { impairment }),
      })
    }
    return [...endpoints.values()]
  }

  #checkLinks(links: readonly string[]): void {
    for (const { child } of links.map(parseLink)) {
      try {
        this.#context.findSandbox(child)
      } catch (error) {
        const { code, message } = error as TapwireError
        throw new TapwireError(code, `could not get container for ${child}: ${message}`)
      }
    }
  }

  #randomName(): string {
    const { model, parts } = this.#context
    return randomName(
      (count) => parts.surroundings.randomBytes(count),
      (name) => model.sandboxNames.owner(name) !== undefined,
    )
  }

  #takeName(name: string, id: string): void {
    const { sandboxNames } = this.#context.model
    const owner = sandboxNames.owner(name)
    if (owner !== undefined) throw sandboxNameTaken(name, owner)
    sandboxNames.take(name, id)
  }

  #refuseMore(): void {
    if (this.#context.model.sandboxNames.size < PORTS_MAX) return
    throw new TapwireError(
      ErrorCode.limitReached,
      `there are ${PORTS_MAX} sandboxes, and no more are possible`,
    )
  }

  /** Its files are made when it first starts. */
  #pathsOf({ id, state }: SandboxRecord): SandboxPaths {
    if (state.startedAt === NEVER) return NO_PATHS
    const log = this.#context.parts.host.logPath(id)
    const file = (name: string): string => join(dirname(log), name)
    return {
      log,
      hosts: file('hosts'),
      resolvConf: file('resolv.conf'),
      hostname: file('hostname'),
      networkNamespace: this.#runs.find(id)?.running.networkNamespace ?? '',
    }
  }
}

/** On the default bridge, and on the others. */
const linksOf = ({ config, endpoints }: SandboxRecord): readonly string[] => [
  ...config.links,
  ...endpoints.flatMap(({ settings }) => settings.links),
]

function withLinksTo(record: SandboxRecord, oldName: string, newName: string): SandboxRecord {
  const renamed = (links: readonly string[]): readonly string[] =>
    links.map((link) => (isTo(link, oldName) ? `${newName}:${parseLink(link).alias}` : link))
  return {
    ...record,
    config: { ...record.config, links: renamed(record.config.links) },
    endpoints: record.endpoints.map((endpoint) => {
      const { settings } = endpoint
      return { ...endpoint, settings: { ...settings, links: renamed(settings.links) } }
    }),
  }
}

const isTo = (link: string, name: string): boolean => parseLink(link).child === name

function renamed<T>(take: () => T): T {
  try {
    return take()
  } catch (error) {
    throw withWords('Error when allocating new name', error)
  }
}
