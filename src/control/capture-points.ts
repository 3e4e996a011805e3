/** What client and daemon both know of captures, without the schemas of the API, which take their time to load. */

/** Names the capture that an answer of GET /capture is. */
export const CAPTURE_ID_HEADER = 'Tapwire-Capture-Id'

export const CAPTURE_POINTS = ['pre-nat', 'post-nat', 'both'] as const
/** As frames arrive at the switch, as they leave it, or both. */
export type CapturePoint = (typeof CAPTURE_POINTS)[number]
