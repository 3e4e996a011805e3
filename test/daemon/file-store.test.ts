import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { describe, it, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { TapwireError } from '../../src/control/errors.ts'
import type { ModelRecord } from '../../src/control/model/records.ts'
import { MODEL_VERSION } from '../../src/control/model/schema.ts'
import { planPublishing } from '../../src/control/rules/publish-plan.ts'
import { FileStore } from '../../src/daemon/file-store.ts'
import { modelRecord, networkRecord, sandboxRecord } from '../control/model/records.ts'
import { itIsAStore } from '../control/model/store.conformance.ts'
import { randomRuns } from '../support/random-runs.ts'
import { needs, needsRoot } from '../support/requirements.ts'

const SAVER = fileURLToPath(new URL('support/saver.js', import.meta.url))

function newFolder(t?: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'tapwire-store-'))
  t?.after(() => rmSync(folder, { recursive: true }))
  return folder
}

itIsAStore('FileStore', () => {
  const folder = newFolder()
  return { open: () => new FileStore(folder), remove: () => rmSync(folder, { recursive: true }) }
})

/** A folder with two good copies: of a model with one sandbox, and before it with none. */
async function twoCopies(t: TestContext): Promise<{ folder: string; state: string; previous: string }> {
  const folder = newFolder(t)
  const store = new FileStore(folder)
  await store.save(() => modelRecord(0))
  await store.save(() => modelRecord(1))
  return { folder, state: join(folder, 'state.json'), previous: join(folder, 'state.json.previous') }
}

describe('the state file', () => {
  it("is the owner's alone, has one record a line, and the copy before it beside it", async (t) => {
    const { folder, state, previous } = await twoCopies(t)
    assert.deepEqual(readdirSync(folder).toSorted(), ['state.json', 'state.json.previous'])
    for (const path of [state, previous]) assert.equal(statSync(path).mode & 0o777, 0o600)
    const text = readFileSync(state, 'utf8')
    assert.deepEqual(JSON.parse(text), { version: MODEL_VERSION, ...modelRecord(1) })
    assert.ok(text.split('\n').includes(`    ${JSON.stringify(sandboxRecord(0))}],`))
    assert.deepEqual(JSON.parse(readFileSync(previous, 'utf8')), {
      version: MODEL_VERSION,
      ...modelRecord(0),
    })
  })

  it('of an earlier Tapwire, which kept each port by itself, is read', async (t) => {
    const folder = newFolder(t)
    const [sandbox] = modelRecord(1).sandboxes
    const portBindings = {
      '80/tcp': [{ hostIp: '', hostPort: '8080' }],
      '81/tcp': [{ hostIp: '', hostPort: '8081' }],
    }
    const config = { ...sandbox!.config, exposedPorts: ['80/tcp', '81/tcp'], portBindings }
    const model = { ...modelRecord(1), sandboxes: [{ ...sandbox!, config }] }
    writeFileSync(join(folder, 'state.json'), JSON.stringify({ version: 1, ...model }))
    const read = new FileStore(folder).load()
    assert.deepEqual(read, model)
    assert.deepEqual(planPublishing(read!.sandboxes[0]!.config, ''), [
      { protocol: 'tcp', first: 80, last: 81, hostIp: '', host: { kind: 'fixed', first: 8080 } },
    ])
  })

  it('is not written any more once it is sealed', async (t) => {
    const folder = newFolder(t)
    const store = new FileStore(folder)
    const saved = store.save(() => modelRecord(1))
    await store.seal()
    await saved
    await assert.rejects(
      store.save(() => modelRecord(0)),
      { code: 'STATE_UNWRITABLE' },
    )
    assert.deepEqual(new FileStore(folder).load(), modelRecord(1))
  })

  it("stays the owner's alone where somebody opened it to others", async (t) => {
    const { folder, state } = await twoCopies(t)
    chmodSync(state, 0o644)
    await new FileStore(folder).save(() => modelRecord(2))
    assert.equal(statSync(state).mode & 0o777, 0o600)
  })

  it('is written once for many saves at a time', async (t) => {
    const folder = newFolder(t)
    const store = new FileStore(folder)
    let reads = 0
    const read = (): ModelRecord => {
      reads += 1
      return modelRecord(0)
    }
    const first = store.save(read)
    await new Promise(setImmediate)
    await Promise.all([first, ...Array.from({ length: 100 }, () => store.save(read))])
    assert.equal(reads, 2)
  })

  it('loses the halves of writes that a daemon left when it was killed', async (t) => {
    const { folder } = await twoCopies(t)
    for (const name of ['state.json.new', 'state.json.previous.new', 'state.json.mine']) {
      writeFileSync(join(folder, name), '{')
    }
    assert.deepEqual(new FileStore(folder).load(), modelRecord(1))
    assert.deepEqual(readdirSync(folder).toSorted(), ['state.json', 'state.json.mine', 'state.json.previous'])
  })
})

