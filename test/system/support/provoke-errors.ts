/**
 * Brought into a daemon by `node --import`, to have errors there that nobody foresaw:
 *
 *   - SIGUSR2 throws in the main thread, outside of anything that catches;
 *   - as soon as the file TAPWIRE_TEST_WORKER_ERROR exists, the data plane's thread throws in its loop.
 */
import { existsSync } from 'node:fs'
import { isMainThread } from 'node:worker_threads'

const trigger = process.env['TAPWIRE_TEST_WORKER_ERROR']

if (isMainThread) {
  process.on('SIGUSR2', () => {
    throw new Error('provoked in the main thread')
  })
} else if (trigger !== undefined) {
  const now = performance.now.bind(performance)
  performance.now = () => {
    if (existsSync(trigger)) throw new Error('provoked in the worker')
    return now()
  }
}
