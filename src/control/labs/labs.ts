/** Labs as desired state: what is wanted is compared with what is there, and the difference is done. */

import type { LabAction, LabStatus, LabSummary } from '../api/lab.ts'
import type { Impairment } from '../api/link.ts'
import type { SandboxInspect } from '../api/sandbox.ts'
import { ErrorCode, TapwireError } from '../errors.ts'
import type { Lab, LabCluster, LabHost, LabSandbox } from '../lab.ts'
import { OVERLAY } from '../lab-cluster.ts'
import { parseLab } from '../lab-file.ts'
import { STOP_SIGNAL, STOP_TIMEOUT_S } from '../lab-sandbox.ts'
import { labText } from '../lab-text.ts'
import { isPredefinedNetwork } from '../rules/names.ts'
import { didYouMean } from '../suggest.ts'
import { applyPlan } from './apply.ts'
import { awaitNetworks, emptyLab, innerLab, outlivesLab, registrySandbox, upHosts } from './cluster.ts'
import { memberConflicts, serviceConflicts } from './conflicts.ts'
import { CLUSTER_LABEL, LAB_LABEL, UPLINK_LABEL } from './labels.ts'
import { folderName, hostName, isHost, type LabPlan, planLab, type Wanted } from './plan.ts'
import {
  type LabPlane,
  NOTHING_PRESENT,
  type Present,
  presentLabs,
  presentOfLab,
  presentState,
} from './present.ts'
import { hasContent, leftOutOf, leftOutText, type Saved, type SavedHost, savedLab } from './saved.ts'
import { wantedService } from './services.ts'
import { labStatus } from './status.ts'
import { type Steps, stepsOf } from './steps.ts'
import { wantedNetwork, wantedSandbox } from './wanted.ts'

/** The labs of one daemon: this one, or the one that a host runs. */
export interface DaemonLabs {
  /** What `up` would do. Throws LAB_CONFLICT where it could not. */
  plan(lab: Lab): Promise<readonly LabAction[]>
  /** Does it, and resolves to what was done. Throws LAB_CONFLICT and does nothing, or LAB_INCOMPLETE. */
  up(lab: Lab, steps: Steps, signal?: AbortSignal): Promise<readonly LabAction[]>
  /** Removes all of a lab. Throws LAB_UNKNOWN, LAB_CONFLICT or LAB_INCOMPLETE. */
  down(lab: string, steps: Steps, signal?: AbortSignal): Promise<void>
  /** The lab file's text of what is there: of a lab, or of all there is. Throws LAB_UNKNOWN. */
  save(lab: string | undefined): Promise<string>
  /** What the daemon's uplink does to frames; undefined where nothing. */
  uplinkLink(): Promise<Impairment | undefined>
}

/** The daemons that run in a lab's hosts. */
export interface LabHosts {
  /** Program and arguments of a host's daemon. */
  command(lab: string, host: string, settings?: HostSettings): readonly string[]
  /**
   * Program and arguments of the lab's own registry, which listens at `address`; `sandbox` is the one that it runs in. Throws
   * REGISTRY_NOT_INSTALLED.
   */
  registry(lab: string, sandbox: string, address: string): readonly string[]
  /** Where that daemon listens. */
  socket(lab: string, host: string): string
  /** Its labs, once it answers. */
  labs(lab: string, host: string, signal?: AbortSignal): Promise<DaemonLabs>
  /** Removes what a daemon, or a registry, that has ended kept. */
  remove(lab: string, host: string): Promise<void>
}

/** What a host's daemon is told when it starts. */
export interface HostSettings {
  readonly uplink?: string | undefined
  /** That it is in: `registry` with the cluster's name, and the address that the other hosts reach it at. */
  readonly cluster?: { readonly registry: string; readonly advertise: string } | undefined
}

/** A host's daemon ends its own sandboxes first, each of which may take as long as others do. */
const HOST_STOP_TIMEOUT_S = 3 * STOP_TIMEOUT_S

export class Labs implements DaemonLabs {
  readonly #plane: LabPlane
  readonly #hosts: LabHosts
  /** What is under way for each lab; the next one waits for it. */
  readonly #busy = new Map<string, Promise<unknown>>()

  constructor(plane: LabPlane, hosts: LabHosts) {
    this.#plane = plane
    this.#hosts = hosts
  }

