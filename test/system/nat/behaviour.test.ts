/**
 * How the NAT behaves, in the words of RFC 4787 (UDP), RFC 5382 (TCP) and RFC 5508 (ICMP). What is found is compared with
 * test/fixtures/nat-behaviour.json, which docs/nat.md tells of.
 */

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { repositoryRoot } from '../../support/repository.ts'
import { needs, needsTap } from '../../support/requirements.ts'
import { FAR, FARTHER, HOST, NatScene } from '../support/nat-scene.ts'
import type { Station } from '../support/station.ts'

const FIXTURE = join(repositoryRoot, 'test/fixtures/nat-behaviour.json')
const UPLINKS = {
  shared: 'nic:eth0',
  own: 'tap:up0,address=192.0.2.50/24,gateway=192.0.2.1,namespace=',
} as const
const OWN = '192.0.2.50'

const skip = needsTap() || needs('ip', 'ping', 'traceroute', 'nsenter', 'setpriv')

for (const [uplink, spec] of Object.entries(UPLINKS)) {
  describe(`behaviour behind an address that is ${uplink}`, { skip }, () => {
    const address = uplink === 'shared' ? HOST : OWN
    const outside = uplink === 'shared' ? 'eth0' : 'up0'
    const expected = JSON.parse(readFileSync(FIXTURE, 'utf8'))[uplink] as Record<string, string>
    let scene: NatScene
    let red: Station
    let blue: Station
    let internet: Station
    before(async () => {
      scene = await NatScene.start()
      if (uplink === 'own') {
        await scene.daemon.call('PUT', '/uplink', { Uplink: `${spec}${scene.internet.path}` })
        scene.internet.ip('link', 'set', 'up0', 'up')
        scene.internet.ip('address', 'add', '192.0.2.1/24', 'dev', 'up0')
      }
      await scene.sandbox('red', 'bridge', ['8080:80/udp', '8080:80'])
      await scene.sandbox('blue')
      ;[red, blue, internet] = await Promise.all([
        scene.station('red'),
        scene.station('blue'),
        scene.station('internet'),
      ])
      for (const server of [`${FAR}:3478`, `${FAR}:3479`, `${FARTHER}:3478`]) {
        await internet.call('mirror', await internet.call('udp', server))
        await internet.call('mirrorLines', await internet.call('listen', server))
      }
    })
    after(() => scene.stop())

    const is = (what: string, found: string): void => assert.equal(found, expected[what], what)

    /** What each server says that the socket looks like from there. */
    async function seen(station: Station, socket: number, servers: readonly string[]): Promise<string[]> {
      const result: string[] = []
      for (const server of servers) {
        await station.call('send', socket, server, 'hello')
        result.push((await station.call('receive', socket)).text)
      }
      return result
    }

    it('address pooling, port assignment, mapping', async () => {
      const port = 5000
      const socketOfRed = await red.call('udp', `0.0.0.0:${port}`)
      const [first = ''] = await seen(red, socketOfRed, [`${FAR}:3478`])
      // The same port of another sandbox: towards one of three destinations somebody has it already.
      const socketOfBlue = await blue.call('udp', `0.0.0.0:${port}`)
      const peers = await seen(blue, socketOfBlue, [`${FAR}:3478`, `${FAR}:3479`, `${FARTHER}:3478`])
      assert.notEqual(peers[0], first, 'two sources are never the same to one destination')
      is('mapping', mappingOf(peers))
      is('address pooling', new Set([first, ...peers].map(hostOf)).size === 1 ? 'one address' : 'several')
      assert.equal(hostOf(first), address)
      is('port assignment', portOf(first) === port ? 'preserved where it is free' : 'from a block')
      const overloads = peers.slice(1).some((peer) => peer === first)
      is('port overloading', overloads ? 'towards different destinations' : 'not seen')
      if (uplink !== 'shared') return
      for (const peer of [first, ...peers]) assert.ok(portOf(peer) >= 61_000 && portOf(peer) <= 65_095, peer)
    })

    it('mapping of TCP', async () => {
      const open = async (station: Station, server: string): Promise<string> => {
        const { handle } = await station.call('connect', server, '0.0.0.0:5001')
        await station.call('write', handle, 'hello')
        return (await station.call('read', handle)).split(' ')[1] ?? ''
      }
      const first = await open(red, `${FAR}:3478`)
      const peers: string[] = []
      for (const server of [`${FAR}:3478`, `${FAR}:3479`, `${FARTHER}:3478`])
        peers.push(await open(blue, server))
      assert.notEqual(peers[0], first)
      is('mapping', mappingOf(peers))
    })

    it('filtering', async () => {
      const socket = await red.call('udp', '0.0.0.0:0')
      const same = await internet.call('udp', `${FAR}:4001`)
      await red.call('send', socket, `${FAR}:4001`, 'hello')
      const { from: mapped } = await internet.call('receive', same)
      const [elsewhere, other] = await Promise.all([
        internet.call('udp', `${FARTHER}:4000`),
        internet.call('udp', `${FAR}:4000`),
      ])
      await internet.call('send', elsewhere, mapped, 'endpoint-independent')
      await internet.call('send', other, mapped, 'address-dependent')
      await internet.call('send', same, mapped, 'address and port-dependent')
      // They arrive in the order in which they were sent.
      is('filtering', (await red.call('receive', socket)).text)
    })

    it('hairpinning', async () => {
      await red.call('mirror', await red.call('udp', '0.0.0.0:80'))
      const socket = await blue.call('udp', '0.0.0.0:0')
      const [peer = ''] = await seen(blue, socket, [`${address}:8080`])
      const { Gateway } = await scene.daemon.endpoint('red', 'bridge')
      is('hairpinning of published ports', hostOf(peer) === Gateway ? 'from the gateway' : peer)
      // A mapping that no port is published for. Of what comes to it, that of blue would be the first.
      const inside = await red.call('udp', '0.0.0.0:0')
      const [mapped = ''] = await seen(red, inside, [`${FAR}:3478`])
      await blue.call('send', socket, mapped, 'hairpin')
      await seen(blue, socket, [`${FAR}:3478`])
      const [next] = await seen(red, inside, [`${FAR}:3478`])
      is('hairpinning of mappings', next === mapped ? 'no' : 'yes')
    })

    it('ICMP: identifiers, and errors about datagrams', async () => {
      const dump = await scene.capture('internet', 'icmp[icmptype] == icmp-echo', outside)
      const ping = ['ping', '-n', '-c', '1', '-W', '45', '-e', '4242', FAR] as const
      await scene.on('red', ...ping)
      await scene.on('blue', ...ping)
      await dump.has('echo request[^]*echo request')
      await dump.stop()
      const [one, two] = [...dump.text.matchAll(/echo request, id (\d+)/g)].map(([, id]) => id)
      is('ICMP identifier', one === '4242' ? 'preserved where it is free' : 'another')
      assert.notEqual(one, two)
      const said = await scene.on('red', 'traceroute', '-n', '-U', '-q', '1', '-w', '45', '-m', '3', FAR)
      is('ICMP errors', new RegExp(`\\s${FAR}\\s`).test(said) ? 'translated' : 'lost')
    })

    it('a SYN that nobody has asked for', async () => {
      const { handle, from } = await red.call('connect', `${FAR}:3478`, '0.0.0.0:0')
      assert.ok(from)
      await red.call('write', handle, 'hello')
      const mapped = (await red.call('read', handle)).split(' ')[1]!
      const answers = await scene.capture('internet', `src host ${address}`, outside)
      const before = await scene.drops()
      void internet.call('connect', mapped, `${FARTHER}:0`).catch(() => undefined)
      await scene.dropped(uplink === 'shared' ? 'not-ours' : 'port-closed', before)
      await scene.on('internet', 'ping', '-n', '-c', '1', '-W', '45', address)
      await answers.has('echo reply')
      await answers.stop()
      const port = portOf(mapped)
      is(
        'unsolicited SYN',
        new RegExp(`\\.${port} > .*\\[R|unreachable`).test(answers.text) ? 'refused' : 'silently dropped',
      )
    })
  })
}

const hostOf = (endpoint: string): string => endpoint.split(':')[0]!
const portOf = (endpoint: string): number => Number(endpoint.split(':')[1])

/** By how a socket looks to a server, to another port of it, and to another server. */
function mappingOf([first, otherPort, otherAddress]: readonly string[]): string {
  if (first !== otherPort) return 'address and port-dependent'
  return first === otherAddress ? 'endpoint-independent' : 'address-dependent'
}
