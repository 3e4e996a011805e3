import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import type { SandboxInspect, SandboxSummary } from '../../../src/control/api/sandbox.ts'
import { Random } from '../../support/random.ts'
import { randomRuns } from '../../support/random-runs.ts'
import { needs, needsTap } from '../../support/requirements.ts'
import { type Answer, ControlDaemon } from '../support/control-daemon.ts'
import { isAlive } from '../support/leftovers.ts'
import { checkMachine } from '../support/machine-check.ts'
import { until } from '../support/until.ts'

const CLIENTS = 8
/** Of each client. */
const REQUESTS = randomRuns(25)
const SANDBOXES = ['s1', 's2', 's3']
const NETWORKS = ['n1', 'n2', 'n3']
/** Sandboxes that no client knows of, by their network: they live through it all. */
const BYSTANDERS = ['bridge', 'none']

type Request = [method: string, path: string, body?: unknown]

describe('clients that do at random what the others do not expect', {
  skip: needsTap() || needs('ip'),
}, () => {
  const seed = Number(process.env['TAPWIRE_TEST_SEED'] ?? Date.now() % 1_000_000)
  let daemon: ControlDaemon
  after(() => daemon.stop())

  it(`are answered, if not as they wish, and leave nothing by half (TAPWIRE_TEST_SEED=${seed})`, async (test) => {
    const random = new Random(seed)
    daemon = await ControlDaemon.start()
    for (const NetworkMode of BYSTANDERS)
      await daemon.run(`on-${NetworkMode}`, { HostConfig: { NetworkMode } })
    const counts = new Map<number, number>()
    const work = async (): Promise<void> => {
      for (let request = 0; request < REQUESTS; request++) {
        const [line, answer] = await doAnything(daemon, random)
        assert.ok(answer.status < 500, `${line}: ${answer.status} ${answer.body}`)
        counts.set(answer.status, (counts.get(answer.status) ?? 0) + 1)
      }
    }
    await Promise.all(Array.from({ length: CLIENTS }, work))
    test.diagnostic([...counts].map(([status, count]) => `${status}: ${count}`).join(', '))
    await quiet(daemon)
    const left = await daemon.call<SandboxSummary[]>('GET', '/sandboxes?all=true')
    test.diagnostic(`left: ${left.map(({ Names, State }) => `${Names[0]} ${State}`).join(', ')}`)
    await checkMachine(daemon)
    await daemon.kill()
    await daemon.again()
    await checkMachine(daemon)
    for (const network of BYSTANDERS) {
      assert.equal((await daemon.inspect(`on-${network}`)).State.Status, 'running')
      await daemon.call('DELETE', `/sandboxes/on-${network}?force=true`)
    }
    for (const name of SANDBOXES) await daemon.ask('DELETE', `/sandboxes/${name}?force=true`)
    for (const name of NETWORKS) await daemon.ask('DELETE', `/networks/${name}`)
    assert.deepEqual(daemon.traces(), { folders: [], links: [], shims: [], processes: [] })
    assert.equal((await daemon.call<unknown[]>('GET', '/networks')).length, 3)
  })
})

async function doAnything(daemon: ControlDaemon, random: Random): Promise<[string, Answer]> {
  const pick = <T>(values: readonly T[]): T => values[random.below(values.length)]!
  const sandbox = pick(SANDBOXES)
  const network = pick(NETWORKS)
  const Cmd = pick([[], ['sleep', '1000'], ['true']])
  const create = {
    Cmd,
    HostConfig: { NetworkMode: pick([network, 'bridge', 'none']), AutoRemove: random.oneIn(4) },
  }
  const [method, path, body] = pick<Request>([
    ['POST', '/networks', { Name: network }],
    ['POST', '/networks', { Name: network }],
    ['DELETE', `/networks/${network}`],
    ...often(['POST', `/sandboxes?name=${sandbox}`, create]),
    ...often(['POST', `/sandboxes/${sandbox}/start`]),
    ['POST', `/sandboxes/${sandbox}/stop?t=0`],
    ['POST', `/sandboxes/${sandbox}/restart?t=0`],
    ['POST', `/sandboxes/${sandbox}/kill`],
    ['DELETE', `/sandboxes/${sandbox}?force=true`],
    ['POST', `/sandboxes/${sandbox}/rename?name=${pick(SANDBOXES)}`],
    ['POST', `/networks/${network}/connect`, { Container: sandbox }],
    ['POST', `/networks/${network}/connect`, { Container: sandbox }],
    ['POST', `/networks/${network}/disconnect`, { Container: sandbox }],
    ['POST', '/networks/prune'],
    ['POST', '/sandboxes/prune'],
  ])
  if (random.oneIn(12)) await killCommand(daemon, sandbox)
  return [`${method} ${path} ${JSON.stringify(body)}`, await daemon.ask(method, path, body)]
}

/** What makes something is asked for more often, or there is nothing to undo, and nothing left to look at in the end. */
const often = (request: Request): readonly Request[] => [request, request, request, request]

/** Not by the daemon. */
async function killCommand(daemon: ControlDaemon, sandbox: string): Promise<void> {
  const { status, body } = await daemon.ask('GET', `/sandboxes/${sandbox}`)
  if (status !== 200) return
  const { State, Path } = JSON.parse(body) as SandboxInspect
  const { Pid } = State
  if (Path !== '' && Pid > 0 && isAlive(Pid)) {
    try {
      process.kill(Pid, 'SIGKILL')
    } catch {
      // It has ended meanwhile.
    }
    await until('it is killed', () => !isAlive(Pid))
  }
}

/** Resolves when the daemon knows of every command that has ended by itself. */
async function quiet(daemon: ControlDaemon): Promise<void> {
  for (const name of SANDBOXES) {
    await until(`${name} is at rest`, async () => {
      const { status, body } = await daemon.ask('GET', `/sandboxes/${name}`)
      if (status === 404) return true
      const { State, Path } = JSON.parse(body) as SandboxInspect
      return !State.Running || (Path !== 'true' && isAlive(State.Pid))
    })
    // Answered behind all that was under way for the sandbox, its end for example; it is not there, or cannot be renamed so.
    const { status } = await daemon.ask('POST', `/sandboxes/${name}/rename?name=${name}`)
    assert.ok([404, 409].includes(status), `${status}`)
  }
}
