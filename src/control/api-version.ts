/** The API that this program speaks: as a daemon it says so with each answer, as a client it refuses another one. */
export const API_VERSION = '1'

/** The header of every answer that carries it. */
export const API_VERSION_HEADER = 'Tapwire-Api-Version'

/** What a connection is upgraded to by attach and exec: the frames of native/shim/README.md. */
export const STREAM_PROTOCOL = 'tapwire-stream'
