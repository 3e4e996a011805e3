/** What every HostPorts does, that of the machine and that in memory. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ErrorCode, TapwireError } from '../../../src/control/errors.ts'
import type { HostPortRequest, HostPortReservation, HostPorts } from '../../../src/control/model/machine.ts'

export interface OpenedHostPorts {
  readonly ports: HostPorts
  /** Another program takes a port; the function returned gives it back. */
  readonly occupy: (protocol: 'tcp' | 'udp', address: string, port: number) => Promise<() => Promise<void>>
  readonly close: () => void
}

export const request = (overrides: Partial<HostPortRequest> = {}): HostPortRequest => ({
  address: '',
  protocol: 'tcp',
  first: 3000,
  last: 3000,
  target: { address: '127.0.0.1', first: 7000 },
  ...overrides,
})

export function hostPortsConformance(name: string, open: () => OpenedHostPorts): void {
  const using = (body: (opened: OpenedHostPorts) => Promise<void>) => async () => {
    const opened = open()
    try {
      await body(opened)
    } finally {
      opened.close()
    }
  }

  describe(name, () => {
    it(
      'a port is had once, and again after it was given back, which may be done more than once',
      using(async ({ ports }) => {
        const first = await ports.open(request())
        await inUse(ports, request(), 3000)
        await first.close()
        const second = await ports.open(request())
        await first.close()
        await inUse(ports, request(), 3000)
        await second.close()
      }),
    )

    it(
      'of a range that is not to be had none is had, and the error names the port that is in use',
      using(async ({ ports }) => {
        const held = await ports.open(request({ first: 3005, last: 3006 }))
        await inUse(ports, request({ last: 3010 }), 3005)
        await closeAll(await ports.open(request({ last: 3004 })), held)
        await closeAll(await ports.open(request({ last: 3010 })))
      }),
    )

    for (const protocol of ['tcp', 'udp'] as const) {
      it(
        `${protocol}: all addresses conflict with each, all of a family with each of it, and others do not`,
        using(async ({ ports }) => {
          const conflicts = {
            '': ['', '0.0.0.0', '::', '127.0.0.1', '::1'],
            '0.0.0.0': ['', '0.0.0.0', '127.0.0.1'],
            '::': ['', '::', '::1'],
            '127.0.0.1': ['', '0.0.0.0', '127.0.0.1'],
            '::1': ['', '::', '::1'],
          }
          for (const [address, others] of Object.entries(conflicts)) {
            const held = await ports.open(request({ protocol, address }))
            for (const other of Object.keys(conflicts)) {
              const wanted = request({ protocol, address: other })
              if (others.includes(other)) await inUse(ports, wanted, 3000)
              else await closeAll(await ports.open(wanted))
            }
            await closeAll(held)
          }
        }),
      )
    }

    it(
      'TCP and UDP have ports of their own',
      using(async ({ ports }) => {
        await closeAll(await ports.open(request()), await ports.open(request({ protocol: 'udp' })))
      }),
    )

    it(
      'what another program holds is in use',
      using(async ({ ports, occupy }) => {
        for (const protocol of ['tcp', 'udp'] as const) {
          const release = await occupy(protocol, '127.0.0.1', 3002)
          await inUse(ports, request({ protocol, last: 3010 }), 3002)
          await closeAll(await ports.open(request({ protocol, address: '127.0.0.2', last: 3010 })))
          await release()
          await closeAll(await ports.open(request({ protocol, last: 3010 })))
        }
      }),
    )

    it(
      'the ports that Linux gives to connections are a range',
      using(async ({ ports }) => {
        const { first, last } = ports.ephemeralPorts()
        assert.ok(first > 0 && first < last && last <= 65_535)
      }),
    )
  })
}

async function inUse(ports: HostPorts, wanted: HostPortRequest, port: number): Promise<void> {
  await assert.rejects(ports.open(wanted), (error) => {
    assert.ok(error instanceof TapwireError)
    assert.equal(error.code, ErrorCode.portInUse)
    const host = wanted.address || '0.0.0.0'
    const address = host.includes(':') ? `[${host}]` : host
    assert.equal(
      error.message,
      `failed to bind host port ${address}:${port}/${wanted.protocol}: address already in use`,
    )
    return true
  })
}

async function closeAll(...reservations: readonly HostPortReservation[]): Promise<void> {
  for (const reservation of reservations) await reservation.close()
}
