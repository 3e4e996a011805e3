import { closeSync } from 'node:fs'
import type { UplinkSpec } from '../../control/model/machine.ts'
import { INTERFACE_LOOK_MS } from '../../limits.ts'
import { openPacketSocket } from '../../ports/packet-socket.ts'
import { discardTap, openTap } from '../../ports/tap.ts'
import type { OpenPort } from '../datapath.ts'
import { type InterfaceFacts, interfaceFingerprint, readInterface } from './interface-facts.ts'
import { type NatPorts, reserveNatPorts } from './nat-ports.ts'

/** What an uplink asks of the machine, and what a test may decide. */
export interface UplinkMachine {
  /** Of the default route's interface where the name is empty; undefined where there is none. */
  nic(name: string): Promise<InterfaceFacts | undefined>
  /** Changes when what `nic` answers may have changed. */
  fingerprint(name: string): string
  /** Throws what says why not. */
  openNic(name: string): OpenPort
  openTap(spec: Extract<UplinkSpec, { kind: 'tap' }>): OpenPort
  /** Throws UPLINK_UNUSABLE. */
  reservePorts(): NatPorts
  /** Calls back at each look until the function returned is called. */
  everyLook(callback: () => void): () => void
}

/** The machine that the daemon runs on, in its own network namespace. */
export const uplinkMachine: UplinkMachine = {
  nic: readInterface,
  fingerprint: interfaceFingerprint,
  openNic(name) {
    const { descriptor } = openPacketSocket({ interface: name })
    return { descriptor, virtio: true, discard: () => closeSync(descriptor) }
  },
  openTap({ name, namespace, mtu }) {
    const tap = openTap({ name, mtu, ...(namespace === '' ? undefined : { namespace }) })
    return { descriptor: tap.descriptor, virtio: tap.virtio, discard: () => discardTap(tap) }
  },
  reservePorts: () => reserveNatPorts(),
  everyLook(callback) {
    const timer = setInterval(callback, INTERFACE_LOOK_MS)
    return () => clearInterval(timer)
  },
}
