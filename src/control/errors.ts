/**
 * What the control path throws: a stable code for programs, a sentence for people, and what to do next.
 * The data path never throws; it counts drops by reason.
 */

/** Codes that scripts may rely on. Add to the list; never change what stands there. */
export const ErrorCode = {
  labFileUnreadable: 'LAB_FILE_UNREADABLE',
  labFileInvalid: 'LAB_FILE_INVALID',
  labUnknown: 'LAB_UNKNOWN',
  labNotUp: 'LAB_NOT_UP',
  labAmbiguous: 'LAB_AMBIGUOUS',
  labHostUnknown: 'LAB_HOST_UNKNOWN',
  outputUnwritable: 'OUTPUT_UNWRITABLE',
  labConflict: 'LAB_CONFLICT',
  labIncomplete: 'LAB_INCOMPLETE',
  sandboxUnknown: 'SANDBOX_UNKNOWN',
  daemonUnreachable: 'DAEMON_UNREACHABLE',
  daemonAddress: 'DAEMON_ADDRESS',
  rootLocked: 'ROOT_LOCKED',
  daemonVersion: 'DAEMON_VERSION',
  daemonAnswer: 'DAEMON_ANSWER',
  daemonFailed: 'DAEMON_FAILED',
  daemonStays: 'DAEMON_STAYS',
  sandboxStart: 'SANDBOX_START',
  sandboxEnded: 'SANDBOX_ENDED',
  commandNotFound: 'COMMAND_NOT_FOUND',
  commandNotExecutable: 'COMMAND_NOT_EXECUTABLE',
  commandFailed: 'COMMAND_FAILED',
  programMissing: 'PROGRAM_MISSING',
  notPermitted: 'NOT_PERMITTED',
  usage: 'USAGE',
  templateInvalid: 'TEMPLATE_INVALID',
  objectUnknown: 'OBJECT_UNKNOWN',
  interrupted: 'INTERRUPTED',
  badRequest: 'BAD_REQUEST',
  routeUnknown: 'ROUTE_UNKNOWN',
  bodyTooLarge: 'BODY_TOO_LARGE',
  bodyTypeUnknown: 'BODY_TYPE_UNKNOWN',
  requestTimeout: 'REQUEST_TIMEOUT',
  upgradeRequired: 'UPGRADE_REQUIRED',
  tooManyStreams: 'TOO_MANY_STREAMS',
  rootUnusable: 'ROOT_UNUSABLE',
  configurationInvalid: 'CONFIGURATION_INVALID',
  addonMissing: 'ADDON_MISSING',
  socketUnusable: 'SOCKET_UNUSABLE',
  internal: 'INTERNAL',
  nameInvalid: 'NAME_INVALID',
  nameTaken: 'NAME_TAKEN',
  referenceInvalid: 'REFERENCE_INVALID',
  referenceAmbiguous: 'REFERENCE_AMBIGUOUS',
  networkUnknown: 'NETWORK_UNKNOWN',
  networkConfigInvalid: 'NETWORK_CONFIG_INVALID',
  networkPredefined: 'NETWORK_PREDEFINED',
  driverUnknown: 'DRIVER_UNKNOWN',
  sandboxInvalid: 'SANDBOX_INVALID',
  endpointInvalid: 'ENDPOINT_INVALID',
  portInvalid: 'PORT_INVALID',
  portNotPublished: 'PORT_NOT_PUBLISHED',
  portInUse: 'PORT_IN_USE',
  interfaceNameTaken: 'INTERFACE_NAME_TAKEN',
  filterInvalid: 'FILTER_INVALID',
  captureInvalid: 'CAPTURE_INVALID',
  poolOverlap: 'POOL_OVERLAP',
  poolsExhausted: 'POOLS_EXHAUSTED',
  addressInUse: 'ADDRESS_IN_USE',
  addressOutOfRange: 'ADDRESS_OUT_OF_RANGE',
  addressesExhausted: 'ADDRESSES_EXHAUSTED',
  stateInvalid: 'STATE_INVALID',
  stateUnwritable: 'STATE_UNWRITABLE',
  eventsLost: 'EVENTS_LOST',
  networkInUse: 'NETWORK_IN_USE',
  connectionRefused: 'CONNECTION_REFUSED',
  notConnected: 'NOT_CONNECTED',
  notRunning: 'NOT_RUNNING',
  sandboxRunning: 'SANDBOX_RUNNING',
  linkTarget: 'LINK_TARGET',
  limitReached: 'LIMIT_REACHED',
  portsExhausted: 'PORTS_EXHAUSTED',
  uplinkUnusable: 'UPLINK_UNUSABLE',
  parentUnusable: 'PARENT_UNUSABLE',
  uplinkInvalid: 'UPLINK_INVALID',
  tunnelUnusable: 'TUNNEL_UNUSABLE',
  vniInUse: 'VNI_IN_USE',
  linkInvalid: 'LINK_INVALID',
  daemonStopping: 'DAEMON_STOPPING',
  simulationImpossible: 'SIMULATION_IMPOSSIBLE',
  outputFailed: 'OUTPUT_FAILED',
  registryUnavailable: 'REGISTRY_UNAVAILABLE',
  registryNotInstalled: 'REGISTRY_NOT_INSTALLED',
  registryLeaseUnknown: 'REGISTRY_LEASE_UNKNOWN',
  clusterInvalid: 'CLUSTER_INVALID',
  serviceUnknown: 'SERVICE_UNKNOWN',
  serviceInvalid: 'SERVICE_INVALID',
  noCluster: 'NO_CLUSTER',
  hostPresent: 'HOST_PRESENT',
} as const

export interface TapwireErrorDetails {
  /** What the user can do now, as a sentence or a command. */
  readonly hint?: string | undefined
  /** The exit code of the command line; 1 unless given. */
  readonly exitCode?: number | undefined
  readonly cause?: unknown
}

export class TapwireError extends Error {
  override readonly name: string = 'TapwireError'
  /** One of ErrorCode, or a code that the daemon sent. */
  readonly code: string
  readonly hint: string | undefined
  readonly exitCode: number

  constructor(code: string, message: string, details: TapwireErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.code = code
    this.hint = details.hint
    this.exitCode = details.exitCode ?? 1
  }
}
