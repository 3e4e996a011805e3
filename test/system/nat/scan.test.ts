/** What somebody sees who looks for open ports: from the internet, and from another network of the same daemon. */

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { needs, needsTap } from '../../support/requirements.ts'
import { HOST, NatScene } from '../support/nat-scene.ts'

/** All of one, and the ends of a range of three. */
const PUBLISHED = ['8080:80', '127.0.0.1:8081:80', '8082:81', '8090:90', '8091:91', '8092:92', '8053:53/udp']
const OPEN = [8080, 8090, 8091, 8092]

const skip = needsTap() || needs('ip', 'nmap', 'tcpdump', 'nsenter', 'setpriv')

describe('a scan', { skip }, () => {
  let scene: NatScene
  before(async () => {
    scene = await NatScene.start()
    await scene.daemon.do('network', 'create', 'blue')
    await scene.sandbox('web', 'blue', PUBLISHED)
    await scene.sandbox('other')
    const [web, host] = await Promise.all([scene.station('web'), scene.station('host')])
    for (const port of [80, 90, 91, 92]) await web.call('listen', `0.0.0.0:${port}`)
    await web.call('mirror', await web.call('udp', '0.0.0.0:53'))
    // The machine's own server, which is none of ours.
    await host.call('listen', '0.0.0.0:22')
  })
  after(() => scene.stop())

  it('from the internet finds exactly the published ports, and what the machine itself has', async () => {
    const kernel = await scene.capture(
      'internet',
      `src host ${HOST} and (icmp or tcp[tcpflags] & tcp-rst != 0)`,
    )
    const found = portsIn(
      await scene.on('internet', 'nmap', ...NMAP, '-sS', '-p', '22,8000-8100,61000-61050', HOST),
    )
    assert.deepEqual(found.get('open'), [22, ...OPEN])
    // Published, but nobody listens there: its reset is the sandbox's own. All others are the kernel's.
    assert.ok(found.get('closed')?.includes(8082))
    assert.ok(found.get('closed')?.includes(8000))
    // Bound to 127.0.0.1, and ports that stand for sources: nobody says anything.
    const silent = found.get('filtered') ?? []
    assert.deepEqual(
      silent.filter((port) => port < 61_000),
      [],
    )
    assert.deepEqual(silent.filter((port) => port >= 61_000).length, 51)
    await kernel.stop()
    const resets = [...kernel.text.matchAll(new RegExp(`${HOST.replaceAll('.', '\\.')}\\.(\\d+) >`, 'g'))]
    const ours = new Set([...OPEN, ...Array.from({ length: 51 }, (_, index) => 61_000 + index)])
    assert.deepEqual(
      resets.map(([, port]) => Number(port)).filter((port) => ours.has(port)),
      [],
    )
    assert.ok(resets.length > 0)
    assert.doesNotMatch(kernel.text, /ICMP/)
  })

  it('from the internet by UDP finds exactly the published ports', async () => {
    const options = ['-sU', '-p', '53,8050-8055,61000-61003', '--data-string', 'hello', '--min-rate', '200']
    const kernel = await scene.capture('internet', `src host ${HOST} and icmp`)
    const found = portsIn(await scene.on('internet', 'nmap', ...NMAP, ...options, HOST))
    assert.deepEqual(found.get('open'), [8053])
    assert.deepEqual(found.get('open|filtered')?.filter((port) => port < 61_000) ?? [], [])
    assert.deepEqual(found.get('open|filtered')?.length, 4)
    await kernel.stop()
    assert.doesNotMatch(kernel.text, /udp port (?:8053|61\d+) unreachable/)
  })

  it('from another network finds no host there, and no port', async () => {
    const before = await scene.drops()
    const { IPAddress, Gateway } = await scene.daemon.endpoint('web', 'blue')
    const prefix = IPAddress.replace(/\d+$/, '0')
    const hosts = await scene.on(
      'other',
      'nmap',
      '-n',
      '-sn',
      '--max-retries',
      '0',
      '--host-timeout',
      '5s',
      '-T5',
      `${prefix}/29`,
    )
    assert.match(hosts, /0 hosts up/)
    for (const address of [IPAddress, Gateway]) {
      const said = await scene.on('other', 'nmap', ...NMAP, '-sS', '-p', '53,80-95', address)
      assert.deepEqual([...portsIn(said).keys()], ['filtered'], said)
    }
    await scene.dropped('network-isolated', before, 30)
  })

  it('of the own gateway finds what is published on all addresses, and nothing else', async () => {
    const { Gateway } = await scene.daemon.endpoint('other', 'bridge')
    const said = await scene.on('other', 'nmap', ...NMAP, '-sS', '-p', '22,53,80,8080', Gateway)
    const found = portsIn(said)
    assert.deepEqual([found.get('open'), found.get('closed'), found.size], [[8080], [22, 53, 80], 2])
  })
})

/** Left to itself nmap waits 50 ms where the first answers, which are the kernel's, are quick: programs may take longer. */
const PATIENCE = '--initial-rtt-timeout 1s --min-rtt-timeout 1s --max-rtt-timeout 1s'

const NMAP = `-n -Pn -T5 --max-retries 1 --min-rate 500 ${PATIENCE} -oX -`.split(' ')

/** Ports by their state, as `nmap -oX -` prints them: singly, and in ranges where many are in one state. */
function portsIn(xml: string): Map<string, number[]> {
  const result = new Map<string, number[]>()
  const add = (state: string, first: number, last: number): void => {
    const ports = result.get(state) ?? []
    for (let port = first; port <= last; port++) ports.push(port)
    result.set(state, ports)
  }
  for (const [, port, state] of xml.matchAll(/portid="(\d+)"><state state="([^"]+)"/g)) {
    add(state!, Number(port), Number(port))
  }
  for (const [, state, reasons] of xml.matchAll(/<extraports state="([^"]+)"[^>]*>([^]*?)<\/extraports>/g)) {
    for (const [, ports] of reasons!.matchAll(/ports="([^"]+)"/g)) {
      for (const range of ports!.split(',')) {
        const [first = 0, last = first] = range.split('-').map(Number)
        add(state!, first, last)
      }
    }
  }
  return result
}
