import type { NameServerMethods } from './name-server-program.ts'
import type { Place } from './program.ts'
import { Remote } from './remote.ts'

/** Name servers in a network namespace, which answer well or ill as a test says. */
export class NameServer extends Remote<NameServerMethods> {
  static start(place: Place): Promise<NameServer> {
    return new NameServer(place, 'name-server-program').ready()
  }
}
