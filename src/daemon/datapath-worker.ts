/**
 * The data plane's thread: poll, process the burst, poll. It blocks in the addon and never returns to the event loop
 * before it is told to stop; messages of the control plane come with a wake of the poll, and are applied between two bursts.
 */

import { performance } from 'node:perf_hooks'
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import { RecordedPath } from '../datapath/capture/recorded-path.ts'
import { Counters } from '../datapath/counters.ts'
import type { DnsAnswer } from '../datapath/dns/dns-settings.ts'
import { Engine } from '../datapath/engine.ts'
import { EVENT_WORDS, STATUS_EVENTS, STATUS_WOKEN } from '../datapath/frame-memory.ts'
import { LinkDirection } from '../datapath/impairment/impairment-settings.ts'
import { DEPARTURE_LISTS_MAX } from '../limits.ts'
import { NativeFrameIo } from '../ports/native-frame-io.ts'
import {
  type DatapathCall,
  type DatapathMessage,
  type DatapathRequest,
  type DatapathResults,
  type DatapathWorkerData,
  NO_CALL,
} from './datapath-messages.ts'
import { Watchers } from './datapath-watchers.ts'

/** A poll waits no longer than this, so that stations are forgotten while nothing arrives. */
const TICK_US = 1_000_000

class DatapathWorker {
  readonly #io: NativeFrameIo
  readonly #engine: Engine
  /** For who looks on. */
  readonly #recorded: RecordedPath
  readonly #watchers: Watchers
  /** Ports that are tunnels. */
  readonly #tunnels = new Set<number>()
  /** The second in which strangers were told of last. */
  #strangersS = 0
  #running = true
  /** Something of the last turn is left to be done, whether or not anything arrives. */
  #busy = false

