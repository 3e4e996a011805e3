import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { etcdCommand } from '../../src/daemon/lab-registry.ts'

describe("the command of a lab's registry", () => {
  const folder = mkdtempSync(join(tmpdir(), 'tapwire-lab-registry-'))
  after(() => rmSync(folder, { recursive: true }))

  const place = (name: string): string => {
    const path = join(folder, name)
    mkdirSync(path)
    return path
  }

  it('listens at its address, and keeps what it knows in its folder', () => {
    const programs = place('programs')
    writeFileSync(join(programs, 'etcd'), '')
    chmodSync(join(programs, 'etcd'), 0o755)
    const [program, ...args] = etcdCommand('/root/lab.store', 'store', '10.9.0.254', `/nowhere:${programs}`)
    assert.equal(program, join(programs, 'etcd'))
    assert.ok(args.includes('--data-dir=/root/lab.store/etcd'))
    assert.ok(args.includes('--listen-client-urls=http://10.9.0.254:2379'))
    const elsewhere = args.filter((arg) => arg.includes('http://') && !arg.includes('10.9.0.254'))
    assert.ok(
      elsewhere.every((arg) => arg.includes('http://127.0.0.1:2380')),
      String(elsewhere),
    )
  })

  it('names the package of a program that is not installed', () => {
    const unusable = place('unusable')
    writeFileSync(join(unusable, 'etcd'), '')
    mkdirSync(join(place('folders'), 'etcd'))
    const path = `${unusable}:${join(folder, 'folders')}:/nowhere`
    assert.throws(() => etcdCommand('/root', 'etcd', '10.9.0.254', path), {
      code: 'REGISTRY_NOT_INSTALLED',
      message: /the program etcd is not installed/,
      hint: /etcd-server/,
    })
  })
})
