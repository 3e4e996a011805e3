import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { parseLab } from '../../src/control/lab-file.ts'
import { CliHarness } from './cli-harness.ts'
import { DEMO } from './fake-api.ts'

const harness = new CliHarness()
after(() => harness.remove())

const good = join(harness.folder, 'good.yaml')
const bad = join(harness.folder, 'bad.yaml')
writeFileSync(good, DEMO)
writeFileSync(bad, 'networks: { web: { mtu: 5 } }\nsandboxes:\n aa: { networks: [wbe] }\n')

describe('tapwire validate', () => {
  it('shows the lab that a file means', async () => {
    const { code, out, err } = await harness.tapwire(['validate', good])
    assert.deepEqual([code, err], [0, ''])
    assert.equal(
      out,
      `${good} is valid: lab good with 2 networks, 2 sandboxes, 3 endpoints.

NETWORK   SUBNET        GATEWAY    MTU
web       10.1.0.0/24   10.1.0.1   1500
other     10.1.1.0/24   10.1.1.1   1500

SANDBOX   INTERFACE   NETWORK   ADDRESS       MAC                 COMMAND
alice     eth0        web       10.1.0.2/24   02:42:0a:01:00:02
bob       eth0        web       10.1.0.3/24   02:42:0a:01:00:03   sleep '5 5'
bob       eth1        other     10.1.1.2/24   02:42:0a:01:01:02
`,
    )
  })

  it('shows hosts with what is in them', async () => {
    const hosts = join(harness.folder, 'hosts.yaml')
    writeFileSync(
      hosts,
      'hosts:\n  left: { networks: { web: }, sandboxes: { alice: { networks: [web] } } }\n  right: {}\nlinks: [{ between: [left, right] }]\n',
    )
    assert.equal(
      (await harness.tapwire(['validate', hosts])).out,
      `${hosts} is valid: lab hosts with 2 hosts, 1 link, 1 network, 1 sandbox, 1 endpoint.

NETWORK      SUBNET        GATEWAY    MTU
left-right   10.0.0.0/24   10.0.0.1   1500
left: web    10.1.0.0/24   10.1.0.1   1500

SANDBOX       INTERFACE   NETWORK      ADDRESS       MAC                 COMMAND
left          eth0        left-right   10.0.0.2/24   02:42:0a:00:00:02
right         eth0        left-right   10.0.0.3/24   02:42:0a:00:00:03
left: alice   eth0        web          10.1.0.2/24   02:42:0a:01:00:02
`,
    )
  })

  it('shows services, of the lab, its cluster and its hosts, where there are any', async () => {
    const services = join(harness.folder, 'services.yaml')
    writeFileSync(
      services,
      `hosts:
  left:
    networks: { own: }
    sandboxes: { alice: { networks: [web, own], labels: { app: shop } } }
    services: { near: { network: own, endpoints: [alice], replicas_of: app, endpoint_mode: dnsrr } }
  right:
links: [{ between: [left, right] }]
cluster: { networks: { web: { subnet: 10.81.0.0/24 } } }
services: { shop: { replicas_of: app=shop, ports: ["80:8080", "53/udp", { target: 1, published: 2, mode: host }] } }
`,
    )
    const { out } = await harness.tapwire(['validate', services])
    assert.match(out, / 1 sandbox, 2 endpoints, 2 services\.\n/)
    assert.ok(
      out.endsWith(`
SERVICE      NETWORK   ADDRESS       PORTS                                          SERVED BY
shop         web       10.81.0.254   *:80->8080/tcp, *->53/udp, *:2->1/tcp (host)   app=shop
left: near   own       -                                                            app, alice
`),
      out,
    )
  })

  it('tells all problems on standard error, one a line', async () => {
    const { code, out, err } = await harness.tapwire(['validate', bad])
    assert.deepEqual([code, out], [1, ''])
    assert.equal(
      err,
      `${bad}:1:25: mtu must be a whole number from 576 to 65521, not 5
${bad}:3:19: sandbox 'aa' joins an unknown network 'wbe'; did you mean 'web'?
tapwire: ${bad} has 2 problems.
`,
    )
  })

  it('tells how many problems it does not list', async () => {
    const many = join(harness.folder, 'many.yaml')
    writeFileSync(many, Array.from({ length: 120 }, (_, index) => `k${index}: 1\n`).join(''))
    const { err } = await harness.tapwire(['validate', many])
    assert.match(err, /\n… and 21 more\ntapwire: .* has 121 problems\.\n$/)
  })

  it('prints the lab as JSON', async () => {
    const { code, out } = await harness.tapwire(['validate', good, '--json'])
    assert.equal(code, 0)
    assert.deepEqual(JSON.parse(out), { valid: true, lab: JSON.parse(JSON.stringify(parseLab(DEMO, good))) })
  })

  it('prints problems as JSON, on standard output', async () => {
    const { code, out, err } = await harness.tapwire(['validate', '--json', bad])
    assert.deepEqual([code, err], [1, ''])
    const message = 'mtu must be a whole number from 576 to 65521, not 5'
    const answer = JSON.parse(out) as { valid: boolean; problems: unknown[]; unlisted: number }
    assert.deepEqual([answer.valid, answer.problems.length, answer.unlisted], [false, 2, 0])
    assert.deepEqual(answer.problems[0], { file: bad, line: 1, column: 25, message })
  })

  it('says so where there is no file, with --json too', async () => {
    for (const args of [[], ['--json']]) {
      const { code, out, err } = await harness.tapwire(['validate', '/nowhere/lab.yaml', ...args])
      assert.deepEqual([code, out], [1, ''])
      assert.match(err, /^tapwire: Cannot read \/nowhere\/lab\.yaml: there is no such file\.\nhint: /)
    }
  })
})
