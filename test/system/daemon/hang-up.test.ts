/** Clients of streams that go away without a word, and what the sandboxes notice of it. */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { STREAM_PROTOCOL } from '../../../src/control/api-version.ts'
import { needsTap } from '../../support/requirements.ts'
import { ControlDaemon } from '../support/control-daemon.ts'
import { isAlive } from '../support/leftovers.ts'
import { newFolder } from '../support/scene.ts'
import { until } from '../support/until.ts'

describe('a client that hangs up', { skip: needsTap() }, () => {
  let daemon: ControlDaemon
  before(async () => {
    daemon = await ControlDaemon.start()
    await daemon.run('box', { Cmd: ['cat'], OpenStdin: true })
  })
  after(() => daemon.stop())

  /** A connection that has been upgraded. */
  async function upgraded(path: string, body = ''): Promise<Socket> {
    const socket = connect(daemon.socket)
    socket.write(
      `POST ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: ${STREAM_PROTOCOL}\r\n` +
        `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    )
    const [chunk] = (await once(socket, 'data')) as [Buffer]
    assert.match(chunk.toString('latin1'), /^HTTP\/1\.1 101 /)
    return socket
  }

  for (const Tty of [false, true]) {
    it(`on exec ${Tty ? 'with' : 'without'} a terminal: the command gets SIGHUP`, async () => {
      const folder = newFolder()
      const script = `trap 'echo hangup >${folder}/heard; exit' HUP; echo $$ >${folder}/pid; while :; do sleep 0.05; done`
      const body = JSON.stringify({ Cmd: ['sh', '-c', script], AttachStdin: true, Tty })
      const client = await upgraded('/sandboxes/box/exec', body)
      await until('the trap is set', () => existsSync(join(folder, 'pid')) && read(folder, 'pid') !== '')
      client.destroy()
      await until('the command has heard of it', () => existsSync(join(folder, 'heard')))
      await until('the command has ended', () => !isAlive(Number(read(folder, 'pid'))))
      assert.equal(read(folder, 'heard'), 'hangup')
    })
  }

  it('on attach: the command goes on', async () => {
    const client = await upgraded('/sandboxes/box/attach')
    client.destroy()
    await once(client, 'close')
    const again = await upgraded('/sandboxes/box/attach')
    again.destroy()
    assert.equal((await daemon.inspect('box')).State.Status, 'running')
  })
})

const read = (folder: string, name: string): string => readFileSync(join(folder, name), 'utf8').trim()
