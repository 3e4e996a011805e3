import type { Contender } from '../../contender.ts'
import type { OverlayBed } from '../bed.ts'
import { kernelVxlanOffloaded, kernelVxlanPlain } from './kernel-vxlan.ts'
import { openVSwitchVxlan } from './open-vswitch.ts'

export const CONTENDERS: readonly Contender<OverlayBed>[] = [
  kernelVxlanOffloaded,
  kernelVxlanPlain,
  openVSwitchVxlan,
]
