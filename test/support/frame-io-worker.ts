/** A worker thread with a frame I/O and two TAPs that it does not close: what ends it has to. */

import { parentPort, workerData } from 'node:worker_threads'
import { NativeFrameIo, openWake } from '../../src/ports/native-frame-io.ts'
import { openTap } from '../../src/ports/tap.ts'

export type WorkerEnd = 'exit' | 'throw' | 'terminate' | 'return'

interface Data {
  readonly backend: 'io_uring' | 'epoll'
  readonly end: WorkerEnd
  readonly namespace: string
  /** 0: the worker opens one. */
  readonly wakeDescriptor: number
}

const { backend, end, namespace, wakeDescriptor } = workerData as Data
const io = new NativeFrameIo({ backend, wakeDescriptor: wakeDescriptor || openWake() })
for (const port of [1, 2]) {
  const tap = openTap({ namespace, name: `w${port}`, mtu: 1500 })
  io.attach(port, tap.descriptor, tap.virtio)
}
io.poll(0, 0)
// The third is attached, and its read was not started.
io.attach(3, openWake(), false)

parentPort?.once('message', () => {
  if (end === 'exit') process.exit(0)
  if (end === 'throw') throw new Error('the worker failed')
  parentPort?.close()
})
parentPort?.postMessage('ready')
