/** Each operation of docs/openapi.json, asked for by curl as a person would, and answered by the daemon as it is. */

import assert from 'node:assert/strict'
import { readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { parseLab } from '../../../src/control/lab-file.ts'
import { REQUEST_BODY_MAX } from '../../../src/limits.ts'
import { type ApiDocument, assertAnswer, operations } from '../../support/api-document.ts'
import { repositoryRoot } from '../../support/repository.ts'
import { needs, needsTap } from '../../support/requirements.ts'
import { ControlDaemon } from '../support/control-daemon.ts'
import { attempt, Program } from '../support/program.ts'
import { newFolder } from '../support/scene.ts'
import { until } from '../support/until.ts'

const document = JSON.parse(readFileSync(join(repositoryRoot, 'docs/openapi.json'), 'utf8')) as ApiDocument

/**
 * Sandboxes of others are no business of what `system prune` removes here: the daemon sees no processes but its own. Nor are
 * the machine's interfaces and ports of what is published here.
 */
const ALONE =
  'mount -t tmpfs none /run/netns\nset -- unshare --net --pid --fork --mount-proc --kill-child "$@"'

interface Asked {
  /** In the place of the document's parameters. */
  readonly path?: string
  readonly body?: unknown
  readonly args?: readonly string[]
  readonly status?: number
  /** What the answer has to have in it. */
  readonly has?: string
}

const LAB_FILE = `
name: lab1
networks:
  red: { subnet: 10.9.0.0/24 }
sandboxes:
  one: { networks: [red], command: [sleep, "1000"] }
`
const LAB = parseLab(LAB_FILE, 'lab.yaml')

const WEB = { Name: 'web', Network: 'net', Endpoints: ['box'] }
const WIDE = {
  Name: 'wide',
  Driver: 'vxlan',
  Options: { vni: '4096', remote: '127.0.0.2', local: '127.0.0.1' },
}

/** One after the other: what one makes, the next ones use. */
const REQUESTS: readonly (readonly [operation: string, asked: Asked])[] = [
  ['GET /version', { has: '"SandboxesRunning":0' }],
  ['POST /networks', { body: { Name: 'net' }, status: 201 }],
  ['POST /networks', { body: { Name: 'net' }, status: 409, has: 'network with name net already exists' }],
  ['POST /networks', { body: { Nmae: 'net' }, status: 400, has: 'Name of the request' }],
  ['POST /networks', { args: ['-d', '{"Name":'], status: 400 }],
  ['GET /networks', { path: '/networks?filters=%7B%22name%22%3A%5B%22net%22%5D%7D', has: '"Name":"net"' }],
  ['GET /networks', { path: '/networks?filters=net', status: 400, has: 'must be JSON' }],
  ['GET /networks/{network}', { path: '/networks/net', has: '"Driver":"bridge"' }],
  ['GET /networks/{network}', { path: '/networks/none-such', status: 404 }],
  [
    'POST /sandboxes',
    { path: '/sandboxes?name=box', body: { Cmd: ['sh', '-c', 'echo hello; exec sleep 1000'] }, status: 201 },
  ],
  [
    'POST /sandboxes',
    { path: '/sandboxes?name=box', body: {}, status: 409, has: 'is already in use by container' },
  ],
  ['POST /sandboxes/{sandbox}/attach', { path: '/sandboxes/box/attach', status: 426 }],
  ['POST /sandboxes/{sandbox}/start', { path: '/sandboxes/box/start', status: 204 }],
  ['POST /sandboxes/{sandbox}/start', { path: '/sandboxes/nobody/start', status: 404 }],
  ['GET /sandboxes', { path: '/sandboxes?all=1', has: '"/box"' }],
  ['GET /sandboxes/{sandbox}', { path: '/sandboxes/box', has: '"Status":"running"' }],
  ['GET /sandboxes/{sandbox}/logs', { path: '/sandboxes/box/logs?stdout=1&follow=0&tail=10', has: 'hello' }],
  [
    'POST /sandboxes/{sandbox}/exec',
    { path: '/sandboxes/box/exec', body: { Cmd: ['true'], Detach: true }, status: 201 },
  ],
  ['POST /sandboxes/{sandbox}/exec', { path: '/sandboxes/box/exec', body: { Cmd: ['true'] }, status: 426 }],
  ['POST /networks/{network}/connect', { path: '/networks/net/connect', body: { Container: 'box' } }],
  [
    'POST /networks/{network}/connect',
    { path: '/networks/net/connect', body: { Container: 'box' }, status: 403 },
  ],
  ['DELETE /networks/{network}', { path: '/networks/net', status: 403, has: 'has active endpoints' }],
  [
    'POST /sandboxes/{sandbox}/ports',
    {
      path: '/sandboxes/box/ports',
      body: { PortBindings: { '80/tcp': [{ HostPort: '8080' }] } },
      has: '"8080"',
    },
  ],
  [
    'POST /sandboxes/{sandbox}/ports',
    { path: '/sandboxes/box/ports', body: { PortBindings: { '80/sctp': [{}] } }, status: 400 },
  ],
  ['GET /nat/stats', { has: '"publishedRanges":1' }],
  [
    'DELETE /sandboxes/{sandbox}/ports',
    { path: '/sandboxes/box/ports', body: { Ports: ['80/tcp'] }, status: 204 },
  ],
  [
    'DELETE /sandboxes/{sandbox}/ports',
    { path: '/sandboxes/box/ports', body: { Ports: ['80/tcp'] }, status: 404 },
  ],
  ['GET /nat/flows', { path: '/nat/flows?protocol=tcp&sandbox=box&limit=10', has: '"total":0' }],
  ['GET /nat/flows', { path: '/nat/flows?port=65536', status: 400, has: 'from 0 to 65535' }],
  ['DELETE /nat/flows', { path: '/nat/flows?network=net', has: '"Flows":0' }],
  ['POST /services', { body: WEB, status: 201, has: '"ID":"' }],
  ['POST /services', { body: WEB, status: 409, has: 'web' }],
  ['POST /services', { body: { ...WEB, Name: 'web2', Network: 'none-such' }, status: 404 }],
  ['POST /services', { body: { ...WEB, EndpointMode: 'both' }, status: 400 }],
  ['GET /services', { path: '/services?filters=%7B%22name%22%3A%5B%22web%22%5D%7D', has: '"Name":"web"' }],
  ['GET /services/{service}', { path: '/services/web', has: '"EndpointMode":"vip"' }],
  ['GET /services/{service}', { path: '/services/none-such', status: 404 }],
  ['GET /services/{service}/tasks', { path: '/services/web/tasks', has: '"Name":"box"' }],
  [
    'POST /services/{service}/update',
    { path: '/services/web/update', body: { LabelAdd: { a: 'b' } }, status: 204 },
  ],
  ['POST /services/{service}/update', { path: '/services/web/update', body: { Name: 'x' }, status: 400 }],
  ['DELETE /services/{service}', { path: '/services/web', status: 204 }],
  ['DELETE /services/{service}', { path: '/services/web', status: 404 }],
  ['POST /networks', { body: WIDE, status: 201 }],
  ['POST /networks', { body: { ...WIDE, Name: 'wide2' }, status: 409, has: 'VNI_IN_USE' }],
  ['GET /overlay/networks', { has: '"network":"wide","driver":"vxlan","vni":4096' }],
  ['GET /overlay/peers', { path: '/overlay/peers?network=wide', has: '"peers":[' }],
  ['GET /overlay/peers', { path: '/overlay/peers?network=none-such', status: 404 }],
  ['GET /cluster', { status: 400 }],
  ['DELETE /cluster/hosts/{host}', { path: '/cluster/hosts/away', status: 400 }],
  [
    'POST /networks/{network}/frames',
    {
      path: '/networks/net/frames',
      body: { frames: [{ from: 'box', data: Buffer.alloc(60).toString('base64') }] },
      has: '{"frames":1,"drops":[{"reason":"',
    },
  ],
  [
    'POST /networks/{network}/frames',
    { path: '/networks/net/frames', body: { frames: [{ from: 'nobody', data: '' }] }, status: 404 },
  ],
  ['GET /neighbours', { has: '"neighbours":[' }],
  ['GET /uplink', { has: '"Uplink":"none"' }],
  ['POST /explain', { body: { source: 'box', destination: 'internet' }, has: '"reason":"no-route"' }],
  ['POST /explain', { body: { source: 'box', destination: 'nobody' }, status: 404 }],
  ['GET /capture', { path: '/capture?place=nobody', status: 404 }],
  ['GET /capture', { path: '/capture?filter=tcp+prot', status: 400, has: 'FILTER_INVALID' }],
  ['GET /capture', { path: '/capture?snaplen=-1', status: 400 }],
  ['GET /captures', { has: '[]' }],
  ['POST /capture/{capture}/stop', { path: '/capture/none-such/stop', status: 404 }],
  ['GET /explain/follow', { path: '/explain/follow?limit=0', status: 400 }],
  ['GET /dns/records', { path: '/dns/records?network=net', has: '"name":"box","kind":"sandbox"' }],
  ['GET /dns/records', { path: '/dns/records?network=none-such', status: 404 }],
  [
    'GET /dns/records',
    { path: '/dns/records?network=bridge', status: 403, has: 'network bridge has no names' },
  ],
  ['POST /dns/query', { body: { name: 'box.net', from: 'box' }, has: '"verdict":"answered"' }],
  ['POST /dns/query', { body: { name: 'outside.example', type: 'AAAA', from: 'box' }, has: '"NXDOMAIN"' }],
  ['POST /dns/query', { body: { name: 'a..b', from: 'box' }, status: 400 }],
  ['POST /dns/query', { body: { name: 'box', from: 'nobody' }, status: 404 }],
  ['GET /dns/stats', { has: '"endpoints":1' }],
  ['GET /dns/log', { path: '/dns/log?after=0&limit=10&sandbox=box', has: '"entries":[]' }],
  ['GET /dns/log', { path: '/dns/log?limit=0', status: 400 }],
  ['DELETE /dns/cache', { has: '"Answers":0' }],
  ['GET /links', { has: '"place":"box@net"' }],
  [
    'PUT /links/{place}',
    { path: '/links/box@net', body: { from: { delay: '50ms' } }, has: '"settings":{"delay":"50ms"}' },
  ],
  ['PUT /links/{place}', { path: '/links/box', body: {}, status: 400, has: 'box@bridge or box@net' }],
  ['PUT /links/{place}', { path: '/links/uplink', body: {}, status: 400, has: 'there is no uplink' }],
  [
    'POST /links/{place}',
    { path: '/links/box@net?direction=to', body: { loss: '1%', queue: 10 }, has: '"loss":"1%","queue":10' },
  ],
  ['POST /links/{place}', { path: '/links/box@net', body: { loss: '0.5' }, status: 400, has: 'Write 50%' }],
  ['POST /links/{place}', { path: '/links/box@net?direction=up', body: {}, status: 400 }],
  ['GET /links/{place}', { path: '/links/box@net', has: '"counts":{"passed":0' }],
  ['GET /links/{place}', { path: '/links/nobody', status: 404 }],
  ['DELETE /links/{place}', { path: '/links/box@net?direction=from', has: '"from":{"settings":{}}' }],
  ['DELETE /links', { has: '"to":{"settings":{}}' }],
  ['PUT /uplink', { body: { Uplink: 'tap:up0,address=203.0.113.1/24' }, has: '"Address":"203.0.113.1/24"' }],
  ['PUT /uplink', { body: { Uplink: 'eth0' }, status: 400 }],
  ['DELETE /uplink', { has: '"Uplink":"none"' }],
  ['GET /fdb', {}],
  ['DELETE /fdb', { path: '/fdb?network=net&sandbox=box' }],
  ['GET /stats', { has: '"interface":"eth1"' }],
  ['GET /metrics', { has: 'tapwire_sandboxes{state="running"} 1' }],
  ['POST /networks/{network}/disconnect', { path: '/networks/net/disconnect', body: { Container: 'box' } }],
  ['POST /sandboxes/{sandbox}/rename', { path: '/sandboxes/box/rename?name=other', status: 204 }],
  ['POST /sandboxes/{sandbox}/restart', { path: '/sandboxes/other/restart?t=-1', status: 204 }],
  ['POST /sandboxes/{sandbox}/kill', { path: '/sandboxes/other/kill?signal=USR9', status: 400 }],
  ['POST /sandboxes/{sandbox}/stop', { path: '/sandboxes/other/stop?t=5', status: 204 }],
  ['POST /sandboxes/{sandbox}/kill', { path: '/sandboxes/other/kill', status: 409, has: 'is not running' }],
  ['POST /sandboxes/{sandbox}/wait', { path: '/sandboxes/other/wait', has: '"StatusCode":143' }],
  ['DELETE /sandboxes/{sandbox}', { path: '/sandboxes/other', status: 204 }],
  ['POST /sandboxes/prune', {}],
  ['POST /networks/prune', { has: '"net"' }],
  ['PUT /labs/{lab}', { path: '/labs/lab1?dryRun=1', body: LAB, has: '"actions"' }],
  ['PUT /labs/{lab}', { path: '/labs/lab2', body: LAB, status: 400 }],
  ['PUT /labs/{lab}', { path: '/labs/lab1', body: LAB, has: '"ready":true' }],
  ['PUT /labs/{lab}', { path: '/labs/lab1', body: LAB, has: '"actions":[]' }],
  ['GET /labs', { has: '"lab1"' }],
  ['GET /labs/{lab}', { path: '/labs/lab1', has: '"one"' }],
  ['GET /labs/{lab}', { path: '/labs/none-such', status: 404 }],
  ['GET /labs/{lab}/file', { path: '/labs/lab1/file', has: '10.9.0.0/24' }],
  ['GET /labs/{lab}/file', { path: '/labs/none-such/file', status: 404 }],
  ['GET /file', { has: '10.9.0.0/24' }],
  ['DELETE /labs/{lab}', { path: '/labs/lab1', has: '"ready":true' }],
  ['DELETE /labs/{lab}', { path: '/labs/lab1', status: 404 }],
  ['GET /file', { status: 404, has: 'There is nothing to save.' }],
  ['GET /events', { path: '/events?since=1&until=2' }],
  ['GET /events', { path: '/events?since=1&until=NOW', has: '"Type":"daemon","Action":"start"' }],
  ['GET /events', { args: ['-H', 'Last-Event-ID: x'], status: 400 }],
  ['POST /system/prune', { has: '"Sandboxes":[]' }],
]

describe('curl', { skip: needsTap() || needs('curl', 'unshare') }, () => {
  let daemon: ControlDaemon
  before(async () => {
    daemon = await ControlDaemon.start({ prelude: ALONE })
  })
  after(async () => {
    const answer = await curl('POST /shutdown', {})
    assert.equal(answer.status, 202)
    await daemon.program.end()
  })

  async function curl(operation: string, { path, body, args = [] }: Asked) {
    const [method = '', template = ''] = operation.split(' ')
    const json = body === undefined ? [] : ['-d', JSON.stringify(body)]
    const typed = body === undefined && !args.includes('-d') ? [] : ['-H', 'Content-Type: application/json']
    const url = `http://localhost${(path ?? template).replace('NOW', String(Date.now() / 1000))}`
    const line = ['--silent', '--show-error', '--globoff', '--max-time', '60', '--unix-socket', daemon.socket]
    line.push('--request', method, ...typed, ...json, ...args)
    line.push('--write-out', '\n%{http_code} %{content_type}', url)
    const { output, errors } = await attempt({}, 'curl', ...line)
    const end = output.lastIndexOf('\n')
    const [status = '', ...type] = output.slice(end + 1).split(' ')
    return { status: Number(status), type: type.join(' '), body: output.slice(0, end), errors }
  }

  it('has a request for each operation', () => {
    const asked = new Set([...REQUESTS.map(([operation]) => operation), 'POST /shutdown'])
    assert.deepEqual([...asked].toSorted(), operations(document).toSorted())
  })

  for (const [operation, asked] of REQUESTS) {
    const { path = operation.split(' ')[1]!, status = 200, has = '' } = asked
    it(`${operation.split(' ')[0]} ${path} is answered ${status}, as the document says`, async () => {
      const answer = await curl(operation, asked)
      assert.equal(answer.status, status, answer.body + answer.errors)
      assert.ok(answer.body.includes(has), answer.body)
      assertAnswer(document, operation, answer)
    })
  }

  it('with a body of 100 MB is refused before it has sent much of it', async () => {
    const file = join(newFolder(), 'body')
    writeFileSync(file, '')
    truncateSync(file, 100 * 1024 * 1024)
    for (const header of ['Expect:', 'Transfer-Encoding: chunked']) {
      const line = ['--silent', '--max-time', '60', '--unix-socket', daemon.socket, '--output', '/dev/null']
      line.push('--request', 'POST', '-H', 'Content-Type: application/json', '-H', header)
      line.push('--upload-file', file, '--write-out', '%{http_code} %{size_upload}')
      const { output } = await attempt({}, 'curl', ...line, 'http://localhost/networks')
      const [status, sent] = output.split(' ').map(Number)
      assert.equal(status, 413, header)
      assert.ok(sent! < 4 * REQUEST_BODY_MAX, `${header} ${sent} bytes`)
    }
  })

  it('that is gone in the middle of a body, or of an answer, leaves nothing', async () => {
    const line = ['--silent', '--no-buffer', '--unix-socket', daemon.socket]
    const half = ['-d', '{"Name":', '-H', 'Content-Type: application/json', '-H', 'Content-Length: 1000']
    const cut = new Program({}, 'curl', ...line, ...half, 'http://localhost/networks')
    const events = new Program({}, 'curl', ...line, 'http://localhost/events?since=1')
    await events.printed(/"Action":"start"/)
    assert.equal(await readers(), 1)
    await Promise.all([cut.stop('SIGKILL'), events.stop('SIGKILL')])
    await until('nobody reads events any more', async () => (await readers()) === 0)
    const names = (JSON.parse((await curl('GET /networks', {})).body) as { Name: string }[]).map(
      ({ Name }) => Name,
    )
    assert.deepEqual(names.toSorted(), ['bridge', 'host', 'none'])
  })

  it('has metrics that promtool finds nothing wrong with', { skip: needs('promtool') }, async () => {
    const line = 'curl --silent --unix-socket "$0" http://localhost/metrics | promtool check metrics'
    const { code, output, errors } = await attempt({}, 'sh', '-c', line, daemon.socket)
    assert.equal(code, 0, errors)
    assert.equal(output + errors, '')
  })

  async function readers(): Promise<number> {
    const { body } = await curl('GET /metrics', {})
    return Number(/^tapwire_event_readers (\d+)$/m.exec(body)?.[1])
  }
})
