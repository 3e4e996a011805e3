import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Duplex, PassThrough } from 'node:stream'
import { buffer, text } from 'node:stream/consumers'
import { describe, it } from 'node:test'
import { LateStream } from '../../../src/control/controller/late-stream.ts'
import { MemoryMachine, settled } from './memory-machine.ts'

describe('attaching', () => {
  it('before the start gets all that is printed, also of a command that ends at once', async () => {
    const machine = new MemoryMachine()
    const { controller } = await machine.boot()
    await controller.createSandbox('c1', { Cmd: ['exit', '3'] })
    const streams = await Promise.all([controller.attach('c1'), controller.attach('c1')])
    await controller.startSandbox('c1')
    for (const stream of streams) assert.equal(await text(stream), 'exit 3\n')
  })

  it('is for one start: what attached before it ends with that run', async () => {
    const machine = new MemoryMachine()
    const { controller } = await machine.boot()
    const { Id } = await controller.createSandbox('c1', { Cmd: ['serve'] })
    const first = await controller.attach('c1')
    await controller.startSandbox('c1')
    const second = await controller.attach('c1')
    assert.equal(machine.sandboxes.get(Id)!.streams.length, 2)
    await controller.stopSandbox('c1', {})
    assert.equal(await text(first), 'serve\n')
    assert.equal(await text(second), '')
    await controller.startSandbox('c1')
    assert.equal(machine.sandboxes.get(Id)!.streams.length, 0)
  })

  it('is over where the client hangs up before the start, or the sandbox is removed', async () => {
    const machine = new MemoryMachine()
    const { controller } = await machine.boot()
    const { Id } = await controller.createSandbox('c1', { Cmd: ['serve'] })
    const gone = await controller.attach('c1')
    gone.destroy()
    await once(gone, 'close')
    await controller.startSandbox('c1')
    assert.equal(machine.sandboxes.get(Id)!.streams.length, 0)

    await controller.createSandbox('c2', { Cmd: ['serve'] })
    const early = await controller.attach('c2')
    await controller.removeSandbox('c2', { force: false })
    await once(early, 'close')
  })

  it('is refused of a sandbox that is not there', async () => {
    const { controller } = await new MemoryMachine().boot()
    await assert.rejects(controller.attach('nobody'), { message: 'No such container: nobody' })
  })
})

describe('executing', () => {
  it('works from the moment on at which the sandbox is said to run, although that is still being saved', async () => {
    const machine = new MemoryMachine()
    const { controller } = await machine.boot()
    await controller.createSandbox('c1', { Cmd: ['serve'] })
    let over = false
    const started = controller.startSandbox('c1').then(() => (over = true))
    const runs = (): boolean => controller.inspectSandbox('c1').State.Status === 'running'
    while (!runs()) await Promise.resolve()
    assert.equal(over, false)
    await controller.exec('c1', { Cmd: ['true'], Detach: true })
    await started
  })
})

describe('a stream that is there before what it leads to', () => {
  /** What it leads to: two pipes, seen from both sides. */
  function pair(): { target: Duplex; written: PassThrough; toRead: PassThrough } {
    const written = new PassThrough()
    const toRead = new PassThrough()
    return { target: Duplex.from({ readable: toRead, writable: written }), written, toRead }
  }

  it('keeps what is written until then', async () => {
    const stream = new LateStream()
    stream.write('one ')
    stream.end('two')
    const { target, written } = pair()
    await settled()
    stream.connect(target)
    assert.equal(await text(written), 'one two')
  })

  it('gives each byte to one that reads late, though what it leads to has closed long since', async () => {
    const stream = new LateStream()
    const bytes = Buffer.alloc(100_000, 7)
    const { target, toRead } = pair()
    stream.connect(target)
    toRead.end(bytes)
    target.end()
    await settled()
    assert.deepEqual(await buffer(stream), bytes)
  })

  it('takes what is written to one that has ended, and loses nothing of what there is to read', async () => {
    const stream = new LateStream()
    const { target, toRead } = pair()
    stream.connect(target)
    toRead.end('last words')
    await once(target, 'end')
    stream.write('nobody hears this')
    await settled()
    assert.equal(await text(stream), 'last words')
  })

  it('does not read what its own reader does not take', async () => {
    const stream = new LateStream()
    let made = 0
    const target = new Duplex({
      read() {
        made += 1024
        this.push(Buffer.alloc(1024))
      },
      write: (_chunk, _encoding, done) => done(),
    })
    stream.connect(target)
    await settled()
    assert.ok(made <= 128 * 1024, `${made} bytes`)
    stream.destroy()
    await once(target, 'close')
  })

  it('closes what it leads to where it is closed before', async () => {
    const stream = new LateStream()
    stream.destroy()
    await once(stream, 'close')
    const target = new PassThrough()
    stream.connect(target)
    await once(target, 'close')
  })

  it('breaks with what it leads to', async () => {
    const stream = new LateStream()
    const { target } = pair()
    stream.connect(target)
    const failed = once(stream, 'error') as Promise<[Error]>
    target.destroy(new Error('gone'))
    assert.equal((await failed)[0].message, 'gone')
  })
})
