import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { fileLog } from '../../src/daemon/log.ts'
import { DAEMON_LOG_SIZE_MAX } from '../../src/limits.ts'

let folder: string
let path: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tapwire-log-'))
  path = join(folder, 'daemon.log')
})

afterEach(() => rmSync(folder, { recursive: true }))

const messages = (file: string): string[] =>
  readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => (JSON.parse(line) as { msg: string }).msg)

describe("the daemon's log in a file", () => {
  it('has lines of the level and above, and goes on where it ended', () => {
    fileLog(path, 'info').info('one')
    const log = fileLog(path, 'info')
    log.debug('not this one')
    log.level = 'debug'
    log.debug('two')
    assert.deepEqual(messages(path), ['one', 'two'])
    assert.equal(statSync(path).mode & 0o777, 0o640)
  })

  it('is turned when it is full: of both files none has more than it may, and no line is lost', () => {
    const filler = 'x'.repeat(64 * 1024)
    const count = Math.ceil((1.5 * DAEMON_LOG_SIZE_MAX) / filler.length)
    const first = fileLog(path, 'info')
    const second = count >> 2
    for (let index = 0; index < second; index += 1) first.info(`${index} ${filler}`)
    // As a daemon does that starts again.
    const next = fileLog(path, 'info')
    for (let index = second; index < count; index += 1) next.info(`${index} ${filler}`)
    for (const file of [path, `${path}.1`]) assert.ok(statSync(file).size <= DAEMON_LOG_SIZE_MAX)
    const numbers = [...messages(`${path}.1`), ...messages(path)].map((text) => Number(text.split(' ')[0]))
    assert.deepEqual(numbers, [...Array(count).keys()])
  })

  it('on a full disk is done without', () => {
    assert.doesNotThrow(() => fileLog('/dev/full', 'info').info('lost'))
  })
})
