import type { Contender } from '../contender.ts'
import { kernelBridge } from './kernel-bridge.ts'
import { openVSwitchTap, openVSwitchVeth } from './open-vswitch.ts'
import { readWriteLoop, uringLoop } from './reference-loop.ts'
import { tapwireEpoll, tapwireUring } from './tapwire.ts'
import { vdeSwitch } from './vde-switch.ts'

/** In the order of the report. */
export const CONTENDERS: readonly Contender[] = [
  tapwireUring,
  tapwireEpoll,
  kernelBridge,
  uringLoop,
  readWriteLoop,
  openVSwitchTap,
  openVSwitchVeth,
  vdeSwitch,
]
