import assert from 'node:assert/strict'
import { type ControlDaemon, linkOf } from './control-daemon.ts'
import { run } from './program.ts'

interface Interface {
  readonly ifname: string
  readonly address: string
  readonly flags: readonly string[]
  readonly addr_info: readonly { readonly family: string; readonly local: string; readonly scope: string }[]
}

/** The network whose sandboxes are on it, as inspect shows them, and have nothing but `lo`. */
const WITHOUT_INTERFACE = 'none'

/** What there is on the machine is what the model says, and nothing else. */
export async function checkMachine(daemon: ControlDaemon): Promise<void> {
  const summaries = await daemon.call<{ Id: string; State: string }[]>('GET', '/sandboxes?all=true')
  const running = summaries.filter(({ State }) => State === 'running').map(({ Id }) => Id)
  const short = running.map((id) => id.slice(0, 12)).toSorted()
  const { folders, links, shims, processes } = daemon.traces()
  assert.deepEqual(shims, short)
  assert.deepEqual(folders, short)
  assert.deepEqual(
    links,
    short.map((id) => `tw-${id}`),
  )
  assert.deepEqual(
    processes.filter((id) => !short.includes(id)),
    [],
  )
  const taken = new Set<string>()
  for (const id of running) {
    assert.ok(linkOf(id))
    await checkInterfaces(daemon, id, taken)
  }
}

async function checkInterfaces(daemon: ControlDaemon, id: string, taken: Set<string>): Promise<void> {
  const { NetworkSettings, Name } = await daemon.inspect(id)
  const present = JSON.parse(await run(daemon.place(id), 'ip', '-j', 'address')) as Interface[]
  const seen = present
    .filter(({ ifname }) => ifname !== 'lo')
    .map(({ ifname, address, flags, addr_info: addresses }) => ({
      name: ifname,
      mac: address,
      up: flags.includes('LOWER_UP'),
      ipv4: addresses.filter(({ family }) => family === 'inet').map(({ local }) => local),
    }))
  const endpoints = Object.entries(NetworkSettings.Networks)
  for (const [network, { EndpointID }] of endpoints) assert.notEqual(EndpointID, '', `${Name} on ${network}`)
  const withInterface = endpoints
    .filter(([network]) => network !== WITHOUT_INTERFACE)
    .map(([, place]) => place)
  const wanted = withInterface.map(({ InterfaceName, MacAddress, IPAddress }) => ({
    name: InterfaceName,
    mac: MacAddress,
    up: true,
    ipv4: [IPAddress],
  }))
  const byName = (one: { name: string }, other: { name: string }): number => (one.name < other.name ? -1 : 1)
  assert.deepEqual(seen.toSorted(byName), wanted.toSorted(byName), Name)
  for (const { NetworkID, IPAddress } of withInterface) {
    const place = `${NetworkID} ${IPAddress}`
    assert.ok(!taken.has(place), `${Name}: ${IPAddress} is given out twice`)
    taken.add(place)
  }
  const route = await run(daemon.place(id), 'ip', 'route', 'show', 'default')
  const { Gateway } = NetworkSettings.DefaultRoute.IPv4
  assert.equal(route.split(' ')[2] ?? '', Gateway)
}