  constructor(data: DatapathWorkerData) {
    this.#io = new NativeFrameIo({
      backend: data.io,
      wakeDescriptor: data.wakeDescriptor,
      ...(data.slots !== undefined && { slots: data.slots }),
    })
    this.#engine = new Engine(this.#io.memory, {
      seed: data.seed,
      counters: new Counters(data.counters),
      ...(data.ageingS !== undefined && { ageingS: data.ageingS }),
      ...(data.stations !== undefined && { stations: data.stations }),
      ...(data.stationsPerPort !== undefined && { stationsPerPort: data.stationsPerPort }),
    })
    this.#recorded = new RecordedPath(this.#engine, this.#io.memory, () =>
      this.#io.transmit(this.#engine.transmitCount),
    )
    this.#watchers = new Watchers(this.#engine, this.#io.memory, this.#recorded, tell)
  }

  run(): void {
    const { backend, fallbackReason } = this.#io
    tell({ kind: 'ready', backend, fallbackReason })
    try {
      while (this.#running) this.#turn()
    } finally {
      this.#io.close()
    }
  }

  #turn(): void {
    const { status } = this.#io.memory
    const count = this.#io.poll(this.#engine.transmitCount, this.#timeoutUs())
    if (this.#recorded.active) this.#recorded.settle()
    else this.#engine.settle()
    const nowMs = performance.now()
    const nowS = Math.floor(nowMs / 1000)
    this.#engine.dns.nowMs = nowMs
    if (status[STATUS_EVENTS] !== 0) this.#takeEvents()
    this.#process(count, nowMs)
    if (status[STATUS_WOKEN] !== 0) {
      // What the burst made goes out first: a call may remove the port that it goes to.
      this.#transmit()
      this.#takeCalls(nowMs)
    }
    if (nowS !== this.#strangersS && this.#tunnels.size > 0) this.#tellStrangers(nowS)
    if (this.#engine.takeNarrow()) tell({ kind: 'narrow' })
    const questions = this.#engine.dns.takeQuestions()
    if (questions !== undefined) tell({ kind: 'questions', questions })
    if (this.#recorded.active) this.#busy = this.#watchers.tick(nowMs)
    else this.#busy = this.#engine.tick(nowS)
  }

  /** Until something is to be done, whether or not anything arrives. */
  #timeoutUs(): number {
    if (this.#busy) return 0
    const { nextDueUs } = this.#engine
    if (nextDueUs === Number.POSITIVE_INFINITY) return TICK_US
    return Math.min(TICK_US, Math.max(0, Math.ceil(nextDueUs - performance.now() * 1000)))
  }

  /** Takes the burst through the path, and what has waited long enough on impaired links: what is left of that the next turn takes at once. */
  #process(count: number, nowMs: number): void {
    const engine = this.#engine
    this.#forward(this.#arrive(count, nowMs), nowMs)
    while (engine.hasArrivals) {
      this.#transmit()
      this.#forward(this.#arrive(0, nowMs), nowMs)
    }
    for (let i = 0; i < DEPARTURE_LISTS_MAX && engine.hasDepartures; i++) this.#depart(nowMs)
  }

  #arrive(count: number, nowMs: number): number {
    const nowUs = nowMs * 1000
    if (this.#recorded.active) return this.#recorded.arrive(count, nowMs, nowUs)
    return this.#engine.arrive(count, nowUs)
  }

  #forward(count: number, nowMs: number): void {
    if (this.#recorded.active) {
      this.#recorded.process(count, nowMs)
      return
    }
    const nowS = Math.floor(nowMs / 1000)
    let done = this.#engine.process(0, count, nowS)
    while (done < count) {
      this.#transmit()
      done = this.#engine.process(done, count, nowS)
    }
  }

  #depart(nowMs: number): void {
    const isComplete = this.#recorded.release(nowMs, () => this.#engine.depart())
    if (!isComplete) this.#transmit()
  }

  #transmit(): void {
    if (this.#recorded.active) {
      this.#recorded.transmitNow()
      return
    }
    this.#io.transmit(this.#engine.transmitCount)
    this.#engine.settle()
  }

  #takeEvents(): void {
    const { status, events } = this.#io.memory
    for (let i = 0; i < status[STATUS_EVENTS]!; i++) {
      const port = events[i * EVENT_WORDS]!
      const errno = events[i * EVENT_WORDS + 1]!
      // What goes on behind a tunnel waits for its sockets to be opened anew.
      if (!this.#tunnels.has(port)) this.#engine.removePort(port)
      tell({ kind: 'portGone', port, errno })
    }
  }

  #takeCalls(nowMs: number): void {
    for (;;) {
      const received = receiveMessageOnPort(parentPort!) as { message: DatapathCall } | undefined
      if (received === undefined) return
      const { call, request } = received.message
      try {
        const result = this.#apply(request, nowMs)
        if (call !== NO_CALL) tell({ kind: 'result', call, result })
      } catch (error) {
        tell({ kind: 'refused', call, message: error instanceof Error ? error.message : String(error) })
      }
    }
  }

  #apply(request: DatapathRequest, nowMs: number): DatapathResults[DatapathRequest['kind']] {
    const engine = this.#engine
    const nowS = Math.floor(nowMs / 1000)
    switch (request.kind) {
      case 'addDomain':
        engine.addDomain(request.domain, { transparent: request.transparent, icc: request.icc })
        return undefined
      case 'removeDomain':
        engine.removeDomain(request.domain)
        return undefined
      case 'addPort':
        this.#addPort(request)
        return undefined
      case 'removePort':
        engine.removePort(request.port)
        return this.#io.release(request.port)
      case 'setPortMtu':
        engine.setPortMtu(request.port, request.mtu)
        return undefined
      case 'addTunnel':
        engine.addTunnel(request.port, request.settings)
        this.#tunnels.add(request.port)
        return undefined
      case 'attachTunnel':
        this.#io.attachTunnel(request.port, request.sockets)
        return undefined
      case 'removeTunnel':
        engine.removeTunnel(request.port)
        this.#tunnels.delete(request.port)
        return this.#io.release(request.port)
      case 'setOverlay':
        engine.setOverlay(request.domain, request.settings)
        return undefined
      case 'addPeer':
        this.#addPeer(request)
        return undefined
      case 'removePeer':
        engine.removePeer(request.port)
        this.#io.detach(request.port)
        return undefined
      case 'setPeerMtu':
        engine.setPeerMtu(request.port, request.mtu)
        return undefined
      case 'setRemote':
        engine.setRemote(request.domain, request.mac, request.settings)
        return undefined
      case 'peers':
        return engine.peers(nowS)
      case 'inject':
        this.#inject(request.port, request.frame, nowMs, false)
        return undefined
      case 'injectAll':
        return request.frames.map(({ port, frame }) => this.#inject(port, frame, nowMs, true))
      case 'stations':
        return [...engine.stations.stations(nowS)]
      case 'flushPort':
        return engine.stations.flushPort(request.port)
      case 'flushDomain':
        return engine.stations.flushDomain(request.domain)
      case 'setInterface':
        engine.setInterface(request.domain, request.settings)
        return undefined
      case 'setRoutes':
        engine.setRoutes(request.routes)
        return undefined
      case 'publish':
        engine.publish(request.mapping)
        return undefined
      case 'unpublish':
        return engine.unpublish(request.id)
      case 'setService':
        engine.setService(request.service)
        return undefined
      case 'removeService':
        engine.removeService(request.id)
        return undefined
      case 'permit':
        engine.permit(request.permit)
        return undefined
      case 'withdraw':
        engine.withdraw(request.id)
        return undefined
      case 'flows':
        return engine.flows(request.selection, request.limit, nowS)
      case 'flushFlows':
        return engine.flushFlows(request.selection)
      case 'natCounts':
        return engine.natCounts()
      case 'neighbours':
        return engine.neighbours()
      case 'explain':
        return engine.explain(request.port, request.frame, nowS)
      case 'setImpairment':
        engine.setImpairment(request.port, request.direction, request.settings)
        return undefined
      case 'impairmentCounts':
        return engine.impairmentCounts(request.port, request.direction)
      case 'impairments':
        return engine.impairments()
      case 'setZone':
        engine.dns.setZone(request.domain, request.zone)
        return undefined
      case 'setNamedHost':
        engine.dns.setNamedHost(request.id, request.host)
        return undefined
      case 'setResolver':
        engine.dns.setResolver(request.id, request.resolver)
        return undefined
      case 'setDnsService':
        engine.dns.setService(request.service)
        return undefined
      case 'resolve':
        return engine.dns.resolve(request.asker, request.query, request.limit, nowMs, request.explained)
      case 'answerQuestions':
        this.#recorded.run(nowMs, () => this.#answerQuestions(request.answers, nowMs))
        return undefined
      case 'noteQuestions':
        engine.dns.note(request.notes, nowMs)
        return undefined
      case 'dnsCounts':
        return engine.dns.counts()
      case 'dnsLog':
        return { ...engine.dns.log(request.after, request.limit), nowMs }
      case 'openCapture':
        return this.#watchers.openCapture(request)
      case 'setCapturePort':
        return this.#watchers.setCapturePort(request)
      case 'closeCapture':
        return this.#watchers.closeCapture(request.capture)
      case 'openFollow':
        return this.#watchers.openFollow(request)
      case 'setFollowPorts':
        return this.#watchers.setFollowPorts(request)
      case 'closeFollow':
        return this.#watchers.closeFollow(request.follow)
      case 'stop':
        this.#running = false
        return undefined
    }
  }

  /** Returns 0, or the DropReason. `byLink`: as with Engine.place. */
  #inject(port: number, frame: Uint8Array, nowMs: number, byLink: boolean): number {
    const { trail } = this.#engine.counters
    trail.clear()
    if (this.#recorded.active) this.#recorded.inject(port, frame, nowMs, byLink)
    else this.#forward(this.#engine.place(port, frame, byLink), nowMs)
    const { reason } = trail
    // At once: the next call may remove the port that it goes to.
    this.#transmit()
    return reason
  }

  /** At once, as with `inject`. */
  #answerQuestions(answers: readonly DnsAnswer[], nowMs: number): void {
    const { dns } = this.#engine
    let done = dns.answerQuestions(answers, nowMs)
    this.#transmit()
    while (done < answers.length) {
      done = dns.answerQuestions(answers, nowMs, done)
      this.#transmit()
    }
  }

  #tellStrangers(nowS: number): void {
    this.#strangersS = nowS
    const strangers = this.#engine.takeStrangers()
    if (strangers.length > 0) tell({ kind: 'strangers', strangers })
  }

  #addPeer({ port, settings, way }: Extract<DatapathRequest, { kind: 'addPeer' }>): void {
    this.#engine.addPeer(port, settings)
    try {
      this.#io.attachPeer(port, way.tunnel, settings.address, way.udpPort)
    } catch (error) {
      this.#engine.removePeer(port)
      throw error
    }
  }

  /** The path knows the port before its first frame can arrive. */
  #addPort(request: Extract<DatapathRequest, { kind: 'addPort' }>): void {
    const { port, domain, mtu, descriptor, virtio, guard, host, lan, station, impairment } = request
    this.#engine.addPort(port, { domain, mtu, plain: !virtio, guard, host, lan, station })
    try {
      this.#engine.setImpairment(port, LinkDirection.from, impairment?.from)
      this.#engine.setImpairment(port, LinkDirection.to, impairment?.to)
      this.#io.attach(port, descriptor, virtio)
    } catch (error) {
      this.#engine.removePort(port)
      throw error
    }
  }
}

const tell = (message: DatapathMessage): void => parentPort!.postMessage(message)

new DatapathWorker(workerData as DatapathWorkerData).run()
