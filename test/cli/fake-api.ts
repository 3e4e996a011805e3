/** What a daemon with the demo's sandboxes may answer. */
import type { Fdb, Stats } from '../../src/control/api/switch.ts'

export const DEMO = `
networks: { web: , other: }
sandboxes:
  alice: { networks: [web] }
  bob: { networks: [web, other], command: [sleep, '5 5'] }
`

export const FDB: Fdb = {
  stations: [
    {
      network: 'web',
      mac: '02:42:0a:01:00:02',
      sandbox: 'alice',
      interface: 'eth0',
      port: 0,
      ageS: 7.9,
      static: false,
    },
    {
      network: 'web',
      mac: '02:42:0a:01:00:03',
      sandbox: 'bob',
      interface: 'eth0',
      port: 1,
      ageS: 0,
      static: true,
    },
  ],
}

/** Counters after `seconds` of one frame of 100 bytes a second from alice to bob, and a dropped one at the start. */
export function statsAfter(seconds: number): Stats {
  return {
    at: 1000 * (1_000_000 + seconds),
    uptimeS: seconds,
    totals: {
      received: seconds + 1,
      forwarded: seconds,
      flooded: 0,
      copies: 0,
      segments: 0,
      originated: 0,
      transmitted: seconds,
      dropped: 1,
      consumed: 0,
      held: 0,
    },
    ports: [
      {
        port: 0,
        network: 'web',
        sandbox: 'alice',
        interface: 'eth0',
        received: { frames: seconds + 1, bytes: seconds * 100 + 10 },
        transmitted: { frames: 0, bytes: 0 },
        dropped: 1,
      },
      {
        port: 1,
        network: 'web',
        sandbox: 'bob',
        interface: 'eth0',
        received: { frames: 0, bytes: 0 },
        transmitted: { frames: seconds, bytes: seconds * 100 },
        dropped: 0,
      },
    ],
    drops: [
      { reason: 'runt-frame', sentence: 'The frame is too short.', frames: 1 },
      { reason: 'same-port', sentence: 'The target lives behind the same port.', frames: 0 },
    ],
  }
}
