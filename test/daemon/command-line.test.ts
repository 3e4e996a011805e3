import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { TapwireError } from '../../src/control/errors.ts'
import { daemonOptions, parse } from '../../src/daemon/command-line.ts'

describe("a daemon's command line that is wrong", () => {
  for (const [args, text] of [
    [['--io', 'dpdk'], '--io takes one of auto, io_uring, epoll, not dpdk.'],
    [['--log-level', 'loud'], '--log-level takes one of trace, debug, info, warn, error, fatal, not loud.'],
    [['--ready-fd', 'three'], '--ready-fd takes the number of an open descriptor, not three.'],
    [['--uplink', 'nci:eth0'], "invalid uplink 'nci:eth0': unknown kind 'nci'; did you mean 'nic'?"],
    [['--bogus'], "Unknown option '--bogus'"],
    [['--ephemeral', '--live-restore'], '--live-restore leaves sandboxes to the next daemon'],
  ] as const) {
    it(`is told so: ${args.join(' ')}`, () => {
      assert.throws(
        () => daemonOptions(parse([...args])),
        (error) => error instanceof TapwireError && error.message.includes(text),
      )
    })
  }
})
