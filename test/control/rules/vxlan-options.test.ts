import assert from 'node:assert/strict'
import { it } from 'node:test'
import { checkVxlanOptions } from '../../../src/control/rules/vxlan-options.ts'

const NETWORK = { internal: false, ipv4: true, ipv6: false } as never

it('the endpoints of a tunnel are addresses that a host can have, as they are written', () => {
  const problemsOf = (remote: string) => checkVxlanOptions({ vni: '1', remote }, NETWORK)
  for (const remote of ['192.0.2.2', '2001:db8::2', '192.0.2.2,192.0.2.3'])
    assert.deepEqual(problemsOf(remote), [])
  for (const [remote, problem] of [
    ['host', /not an IP address/],
    ['224.0.0.1', /a multicast address/],
    ['ff02::1', /a multicast address/],
    ['0.0.0.0', /the address of no host/],
    ['::ffff:192.0.2.2', /an address of IPv4: write it as one/],
  ] as const) {
    assert.equal(problemsOf(remote).length, 1, remote)
    assert.match(problemsOf(remote)[0]!, problem)
  }
})
