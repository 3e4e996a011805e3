import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { repositoryRoot } from '../../support/repository.ts'
import { newFolder } from './scene.ts'

const OPTIONS = ['-O2', '-std=gnu11', '-Wall', '-Wextra', '-Werror'] as const

const compiled = new Map<string, string>()

/** Compiles a program of this folder, once in a process; returns the path of what came out. */
export function compile(
  name: 'flood' | 'frames' | 'getaddrinfo' | 'transfer' | 'without-io-uring',
  compiler: readonly [string, ...string[]] = ['cc'],
): string {
  const key = [name, ...compiler].join(' ')
  const known = compiled.get(key)
  if (known !== undefined) return known
  const program = join(newFolder(), name)
  const source = join(repositoryRoot, 'test/system/support', `${name}.c`)
  const [command, ...options] = compiler
  execFileSync(command, [...options, ...OPTIONS, '-o', program, source])
  compiled.set(key, program)
  return program
}
