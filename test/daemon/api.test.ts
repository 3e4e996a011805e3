import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import fc from 'fast-check'
import type { DnsAnswerTold } from '../../src/control/api/dns.ts'
import type { Failure } from '../../src/control/api/failure.ts'
import { failureSchema } from '../../src/control/api/failure.ts'
import { TapwireError } from '../../src/control/errors.ts'
import { DNS_LOG_LISTED_MAX, REQUEST_BODY_MAX } from '../../src/limits.ts'
import { type ApiDocument, assertAnswer, operations } from '../support/api-document.ts'
import { randomRuns } from '../support/random-runs.ts'
import { ApiHarness } from './api-harness.ts'

const CREATE = { Name: 'web' }

/** A request to each operation that succeeds, and what the control plane is called with. */
const REQUESTS: Readonly<Record<string, { path: string; body?: unknown; status: number; call?: unknown[] }>> =
  {
    'GET /version': { path: '/version', status: 200 },
    'GET /metrics': { path: '/metrics', status: 200 },
    'POST /system/prune': { path: '/system/prune', status: 200 },
    'POST /shutdown': { path: '/shutdown', status: 202 },
    'GET /networks': {
      path: `/networks?filters=${encodeURIComponent('{"label":["a=b","c"],"driver":{"bridge":true}}')}`,
      status: 200,
      call: ['listNetworks', { label: ['a=b', 'c'], driver: ['bridge'] }],
    },
    'POST /networks': { path: '/networks', body: CREATE, status: 201, call: ['createNetwork', CREATE] },
    'GET /networks/{network}': { path: '/networks/net', status: 200 },
    'DELETE /networks/{network}': { path: '/networks/net', status: 204 },
    'POST /networks/prune': { path: '/networks/prune', status: 200, call: ['pruneNetworks', {}] },
    'POST /networks/{network}/connect': {
      path: '/networks/net/connect',
      body: { Container: 'box', EndpointConfig: { Aliases: ['a'] } },
      status: 200,
      call: ['connect', 'net', { Container: 'box', EndpointConfig: { Aliases: ['a'] } }],
    },
    'POST /networks/{network}/disconnect': {
      path: '/networks/net/disconnect',
      body: { Container: 'box', Force: true },
      status: 200,
      call: ['disconnect', 'net', { Container: 'box', Force: true }],
    },
    'GET /services': { path: '/services', status: 200, call: ['listServices', {}] },
    'POST /services': {
      path: '/services',
      body: { Name: 'web', ReplicasOf: ['app'], Ports: [{ TargetPort: 80, PublishMode: 'host' }] },
      status: 201,
      call: [
        'createService',
        { Name: 'web', ReplicasOf: ['app'], Ports: [{ TargetPort: 80, PublishMode: 'host' }] },
      ],
    },
    'GET /services/{service}': { path: '/services/shop', status: 200 },
    'GET /services/{service}/tasks': { path: '/services/shop/tasks', status: 200 },
    'POST /services/{service}/update': {
      path: '/services/shop/update',
      body: { PublishRm: [{ TargetPort: 80 }] },
      status: 204,
      call: ['updateService', 'shop', { PublishRm: [{ TargetPort: 80 }] }],
    },
    'DELETE /services/{service}': { path: '/services/shop', status: 204 },
    'GET /sandboxes': {
      path: '/sandboxes?all=1&limit=5',
      status: 200,
      call: ['listSandboxes', { all: true, limit: 5, filters: {} }],
    },
    'POST /sandboxes': {
      path: '/sandboxes?name=x',
      body: { Cmd: ['true'] },
      status: 201,
      call: ['createSandbox', 'x', { Cmd: ['true'] }],
    },
    'GET /sandboxes/{sandbox}': { path: '/sandboxes/box', status: 200 },
    'DELETE /sandboxes/{sandbox}': {
      path: '/sandboxes/box?force=true',
      status: 204,
      call: ['removeSandbox', 'box', { force: true }],
    },
    'POST /sandboxes/prune': { path: '/sandboxes/prune', status: 200, call: ['pruneSandboxes', {}] },
    'POST /sandboxes/{sandbox}/start': { path: '/sandboxes/box/start', status: 204 },
    'POST /sandboxes/{sandbox}/stop': {
      path: '/sandboxes/box/stop?t=-1&signal=SIGINT',
      status: 204,
      call: ['stopSandbox', 'box', { signal: 'SIGINT', timeoutS: -1 }],
    },
    'POST /sandboxes/{sandbox}/restart': {
      path: '/sandboxes/box/restart?t=3',
      status: 204,
      call: ['restartSandbox', 'box', { signal: undefined, timeoutS: 3 }],
    },
    'POST /sandboxes/{sandbox}/kill': {
      path: '/sandboxes/box/kill',
      status: 204,
      call: ['killSandbox', 'box', 'SIGKILL'],
    },
    'POST /sandboxes/{sandbox}/rename': {
      path: '/sandboxes/box/rename?name=new',
      status: 204,
      call: ['renameSandbox', 'box', 'new'],
    },
    'POST /sandboxes/{sandbox}/ports': {
      path: '/sandboxes/box/ports',
      body: { PortBindings: { '80/tcp': [{ HostPort: '8080' }] } },
      status: 200,
      call: ['publishPorts', 'box', { PortBindings: { '80/tcp': [{ HostPort: '8080' }] } }],
    },
    'DELETE /sandboxes/{sandbox}/ports': {
      path: '/sandboxes/box/ports',
      body: { Ports: ['80/tcp'] },
      status: 204,
      call: ['unpublishPorts', 'box', { Ports: ['80/tcp'] }],
    },
    'POST /sandboxes/{sandbox}/wait': {
      path: '/sandboxes/box/wait',
      status: 200,
      call: ['waitSandbox', 'box', 'not-running'],
    },
    'GET /sandboxes/{sandbox}/logs': {
      path: '/sandboxes/box/logs?stdout=1&tail=20&since=1767323045.5&until=2026-01-02T03:04:06Z',
      status: 200,
      call: [
        'logs',
        'box',
        {
          follow: false,
          stdout: true,
          stderr: false,
          sinceMs: 1767323045500,
          untilMs: Date.parse('2026-01-02T03:04:06Z'),
          tail: 20,
        },
      ],
    },
    'POST /sandboxes/{sandbox}/attach': { path: '/sandboxes/box/attach', status: 426 },
    'POST /sandboxes/{sandbox}/exec': {
      path: '/sandboxes/box/exec',
      body: { Cmd: ['true'], Detach: true },
      status: 201,
      call: ['exec', 'box', { Cmd: ['true'], Detach: true }],
    },
    'GET /fdb': { path: '/fdb', status: 200 },
    'DELETE /fdb': {
      path: '/fdb?network=net',
      status: 200,
      call: ['flushFdb', { network: 'net' }],
    },
    'POST /networks/{network}/frames': {
      path: '/networks/net/frames',
      body: { frames: [{ from: 'box', data: 'AAAA' }] },
      status: 200,
      call: ['sendFrames', 'net', { frames: [{ from: 'box', data: 'AAAA' }] }],
    },
    'GET /stats': { path: '/stats', status: 200 },
    'GET /nat/flows': {
      path: '/nat/flows?protocol=tcp&sandbox=box&network=net&address=10.1.0.2&port=80&limit=5',
      status: 200,
      call: [
        'natFlows',
        { protocol: 'tcp', sandbox: 'box', network: 'net', address: '10.1.0.2', port: 80 },
        5,
      ],
    },
    'DELETE /nat/flows': {
      path: '/nat/flows?protocol=udp&port=0',
      status: 200,
      call: ['flushNatFlows', { protocol: 'udp', port: 0 }],
    },
    'GET /cluster': { path: '/cluster', status: 200, call: ['clusterStatus'] },
    'DELETE /cluster/hosts/{host}': {
      path: '/cluster/hosts/node-3',
      status: 200,
      call: ['forgetHost', 'node-3'],
    },
    'GET /overlay/networks': { path: '/overlay/networks', status: 200 },
    'GET /overlay/peers': {
      path: '/overlay/peers?network=afar',
      status: 200,
      call: ['overlayPeers', 'afar'],
    },
    'GET /nat/stats': { path: '/nat/stats', status: 200 },
    'GET /neighbours': { path: '/neighbours', status: 200 },
    'GET /links': { path: '/links', status: 200 },
    'GET /links/{place}': { path: '/links/box', status: 200 },
    'PUT /links/{place}': {
      path: '/links/box',
      body: { from: { delay: '50ms' } },
      status: 200,
      call: ['setLink', 'box', { from: { delay: '50ms' } }],
    },
    'POST /links/{place}': {
      path: '/links/box?direction=to',
      body: { loss: '1%', seed: 7 },
      status: 200,
      call: ['adjustLink', 'box', 'to', { loss: '1%', seed: 7 }],
    },
    'DELETE /links/{place}': { path: '/links/box', status: 200, call: ['resetLink', 'box', 'both'] },
    'DELETE /links': { path: '/links?direction=from', status: 200, call: ['resetLinks', 'from'] },
    'GET /uplink': { path: '/uplink', status: 200 },
    'PUT /uplink': {
      path: '/uplink',
      body: { Uplink: 'nic:eth0' },
      status: 200,
      call: ['setUplink', 'nic:eth0'],
    },
    'DELETE /uplink': { path: '/uplink', status: 200, call: ['setUplink', 'none'] },
    'GET /dns/records': {
      path: '/dns/records?network=net',
      status: 200,
      call: ['dnsRecords', 'net'],
    },
    'POST /dns/query': {
      path: '/dns/query',
      body: { name: 'web', from: 'box' },
      status: 200,
      call: ['dnsQuery', { name: 'web', type: 'A', from: 'box' }],
    },
    'GET /dns/stats': { path: '/dns/stats', status: 200 },
    'GET /dns/log': {
      path: '/dns/log?after=7&limit=5&sandbox=box',
      status: 200,
      call: ['dnsLog', { after: 7, limit: 5, sandbox: 'box' }],
    },
    'DELETE /dns/cache': { path: '/dns/cache', status: 200, call: ['flushDnsCache'] },
    'POST /explain': {
      path: '/explain',
      body: { source: 'box', destination: '192.0.2.9', port: 80 },
      status: 200,
      call: ['explain', { source: 'box', destination: '192.0.2.9', port: 80 }],
    },
  }

