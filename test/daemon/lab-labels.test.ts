/** Who may call something a lab's, and what a lab may be called: what a lab removes depends on it. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseLab } from '../../src/control/lab-file.ts'
import { LabFileError } from '../../src/control/lab-problem.ts'
import { createApi } from '../../src/daemon/api/api.ts'
import { labRoutes } from '../../src/daemon/api/labs.ts'
import { LabBench } from '../control/labs/lab-bench.ts'
import { ApiHarness } from './api-harness.ts'

const LABELS = ['tapwire.lab', 'tapwire.lab.host', 'tapwire.lab.link', 'tapwire.lab.later']

async function ask(method: string, path: string, body?: unknown): Promise<{ status: number; text: string }> {
  const harness = new ApiHarness()
  const bench = await LabBench.start()
  const api = createApi({
    ...harness.options,
    mount: (routes, context) => labRoutes(routes, bench.labs, context),
  })
  const answer = await api.request(path, {
    method,
    ...(body === undefined
      ? undefined
      : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
  })
  return { status: answer.status, text: await answer.text() }
}

describe('the labels of labs', () => {
  it('are refused where a client gives them', async () => {
    for (const label of LABELS) {
      const Labels = { [label]: '../..' }
      for (const [path, body] of [
        ['/sandboxes?name=x', { Labels }],
        ['/networks', { Name: 'x', Labels }],
        ['/services', { Name: 'x', Endpoints: ['box'], Labels }],
        ['/services/shop/update', { LabelAdd: Labels }],
      ] as const) {
        const { status, text } = await ask('POST', path, body)
        assert.equal(status, 400, path)
        assert.match(text, new RegExp(`The label \\\\"${label}\\\\" is one that only labs give\\.`))
      }
    }
    assert.equal((await ask('POST', '/sandboxes', { Labels: { 'tapwire.laboratory': 'x' } })).status, 201)
  })

  it('are refused in a lab file and in a lab, where they would make a sandbox a host', async () => {
    for (const text of [
      'networks: { web: { labels: { tapwire.lab: x } } }\n',
      'sandboxes: { alice: { network_mode: none, labels: { tapwire.lab.host: ../../x } } }\n',
    ]) {
      assert.throws(() => parseLab(text, 'lab.yaml', '/'), LabFileError)
    }
    const lab = parseLab('sandboxes: { alice: { network_mode: none } }\n', 'lab.yaml', '/')
    const [alice] = lab.sandboxes
    const forged = { ...lab, sandboxes: [{ ...alice, labels: { 'tapwire.lab.host': '../../x' } }] }
    const { status, text } = await ask('PUT', '/labs/lab', forged)
    assert.equal(status, 400)
    assert.match(text, /sandboxes\[0\]\.labels/)
  })
})

describe('the name of a lab or of a host', () => {
  const BAD = ['..', '../x', 'a/b', 'Lab', 'a.b', '-a', 'x'.repeat(33)]

  it('is none that leads elsewhere, in a path and in a body', async () => {
    const lab = parseLab('hosts: { left: }\n', 'lab.yaml', '/')
    for (const name of BAD) {
      const segment = encodeURIComponent(name)
      assert.equal((await ask('PUT', '/labs/lab', { ...lab, name })).status, 400, name)
      const hosts = [{ ...lab.hosts[0], name }]
      assert.equal((await ask('PUT', '/labs/lab', { ...lab, hosts })).status, 400, name)
      // Dots alone are taken out of a URL before it is sent.
      if (name === '..') continue
      for (const [method, path] of [
        ['PUT', `/labs/${segment}`],
        ['DELETE', `/labs/${segment}`],
        ['GET', `/labs/${segment}`],
        ['GET', `/labs/${segment}/file`],
      ] as const) {
        const { status, text } = await ask(method, path, method === 'PUT' ? { ...lab, name } : undefined)
        assert.equal(status, 400, `${method} ${path}`)
        assert.match(text, /1 to 32 small letters, digits and hyphens/)
      }
    }
    assert.equal((await ask('GET', '/labs/none')).status, 404)
  })
})
