import './node-version.mjs'
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { accessSync, constants, statSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { constants as os } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The checkout that this script belongs to, whatever the working directory is. */
export const root = fileURLToPath(new URL('..', import.meta.url))

export const isRoot = process.geteuid?.() === 0

/** A failure that is explained in full by its message; it is printed without a stack. */
export class Failure extends Error {}

/**
 * Runs a script's main function. Its result is the exit code (nothing is 0).
 * @param {() => Promise<number | void>} main
 */
export async function runMain(main) {
  try {
    process.exitCode = (await main()) ?? 0
  } catch (error) {
    process.exitCode = 1
    console.error(error instanceof Failure ? `\n${error.message}` : error)
  }
}

/** @param {number} since `performance.now()` at the start */
export function seconds(since) {
  const elapsed = (performance.now() - since) / 1000
  return `${elapsed.toFixed(elapsed < 10 ? 2 : 0)} s`
}

/**
 * Runs one step, and prints one line about it with the time it took. A long step shows that it lives: on a
 * terminal by a running clock, in a pipe by a line now and then.
 * @template T
 * @param {string} label
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function step(label, work) {
  const start = performance.now()
  const terminal = process.stderr.isTTY
  const clear = terminal ? '\r\x1b[K' : ''
  let ticks = 0
  const tick = () => {
    ticks += 1
    if (terminal)
      process.stderr.write(`${clear}${label} … ${Math.round((performance.now() - start) / 1000)} s`)
    else if (ticks === 10 || ticks % 30 === 0)
      process.stderr.write(`${label}: still running after ${ticks} s\n`)
  }
  if (terminal) process.stderr.write(`${label} …`)
  const timer = setInterval(tick, 1000)
  try {
    const result = await work()
    process.stderr.write(`${clear}${label}: ${seconds(start)}\n`)
    return result
  } catch (error) {
    process.stderr.write(`${clear}${label}: FAILED after ${seconds(start)}\n`)
    throw error
  } finally {
    clearInterval(timer)
  }
}

/**
 * Runs a program to its end and keeps its output, stdout and stderr in the order they came.
 * @param {string} program
 * @param {readonly string[]} args
 * @param {{ env?: NodeJS.ProcessEnv }} [options]
 * @returns {Promise<{ code: number, output: string }>} the code is 128 + signal where a signal ended it
 */
export function capture(program, args, { env = process.env } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8')
      stream.on('data', (text) => {
        output += text
      })
    }
    child.on('error', (error) => reject(new Failure(`${program} does not start: ${error.message}`)))
    child.on('close', (code, signal) => resolve({ code: exitCode(code, signal), output }))
  })
}

/**
 * As `capture`, but throws where the program fails, with everything that it said.
 * @param {string} program
 * @param {readonly string[]} args
 * @param {{ env?: NodeJS.ProcessEnv }} [options]
 */
export async function run(program, args, options) {
  const { code, output } = await capture(program, args, options)
  if (code !== 0) {
    throw new Failure(
      `${output.trimEnd()}\n\nThis failed with exit code ${code}: ${[program, ...args].join(' ')}`,
    )
  }
  return output
}

/**
 * Runs a program on this terminal. Signals reach it too, and it is waited for whatever happens, so that it
 * can clean up.
 * @param {string} program
 * @param {readonly string[]} args
 * @param {{ env?: NodeJS.ProcessEnv, cwd?: string, input?: boolean }} [options]
 * @returns {Promise<number>} its exit code
 */
export function runHere(program, args, { env = process.env, cwd = root, input = false } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd,
      env,
      stdio: [input ? 'inherit' : 'ignore', 'inherit', 'inherit'],
    })
    /** @param {NodeJS.Signals} signal */
    const forward = (signal) => {
      // A terminal's Ctrl-C has reached the whole process group already; a second one may mean "at once".
      if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal)
    }
    /** @type {NodeJS.Signals[]} */
    const signals = ['SIGINT', 'SIGTERM', 'SIGHUP']
    for (const signal of signals) process.on(signal, forward)
    const done = () => {
      for (const signal of signals) process.off(signal, forward)
    }
    child.on('error', (error) => {
      done()
      reject(new Failure(`${program} does not start: ${error.message}`))
    })
    child.on('close', (code, signal) => {
      done()
      resolve(exitCode(code, signal))
    })
  })
}

/**
 * @param {number | null} code
 * @param {NodeJS.Signals | null} signal
 */
const exitCode = (code, signal) => code ?? 128 + (signal === null ? 0 : os.signals[signal])

/**
 * Where a program is, or undefined. Looks into the sbin folders too, which a plain user's PATH leaves out.
 * @param {string} name
 */
export function findProgram(name) {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/local/sbin', '/usr/sbin', '/sbin']
  for (const folder of folders) {
    const path = join(folder, name)
    try {
      accessSync(path, constants.X_OK)
      if (folder !== '' && statSync(path).isFile()) return path
    } catch {
      // Not in this folder.
    }
  }
  return undefined
}

/** @param {Iterable<string | Uint8Array>} parts */
export function hashOf(parts) {
  const hash = createHash('sha256')
  for (const part of parts) {
    // The length first: ['ab', 'c'] and ['a', 'bc'] are different things.
    hash.update(`${part.length}:`).update(part)
  }
  return hash.digest('hex')
}

/**
 * Runs `work` while no other process does so under the same name. The lock is a listening socket in Linux's
 * abstract name space: the kernel gives it back when its process ends, however that ends, so no lock is ever stale.
 * Who waits is connected to it, and wakes when the connection breaks.
 * @template T
 * @param {string} name
 * @param {string} waiting said once where somebody else holds the lock
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function withLock(name, waiting, work) {
  const address = `\0tapwire-${hashOf([name]).slice(0, 24)}`
  let told = false
  for (;;) {
    const release = await tryLock(address)
    if (release !== undefined) {
      try {
        return await work()
      } finally {
        release()
      }
    }
    if (!told) process.stderr.write(`${waiting}\n`)
    told = true
    await lockReleased(address)
  }
}

/**
 * @param {string} address
 * @returns {Promise<(() => void) | undefined>} how to release it; undefined where somebody holds it
 */
function tryLock(address) {
  return new Promise((resolve, reject) => {
    /** @type {Set<import('node:net').Socket>} */
    const waiting = new Set()
    const server = createServer((socket) => {
      waiting.add(socket)
      socket.on('error', () => socket.destroy())
      socket.on('close', () => waiting.delete(socket))
    })
    server.on('error', (/** @type {NodeJS.ErrnoException} */ error) => {
      if (error.code === 'EADDRINUSE') resolve(undefined)
      else reject(error)
    })
    server.listen(address, () =>
      resolve(() => {
        server.close()
        for (const socket of waiting) socket.destroy()
      }),
    )
  })
}

/**
 * @param {string} address
 * @returns {Promise<void>}
 */
function lockReleased(address) {
  return new Promise((resolve) => {
    const socket = connect(address)
    socket.on('error', () => resolve())
    socket.on('close', () => resolve())
    socket.resume()
  })
}
