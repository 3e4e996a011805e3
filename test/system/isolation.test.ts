/**
 * Networks never see one another's frames. One daemon gives them subnets that do not overlap, so these sandboxes give
 * themselves addresses: those that stand below one another here have the same address and the same MAC.
 *
 *     red    speaker .2 ──┐    listener .3 ──┐    witness .4 ──┐
 *                         ├──────────────────┴─────────────────┘
 *                      switch
 *                         ├──────────────────┬─────────────────┐
 *     blue   speaker .2 ──┘    listener .3 ──┘    witness .4 ──┘
 *
 * tcpdump listens to all that arrives at listeners and witnesses. The switch takes frames in turn: when the last frame that a
 * sandbox of the same network sent has been seen, any earlier frame from the other network would have been, too.
 */

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { needs, needsTap } from '../support/requirements.ts'
import { Capture } from './support/capture.ts'
import { BROADCAST, EXPERIMENTAL, FrameSender, frameOf } from './support/frames.ts'
import { UNGUARDED } from './support/lab-plan.ts'
import { type Backend, LiveLab } from './support/live-lab.ts'

const SPOKEN = ['broadcast', 'multicast', 'unknown-unicast', 'known-unicast', 'tagged-broadcast'] as const
const MULTICAST = '01:00:5e:00:00:fb'
const UNKNOWN = '02:00:00:00:99:99'
const TAG = '81000007'

/** Sandboxes of the lab are named `red-speaker` and so on. */
type Network = 'red' | 'blue'
const ROLES = ['speaker', 'listener', 'witness'] as const
type Role = (typeof ROLES)[number]

const addressOf = (role: Role): string => `10.99.0.${ROLES.indexOf(role) + 2}`
const macOf = (role: Role): string => `02:00:00:00:99:0${ROLES.indexOf(role) + 2}`

const other = (network: Network): Network => (network === 'red' ? 'blue' : 'red')

const skip = needsTap() || needs('ip', 'ping', 'tcpdump', 'cc', 'nsenter', 'setpriv')

for (const io of ['io_uring', 'epoll'] as const) {
  describe(`two networks over ${io}`, { skip }, () => {
    let lab: LiveLab
    let frames: FrameSender
    before(async () => {
      frames = new FrameSender()
      lab = await twoNetworks(io)
    })
    after(() => lab.down())

    for (const network of ['red', 'blue'] as const) {
      it(`keep what is said on ${network} there`, async () => {
        const [listener, witness, ...strangers] = await Promise.all([
          captureAt(lab, network, 'listener'),
          captureAt(lab, network, 'witness'),
          captureAt(lab, other(network), 'listener'),
          captureAt(lab, other(network), 'witness'),
        ])
        await speak(lab, frames, network)
        await Promise.all([listener.has('last-word'), witness.has('last-word')])
        // The other network is heard where it belongs, and so its captures work.
        await say(lab, frames, other(network), BROADCAST, EXPERIMENTAL, 'last-word')
        await Promise.all(strangers.map((stranger) => stranger.has('last-word')))

        for (const spoken of SPOKEN) {
          assert.match(listener.text, new RegExp(`${network}-${spoken}`))
          for (const stranger of strangers)
            assert.doesNotMatch(stranger.text, new RegExp(`${network}-${spoken}`))
        }
        // A frame to a station that is known goes to no one else, not even at home.
        assert.doesNotMatch(witness.text, new RegExp(`${network}-known-unicast`))
        await Promise.all([listener, witness, ...strangers].map((capture) => capture.stop()))
        await lab.accounted()
      })

      it(`answer a ping on ${network} by the station there`, async () => {
        const [home, abroad] = await Promise.all([
          Capture.start(lab.place(`${network}-listener`), 'eth0', 'icmp'),
          Capture.start(lab.place(`${other(network)}-listener`), 'eth0', 'icmp'),
        ])
        const target = addressOf('listener')
        await lab.exec(`${network}-speaker`, 'ping', '-q', '-c', '3', '-i', '0.01', '-p', 'aa', target)
        await home.has('echo request.* seq 3')
        await lab.exec(`${other(network)}-speaker`, 'ping', '-q', '-c', '1', '-p', 'bb', target)
        await abroad.has('echo request')
        assert.equal(home.text.match(/echo request/g)?.length, 3)
        assert.equal(abroad.text.match(/echo request/g)?.length, 1)
        await Promise.all([home.stop(), abroad.stop()])
        await lab.accounted()
      })
    }

    it('have tables of their own for the same addresses', async () => {
      const { stations } = await lab.fdb()
      for (const role of ['speaker', 'listener'] as const) {
        const mac = lab.mac(`red-${role}`)
        assert.equal(lab.mac(`blue-${role}`), mac)
        const places = stations.filter((station) => station.mac === mac)
        assert.deepEqual(places.map(({ network, sandbox }) => `${network}: ${sandbox}`).toSorted(), [
          `blue: blue-${role}`,
          `red: red-${role}`,
        ])
      }
    })
  })
}

async function twoNetworks(io: Backend): Promise<LiveLab> {
  const named = (['red', 'blue'] as const).flatMap((network) =>
    ROLES.map((role) => [`${network}-${role}`, role, network] as const),
  )
  const sandboxes = named.map(([name, role, network]) => [name, { on: [network], mac: macOf(role) }] as const)
  const plan = { networks: { red: UNGUARDED, blue: UNGUARDED }, sandboxes: Object.fromEntries(sandboxes) }
  const lab = await LiveLab.up(plan, { io })
  for (const [sandbox, role] of named) {
    await lab.exec(sandbox, 'ip', 'address', 'flush', 'dev', 'eth0', 'scope', 'global')
    await lab.exec(sandbox, 'ip', 'address', 'add', `${addressOf(role)}/24`, 'dev', 'eth0')
  }
  return lab
}

const captureAt = (lab: LiveLab, network: Network, role: Role): Promise<Capture> =>
  Capture.start(lab.place(`${network}-${role}`), 'eth0', `ether proto 0x${EXPERIMENTAL} or vlan`)

async function speak(lab: LiveLab, frames: FrameSender, network: Network): Promise<void> {
  const listener = lab.mac(`${network}-listener`)
  // So that the switch knows where the listener is, in both networks.
  for (const at of [network, other(network)]) {
    const hello = frameOf(UNKNOWN, lab.mac(`${at}-listener`), EXPERIMENTAL, 'hello')
    await frames.send(lab.place(`${at}-listener`), 'eth0', hello)
  }
  await say(lab, frames, network, BROADCAST, EXPERIMENTAL, `${network}-broadcast`)
  await say(lab, frames, network, MULTICAST, EXPERIMENTAL, `${network}-multicast`)
  await say(lab, frames, network, UNKNOWN, EXPERIMENTAL, `${network}-unknown-unicast`)
  await say(lab, frames, network, listener, EXPERIMENTAL, `${network}-known-unicast`)
  await say(lab, frames, network, BROADCAST, `${TAG}${EXPERIMENTAL}`, `${network}-tagged-broadcast`)
  await say(lab, frames, network, BROADCAST, EXPERIMENTAL, 'last-word')
}

async function say(
  lab: LiveLab,
  frames: FrameSender,
  network: Network,
  target: string,
  type: string,
  text: string,
): Promise<void> {
  const speaker = `${network}-speaker`
  await frames.send(lab.place(speaker), 'eth0', frameOf(target, lab.mac(speaker), type, text))
}
