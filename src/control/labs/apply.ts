/** Does what a plan says, sandboxes side by side. What fails leaves what is done, and the next plan goes on from there. */

import { LAB_PARALLEL } from '../../limits.ts'
import type { SandboxInspect } from '../api/sandbox.ts'
import type { ServiceUpdate } from '../api/service.ts'
import { ErrorCode, TapwireError } from '../errors.ts'
import { isRegistry, type LabPlan } from './plan.ts'
import type { LabPlane } from './present.ts'
import { choosesPorts, type ServiceChange, type WantedService } from './services.ts'
import type { Steps } from './steps.ts'

/** One thing to do; `what` completes "could not …". */
interface Task {
  readonly what: string
  run(): Promise<void>
}

interface Stage {
  readonly name: string
  readonly tasks: readonly Task[]
}

export interface ApplyOptions {
  readonly lab: string
  readonly steps: Steps
  /** Where it aborts, what is under way is finished and nothing else begun. */
  readonly signal?: AbortSignal | undefined
  /** Called with a sandbox that is about to go, while it is there still. */
  readonly beforeRemoval?: ((sandbox: SandboxInspect) => Promise<void>) | undefined
}

/** Throws LAB_INCOMPLETE, which says what is done and what is not. */
export async function applyPlan(plane: LabPlane, plan: LabPlan, options: ApplyOptions): Promise<void> {
  await runStages(stagesOf(plane, plan, options), options)
}

function stagesOf(plane: LabPlane, plan: LabPlan, { beforeRemoval }: ApplyOptions): Stage[] {
  const own = plan.createSandboxes.filter(({ sharesWith }) => sharesWith === undefined)
  const removal = (sandboxes: readonly SandboxInspect[]): Stage => ({
    name: `Remove ${counted(sandboxes.length, 'sandbox')}`,
    tasks: sandboxes.map((sandbox) => ({
      what: `remove sandbox ${sandbox.Name}`,
      run: async () => {
        await beforeRemoval?.(sandbox)
        await removeSandbox(plane, sandbox.Id)
      },
    })),
  })
  const start = (sandboxes: readonly Wanted[]): Stage =>
    startStage('Start', sandboxes, (name) => plane.startSandbox(name))
  return [
    {
      name: `Remove ${counted(plan.removeServices.length, 'service')}`,
      tasks: plan.removeServices.map(({ ID, Name }) => ({
        what: `remove service ${Name}`,
        run: () => plane.removeService(ID),
      })),
    },
    changeStage(plane, 'Take ports from', plan.releasePorts, ({ release }) => release),
    // A registry outlives the hosts that ask it, and comes before them.
    removal(plan.removeSandboxes.filter((sandbox) => !isRegistry(sandbox))),
    removal(plan.removeSandboxes.filter(isRegistry)),
    {
      name: `Disconnect ${counted(plan.disconnect.length, 'endpoint')}`,
      tasks: plan.disconnect.map(({ sandbox, network }) => ({
        what: `disconnect ${sandbox.Name} from ${network}`,
        run: () => plane.disconnect(network, { Container: sandbox.Id }),
      })),
    },
    {
      name: `Remove ${counted(plan.removeNetworks.length, 'network')}`,
      tasks: plan.removeNetworks.map(({ Id, Name }) => ({
        what: `remove network ${Name}`,
        run: () => plane.removeNetwork(Id),
      })),
    },
    {
      name: `Make ${counted(plan.createNetworks.length, 'network')}`,
      tasks: plan.createNetworks.map(({ name, request }) => ({
        what: `make network ${name}`,
        run: async () => void (await plane.createNetwork(request)),
      })),
    },
    {
      name: `Connect ${counted(plan.connect.length, 'endpoint')}`,
      tasks: plan.connect.map(({ sandbox, network, config }) => ({
        what: `connect ${sandbox.Name} to ${network}`,
        run: () => plane.connect(network, { Container: sandbox.Id, EndpointConfig: config }),
      })),
    },
    {
      name: `Change ${counted(plan.changeLinks.length, 'link')}`,
      tasks: plan.changeLinks.map(({ place, impairment }) => ({
        what: `change link ${place}`,
        run: async () => void (await plane.setLink(place, impairment)),
      })),
    },
    changeStage(plane, 'Change', plan.changeServices, ({ change }) => change),
    serviceStage(
      plane,
      plan.createServices.filter((service) => !choosesPorts(service)),
    ),
    start(plan.startSandboxes.filter((sandbox) => sandbox.isRegistry)),
    createStage(
      plane,
      own.filter((sandbox) => sandbox.isRegistry),
    ),
    start(plan.startSandboxes.filter((sandbox) => !sandbox.isRegistry)),
    createStage(
      plane,
      own.filter((sandbox) => !sandbox.isRegistry),
    ),
    // Those that share a network come after the ones whose it is, each only once that one runs.
    ...inOrderOfSharing(plan).map((layer) => createStage(plane, layer)),
    // Sandboxes have the ports that they ask for by then, and none of those is chosen.
    serviceStage(plane, plan.createServices.filter(choosesPorts)),
  ]
}

