import { FarEnd } from '../support/far-end.ts'
import { type NativeBackend, type NativeSetup, OpenedNativeFrameIo } from '../support/native-frame-io.ts'
import { NetworkNamespace } from '../support/network-namespace.ts'
import { needs, needsTap } from '../support/requirements.ts'
import { type FrameIoUnderTest, frameIoConformance } from './frame-io.conformance.ts'

const skip = needsTap() || needs('cc', 'ip')

/** The other ends are packet sockets in a namespace, on the TAPs' interfaces. */
function subject(backend: NativeBackend): FrameIoUnderTest {
  let setup: NativeSetup | undefined
  return {
    name: `NativeFrameIo by ${backend} as a FrameIo`,
    manyPorts: 40,
    skip,
    start() {
      setup = { backend, namespace: new NetworkNamespace(), farEnd: FarEnd.start() }
    },
    async open(slots) {
      if (setup === undefined) throw new Error('not started')
      return new OpenedNativeFrameIo(setup, slots)
    },
    async stop() {
      await setup?.farEnd.stop()
      setup?.namespace.remove()
    },
  }
}

for (const backend of ['io_uring', 'epoll'] as const) frameIoConformance(subject(backend))
