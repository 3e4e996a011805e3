import { pino } from 'pino'
import type { ControlPlane } from '../../control/control-plane.ts'
import type { Labs } from '../../control/labs/labs.ts'
import type { CaptureService } from '../capture/capture-service.ts'
import { createApi, openApiDocument } from './api.ts'
import { captureRoutes } from './capture.ts'
import { labRoutes } from './labs.ts'
import type { DaemonService } from './routes.ts'
import { Streams } from './streams.ts'

/** The text of docs/openapi.json. Routes are only described, so that nothing of a daemon has to be there. */
export function openApiText(): string {
  const nobody = {} as ControlPlane & DaemonService
  const api = createApi({
    control: nobody,
    daemon: nobody,
    streams: new Streams(),
    log: pino({ level: 'silent' }),
    mount: (api, context) => {
      labRoutes(api, {} as Labs, context)
      captureRoutes(api, {} as CaptureService, context)
    },
  })
  return `${JSON.stringify(openApiDocument(api), undefined, 2)}\n`
}
