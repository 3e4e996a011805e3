import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Writable } from 'node:stream'
import { after, describe, it } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { ErrorCode } from '../../src/control/errors.ts'
import { labPaths, labsIn, livingDaemon, processRuns, runDirectory } from '../../src/control/run-directory.ts'
import { SOCKET_PATH_MAX } from '../../src/limits.ts'

const run = mkdtempSync(join(tmpdir(), 'run-'))
after(() => rmSync(run, { recursive: true }))

function writePid(lab: string, text: string) {
  const paths = labPaths(run, lab)
  mkdirSync(paths.directory, { recursive: true })
  writeFileSync(paths.pid, text)
  return paths
}

describe('runDirectory', () => {
  it('is TAPWIRE_RUN, or /run/tapwire', () => {
    assert.equal(runDirectory({}), '/run/tapwire')
    assert.equal(runDirectory({ TAPWIRE_RUN: '' }), '/run/tapwire')
    assert.equal(runDirectory({ TAPWIRE_RUN: '/x' }), '/x')
  })
})

describe('labPaths', () => {
  it('refuses a socket path that the kernel would cut', () => {
    const fitting = `/${'r'.repeat(SOCKET_PATH_MAX - '//lab/api.sock'.length)}`
    assert.equal(labPaths(fitting, 'lab').socket.length, SOCKET_PATH_MAX)
    assert.throws(() => labPaths(`${fitting}r`, 'lab'), { code: ErrorCode.runDirectory })
  })
})

describe('labsIn', () => {
  it('finds the folders with a file of a daemon in them', () => {
    const folder = join(run, 'labs')
    for (const name of ['b', 'a', 'empty', 'Not-A-Lab']) mkdirSync(join(folder, name), { recursive: true })
    writeFileSync(join(folder, 'a', 'lab.json'), '')
    writeFileSync(join(folder, 'b', 'daemon.pid'), '')
    writeFileSync(join(folder, 'Not-A-Lab', 'daemon.pid'), '')
    writeFileSync(join(folder, 'file'), '')
    assert.deepEqual(labsIn(folder), ['a', 'b'])
  })

  it('finds none where nothing is, and refuses what is no folder', () => {
    assert.deepEqual(labsIn(join(run, 'nothing')), [])
    const file = join(run, 'a-file')
    writeFileSync(file, '')
    assert.throws(() => labsIn(file), { code: ErrorCode.runDirectory })
  })
})

describe('livingDaemon', () => {
  it('is the process that wrote its id', () => {
    assert.equal(livingDaemon(writePid('alive', `${process.pid}\n`)), process.pid)
  })

  it('is nobody where the process is gone, or no id was written', () => {
    const { pid } = spawnSync(process.execPath, ['--version'])
    assert.equal(livingDaemon(writePid('gone', String(pid))), undefined)
    assert.equal(livingDaemon(labPaths(run, 'never')), undefined)
    for (const text of ['', 'x', '0', '-1', '1 2'])
      assert.equal(livingDaemon(writePid('odd', text)), undefined, text)
  })

  it('is nobody where the process has ended and is only not yet buried', async () => {
    // The shell becomes a sleep, which never asks how the child ended that the shell has made.
    const script = 'head -c 1 <&3 & echo $!; exec sleep 60'
    const parent = spawn('sh', ['-c', script], { stdio: ['ignore', 'pipe', 'ignore', 'pipe'] })
    const [line] = (await once(parent.stdout!, 'data')) as [Buffer]
    const pid = Number(line)
    const until = async (file: string, text: string) => {
      while (!readFileSync(file, 'utf8').includes(text)) await setImmediate()
    }
    await until(`/proc/${parent.pid}/comm`, 'sleep')
    const pipe = parent.stdio[3] as Writable
    pipe.write('x')
    await until(`/proc/${pid}/stat`, ') Z ')
    assert.equal(livingDaemon(writePid('zombie', String(pid))), undefined)
    assert.equal(processRuns(pid), false)
    assert.equal(processRuns(parent.pid!), true)
    parent.kill()
    await once(parent, 'close')
    assert.equal(processRuns(parent.pid!), false)
  })

  it('is nobody where another process has got the number since', () => {
    const paths = writePid('reused', String(process.pid))
    const longBefore = Date.now() / 1000 - 86_400 * 365 * 30
    utimesSync(paths.pid, longBefore, longBefore)
    assert.equal(livingDaemon(paths), undefined)
  })
})
