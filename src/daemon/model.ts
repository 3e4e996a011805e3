/** What the daemon runs: the model with all that it is built of, behind what a daemon has to be able to do with it. */

import type { SystemPruned } from '../control/api/system.ts'
import type { ControlPlane } from '../control/control-plane.ts'
import type { Api, RouteContext } from './api/routes.ts'
import type { Configuration } from './configuration.ts'
import type { Datapath } from './datapath.ts'
import type { Log } from './log.ts'
import type { RootPaths } from './root-directory.ts'

export interface RunningModel {
  readonly control: ControlPlane
  metrics(): Promise<{ readonly text: string; readonly contentType: string }>
  /** Removes what daemons that died have left behind. */
  prune(options: { readonly all: boolean }): Promise<SystemPruned>
  /** What happens to the daemon, for those who watch. */
  tell(action: 'start' | 'reload' | 'shutdown', attributes?: Readonly<Record<string, string>>): void
  /** Takes a changed configuration. The names of the settings whose change waits for the next start. */
  reload(configuration: Configuration): readonly string[]
  /** Ends what is under way, and all sandboxes unless they are to stay; nothing is accepted from here on. */
  stop(options: { readonly keepSandboxes: boolean }): Promise<void>
  /** Routes beside those of the model. */
  mount(api: Api, context: Pick<RouteContext, 'streams'>): void
}

export interface ModelParts {
  readonly paths: RootPaths
  readonly configuration: Configuration
  readonly datapath: Datapath
  /** What the daemons of a lab's hosts are to use as well. */
  readonly io: 'auto' | 'io_uring' | 'epoll'
  readonly log: Log
}

/** Puts the model together from what was saved and what still runs; resolves when it has taken all of that up. */
export type Compose = (parts: ModelParts) => Promise<RunningModel>
