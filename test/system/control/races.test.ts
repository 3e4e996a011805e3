import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { needsTap } from '../../support/requirements.ts'
import { type Answer, ControlDaemon } from '../support/control-daemon.ts'
import { until } from '../support/until.ts'

const CLIENTS = 20

describe('clients at the same time', { skip: needsTap() }, () => {
  let daemon: ControlDaemon
  before(async () => {
    daemon = await ControlDaemon.start()
  })
  after(() => daemon.stop())

  /** All at once. */
  const crowd = <T>(task: (index: number) => Promise<T>): Promise<T[]> =>
    Promise.all(Array.from({ length: CLIENTS }, (_, index) => task(index)))
  const messageOf = ({ body }: Answer): string => (JSON.parse(body) as { message: string }).message

  it('have one winner of a name, and the others are told whose it is', async () => {
    const answers = await crowd(() => daemon.ask('POST', '/sandboxes?name=wanted', {}))
    const won = answers.filter(({ status }) => status === 201)
    assert.equal(won.length, 1)
    const { Id } = JSON.parse(won[0]!.body) as { Id: string }
    for (const answer of answers.filter((other) => other !== won[0])) {
      assert.equal(answer.status, 409)
      assert.equal(
        messageOf(answer),
        `Conflict. The container name "/wanted" is already in use by container "${Id}". You have to remove (or rename) that container to be able to reuse that name.`,
      )
    }
    await daemon.call('DELETE', '/sandboxes/wanted')
  })

  it('have one winner of a name on the command line, and 125 for those who lost it', async () => {
    const line = ['run', '-d', '--name', 'raced', 'sleep', '1000']
    const outcomes = await Promise.all(Array.from({ length: 6 }, () => daemon.attempt(...line)))
    const codes = outcomes.map(({ code }) => code).toSorted((one, other) => one! - other!)
    assert.deepEqual(codes, [0, 125, 125, 125, 125, 125])
    for (const { code, errors } of outcomes) {
      if (code !== 0)
        assert.match(errors, /^tapwire: Conflict\. The container name "\/raced" is already in use/)
    }
    await daemon.do('rm', '-f', 'raced')
  })

  it('have one winner of an address, and nothing is left of the others', async () => {
    await daemon.network('narrow', '10.76.0.0/24')
    const EndpointsConfig = { narrow: { IPAMConfig: { IPv4Address: '10.76.0.77' } } }
    const request = { HostConfig: { NetworkMode: 'narrow' }, NetworkingConfig: { EndpointsConfig } }
    const ids = await crowd(async (index) => {
      const { Id } = await daemon.call<{ Id: string }>('POST', `/sandboxes?name=address${index}`, request)
      return Id
    })
    const answers = await Promise.all(ids.map((id) => daemon.ask('POST', `/sandboxes/${id}/start`)))
    assert.equal(answers.filter(({ status }) => status === 204).length, 1)
    const lost = answers.filter(({ status }) => status !== 204)
    assert.deepEqual(
      new Set(lost.map(messageOf)),
      new Set(['failed to set up container networking: Address already in use']),
    )
    const traces = daemon.traces()
    assert.equal(traces.shims.length, 1)
    assert.equal(traces.links.length, 1)
    assert.deepEqual(traces.folders, traces.shims)
    await Promise.all(ids.map((id) => daemon.call('DELETE', `/sandboxes/${id}?force=true`)))
  })

  it('never get the same address of the pool', async () => {
    await daemon.network('pooled', '10.77.0.0/24')
    const HostConfig = { NetworkMode: 'pooled' }
    const ids = await crowd((index) => daemon.run(`pool${index}`, { HostConfig }))
    const addresses = await Promise.all(
      ids.map(async (id) => (await daemon.endpoint(id, 'pooled')).IPAddress),
    )
    assert.equal(new Set(addresses).size, CLIENTS)
    await Promise.all(ids.map((id) => daemon.call('DELETE', `/sandboxes/${id}?force=true`)))
  })

  it('have one winner of a network name, and of a subnet', async () => {
    const names = await crowd(() => daemon.ask('POST', '/networks', { Name: 'only' }))
    assert.equal(names.filter(({ status }) => status === 201).length, 1)
    const losers = names.filter(({ status }) => status !== 201)
    assert.deepEqual(new Set(losers.map(messageOf)), new Set(['network with name only already exists']))

    const Config = [{ Subnet: '10.78.0.0/24' }]
    const subnets = await crowd((index) =>
      daemon.ask('POST', '/networks', { Name: `subnet${index}`, IPAM: { Config } }),
    )
    assert.equal(subnets.filter(({ status }) => status === 201).length, 1)
    const [told, ...others] = new Set(subnets.filter(({ status }) => status !== 201).map(messageOf))
    assert.equal(told, 'invalid pool request: Pool overlaps with other one on this address space')
    assert.deepEqual(others, [])
    assert.equal((await daemon.attempt('network', 'create', 'only')).code, 1)
  })

  it('start, stop and remove one sandbox, and it is gone in the end', async () => {
    await daemon.call('POST', '/sandboxes?name=torn', { Cmd: ['sleep', '1000'] })
    const answers = await crowd((index) =>
      index % 3 === 0
        ? daemon.ask('POST', '/sandboxes/torn/start')
        : index % 3 === 1
          ? daemon.ask('POST', '/sandboxes/torn/stop?t=0')
          : daemon.ask('DELETE', '/sandboxes/torn?force=true'),
    )
    for (const { status, body } of answers)
      assert.ok([204, 304, 404, 409].includes(status), `${status} ${body}`)
    await daemon.ask('DELETE', '/sandboxes/torn?force=true')
    assert.equal((await daemon.ask('GET', '/sandboxes/torn')).status, 404)
    assert.deepEqual(daemon.traces(), { folders: [], links: [], shims: [], processes: [] })
  })

  it('may be killed while they run a command: it goes on, and is removed at its end', async () => {
    const client = daemon.begin(
      'run',
      '--name',
      'orphan',
      '--rm',
      'sh',
      '-c',
      'echo ready; read line; sleep 1000',
    )
    await client.printed(/ready/)
    await client.stop('SIGKILL')
    const { State, Id } = await daemon.inspect('orphan')
    assert.equal(State.Status, 'running')
    await daemon.do('kill', 'orphan')
    await until('it is removed', async () => (await daemon.ask('GET', `/sandboxes/${Id}`)).status === 404)
    assert.deepEqual(daemon.traces().folders, [])
  })

  it('may be killed while a command prints more than anybody reads', async () => {
    const client = daemon.begin('run', '--name', 'noisy', '--rm', 'yes')
    await client.printed(/y\n/)
    client.child.stdout.pause()
    await client.stop('SIGKILL')
    const { State } = await daemon.inspect('noisy')
    assert.equal(State.Status, 'running')
    await daemon.do('exec', 'noisy', 'true')
    await daemon.do('rm', '-f', 'noisy')
  })

  it('may hang up in the middle of a request', async () => {
    const body = JSON.stringify({ Hostname: 'half' })
    const half = (request: string): Promise<void> =>
      new Promise((resolve, reject) => {
        const socket = connect(daemon.socket, () => {
          socket.write(request, () => {
            socket.destroy()
            resolve()
          })
        })
        socket.on('error', reject)
      })
    const head = 'POST /sandboxes?name=half HTTP/1.1\r\nHost: tapwire\r\nContent-Type: application/json\r\n'
    await Promise.all([
      half('POST /sandbo'),
      half(head),
      half(`${head}Content-Length: ${body.length}\r\n\r\n${body.slice(0, 8)}`),
      half(`${head}Transfer-Encoding: chunked\r\n\r\n5\r\n{"Hos`),
    ])
    assert.equal((await daemon.ask('GET', '/sandboxes/half')).status, 404)
    await daemon.do('ps')
  })
})
