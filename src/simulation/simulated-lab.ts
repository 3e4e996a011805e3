/**
 * A lab without a machine: the control plane's model and the data path itself, in memory, in simulated time. Frames are handed in at a port and
 * taken out where they leave. No root, no namespace, no clock: the same frames at the same times give the same frames out, byte for byte.
 *
 *     lab ──► controller, drivers, IPAM, names ──► SimulatedFabric ──► SimulatedDatapath: the engine
 *                                                                       ▲ frame, port, time
 */

import type { ControlPlane } from '../control/control-plane.ts'
import { Controller } from '../control/controller/controller.ts'
import { DEFAULTS } from '../control/defaults.ts'
import { EventLog } from '../control/event-log.ts'
import { Ipam } from '../control/ipam/ipam.ts'
import type { Lab } from '../control/lab.ts'
import { type LabHosts, Labs } from '../control/labs/labs.ts'
import type { Steps } from '../control/labs/steps.ts'
import { MemoryStore } from '../control/model/memory-store.ts'
import { FrameCollector } from '../datapath/capture/frame-collector.ts'
import type { RecordedFrame } from '../datapath/capture/recorded-frame.ts'
import type { CapturePlaces } from '../inspect/capture/capture-places.ts'
import type { StoryNames } from '../inspect/story/story-source.ts'
import { ArpAnswers } from './arp-answers.ts'
import { SimulatedDatapath } from './simulated-datapath.ts'
import { SimulatedFabric } from './simulated-fabric.ts'
import { SimulatedHost } from './simulated-host.ts'
import { SimulatedHostPorts } from './simulated-host-ports.ts'
import { type PartOptions, partOf } from './simulated-part.ts'
import { type SimulatedPlace, simulatedPlaces } from './simulated-place.ts'
import { SimulatedSurroundings } from './simulated-surroundings.ts'

export interface SimulatedLabOptions extends PartOptions {
  /** An int32: of all that is chosen at random, 0 where undefined. */
  readonly seed?: number | undefined
  /** Tells the machine from others, as /etc/machine-id does: the IPv6 default pool follows from it. */
  readonly hostId?: string | undefined
  /** Records have `steps`: what the decide functions said, of each frame before it was processed. */
  readonly explained?: boolean | undefined
  /** ARP requests are answered in the place of the sandboxes' kernels, and of whoever the router asks for at the uplink. */
  readonly answersArp?: boolean | undefined
}

interface Parts {
  readonly lab: Lab
  readonly control: Controller
  readonly fabric: SimulatedFabric
  readonly datapath: SimulatedDatapath
  readonly warnings: readonly string[]
}

const SILENT: Steps = {
  step: async (_name, action) => {
    await action()
  },
}

const noHosts = (): never => {
  throw new Error('a part of a lab has no hosts')
}

/** A part of a lab is one daemon's. */
const NO_HOSTS: LabHosts = {
  command: noHosts,
  registry: noHosts,
  socket: noHosts,
  labs: async () => noHosts(),
  remove: async () => noHosts(),
}

export class SimulatedLab {
  /** The lab that is simulated: the file's, or that of one of its hosts. */
  readonly lab: Lab
  /** The model, to be asked. */
  readonly control: ControlPlane
  /** What went wrong without keeping the lab from coming up. */
  readonly warnings: readonly string[]
  /** All ports, by number: sandboxes' endpoints, the machine's own ends of networks, and the uplink's. */
  readonly places: ReadonlyMap<number, SimulatedPlace>
  /** MAC addresses that the router has on its networks. */
  readonly routerMacs: readonly string[]
  /** The places as captures call them. */
  readonly capturePlaces: CapturePlaces
  /** What stories call the switch's numbers. */
  readonly storyNames: StoryNames
  /** The engine and its clock, for who needs no records. */
  readonly datapath: SimulatedDatapath
  readonly #controller: Controller
  readonly #fabric: SimulatedFabric
  readonly #collector: FrameCollector
  readonly #answers: ArpAnswers | undefined

