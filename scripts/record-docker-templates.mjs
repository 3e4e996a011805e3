/**
 * Records what docker's client makes of templates, for the tests of ours: runs each template of the fixture again and notes
 * the answer beside it. Needs the client alone, no engine: `docker context inspect` shows what it has itself.
 *
 *     node scripts/record-docker-templates.mjs
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { root } from './steps.mjs'

const path = join(root, 'test/fixtures/docker-templates.json')
const fixture = JSON.parse(readFileSync(path, 'utf8'))
// No context of this machine's user gets into the fixture.
const config = mkdtempSync(join(tmpdir(), 'docker-config-'))

/** @param {string[]} args */
function docker(...args) {
  const { status, stdout, stderr, error } = spawnSync('docker', args, {
    encoding: 'utf8',
    env: { PATH: process.env['PATH'], DOCKER_CONFIG: config },
  })
  if (error !== undefined) throw error
  return { status, stdout, stderr }
}

try {
  fixture.version = docker('--version').stdout.trim()
  fixture.data = JSON.parse(docker('context', 'inspect').stdout)[0]
  fixture.templates = fixture.templates.map((/** @type {{ template: string }} */ { template }) => {
    const { status, stdout, stderr } = docker('context', 'inspect', '--format', template)
    return status === 0
      ? { template, output: stdout.replace(/\n$/, '') }
      : { template, error: stderr.trim(), exitCode: status }
  })
} finally {
  rmSync(config, { recursive: true })
}
writeFileSync(path, `${JSON.stringify(fixture, undefined, 2)}\n`)
