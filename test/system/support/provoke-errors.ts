/**
 * Brought into a daemon by `node --import`, to have an error there that nobody foresaw: as soon as the file
 * TAPWIRE_TEST_WORKER_ERROR exists, the data plane's thread throws in its loop.
 */
import { existsSync } from 'node:fs'
import { isMainThread } from 'node:worker_threads'

const trigger = process.env['TAPWIRE_TEST_WORKER_ERROR']

if (!isMainThread && trigger !== undefined) {
  const now = performance.now.bind(performance)
  performance.now = () => {
    if (existsSync(trigger)) throw new Error('provoked in the worker')
    return now()
  }
}