/** An operation whose answer does not end by itself has its test in api-server.test.ts. */
const ENDLESS = ['GET /events']

async function readDocument(): Promise<ApiDocument> {
  return (await (await new ApiHarness().api().request('/openapi.json')).json()) as ApiDocument
}

async function send(harness: ApiHarness, method: string, path: string, body?: unknown): Promise<Response> {
  return await harness.api().request(path, {
    method,
    ...(body !== undefined && {
      body: typeof body === 'string' ? body : JSON.stringify(body),
      headers: { 'Content-Type': 'application/json' },
    }),
  })
}

describe('each operation of the API', () => {
  let document: ApiDocument
  before(async () => {
    document = await readDocument()
  })

  it('is in the document, and has a request here', () => {
    const known = operations(document)
    assert.deepEqual(known.toSorted(), [...Object.keys(REQUESTS), ...ENDLESS].toSorted())
  })

  for (const [operation, { path, body, status, call }] of Object.entries(REQUESTS)) {
    it(`${operation} calls the model and answers as the document says`, async () => {
      const harness = await new ApiHarness().furnished()
      harness.control.entries.push({ log: 'hello\n', stream: 'stdout', time: '2026-01-02T03:04:05Z' })
      const answer = await send(harness, operation.split(' ')[0]!, path, body)
      const text = await answer.text()
      assert.equal(answer.status, status, text)
      assert.equal(answer.headers.get('tapwire-api-version'), '1')
      const type = answer.headers.get('content-type') ?? ''
      assertAnswer(document, operation, { status, type, body: text })
      if (call !== undefined) assert.deepEqual(harness.control.calls.at(-1), call)
    })
  }

  it('of the log without a selection asks for all that is remembered', async () => {
    const harness = new ApiHarness()
    assert.equal((await send(harness, 'GET', '/dns/log')).status, 200)
    const all = { after: 0, limit: DNS_LOG_LISTED_MAX, sandbox: undefined }
    assert.deepEqual(harness.control.calls, [['dnsLog', all]])
  })

  it('that asks for a name tells each step in a sentence', async () => {
    const harness = new ApiHarness()
    const values = { name: 'web', kind: 'sandbox', network: 'blue' }
    const dnsQuery = harness.control.dnsQuery.bind(harness.control)
    harness.control.dnsQuery = async (question) => ({
      ...(await dnsQuery(question)),
      steps: [{ stage: 'names', verdict: 'match', values }],
    })
    const answer = await send(harness, 'POST', '/dns/query', { name: 'web', type: 'AAAA', from: 'box' })
    const { steps, type } = (await answer.json()) as DnsAnswerTold
    const sentence = 'web is the name of a sandbox on network blue.'
    assert.deepEqual([type, steps], ['AAAA', [{ stage: 'names', verdict: 'match', values, sentence }]])
  })

  it('that names what is not there answers 404 with the sentence of the model', async () => {
    const harness = await new ApiHarness().furnished()
    for (const [operation, { path, body }] of Object.entries(REQUESTS)) {
      if (!/\{/.test(operation) || operation.endsWith('attach')) continue
      const elsewhere = path.replace(/\/(net|box|shop|node-3)(?=[/?]|$)/, '/elsewhere')
      const answer = await send(harness, operation.split(' ')[0]!, elsewhere, body)
      const failure = (await answer.json()) as Failure
      assert.equal(answer.status, 404, operation)
      assert.match(
        failure.message,
        /^No such (network|container): elsewhere$|^service elsewhere not found$|^no host elsewhere /,
      )
    }
  })

  it('shutting down is left to the daemon', async () => {
    const harness = new ApiHarness()
    await send(harness, 'POST', '/shutdown')
    assert.equal(harness.shutdowns, 1)
  })
})

describe('a request that is wrong', () => {
  const WRONG: readonly [method: string, path: string, body: unknown, status: number, message: string][] = [
    ['POST', '/networks', {}, 400, "Name of the request's body is missing; it must be text."],
    ['POST', '/networks', { Name: 7 }, 400, "Name of the request's body must be text, not 7."],
    ['POST', '/networks', { Name: null }, 400, "Name of the request's body must be text, not null."],
    ['POST', '/networks', [], 400, "The request's body must be an object, not a list."],
    ['POST', '/networks', 'null', 400, "The request's body must be an object, not null."],
    ['POST', '/networks', '{"Name":', 400, 'Malformed JSON in request body.'],
    ['POST', '/networks', '', 400, 'Malformed JSON in request body.'],
    [
      'POST',
      '/networks',
      { Name: 'a', Internl: true },
      400,
      "The request's body has an unknown key Internl; did you mean Internal?",
    ],
    [
      'POST',
      '/networks',
      { Name: 'a', IPAM: { Config: [{ Subnet: '10.0.0.0/8' }, { Subnt: '10.0.0.0/8' }] } },
      400,
      "The request's body has an unknown key IPAM.Config[1].Subnt; did you mean Subnet?",
    ],
    [
      'POST',
      '/networks',
      { Name: 'a', Zzzzzzzz: { Subnt: 1 } },
      400,
      "The request's body has an unknown key Zzzzzzzz.",
    ],
    [
      'POST',
      '/networks',
      { Name: 'a', IPAM: { Config: [{ Subnet: 10 }] } },
      400,
      "IPAM.Config[0].Subnet of the request's body must be text, not 10.",
    ],
    [
      'POST',
      '/networks',
      { Name: 'a', Labels: { 'a.b': 1 } },
      400,
      "Labels.a.b of the request's body must be text, not 1.",
    ],
    [
      'POST',
      '/sandboxes',
      { NetworkingConfig: { EndpointsConfig: { net: { Aliase: [] } } } },
      400,
      "The request's body has an unknown key NetworkingConfig.EndpointsConfig.net.Aliase; did you mean Aliases?",
    ],
    [
      'POST',
      '/sandboxes',
      { StopTimeout: 1.5 },
      400,
      "StopTimeout of the request's body must be a whole number, not 1.5.",
    ],
    [
      'POST',
      '/networks',
      '{"Name":"a","__proto__":{"x":1}}',
      400,
      "The request's body has an unknown key __proto__.",
    ],
    [
      'POST',
      '/networks',
      '{"Name":"a","Labels":{"\\u005f_proto__":"x"}}',
      400,
      "The request's body has an unknown key __proto__.",
    ],
    [
      'POST',
      `/networks/prune?filters=${encodeURIComponent('{"__proto__":["x"]}')}`,
      undefined,
      400,
      "filters of the request's query must not have a key __proto__.",
    ],
    [
      'GET',
      '/sandboxes?al=1',
      undefined,
      400,
      "The request's query has an unknown key al; did you mean all?",
    ],
    [
      'GET',
      '/sandboxes?all=yes',
      undefined,
      400,
      "all of the request's query must be one of 0, 1, false, true.",
    ],
    [
      'GET',
      '/sandboxes?all=1&all=1',
      undefined,
      400,
      "all of the request's query must be one of 0, 1, false, true.",
    ],
    ['GET', '/sandboxes?limit=x', undefined, 400, "limit of the request's query must be a whole number."],
    [
      'GET',
      '/networks?filters=x',
      undefined,
      400,
      'filters of the request\'s query must be JSON, as in {"label":["a=b"]}.',
    ],
    [
      'GET',
      '/networks?filters=["a"]',
      undefined,
      400,
      'filters of the request\'s query must be JSON, as in {"label":["a=b"]}.',
    ],
    [
      'GET',
      '/sandboxes/box/logs?tail=-1',
      undefined,
      400,
      "tail of the request's query must be a count of lines, or all.",
    ],
    [
      'GET',
      '/sandboxes/box/logs?since=yesterday',
      undefined,
      400,
      "since of the request's query must be seconds since 1970 or a time of RFC 3339.",
    ],
    [
      'POST',
      '/sandboxes/box/rename',
      undefined,
      400,
      "name of the request's query is missing; it must be text.",
    ],
    [
      'POST',
      '/sandboxes/box/wait?condition=x',
      undefined,
      400,
      "condition of the request's query must be one of not-running, next-exit, removed.",
    ],
    [
      'POST',
      '/sandboxes/box/exec',
      { Cmd: [] },
      400,
      "Cmd of the request's body is wrong: Too small: expected array to have >=1 items.",
    ],
    [
      'POST',
      '/sandboxes/box/exec',
      { Cmd: ['a'] },
      426,
      'This takes a connection that is upgraded to tapwire-stream.',
    ],
    ['GET', '/nat/flows?port=x', undefined, 400, "port of the request's query must be a whole number."],
    ['GET', '/nat/flows?port=65536', undefined, 400, "port of the request's query must be from 0 to 65535."],
    [
      'GET',
      '/nat/flows?limit=70000',
      undefined,
      400,
      "limit of the request's query must be from 0 to 65536.",
    ],
    ['DELETE', '/nat/flows?limit=1', undefined, 400, "The request's query has an unknown key limit."],
    [
      'DELETE',
      '/nat/flows?sandbo=box',
      undefined,
      400,
      "The request's query has an unknown key sandbo; did you mean sandbox?",
    ],
    [
      'GET',
      '/nat/flows?protocol=sctp',
      undefined,
      400,
      "protocol of the request's query must be one of tcp, udp, icmp.",
    ],
    ['PUT', '/uplink', { uplink: 'nic' }, 400, "Uplink of the request's body is missing; it must be text."],
    [
      'POST',
      '/explain',
      { source: 'a' },
      400,
      "destination of the request's body is missing; it must be text.",
    ],
    ['GET', '/dns/records?net=a', undefined, 400, "The request's query has an unknown key net."],
    ['GET', '/dns/log?after=-1', undefined, 400, "after of the request's query must not be negative."],
    ['GET', '/dns/log?limit=0', undefined, 400, "limit of the request's query must be from 1 to 4096."],
    ['GET', '/dns/log?limit=4097', undefined, 400, "limit of the request's query must be from 1 to 4096."],
    ['POST', '/dns/query', { name: 'a' }, 400, "from of the request's body is missing; it must be text."],
    [
      'POST',
      '/dns/query',
      { name: 'a', from: 'b', type: 1 },
      400,
      "type of the request's body must be text, not 1.",
    ],
    ['GET', '/nothing', undefined, 404, 'The daemon has no GET /nothing.'],
    ['PATCH', '/networks', undefined, 404, 'The daemon has no PATCH /networks.'],
  ]

  for (const [method, path, body, status, message] of WRONG) {
    it(`${method} ${path} ${JSON.stringify(body)?.slice(0, 60) ?? ''}`, async () => {
      const harness = await new ApiHarness().furnished()
      const answer = await send(harness, method, path, body)
      const failure = failureSchema.parse(await answer.json())
      assert.equal(failure.message, message)
      assert.equal(answer.status, status)
      assert.deepEqual(harness.control.calls, [])
    })
  }

  it('names that would lead elsewhere are names like any other', async () => {
    const harness = await new ApiHarness().furnished()
    for (const name of ['../../etc/passwd', '..', '.', 'a/b', 'a\0b', 'a b', '%', '€', 'x'.repeat(4000)]) {
      const encoded = encodeURIComponent(name).replaceAll('.', '%2E')
      const answer = await send(harness, 'GET', `/sandboxes/x${encoded}`)
      assert.equal(answer.status, 404)
      assert.equal(((await answer.json()) as Failure).message, `No such container: x${name}`)
    }
  })

  it('without the type of JSON is not taken for one without a body', async () => {
    const harness = new ApiHarness()
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/jsonx']) {
      const answer = await harness.api().request('/networks', {
        method: 'POST',
        headers: { 'Content-Type': type, 'Content-Length': '12' },
        body: '{"Name":"a"}',
      })
      assert.equal(answer.status, 415)
      assert.equal(
        ((await answer.json()) as Failure).message,
        `The request's body has the type ${type}, which the daemon does not know.`,
      )
    }
  })

  it('with a body that is too long is answered 413, whether or not it says its length', async () => {
    const harness = new ApiHarness()
    const text = JSON.stringify({ Name: 'x'.repeat(REQUEST_BODY_MAX) })
    const headers = { 'Content-Type': 'application/json' }
    const told = { ...headers, 'Content-Length': String(text.length) }
    for (const init of [
      { body: text, headers: told },
      { body: new Blob([text]).stream(), headers, duplex: 'half' },
    ]) {
      const answer = await harness.api().request('/networks', { method: 'POST', ...init } as RequestInit)
      assert.equal(answer.status, 413)
      assert.equal(
        ((await answer.json()) as Failure).message,
        `The request's body has more than ${REQUEST_BODY_MAX} bytes.`,
      )
    }
    assert.deepEqual(harness.control.calls, [])
  })

  it('never gives anything but a failure that says so, whatever its body is', async () => {
    const harness = await new ApiHarness().furnished()
    const paths = ['/networks', '/sandboxes', '/networks/net/connect', '/sandboxes/box/exec']
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...paths), fc.jsonValue(), async (path, body) => {
        const answer = await send(harness, 'POST', path, JSON.stringify(body))
        if (answer.status < 400) return
        const { message } = failureSchema.parse(await answer.json())
        assert.ok(answer.status < 500, message)
        assert.match(message, /[.?]$/)
      }),
      { numRuns: randomRuns(100) },
    )
  })
})

describe('an error of the model', () => {
  const STATUS: readonly [error: Error, status: number, failure: Failure][] = [
    [
      new TapwireError('NOT_PERMITTED', 'No.', { hint: 'Ask.' }),
      403,
      { code: 'NOT_PERMITTED', message: 'No.', hint: 'Ask.' },
    ],
    [new TapwireError('SOMETHING_NEW', 'What?'), 500, { code: 'SOMETHING_NEW', message: 'What?' }],
    [new TypeError('x is not a function'), 500, { code: 'INTERNAL', message: 'x is not a function' }],
  ]
  for (const [error, status, failure] of STATUS) {
    it(`${error.message} is a ${status}`, async () => {
      const harness = new ApiHarness()
      harness.control.createNetwork = async () => {
        throw error
      }
      const answer = await send(harness, 'POST', '/networks', CREATE)
      assert.equal(answer.status, status)
      assert.deepEqual(await answer.json(), failure)
    })
  }
})
