import type { PortsPublished, PublishPorts, UnpublishPorts } from '../api/sandbox.ts'
import { ErrorCode, TapwireError } from '../errors.ts'
import type { SandboxConfig, SandboxRecord } from '../model/records.ts'
import {
  type PortSelection,
  portNames,
  remainingRanges,
  withBindings,
  withoutBindings,
} from '../rules/port-change.ts'
import { recordedRanges, recordRanges } from '../rules/port-range.ts'
import { mergeRuns, runName } from '../rules/port-runs.ts'
import { checkPortBindings, parsePorts } from '../rules/publish.ts'
import { inspectRanges } from '../views/sandbox-inspect.ts'
import type { Context } from './context.ts'
import type { Runs } from './runs.ts'
import type { Undo } from './undo.ts'

/** Publishing ports of a sandbox that is there, and taking them back, while it runs or not. A restart keeps what was changed. */
export class PortChanges {
  readonly #context: Context
  readonly #runs: Runs

  constructor(context: Context, runs: Runs) {
    this.#context = context
    this.#runs = runs
  }

  /** Resolves to the new ones, as they are published now: none where it does not run. */
  async publish(reference: string, request: PublishPorts): Promise<PortsPublished> {
    const { id } = this.#context.findSandbox(reference)
    const added = checkPortBindings(request.PortBindings)
    if (Object.values(added).every((bindings) => bindings.length === 0)) throw noPort()
    return this.#runs.locked(id, async (sandbox) => {
      refuseMode(sandbox.config)
      const more = { ...sandbox.config, portBindings: added, publishAll: false }
      const changed = { ...sandbox, config: withBindings(sandbox.config, added) }
      const after = await this.#change(changed, (undo) => this.#runs.publications.add(undo, changed, more))
      this.#context.sandboxEvent('publish', after, { ports: portNames(Object.keys(added)) })
      return { Ports: inspectRanges(newPorts(sandbox, after)) }
    })
  }

  async unpublish(reference: string, request: UnpublishPorts): Promise<void> {
    const { id } = this.#context.findSandbox(reference)
    const selection = selectionOf(request)
    const ports = [...Object.keys(selection.bindings), ...selection.ports.map(runName)]
    if (ports.length === 0) throw noPort()
    await this.#runs.locked(id, async (sandbox) => {
      const changed = { ...sandbox, config: withoutBindings(sandbox.config, selection, sandbox) }
      const after = await this.#change(changed, (undo) =>
        this.#runs.publications.remove(undo, changed, (ranges) => remainingRanges(selection, ranges)),
      )
      this.#context.sandboxEvent('unpublish', after, { ports: portNames(ports) })
    })
  }

  #change(changed: SandboxRecord, publish: (undo: Undo) => Promise<SandboxRecord>): Promise<SandboxRecord> {
    return this.#context.attempt(async (undo) => {
      const run = this.#runs.find(changed.id)
      const after = run === undefined ? changed : await publish(undo)
      if (run !== undefined) {
        // Whoever links to it may reach what it exposes, which may be more now.
        await this.#runs.permits.settle(undo, after)
        const before = this.#context.model.sandbox(changed.id)!
        await this.#runs.names.settle(undo, run.running, before, after)
      }
      await this.#context.commitSandbox(undo, after)
      return after
    })
  }
}

function selectionOf({ Ports, PortBindings }: UnpublishPorts): PortSelection {
  const some = Object.entries(checkPortBindings(PortBindings ?? {})).filter(
    ([, bindings]) => bindings.length > 0,
  )
  return { bindings: Object.fromEntries(some), ports: mergeRuns((Ports ?? []).map(parsePorts)) }
}

/** What the one has published and the other had not. */
function newPorts(before: SandboxRecord, after: SandboxRecord): SandboxRecord['ports'] {
  const known = new Set(recordedRanges(before.ports).map((range) => JSON.stringify(range)))
  return recordRanges(recordedRanges(after.ports).filter((range) => !known.has(JSON.stringify(range))))
}

function refuseMode({ networkMode: { kind } }: SandboxConfig): void {
  if (kind !== 'host' && kind !== 'container') return
  throw new TapwireError(
    ErrorCode.sandboxInvalid,
    `conflicting options: port publishing and the ${kind} type network mode`,
  )
}

const noPort = (): TapwireError => new TapwireError(ErrorCode.portInvalid, 'no port specified')