  list(): readonly LabSummary[] {
    const present = presentState(this.#plane)
    return presentLabs(present).map((name) => {
      const { networks, sandboxes } = presentOfLab(present, name)
      return {
        name,
        networks: networks.length,
        sandboxes: sandboxes.filter((sandbox) => !isHost(sandbox)).length,
        running: sandboxes.filter((sandbox) => !isHost(sandbox) && sandbox.State.Running).length,
        hosts: sandboxes.flatMap((sandbox) => hostName(sandbox) ?? []).toSorted(),
      }
    })
  }

  /** Throws LAB_UNKNOWN. */
  status(lab: string): LabStatus {
    return labStatus(lab, this.#known(lab), (host) => this.#hosts.socket(lab, host))
  }

  async plan(lab: Lab): Promise<readonly LabAction[]> {
    const wanted = this.#wanted(lab)
    await this.#meetCluster(wanted)
    const present = presentState(this.#plane)
    const { actions } = planLab(wanted, present)
    const keeper = keeperOf(lab, actions)
    const inner = await Promise.all(
      lab.hosts.map((host) => this.#planHost(lab, host, keeper, present, actions)),
    )
    return [...actions, ...inner.flat()]
  }

  up(lab: Lab, steps: Steps, signal?: AbortSignal): Promise<readonly LabAction[]> {
    return this.#alone(lab.name, async () => {
      const wanted = this.#wanted(lab)
      await this.#meetCluster(wanted)
      await awaitNetworks(wanted.awaited ?? [], () => this.#plane.listNetworks({}), signal)
      const present = presentState(this.#plane)
      const plan = planLab(wanted, present)
      await this.#apply(lab.name, plan, presentOfLab(present, lab.name), steps, signal)
      const ready = await Promise.all(
        lab.hosts.map(async (host) => ({
          host,
          labs: await this.#hosts.labs(lab.name, host.name, signal),
        })),
      )
      const inner = await upHosts(lab, ready, keeperOf(lab, plan.actions), steps, signal)
      return [...plan.actions, ...inner]
    })
  }

  down(lab: string, steps: Steps, signal?: AbortSignal): Promise<void> {
    return this.#alone(lab, async () => {
      const own = this.#known(lab)
      refuseOthers(lab, presentState(this.#plane), own)
      if (outlivesLab(own)) await this.#downCluster(lab, own, steps, signal)
      const plan = planLab({ lab, networks: [], sandboxes: [], services: [] }, presentState(this.#plane))
      await this.#apply(lab, plan, own, steps, signal)
    })
  }

  async save(lab: string | undefined): Promise<string> {
    const present = lab === undefined ? presentState(this.#plane) : this.#known(lab)
    const count = present.sandboxes.length + present.services.length + present.networks.filter(isMade).length
    if (count === 0) throw nothingThere()
    const inner = new Map<string, SavedHost>()
    const leftOut: string[] = []
    for (const sandbox of present.sandboxes) {
      const saved = await this.#saveInside(sandbox)
      leftOut.push(...saved.leftOut.map((what) => `${sandbox.Name}: ${what}`))
      inner.set(sandbox.Name, saved)
    }
    const saved = savedLab(lab ?? 'saved', present, inner)
    const text = labText(saved.lab, { named: lab !== undefined })
    return leftOutText([...saved.leftOut, ...leftOut]) + text
  }

  async uplinkLink(): Promise<Impairment | undefined> {
    return this.#plane.uplink().Impairment
  }

  /** Networks of the cluster that are not here may be there: a host that has just begun is yet to hear of them. */
  async #meetCluster({ networks }: Wanted): Promise<void> {
    const names = new Set(this.#plane.listNetworks({}).map(({ Name }) => Name))
    const isMissing = networks.some(({ name, network }) => network.driver === OVERLAY && !names.has(name))
    if (isMissing) await this.#plane.clusterJoined()
  }

  /** What a host has; nothing for other sandboxes. */
  async #saveInside(sandbox: SandboxInspect): Promise<SavedHost & Pick<Saved, 'leftOut'>> {
    const host = hostName(sandbox)
    const lab = sandbox.Config.Labels[LAB_LABEL]
    if (host === undefined || lab === undefined) return { leftOut: [] }
    if (!sandbox.State.Running) return { leftOut: ['It does not run, and what is in it is not known.'] }
    try {
      const labs = await this.#hosts.labs(lab, host)
      const uplinkLink = await labs.uplinkLink()
      const text = await ifKnown(() => labs.save(undefined))
      if (text === undefined) return { uplinkLink, leftOut: [] }
      const leftOut = leftOutOf(text)
      // All that is in it may be left out.
      const inner = hasContent(text) ? parseLab(text, `${host}.yaml`, '/') : undefined
      return { lab: inner, uplinkLink, leftOut }
    } catch (error) {
      if (!isUnreachable(error)) throw error
      return { leftOut: [`What is in it is not known: ${error.message}`] }
    }
  }

  #wanted({ name, networks, sandboxes, services, hosts, links, uplinkLink, cluster, awaited }: Lab): Wanted {
    const registry =
      cluster && registrySandbox(cluster, (own, address) => this.#hosts.registry(name, own, address))
    return {
      lab: name,
      uplinkLink,
      networks: [...networks, ...links].map((network) => wantedNetwork(name, network)),
      sandboxes: [
        ...(registry === undefined ? [] : [wantedSandbox(name, registry, 'registry')]),
        ...sandboxes.map((sandbox) => wantedSandbox(name, sandbox)),
        ...hosts.map((host) => wantedSandbox(name, this.#hostSandbox(name, host, cluster), 'host')),
      ],
      services: (services ?? []).map((service) => wantedService(name, service)),
      awaited: awaited?.map((network) => wantedNetwork(name, network)),
    }
  }

  #hostSandbox(lab: string, host: LabHost, cluster: LabCluster | undefined): LabSandbox {
    const { name, endpoints, uplink, advertise } = host
    const joins =
      cluster === undefined || advertise === undefined
        ? undefined
        : { registry: `${cluster.registry}/${cluster.name}`, advertise }
    return {
      name,
      networkMode: endpoints.length === 0 ? 'none' : 'networks',
      endpoints,
      command: [...this.#hosts.command(lab, name, { uplink, cluster: joins })],
      environment: [],
      hostname: name,
      dns: [],
      dnsSearch: [],
      dnsOptions: [],
      extraHosts: [],
      labels: {
        ...(uplink === undefined ? undefined : { [UPLINK_LABEL]: uplink }),
        ...(joins === undefined ? undefined : { [CLUSTER_LABEL]: cluster!.name }),
      },
      ports: [],
      expose: [],
      stopSignal: STOP_SIGNAL,
      stopTimeoutS: HOST_STOP_TIMEOUT_S,
    }
  }

  /** What a host's own daemon would do; all of it where the daemon is to begin anew. */
  async #planHost(
    lab: Lab,
    host: LabHost,
    keeper: string | undefined,
    present: Present,
    actions: readonly LabAction[],
  ): Promise<readonly LabAction[]> {
    const isThere = presentOfLab(present, lab.name).sandboxes.some((sandbox) => sandbox.Name === host.name)
    const begins = actions.some(
      ({ kind, name, action }) =>
        kind === 'host' &&
        name === host.name &&
        (action === 'create' || action === 'recreate' || action === 'start'),
    )
    const inner = innerLab(lab, host, keeper)
    const planned =
      isThere && !begins
        ? await (await this.#hosts.labs(lab.name, host.name)).plan(inner)
        : planLab(this.#wanted(inner), NOTHING_PRESENT).actions
    return planned.map((action) => ({ ...action, host: host.name }))
  }

  async #apply(
    lab: string,
    plan: LabPlan,
    own: Present,
    steps: Steps,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const running = new Map(own.sandboxes.map((sandbox) => [sandbox.Id, sandbox.State.Running]))
    const going = plan.removeSandboxes.flatMap((sandbox) => folderName(sandbox) ?? [])
    await applyPlan(this.#plane, plan, {
      lab,
      steps,
      signal,
      beforeRemoval: async (sandbox) => {
        const host = hostName(sandbox)
        if (host === undefined || running.get(sandbox.Id) !== true) return
        await this.#downInside(lab, host, sandbox, steps, signal)
      },
    })
    await Promise.all(going.map((host) => this.#hosts.remove(lab, host)))
  }

  /** With a daemon that does not answer, all that runs in the host ends as the host does: by force. */
  async #downInside(
    lab: string,
    host: string,
    { Id: id, Config }: SandboxInspect,
    steps: Steps,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    try {
      const labs = await this.#hosts.labs(lab, host, signal)
      const inner = stepsOf(host, steps)
      // Of its cluster's networks other hosts may have sandboxes still.
      if (CLUSTER_LABEL in Config.Labels) await labs.up(emptyLab(lab), inner, signal)
      else await ifKnown(() => labs.down(lab, inner, signal))
    } catch (error) {
      if (!isUnreachable(error)) throw error
      await steps.step(`${host}: End by force`, async () => {
        await this.#plane.killSandbox(id, 'SIGKILL').catch(ifRunning)
        return withoutStop(error.message)
      })
    }
  }

  /** Before its hosts go: of the cluster nothing may be left in its registry. */
  async #downCluster(
    lab: string,
    own: Present,
    steps: Steps,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const running = own.sandboxes.filter(
      ({ State, Config }) => State.Running && CLUSTER_LABEL in Config.Labels,
    )
    const ready = await Promise.all(
      running.map(async (sandbox) => {
        const name = hostName(sandbox)!
        return { labs: await this.#hosts.labs(lab, name, signal), steps: stepsOf(name, steps) }
      }),
    )
    await Promise.all(ready.map(({ labs, steps: inner }) => labs.up(emptyLab(lab), inner, signal)))
    const [keeper] = ready
    if (keeper !== undefined) await ifKnown(() => keeper.labs.down(lab, keeper.steps, signal))
  }

  #known(lab: string): Present {
    const present = presentState(this.#plane)
    const own = presentOfLab(present, lab)
    if (own.networks.length + own.sandboxes.length + own.services.length > 0) return own
    const known = presentLabs(present)
    throw new TapwireError(ErrorCode.labUnknown, `There is no lab '${lab}'.`, {
      hint: known.length === 0 ? 'No lab is up.' : capitalized(didYouMean(lab, known)),
    })
  }

  /** One thing at a time for each lab. */
  async #alone<T>(lab: string, action: () => Promise<T>): Promise<T> {
    const before = this.#busy.get(lab)
    const mine = (before ?? Promise.resolve()).then(action, action)
    this.#busy.set(lab, mine)
    try {
      return await mine
    } finally {
      if (this.#busy.get(lab) === mine) this.#busy.delete(lab)
    }
  }
}

/** Throws LAB_CONFLICT where others are on networks of the lab. */
function refuseOthers(lab: string, present: Present, { networks }: Present): void {
  const [member] = memberConflicts(lab, present, networks)
  const [service] = serviceConflicts(lab, present, networks)
  const conflict = member ?? service
  if (conflict === undefined) return
  throw new TapwireError(ErrorCode.labConflict, `Lab '${lab}' cannot be taken down: ${conflict}.`, {
    hint:
      member === undefined
        ? 'Remove it first with `tapwire service rm SERVICE`.'
        : 'Disconnect it first with `tapwire network disconnect NETWORK SANDBOX`.',
  })
}

function isUnreachable(error: unknown): error is TapwireError {
  return error instanceof TapwireError && error.code === ErrorCode.daemonUnreachable
}

/** Its daemon has ended by itself. */
function ifRunning(error: unknown): void {
  if (!(error instanceof TapwireError) || error.code !== ErrorCode.notRunning) throw error
}

/** As it stands in brackets behind a step. */
function withoutStop(sentence: string): string {
  return sentence.replace(/\.$/, '')
}

/** Undefined where there is nothing: a host may be empty. */
async function ifKnown<T>(action: () => Promise<T>): Promise<T | undefined> {
  try {
    return await action()
  } catch (error) {
    if (error instanceof TapwireError && error.code === ErrorCode.labUnknown) return undefined
    throw error
  }
}

function isMade(network: { readonly Name: string }): boolean {
  return !isPredefinedNetwork(network.Name)
}

function nothingThere(): TapwireError {
  return new TapwireError(ErrorCode.labUnknown, 'There is nothing to save.', {
    hint: 'Bring a lab up with `tapwire up LAB.yaml`, or make networks and sandboxes.',
  })
}

/** The host that makes the cluster's networks: one that knows those that are there. */
function keeperOf({ cluster, hosts }: Lab, actions: readonly LabAction[]): string | undefined {
  if (cluster === undefined) return undefined
  const anew = new Set(
    actions.flatMap(({ kind, action, name }) =>
      kind === 'host' && (action === 'create' || action === 'recreate') ? name : [],
    ),
  )
  return (hosts.find(({ name }) => !anew.has(name)) ?? hosts[0])?.name
}

function capitalized(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1)
}
