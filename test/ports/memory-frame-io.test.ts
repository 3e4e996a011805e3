import { MemoryFrameIo } from '../../src/ports/memory-frame-io.ts'
import { frameIoConformance, type OpenedFrameIo } from './frame-io.conformance.ts'

function open(slots?: number): OpenedFrameIo {
  const io = new MemoryFrameIo(slots)
  return {
    io,
    async attach(port, waiting = []) {
      io.attach(port)
      for (const frame of waiting) io.inject(port, frame)
    },
    async inject(port, frames) {
      for (const frame of frames) io.inject(port, frame)
    },
    collect: async (port) => io.collect(port).map(({ frame }) => frame),
    vanish: async (port) => io.vanish(port),
    wake: () => io.wake(),
    close: async () => io.close(),
  }
}

frameIoConformance({
  name: 'MemoryFrameIo as a FrameIo',
  open: async (slots) => open(slots),
  manyPorts: 300,
  modelRuns: 100,
})
