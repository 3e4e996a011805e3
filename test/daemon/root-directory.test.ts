import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { readConfiguration } from '../../src/daemon/configuration.ts'
import { RootDirectory, rootPaths } from '../../src/daemon/root-directory.ts'

describe('a root', () => {
  let root: string
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'tapwire-root-'))
  })
  afterEach(() => rmSync(root, { recursive: true, force: true }))

  const assertRefused = (path: string, message: string): Promise<void> =>
    assert.rejects(RootDirectory.take(rootPaths(path)), { code: 'ROOT_UNUSABLE', exitCode: 1, message })

  it('that others can write to is refused', async () => {
    chmodSync(root, 0o777)
    await assertRefused(root, `The root ${root} cannot be used: others than this user can write to it.`)
  })

  it('that is full of something else, or no folder, is refused', async () => {
    const file = join(root, 'holiday.jpg')
    writeFileSync(file, '')
    await assertRefused(
      root,
      `The root ${root} cannot be used: it has holiday.jpg in it, and is no root of a daemon.`,
    )
    await assertRefused(file, `The root ${file} cannot be used: it is no folder.`)
  })

  it('in which a daemon has begun, and got no further, is known as one by the next', async () => {
    const file = join(root, 'daemon.log')
    writeFileSync(file, '')
    await assert.rejects(RootDirectory.take(rootPaths(root, join(file, 'run', 'tapwire.sock'))), {
      code: 'ROOT_UNUSABLE',
    })
    const directory = await RootDirectory.take(rootPaths(root))
    directory.leave()
  })

  it('with an invalid configuration is refused with the place', () => {
    const { configuration } = rootPaths(root)
    writeFileSync(configuration, '{"mtuu": 9000}')
    assert.throws(() => readConfiguration(configuration, {}), {
      message: `The configuration file ${configuration} is invalid: The file has an unknown key mtuu; did you mean mtu?`,
    })
  })
})
