/** Commands that take several names, and those that ask first. */
import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { beforeEach, describe, it } from 'node:test'
import { CliScene } from './cli-scene.ts'
import { Failure } from './fake-control.ts'

const cli = new CliScene()

beforeEach(() => {
  const missing = ({ path }: { path: string }): unknown =>
    path.includes('/nope') ? new Failure(404, 'No such container: nope') : undefined
  for (const action of ['start', 'stop', 'restart', 'kill', 'rename']) {
    cli.control.answers.set(`POST /sandboxes/*/${action}`, missing)
  }
  cli.control.answers.set('POST /sandboxes/*/wait', (seen) => missing(seen) ?? { StatusCode: 3 })
  cli.control.answers.set('DELETE /sandboxes/*', missing)
  cli.control.answers.set('DELETE /networks/*', missing)
})

const MISSING = 'tapwire: No such container: nope\n'

describe('a command for several', () => {
  it('does them all, prints those that went well, tells the others, and ends with 1', async () => {
    for (const command of ['start', 'stop', 'restart', 'kill', 'rm']) {
      const result = await cli.tapwire([command, 'a', 'nope', 'b'])
      assert.deepEqual(result, { code: 1, out: 'a\nb\n', err: MISSING }, command)
    }
    assert.deepEqual(await cli.tapwire(['wait', 'a', 'nope']), { code: 1, out: '3\n', err: MISSING })
    assert.deepEqual(await cli.tapwire(['network', 'rm', 'nope', 'b']), { code: 1, out: 'b\n', err: MISSING })
  })

  it('sends what options say', async () => {
    await cli.tapwire(['stop', '-t', '0', '-s', 'INT', 'a'])
    await cli.tapwire(['kill', '-s', 'HUP', 'a'])
    await cli.tapwire(['rm', '-f', 'a'])
    await cli.tapwire(['rename', 'a', 'b'])
    assert.deepEqual(cli.control.asked, [
      'POST /sandboxes/a/stop?t=0&signal=INT',
      'POST /sandboxes/a/kill?signal=HUP',
      'DELETE /sandboxes/a?force=true',
      'POST /sandboxes/a/rename?name=b',
    ])
  })

  it('with -f does not fail for what is not there, and tells it of sandboxes', async () => {
    const err = 'tapwire: No such container: nope\n'
    assert.deepEqual(await cli.tapwire(['rm', '-f', 'nope']), { code: 0, out: '', err })
    assert.deepEqual(await cli.tapwire(['network', 'rm', '-f', 'nope']), { code: 0, out: '', err: '' })
  })

  it('sends names that are none as they are, and never another path', async () => {
    const names = ['../networks', 'a/b', 'a?force=true', 'ä %2f']
    await cli.tapwire(['start', ...names])
    assert.deepEqual(
      cli.control.seen.map(({ path }) => path),
      names.map((name) => `/sandboxes/${name}/start`),
    )
    for (const name of ['', '.', '..']) {
      assert.match((await cli.tapwire(['start', name])).err, /^tapwire: invalid name or ID: /)
    }
    assert.equal(cli.control.seen.length, names.length)
  })
})

describe('prune', () => {
  beforeEach(() => {
    cli.control.answers.set('POST /networks/prune', () => ({ NetworksDeleted: ['blue'] }))
    cli.control.answers.set('POST /sandboxes/prune', () => ({ SandboxesDeleted: ['5ab5'] }))
    cli.control.answers.set('POST /system/prune', () => ({
      Namespaces: ['tw-1'],
      Processes: [42],
      Sandboxes: [],
      NetworksDeleted: [],
      RootsSpared: [],
    }))
  })

  it('asks first, and does nothing without a yes', async () => {
    for (const answer of ['n\n', '', 'nonsense\ny\n']) {
      const { code, out } = await cli.tapwire(['network', 'prune'], { stdin: Readable.from([answer]) })
      assert.equal(code, 0)
      assert.equal(
        out,
        'WARNING! This will remove all custom networks not used by at least one container.\nAre you sure you want to continue? [y/N] ',
      )
    }
    assert.deepEqual(cli.control.seen, [])
    const { out } = await cli.tapwire(['network', 'prune'], { stdin: Readable.from(['Y\n']) })
    assert.match(out, /\[y\/N\] Deleted Networks:\nblue\n\n$/)
  })

  it('does not ask with -f', async () => {
    const { out } = await cli.tapwire([
      'sandbox',
      'prune',
      '-f',
      '--filter',
      'until=24h',
      '--filter',
      'label!=keep',
    ])
    assert.equal(out, 'Deleted Containers:\n5ab5\n\n')
    assert.deepEqual(cli.control.seen[0]!.query, { filters: '{"until":["24h"],"label!":["keep"]}' })
  })

  it('of the system removes all three', async () => {
    assert.equal(
      (await cli.tapwire(['system', 'prune', '-f'])).out,
      'Deleted Containers:\n5ab5\n\nDeleted Networks:\nblue\n\nRemoved Namespaces:\ntw-1\n\nEnded Processes:\n42\n\n',
    )
  })
})
