/** overlay, and networks that go on to other hosts, against an API served by this process. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { OverlayNetworks, OverlayPeers } from '../../src/control/api/overlay.ts'
import { CLUSTER_STATUS } from '../support/cluster-status.ts'
import { CliScene } from './cli-scene.ts'
import { Failure } from './fake-control.ts'

const cli = new CliScene()

const peer = (host: string, address: string, more: object = {}): OverlayPeers['peers'][number] => ({
  network: 'wide',
  vni: 42,
  host,
  address,
  port: 7,
  mtu: 1450,
  endpoints: 3,
  stations: 2,
  received: { frames: 1200, bytes: 1_230_000 },
  transmitted: { frames: 0, bytes: 0 },
  dropped: 4,
  ...more,
})

const PEERS: OverlayPeers = {
  peers: [
    peer('node-10', '192.0.2.10', { idleS: 200 }),
    peer('node-9', '192.0.2.9', { network: 'other', mtu: 8950 }),
  ],
}

const NETWORKS: OverlayNetworks = {
  networks: [
    {
      network: 'wide',
      driver: 'vxlan',
      vni: 42,
      local: '192.0.2.1',
      udpPort: 4789,
      mtu: 1450,
      peers: 2,
      problem: '',
    },
    {
      network: 'far',
      driver: 'overlay',
      vni: 4096,
      local: '',
      udpPort: 8472,
      mtu: 1450,
      peers: 0,
      problem: 'there is no route to 192.0.2.2',
    },
  ],
}

describe('tapwire overlay', () => {
  it('peers draws the other hosts', async () => {
    cli.control.answers.set('GET /overlay/peers', () => PEERS)
    assert.equal(
      await cli.out('overlay', 'peers'),
      `HOST      ADDRESS      NETWORK    MTU   ENDPOINTS   STATIONS          IDLE           FROM IT     TO IT   DROPPED
node-9    192.0.2.9    other     8950           3          2   never heard   1,200 / 1.23 MB   0 / 0 B         4
node-10   192.0.2.10   wide      1450           3          2         3 min   1,200 / 1.23 MB   0 / 0 B         4
`,
    )
    assert.deepEqual(cli.control.asked, ['GET /overlay/peers'])
  })

  it('peers of a network asks for those, and prints them as they are with --json', async () => {
    cli.control.answers.set('GET /overlay/peers', ({ query }) => {
      assert.deepEqual(query, { network: 'wide' })
      return PEERS
    })
    assert.deepEqual(JSON.parse(await cli.out('overlay', 'peers', 'wide', '--json')), PEERS)
  })

  it('ls draws the networks, and why nothing passes', async () => {
    cli.control.answers.set('GET /overlay/networks', () => NETWORKS)
    assert.equal(
      await cli.out('overlay', 'ls'),
      `NETWORK   DRIVER     VNI   LOCAL       PORT    MTU   PEERS   STATE
far       overlay   4096   -           8472   1450       0   down: there is no route to 192.0.2.2
wide      vxlan       42   192.0.2.1   4789   1450       2   up
`,
    )
    assert.deepEqual(JSON.parse(await cli.out('overlay', 'ls', '--json')), NETWORKS)
  })
})

describe('a cluster', () => {
  it('is shown by overlay status', async () => {
    cli.control.answers.set('GET /cluster', () => CLUSTER_STATUS)
    assert.equal(
      await cli.out('overlay', 'status'),
      `Cluster:  lab
Host:     node-2, 192.0.2.2 port 4789
State:    member
Registry: does not answer since 2026-01-02T03:04:05.000Z: connection refused
Waiting:  1 endpoint of this host, until the registry hears of them

HOST            ADDRESS     STATE   ENDPOINTS   ADDRESSES
node-2 (this)   192.0.2.2   there           2           2
node-10         -           away            0       1,200

NETWORK    VNI   ENDPOINTS   HOSTS   HERE
red       4097           0       0   no: network with name red already exists
wide      4096           7       2   yes
`,
    )
    assert.deepEqual(JSON.parse(await cli.out('overlay', 'status', '--json')), CLUSTER_STATUS)
  })

  it('forgets hosts one by one, and tells of each that it cannot', async () => {
    cli.control.answers.set('DELETE /cluster/hosts/node-10', () => ({
      hosts: ['b'],
      addresses: ['10.0.1.2'],
    }))
    cli.control.answers.set(
      'DELETE /cluster/hosts/node-2',
      () => new Failure(409, 'host node-2 is in cluster lab'),
    )
    const {
      code,
      out: text,
      err,
    } = await cli.harness.tapwire(['--host', cli.host, 'overlay', 'forget', 'node-2', 'node-10'])
    assert.deepEqual([code, text], [1, 'node-10: 1 address given back\n'])
    assert.match(err, /host node-2 is in cluster lab/)
  })

  it('has its hosts that are away completed', async () => {
    cli.control.answers.set('GET /cluster', () => CLUSTER_STATUS)
    const words = ['--host', cli.host, 'overlay', 'forget', '']
    const { out: text } = await cli.harness.tapwire(['complete', '--', ...words])
    assert.equal(text, 'node-10\taway, with 1,200 addresses\n:4\n')
  })
})

describe('tapwire network create -d vxlan', () => {
  it('sends addresses that are given one by one as a list', async () => {
    cli.control.answers.set('POST /networks', ({ body }) => {
      const { Driver, Options } = body as { Driver: string; Options: object }
      assert.deepEqual([Driver, Options], ['vxlan', { vni: '42', remote: '192.0.2.2,192.0.2.3,192.0.2.4' }])
      return { Id: 'a1', Warning: '' }
    })
    const remotes = ['-o', 'remote=192.0.2.2,192.0.2.3', '-o', 'remote=192.0.2.4']
    assert.equal(
      await cli.out('network', 'create', '-d', 'vxlan', '-o', 'vni=42', ...remotes, 'wide'),
      'a1\n',
    )
  })
})
