import type { NatContender } from '../gateway.ts'
import { dockerProxy } from './docker-proxy.ts'
import { kernel } from './kernel.ts'
import { pasta } from './pasta.ts'
import { slirp4netns } from './slirp4netns.ts'
import { tapwireEpoll, tapwireUring } from './tapwire.ts'

/** In the order of the report. */
export const CONTENDERS: readonly NatContender[] = [
  tapwireUring,
  tapwireEpoll,
  kernel,
  dockerProxy,
  slirp4netns,
  pasta,
]