  /**
   * Brings the lab up: all its networks and sandboxes, published ports and names. Its clock begins at 0 when all stations have announced
   * themselves. Throws SIMULATION_IMPOSSIBLE, and what `tapwire up` would.
   */
  static async start(lab: Lab, options: SimulatedLabOptions = {}): Promise<SimulatedLab> {
    const { seed = 0, hostId = 'simulation' } = options
    const part = partOf(lab, options)
    const warnings = [...part.warnings]
    const datapath = new SimulatedDatapath({ seed })
    const surroundings = new SimulatedSurroundings(seed, () => datapath.nowMs)
    const fabric = new SimulatedFabric(datapath, () => surroundings.now())
    const control = new Controller({
      fabric,
      host: new SimulatedHost(() => surroundings.now()),
      hostPorts: new SimulatedHostPorts(),
      store: new MemoryStore(),
      addresses: new Ipam({ hostId, now: () => surroundings.now() }),
      events: new EventLog({ clock: surroundings }),
      surroundings,
      log: { info: () => undefined, warn: (_details, message) => void warnings.push(message) },
      defaults: () => DEFAULTS,
    })
    await control.recover()
    if (part.uplink !== 'none') await control.setUplink(part.uplink)
    await new Labs(control, NO_HOSTS).up(part.lab, SILENT)
    await surroundings.settle((nowMs) => datapath.advance(nowMs))
    datapath.restart()
    return new SimulatedLab({ lab: part.lab, control, fabric, datapath, warnings }, options)
  }

  private constructor(
    { lab, control, fabric, datapath, warnings }: Parts,
    { explained = false, answersArp = false }: SimulatedLabOptions,
  ) {
    this.lab = lab
    this.control = control
    this.capturePlaces = control.places
    this.storyNames = control.places
    this.warnings = warnings
    this.#controller = control
    this.datapath = datapath
    this.places = simulatedPlaces(control, fabric)
    this.routerMacs = [...fabric.gateways.values()].map(({ mac }) => mac)
    this.#fabric = fabric
    this.#collector = new FrameCollector(datapath.path, datapath.memory, { explained })
    this.#answers = answersArp ? new ArpAnswers(datapath.memory, this.places) : undefined
    if (this.#answers !== undefined) datapath.path.add(this.#answers)
  }

  /**
   * Takes a frame that arrives at `port` at `timeMs` through the data path, after whatever was due before. A time before the last one counts as
   * the last one. The record of the frame is complete when this returns; what leaves later (delayed, waiting) is in records of its own.
   */
  receive(
    port: number,
    frame: Uint8Array,
    timeMs: number,
    virtioHeader?: Uint8Array,
  ): readonly RecordedFrame[] {
    return this.#record(() => {
      this.advanceUnrecorded(timeMs)
      this.datapath.place(frame, virtioHeader)
      this.process(port, frame.length)
    })
  }

  /** Lets the time pass to `timeMs`: timers, delayed frames. */
  advance(timeMs: number): readonly RecordedFrame[] {
    return this.#record(() => this.advanceUnrecorded(timeMs))
  }

  /** The same, for who needs no records. */
  advanceUnrecorded(timeMs: number): void {
    this.datapath.advance(timeMs)
    this.#settle()
  }

  /** Takes the frame that has been put at `datapath.slot` through the data path, now. */
  process(port: number, length: number): void {
    this.datapath.process(port, length)
    this.#settle()
  }

  /** Nothing is open: what is there goes with the object. */
  async close(): Promise<void> {
    await this.#controller.shutdown({ liveRestore: true })
  }

  /** What is to be answered from outside of the data path: questions beyond the networks, and ARP. */
  #settle(): void {
    while (this.#fabric.answerQuestions() || this.#answerArp());
  }

  #answerArp(): boolean {
    const answers = this.#answers?.take() ?? []
    for (const { port, frame } of answers) {
      this.datapath.place(frame)
      this.datapath.process(port, frame.length)
    }
    return answers.length > 0
  }

  #record(action: () => void): readonly RecordedFrame[] {
    const { path } = this.datapath
    path.add(this.#collector)
    try {
      action()
    } finally {
      path.remove(this.#collector)
    }
    const { offsetMs } = this.datapath
    return this.#collector.take().map((record) => ({ ...record, timeMs: record.timeMs - offsetMs }))
  }
}
