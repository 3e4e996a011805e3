import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { repositoryRoot } from '../../support/repository.ts'
import { newFolder } from './scene.ts'

/** Compiles a program of this folder; returns the path of what came out. */
export function compile(name: 'flood' | 'frames' | 'transfer' | 'without-io-uring'): string {
  const program = join(newFolder(), name)
  const source = join(repositoryRoot, 'test/system/support', `${name}.c`)
  execFileSync('cc', ['-O2', '-std=gnu11', '-Wall', '-Wextra', '-Werror', '-o', program, source])
  return program
}
