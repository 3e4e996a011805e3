/**
 * The uplink as the user wishes it. What was set is kept, and is set again by the next daemon; what the daemon's user says at its
 * start goes before that for as long as it runs, or until another one is set.
 */

import type { Uplink } from '../api/uplink.ts'
import type { UplinkSpec } from '../model/machine.ts'
import type { ImpairmentRecord } from '../model/records.ts'
import { fabricImpairment } from '../rules/impairment.ts'
import { formatUplink, parseUplink } from '../rules/uplink.ts'
import { inspectImpairment } from '../views/endpoint-inspect.ts'
import type { Context } from './context.ts'

/** What changes of the uplink wait for one another by. */
export const UPLINK_LOCK = 'uplink'

export class Uplinks {
  readonly #context: Context
  /** In its text form: as it should be now. */
  #wanted = formatUplink(undefined)
  /** Why it is not, since the start; empty where it is. */
  #failure = ''

  constructor(context: Context) {
    this.#context = context
  }

  inspect(): Uplink {
    const state = this.#context.parts.fabric.uplink()
    const [first, last] = state.ports
    return {
      Uplink: this.#wanted,
      Up: state.up,
      Reason: this.#failure === '' ? state.reason : this.#failure,
      Interface: state.interface,
      MacAddress: state.mac,
      Address: state.address === '' ? '' : `${state.address}/${state.prefixLength}`,
      Gateway: state.gateway,
      Mtu: state.mtu,
      Ports: { First: first, Last: last },
      ...inspectImpairment(this.#context.model.uplinkImpairment),
    }
  }

  /** Throws UPLINK_INVALID or UPLINK_UNUSABLE, and leaves the one that was. */
  set(text: string): Promise<Uplink> {
    const spec = parseUplink(text)
    return this.#context.lock.run(UPLINK_LOCK, () => this.#change(spec))
  }

  /** A daemon starts without its uplink where it cannot have it: it may be what the user needs it for to put that right. */
  async recover(): Promise<void> {
    const text = this.#context.parts.uplink ?? this.#context.model.uplink
    if (text === undefined) return
    this.#wanted = text
    try {
      const spec = parseUplink(text)
      this.#wanted = formatUplink(spec)
      if (spec === undefined) return
      await this.#impair(this.#context.model.uplinkImpairment)
      await this.#context.parts.fabric.setUplink(spec, { patient: true })
    } catch (error) {
      this.#failure = (error as Error).message
      this.#context.warn(error, `the uplink ${text} could not be set`)
    }
  }

  async #change(spec: UplinkSpec | undefined): Promise<Uplink> {
    const { fabric } = this.#context.parts
    const { model } = this.#context
    const before = { spec: fabric.uplink().spec, wanted: this.#wanted, failure: this.#failure }
    const saved = { uplink: model.uplink, impairment: model.uplinkImpairment }
    // Another uplink has the link of the one before; none has no link.
    const impairment = spec === undefined ? undefined : saved.impairment
    await this.#context.attempt(async (undo) => {
      await fabric.setUplink(spec)
      // One that was waited for is waited for again.
      undo.add(() => fabric.setUplink(before.spec, { patient: true }))
      if (impairment !== saved.impairment) {
        await this.#impair(impairment)
        undo.add(() => this.#impair(saved.impairment))
      }
      this.#tell(formatUplink(spec), '')
      undo.add(() => this.#tell(before.wanted, before.failure))
      await this.#context.commit(
        undo,
        () => {
          model.uplink = spec === undefined ? undefined : formatUplink(spec)
          model.uplinkImpairment = impairment
        },
        () => {
          model.uplink = saved.uplink
          model.uplinkImpairment = saved.impairment
        },
      )
    })
    return this.inspect()
  }

  async #impair(record: ImpairmentRecord | undefined): Promise<void> {
    await this.#context.parts.fabric.setImpairment('uplink', fabricImpairment(record, 'uplink'))
  }

  #tell(wanted: string, failure: string): void {
    this.#wanted = wanted
    this.#failure = failure
  }
}
