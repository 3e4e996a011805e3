import type { Place } from './program.ts'
import { Remote } from './remote.ts'
import type { StationMethods } from './station-program.ts'

/** A process with sockets in a network namespace, which does what a test says. */
export class Station extends Remote<StationMethods> {
  static start(place: Place): Promise<Station> {
    return new Station(place, 'station-program').ready()
  }
}
