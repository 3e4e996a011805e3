/** What is there: the networks and sandboxes of a daemon, as a lab's plan looks at them. */

import type { Impairment } from '../api/link.ts'
import type { NetworkInspect } from '../api/network.ts'
import type { SandboxInspect } from '../api/sandbox.ts'
import type { ServiceInspect } from '../api/service.ts'
import type { ControlPlane } from '../control-plane.ts'
import { LAB_LABEL } from './labels.ts'

export interface Present {
  readonly networks: readonly NetworkInspect[]
  readonly sandboxes: readonly SandboxInspect[]
  /** With those of the cluster that the daemon is in. */
  readonly services: readonly ServiceInspect[]
  /** What the uplink's link does to frames. */
  readonly uplinkLink?: Impairment | undefined
}

/** The part of the control plane that labs use. */
export type LabPlane = Pick<
  ControlPlane,
  | 'createNetwork'
  | 'listNetworks'
  | 'removeNetwork'
  | 'connect'
  | 'disconnect'
  | 'createSandbox'
  | 'startSandbox'
  | 'stopSandbox'
  | 'killSandbox'
  | 'removeSandbox'
  | 'listSandboxes'
  | 'inspectSandbox'
  | 'createService'
  | 'updateService'
  | 'removeService'
  | 'listServices'
  | 'clusterJoined'
  | 'uplink'
  | 'setLink'
>

export function presentState(plane: LabPlane): Present {
  return {
    networks: plane.listNetworks({}),
    sandboxes: plane
      .listSandboxes({ all: true, filters: {} })
      .map(({ Id }) => plane.inspectSandbox(Id))
      .map((sandbox) => ({ ...sandbox, Name: sandbox.Name.replace(/^\//, '') })),
    services: plane.listServices({}),
    uplinkLink: plane.uplink().Impairment,
  }
}

export const NOTHING_PRESENT: Present = { networks: [], sandboxes: [], services: [] }

/** The part of the present state that a lab has made. */
export function presentOfLab(present: Present, lab: string): Present {
  return {
    networks: present.networks.filter((network) => network.Labels[LAB_LABEL] === lab),
    sandboxes: present.sandboxes.filter((sandbox) => sandbox.Config.Labels[LAB_LABEL] === lab),
    services: present.services.filter((service) => service.Labels[LAB_LABEL] === lab),
  }
}

/** Names of the labs that something is there of, sorted. */
export function presentLabs(present: Present): string[] {
  const labels = [
    ...present.networks.map((network) => network.Labels),
    ...present.sandboxes.map((sandbox) => sandbox.Config.Labels),
    ...present.services.map((service) => service.Labels),
  ]
  return [...new Set(labels.flatMap((one) => one[LAB_LABEL] ?? []))].toSorted()
}

/** `lab 'demo'`, or that it is no lab's. */
export function ownerOf(labels: Readonly<Record<string, string>>): string {
  const lab = labels[LAB_LABEL]
  return lab === undefined ? 'which no lab has made' : `of lab '${lab}'`
}
