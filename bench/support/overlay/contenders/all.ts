import type { Contender } from '../../contender.ts'
import type { OverlayBed } from '../bed.ts'
import { kernelVxlanOffloaded, kernelVxlanPlain } from './kernel-vxlan.ts'
import { openVSwitchVxlan } from './open-vswitch.ts'
import { tapwireEpoll, tapwireUring } from './tapwire.ts'

export const CONTENDERS: readonly Contender<OverlayBed>[] = [
  tapwireUring,
  tapwireEpoll,
  kernelVxlanOffloaded,
  kernelVxlanPlain,
  openVSwitchVxlan,
]
