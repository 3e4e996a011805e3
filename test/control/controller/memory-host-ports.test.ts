import assert from 'node:assert/strict'
import { it } from 'node:test'
import { hostPortsConformance, request } from './host-ports.conformance.ts'
import { MemoryHostPorts } from './memory-host-ports.ts'

hostPortsConformance('MemoryHostPorts as HostPorts', () => {
  const ports = new MemoryHostPorts(async (_name, apply) => apply())
  return {
    ports,
    occupy: async (protocol, address, port) => {
      const other = `${protocol} ${address} ${port}`
      ports.others.add(other)
      return async () => void ports.others.delete(other)
    },
    close: () => assert.equal(ports.reserved.length, 0),
  }
})

it('a step of MemoryHostPorts that fails has no effect', async () => {
  let failing = true
  const ports = new MemoryHostPorts(async (name, apply) => {
    if (failing) throw new Error(`${name} fails`)
    return apply()
  })
  await assert.rejects(ports.open(request()), /openHostPorts fails/)
  assert.deepEqual(ports.reserved, [])
  failing = false
  const reservation = await ports.open(request())
  failing = true
  await assert.rejects(reservation.close(), /closeHostPorts fails/)
  assert.deepEqual(ports.reserved, [request()])
})