describe('a state file that cannot be read', () => {
  const good = `${JSON.stringify({ version: MODEL_VERSION, ...modelRecord(1) })}\n`
  const withNetwork = (change: object): string =>
    JSON.stringify({
      version: MODEL_VERSION,
      ...modelRecord(0),
      networks: [{ ...networkRecord(1), ...change }],
    })

  for (const [what, text, problem] of [
    ['is empty', '', /ends in the middle/],
    ['is truncated', good.slice(0, 500), /ends in the middle/],
    ['is all zeros', '\0'.repeat(100), /ends in the middle/],
    ['has a typing error', good.replace('":', '"'), /is not valid JSON \(.*\)/],
    [
      'is of a newer version',
      '{"version": 3, "novelty": true}',
      /newer Tapwire: it has schema version 3, and this one reads version 2/,
    ],
    ['is of no version', good.replace(`"version":${MODEL_VERSION},`, ''), /is damaged \(version: /],
    ['is a list', '[]', /is damaged \(it: /],
    [
      'has an id that is none',
      withNetwork({ id: 'x' }),
      /damaged \(networks\.0\.id: is no id of 64 hexadecimal digits\)/,
    ],
    ['has a value of a wrong type', withNetwork({ internal: 'no' }), /damaged \(networks\.0\.internal: /],
    [
      'has ports that are none',
      good.replace('"80/tcp":', '"90-80/tcp":'),
      /damaged \(sandboxes\.0\.config\.portBindings\.90-80\/tcp: /,
    ],
    [
      'has a link that does what no link can',
      good.replace('"delay":"50ms"', '"delay":"50"'),
      /damaged \(sandboxes\.0\.endpoints\.0\.impairment: is no impairment of a link\)/,
    ],
    ['has a key that nobody knows', withNetwork({ colour: 'red' }), /damaged \(networks\.0: .*colour/],
    [
      'has two networks of one name',
      JSON.stringify({
        version: MODEL_VERSION,
        ...modelRecord(0),
        networks: [networkRecord(1), { ...networkRecord(2), name: 'network-1' }],
      }),
      /damaged \(networks\.1\.name: is there twice\)/,
    ],
    [
      'has many mistakes',
      withNetwork({ internal: 1, ingress: 1, attachable: 1, driver: 1, name: 1 }),
      /damaged \(networks\.0\.name: .*; networks\.0\.driver: .*; networks\.0\.internal: .*; and 2 more\)/,
    ],
  ] as const) {
    it(`is refused, named and left alone: it ${what}`, async (t) => {
      const { folder, state, previous } = await twoCopies(t)
      writeFileSync(state, text)
      const before = readFileSync(previous, 'utf8')
      const refusal = (error: unknown): boolean => {
        assert.ok(error instanceof TapwireError)
        assert.equal(error.code, 'STATE_INVALID')
        assert.ok(error.message.startsWith(`The state file ${state} `), error.message)
        assert.match(error.message, problem)
        assert.match(error.hint ?? '', /The copy before it is good/)
        assert.ok(error.hint?.includes(`\`cp ${previous} ${state}\``))
        return true
      }
      const store = new FileStore(folder)
      assert.throws(() => store.load(), refusal)
      await assert.rejects(
        store.save(() => modelRecord(0)),
        refusal,
      )
      assert.equal(readFileSync(state, 'utf8'), text)
      assert.equal(readFileSync(previous, 'utf8'), before)
    })
  }

  it('is told of without the copy before it where that is no good either, or absent', async (t) => {
    const { folder, state, previous } = await twoCopies(t)
    const hint = (): string => {
      try {
        new FileStore(folder).load()
      } catch (error) {
        assert.ok(error instanceof TapwireError)
        return error.hint ?? ''
      }
      return assert.fail('it was read')
    }
    writeFileSync(state, '{')
    writeFileSync(previous, '{')
    assert.match(hint(), /cannot be read either/)
    rmSync(previous)
    assert.match(hint(), /There is no copy from before it/)
  })

  it('is missed where there is a copy from before', async (t) => {
    const { folder, state } = await twoCopies(t)
    rmSync(state)
    assert.throws(() => new FileStore(folder).load(), { code: 'STATE_INVALID', message: /is missing/ })
  })

  it('is a folder', async (t) => {
    const folder = newFolder(t)
    mkdirSync(join(folder, 'state.json'))
    assert.throws(() => new FileStore(folder).load(), {
      code: 'STATE_INVALID',
      message: /could not be read: EISDIR/,
    })
  })
})

const ROUNDS = randomRuns(6)

describe('a daemon that is killed', () => {
  it('has kept at least what it acknowledged, wherever in a save it was', async (t) => {
    const folder = newFolder(t)
    let least = 0
    for (let round = 0; round < ROUNDS; round++) {
      const child = spawn(process.execPath, [SAVER, folder], { stdio: ['ignore', 'pipe', 'inherit'] })
      const exited = new Promise((resolve) => child.once('exit', resolve))
      // Killed at a different moment of a save each time: some turns of the event loop after it said a number.
      const stopAt = least + 1 + round
      for await (const line of createInterface({ input: child.stdout })) {
        least = Math.max(least, Number(line))
        if (least < stopAt || child.killed) continue
        for (let turn = 0; turn < round * 80; turn++) await new Promise(setImmediate)
        child.kill('SIGKILL')
      }
      await exited
      const store = new FileStore(folder)
      const kept = store.load()?.networks.length ?? 0
      assert.ok(kept >= least, `${kept} networks were kept, ${least} were acknowledged`)
      assert.ok(readdirSync(folder).every((name) => /^state\.json(\.previous)?$/.test(name)))
      least = kept
    }
    assert.ok(least >= ROUNDS)
  })
})

describe('a disk that is full', { skip: needsRoot() || needs('unshare', 'mount') }, () => {
  it('leaves what was kept, and the save says so', async (t) => {
    const folder = newFolder(t)
    // In a mount namespace of its own, so that the small disk is gone with the process.
    const script =
      'mount -t tmpfs -o size=64k none "$1" && "$2" "$3" "$1" && cp "$1"/state.json "$4"; ls "$1"'
    const kept = join(newFolder(t), 'kept')
    const run = spawnSync(
      'unshare',
      ['-m', 'sh', '-c', script, 'sh', folder, process.execPath, SAVER, kept],
      {
        encoding: 'utf8',
        timeout: 60_000,
      },
    )
    const lines = run.stdout.trim().split('\n')
    const failure = lines.find((line) => line.startsWith('{'))
    assert.ok(failure !== undefined, run.stdout + run.stderr)
    assert.match(failure, /"code":"STATE_UNWRITABLE"/)
    assert.match(failure, /The disk is full/)
    const acknowledged = Math.max(...lines.filter((line) => /^\d+$/.test(line)).map(Number))
    assert.equal(JSON.parse(readFileSync(kept, 'utf8')).networks.length, acknowledged)
    assert.deepEqual(lines.slice(-2), ['state.json', 'state.json.previous'])
  })
})
