import { setTimeout as wait } from 'node:timers/promises'
import type { NetworkConnect, NetworkDisconnect } from '../api/network.ts'
import { ErrorCode, TapwireError } from '../errors.ts'
import type { EndpointRecord, NetworkRecord, SandboxRecord } from '../model/records.ts'
import { planEndpoint } from '../rules/endpoint-settings.ts'
import { normalImpairment } from '../rules/impairment.ts'
import { printable } from '../rules/names.ts'
import { findEndpoint } from './attachments.ts'
import type { Context } from './context.ts'
import type { Run, Runs } from './runs.ts'
import type { Undo } from './undo.ts'

/** Connecting sandboxes to networks and disconnecting them, while they run or not. */
export class Connections {
  readonly #context: Context
  readonly #runs: Runs

  constructor(context: Context, runs: Runs) {
    this.#context = context
    this.#runs = runs
  }

  async connect(reference: string, request: NetworkConnect): Promise<void> {
    const { id } = this.#context.findSandbox(request.Container)
    await this.#runs.locked(id, async (sandbox) => {
      // Only now: what was under way with the sandbox may have taken longer than the network lived.
      const network = this.#context.findNetworkToJoin(reference)
      const settings = planEndpoint(network, request.EndpointConfig)
      this.#refuseConnection(network, sandbox)
      const impairment = normalImpairment(request.EndpointConfig?.Impairment ?? undefined)
      const endpoint: EndpointRecord = { network: network.id, settings, ...(impairment && { impairment }) }
      const known = findEndpoint(sandbox, network.id)
      const endpoints =
        known === undefined
          ? [...sandbox.endpoints, endpoint]
          : sandbox.endpoints.map((other) => (other === known ? endpoint : other))
      const connected = { ...sandbox, endpoints }
      await this.#attempt(id, (undo) => this.#connect(undo, sandbox, connected, network))
    })
  }

  async disconnect(reference: string, request: NetworkDisconnect): Promise<void> {
    const force = request.Force === true
    const { id } = this.#findMember(request.Container, force)
    await this.#runs.locked(id, async (sandbox) => {
      const former = formerEndpoint(sandbox, reference)
      if (former !== undefined) return this.#forget(sandbox, former)
      const network = this.#findJoined(reference, id, force)
      if (network.driver === 'host' && sandbox.config.networkMode.kind === 'host') {
        throw refused(
          'cannot disconnect container from host network - container was created in host network mode',
        )
      }
      if (findEndpoint(sandbox, network.id) === undefined) {
        throw new TapwireError(
          ErrorCode.notConnected,
          `container ${sandbox.id} is not connected to network ${network.name}`,
        )
      }
      await this.#attempt(id, (undo) => this.#disconnect(undo, sandbox, network))
    })
  }

  /** Takes a sandbox off a network that is no more, and that it waits for. It does not run. */
  #forget(sandbox: SandboxRecord, former: EndpointRecord): Promise<void> {
    const endpoints = sandbox.endpoints.filter((endpoint) => endpoint !== former)
    return this.#context.attempt((undo) => this.#context.commitSandbox(undo, { ...sandbox, endpoints }))
  }

  /** Docker looks for what is forced off a network among the network's own endpoints. */
  #findMember(reference: string, force: boolean): SandboxRecord {
    try {
      return this.#context.findSandbox(reference)
    } catch (error) {
      if (!(force && error instanceof TapwireError && error.code === ErrorCode.sandboxUnknown)) throw error
      throw new TapwireError(ErrorCode.notConnected, `endpoint ${printable(reference)} not found`)
    }
  }

  #findJoined(reference: string, sandbox: string, force: boolean): NetworkRecord {
    try {
      return this.#context.findNetwork(reference)
    } catch (error) {
      if (!(force && error instanceof TapwireError && error.code === ErrorCode.networkUnknown)) throw error
      throw new TapwireError(
        ErrorCode.notConnected,
        `container ${sandbox} is not connected to the network ${printable(reference)}`,
      )
    }
  }

  /** What fails because the sandbox has just ended is told as that. */
  async #attempt(id: string, operation: (undo: Undo) => Promise<void>): Promise<void> {
    const run = this.#runs.find(id)
    try {
      await this.#context.attempt(operation)
    } catch (cause) {
      if (run === undefined || !(await hasEnded(run))) throw cause
      throw new TapwireError(ErrorCode.notRunning, `container ${id} is not running`, { cause })
    }
  }

  async #connect(
    undo: Undo,
    before: SandboxRecord,
    connected: SandboxRecord,
    network: NetworkRecord,
  ): Promise<void> {
    const run = this.#runs.find(before.id)
    if (run === undefined) return this.#context.commitSandbox(undo, connected)
    const { attachments, publications, permits, names } = this.#runs
    await attachments.prepare(connected, [network.id])
    const tentative = attachments.reserve(undo, connected, [network.id])
    const reserved = await attachments.claim(undo, before, tentative)
    const attached = await attachments.attach(undo, run.running, before, reserved, true)
    await permits.settle(undo, attached)
    await names.settle(undo, run.running, before, attached)
    const after = await publications.settle(undo, attached)
    this.#runs.writeFiles(undo, run, before, after)
    await this.#context.commitSandbox(undo, after)
    attachments.announce(after, network.id)
    this.#runs.refreshDependents(after)
    this.#context.networkEvent('connect', network, { container: before.id })
  }

  async #disconnect(undo: Undo, before: SandboxRecord, network: NetworkRecord): Promise<void> {
    const run = this.#runs.find(before.id)
    const endpoint = findEndpoint(before, network.id)!
    // It is there where the sandbox does not leave it after all.
    undo.always(this.#context.holdNetwork(network.id))
    if (run === undefined || endpoint.joined === undefined) {
      const endpoints = before.endpoints.filter((other) => other !== endpoint)
      return this.#context.commitSandbox(undo, { ...before, endpoints })
    }
    const { attachments, publications, permits, names } = this.#runs
    const without = { ...before, endpoints: before.endpoints.filter((other) => other !== endpoint) }
    // Nobody is to be told an address that nobody has any more.
    await names.settle(undo, run.running, before, without)
    await publications.leave(undo, before, endpoint)
    const detached = await attachments.detach(undo, run.running, before, network.id)
    await permits.settle(undo, detached)
    const after = await publications.settle(undo, detached)
    this.#runs.writeFiles(undo, run, before, after)
    await this.#context.commit(
      undo,
      () => {
        this.#context.model.putSandbox(after)
        attachments.releaseAddresses(before, endpoint)
      },
      () => {
        this.#context.model.putSandbox(before)
        attachments.restoreAddresses(endpoint)
      },
    )
    this.#runs.refreshDependents(after)
    this.#context.networkEvent('disconnect', network, { container: before.id })
  }

  #refuseConnection(network: NetworkRecord, sandbox: SandboxRecord): void {
    refuseConfigOnly(network)
    const mode = sandbox.config.networkMode.kind
    if (network.driver === 'host') {
      throw refused(
        'cannot connect container to host network - container must be created in host network mode',
      )
    }
    if (mode === 'host' || mode === 'container') {
      throw refused(
        'container sharing network namespace with another container or host cannot be connected to any other network',
      )
    }
    // One that does not run only has its wishes for the network replaced.
    if (findEndpoint(sandbox, network.id) !== undefined && this.#runs.find(sandbox.id) !== undefined) {
      throw refused(`endpoint with name ${sandbox.name} already exists in network ${network.name}`)
    }
    const others = sandbox.endpoints
      .filter((endpoint) => endpoint.network !== network.id)
      .map((endpoint) => this.#context.model.network(endpoint.network)?.driver)
    if (others.includes('null') || (network.driver === 'null' && others.length > 0)) {
      throw refused(
        'container cannot be connected to multiple networks with one of the networks in private (none) mode',
      )
    }
  }
}

/** The place on a removed network that a sandbox waits for and that is meant: by its name, or by its id. */
function formerEndpoint({ endpoints }: SandboxRecord, reference: string): EndpointRecord | undefined {
  return endpoints.find(
    ({ network, formerName }) =>
      formerName !== undefined && (formerName === reference || network === reference),
  )
}

/**
 * Milliseconds in which one hears of an end that has made something fail: what runs in a sandbox is killed first, and its end is
 * told when all of that is over.
 */
const ENDING_MS = 200

function hasEnded({ running }: Run): Promise<boolean> {
  return Promise.race([running.exited.then(() => true), wait(ENDING_MS, false)])
}

/** A network that only holds settings for others. */
export function refuseConfigOnly(network: NetworkRecord): void {
  if (network.configOnly) throw refused('cannot create endpoint on configuration-only network')
}

const refused = (message: string): TapwireError => new TapwireError(ErrorCode.connectionRefused, message)
