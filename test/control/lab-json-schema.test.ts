import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { parse } from 'yaml'
import { z } from 'zod'
import { loadLab } from '../../src/control/lab-file.ts'
import { labJsonSchema } from '../../src/control/lab-json-schema.ts'

const root = new URL('../../../', import.meta.url)
const schemaText = readFileSync(new URL('docs/lab.schema.json', root), 'utf8')
const exampleFolder = new URL('examples/', root)
const examples = readdirSync(exampleFolder).filter((name) => name.endsWith('.yaml'))

/** The file as an editor sees it: read back, with nothing of ours but the text. */
const schema = z.fromJSONSchema(JSON.parse(schemaText) as Parameters<typeof z.fromJSONSchema>[0])

describe('docs/lab.schema.json', () => {
  it('is what the source says (if not: npx tsc -b && node scripts/lab-schema.mjs)', () => {
    assert.equal(schemaText, labJsonSchema())
  })

  it('explains each key', () => {
    const unexplained: string[] = []
    const visit = (node: unknown, path: string): void => {
      if (typeof node !== 'object' || node === null) return
      for (const [key, value] of Object.entries(node)) {
        if (
          path.endsWith('/properties') &&
          !path.includes('/anyOf/') &&
          !Object.hasOwn(value as object, 'description')
        ) {
          unexplained.push(`${path}/${key}`)
        }
        visit(value, `${path}/${key}`)
      }
    }
    visit(JSON.parse(schemaText), '')
    assert.deepEqual(unexplained, [])
  })

  for (const text of [
    'networks: {}\nsandboxes: { a: { networks: [] } }',
    'networks: { W!: }\nsandboxes: { a: { networks: [] } }',
    'networks: { w: { mtu: 1 } }\nsandboxes: { a: { networks: [] } }',
    'networks: { w: { mtuu: 1500 } }\nsandboxes: { a: { networks: [] } }',
    'networks: { w: { subnet: 10.1.0.0/33 } }\nsandboxes: { a: { networks: [] } }',
    'networks: { w: }\nsandboxes: { a: { networks: { w: { mac: "1" } } } }',
    'networks: { w: }\nsandboxes: { a: { networks: [w], command: [] } }',
    'networks: { w: }\nsandboxes: { a: { } }',
    'name: w',
  ]) {
    it(`refuses ${text.replace('\n', ', ')}`, () =>
      assert.equal(schema.safeParse(parse(text)).success, false))
  }
})

describe('the examples', () => {
  it('are there', () => assert.ok(examples.includes('demo.yaml')))

  for (const name of examples) {
    const path = fileURLToPath(new URL(name, exampleFolder))
    const text = readFileSync(path, 'utf8')

    it(`${name} fits the schema and makes a lab of its own name`, () => {
      assert.deepEqual(schema.safeParse(parse(text)).error, undefined)
      assert.equal(`${loadLab(path).name}.yaml`, name)
    })

    it(`${name} points editors to the schema and ends with commands to try, with addresses that it has`, () => {
      assert.match(text, /^# yaml-language-server: \$schema=\.\.\/docs\/lab\.schema\.json\n/)
      const [, footer = ''] = text.split('# Try the following')
      assert.match(
        footer,
        new RegExp(`tapwire up examples/${name}\\n[^]*tapwire down ${name.replace('.yaml', '')}\\n`),
      )
      const lab = loadLab(path)
      const places = [lab, ...lab.hosts]
      const all = [...lab.hosts, ...places.flatMap(({ sandboxes }) => sandboxes)]
      const known = all.flatMap((sandbox) => sandbox.endpoints.map((endpoint) => endpoint.address))
      const subnets = places.flatMap((place) => place.networks.map((network) => network.subnets[0]!))
      const networks = subnets.map(({ subnet }) => subnet.split('/')[0]!)
      const gateways = subnets.map(({ subnet, gateway }) => gateway ?? subnet.replace(/0\/\d+$/, '1'))
      for (const [address] of footer.matchAll(/\d+\.\d+\.\d+\.\d+/g)) {
        assert.ok(
          [...known, ...networks, ...gateways].includes(address),
          `${address} is an address of ${name}`,
        )
      }
      const sandboxes = new Set(all.map((sandbox) => sandbox.name))
      for (const [, sandbox = ''] of footer.matchAll(/ exec (\S+)/g)) {
        assert.ok(sandboxes.has(sandbox), `${sandbox} is a sandbox of ${name}`)
      }
    })
  }
})