type Wanted = LabPlan['createSandboxes'][number]

function createStage(plane: LabPlane, sandboxes: readonly Wanted[]): Stage {
  const requests = new Map(sandboxes.map(({ name, request }) => [name, request]))
  return startStage('Make', sandboxes, async (name) => {
    await plane.createSandbox(name, requests.get(name)!)
    await plane.startSandbox(name)
  })
}

function serviceStage(plane: LabPlane, services: readonly WantedService[]): Stage {
  return {
    name: `Make ${counted(services.length, 'service')}`,
    tasks: services.map(({ name, request }) => ({
      what: `make service ${name}`,
      run: async () => void (await plane.createService(request)),
    })),
  }
}

function changeStage(
  plane: LabPlane,
  verb: string,
  changes: readonly ServiceChange[],
  update: (change: ServiceChange) => ServiceUpdate | undefined,
): Stage {
  return {
    name: `${verb} ${counted(changes.length, 'service')}`,
    tasks: changes.map((change) => ({
      what: `${verb.toLowerCase()} service ${change.have.Name}`,
      run: () => plane.updateService(change.have.ID, update(change) ?? {}),
    })),
  }
}

function startStage(
  verb: string,
  sandboxes: readonly Wanted[],
  start: (name: string) => Promise<void>,
): Stage {
  return {
    name: `${verb} ${counted(sandboxes.length, 'sandbox')}`,
    tasks: sandboxes.map(({ name }) => ({
      what: `${verb.toLowerCase()} sandbox ${name}`,
      run: () => start(name),
    })),
  }
}

function inOrderOfSharing(plan: LabPlan): Wanted[][] {
  let left = plan.createSandboxes.filter(({ sharesWith }) => sharesWith !== undefined)
  const layers: Wanted[][] = []
  while (left.length > 0) {
    const names = new Set(left.map(({ name }) => name))
    const ready = left.filter(({ sharesWith }) => !names.has(sharesWith!))
    // A circle: the control plane says what is wrong with it.
    const layer = ready.length === 0 ? left : ready
    layers.push(layer)
    left = left.filter((one) => !layer.includes(one))
  }
  return layers
}

/** Asked to end first, so that a program can say farewell. */
export async function removeSandbox(plane: LabPlane, id: string): Promise<void> {
  await plane.stopSandbox(id, {})
  await plane.removeSandbox(id, { force: true })
}

async function runStages(stages: readonly Stage[], { lab, steps, signal }: ApplyOptions): Promise<void> {
  const tasks = stages.flatMap((stage) => stage.tasks)
  const done = new Set<Task>()
  for (const { name, tasks: ofStage } of stages) {
    if (ofStage.length === 0) continue
    const failures: { readonly task: Task; readonly error: unknown }[] = []
    await steps
      .step(name, async () => {
        await inParallel(ofStage, async (task) => {
          if (failures.length > 0 || signal?.aborted === true) return
          try {
            await task.run()
            done.add(task)
          } catch (error) {
            failures.push({ task, error })
          }
        })
        if (failures[0] !== undefined) throw failures[0].error
        if (signal?.aborted === true) throw new TapwireError(ErrorCode.interrupted, 'Interrupted.')
      })
      .catch((cause: unknown) => {
        throw incomplete(
          lab,
          failures[0]?.task.what,
          cause,
          tasks.filter((task) => !done.has(task)),
          done.size,
        )
      })
  }
}

/** LAB_PARALLEL at a time, begun in order. */
async function inParallel<T>(items: readonly T[], run: (item: T) => Promise<void>): Promise<void> {
  const queue = items.values()
  await Promise.all(
    Array.from({ length: Math.min(LAB_PARALLEL, items.length) }, async () => {
      for (const item of queue) await run(item)
    }),
  )
}

function incomplete(
  lab: string,
  what: string | undefined,
  cause: unknown,
  left: readonly Task[],
  done: number,
): TapwireError {
  const reason = cause instanceof Error ? cause.message : String(cause)
  const message = what === undefined ? reason : `could not ${what}: ${reason}`
  const shown = left.slice(0, SHOWN_MAX).map((task) => task.what)
  const more = left.length > shown.length ? `, and ${left.length - shown.length} more` : ''
  return new TapwireError(
    ErrorCode.labIncomplete,
    `Lab '${lab}' is as wanted only in part: ${ended(message)}`,
    {
      hint: `${done} of ${done + left.length} are done; not done: ${shown.join(', ')}${more}. The next \`tapwire up\` goes on from there.`,
      cause,
    },
  )
}

const SHOWN_MAX = 10

function ended(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : noun.endsWith('x') ? 'es' : 's'}`
}
