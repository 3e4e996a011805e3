/** The name of a sandbox's network namespace in /run/netns, where ip(8) looks for it: a link to what its shim holds. */

import { mkdirSync, readlinkSync, renameSync, rmSync, symlinkSync } from 'node:fs'
import { dirname } from 'node:path'
import { namespacePath } from '../namespace.ts'

export class NamespaceLink {
  /** As `ip -n` takes it. */
  readonly name: string

  constructor(name: string) {
    this.name = name
  }

  get path(): string {
    return namespacePath(this.name)
  }

  /** In place of one that an earlier run has left. Nothing is done where it is as it should be. */
  write(holder: number): void {
    const target = `/proc/${holder}/ns/net`
    if (this.#target() === target) return
    const temporary = `${this.path}.new`
    mkdirSync(dirname(this.path), { recursive: true })
    rmSync(temporary, { force: true })
    symlinkSync(target, temporary)
    renameSync(temporary, this.path)
  }

  remove(): void {
    rmSync(this.path, { force: true })
  }

  #target(): string | undefined {
    try {
      return readlinkSync(this.path)
    } catch {
      return undefined
    }
  }
}
