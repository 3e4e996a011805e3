/** Completion: the words, and that the scripts work in the shells themselves. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { DnsRecord } from '../../src/control/api/dns.ts'
import { needs } from '../support/requirements.ts'
import { shellLine } from '../support/shell-word.ts'
import { CliHarness } from './cli-harness.ts'
import { FakeControl, NETWORK, summary } from './fake-control.ts'

const main = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url))
const harness = new CliHarness()
const programs = join(harness.folder, 'bin')
let control: FakeControl

const WEB_NAME: DnsRecord = {
  network: 'blue',
  name: 'web',
  kind: 'sandbox',
  sandbox: 'web',
  from: '',
  ipv4: '172.18.0.2',
  ipv6: '',
  ttlS: 5,
}

before(async () => {
  control = await FakeControl.serve(join(harness.folder, 's'))
  const web = summary(0, 0)
  control.answers.set('GET /sandboxes', () => [
    web,
    { ...web, Names: ['/web-old'], State: 'exited', Status: 'Exited (0) 1 hour ago' },
  ])
  control.answers.set('GET /networks', () => [NETWORK, { ...NETWORK, Name: 'green' }])
  control.answers.set('GET /dns/records', () => ({ records: [WEB_NAME, { ...WEB_NAME, name: 'www' }] }))
  control.answers.set('GET /labs', () => [{ name: 'demo' }])
  mkdirSync(programs)
  writeFileSync(join(programs, 'tapwire'), `#!/bin/sh\nexec ${shellLine([process.execPath, main])} "$@"\n`, {
    mode: 0o755,
  })
  symlinkSync(process.execPath, join(programs, 'node'))
})

after(async () => {
  await control.close()
  harness.remove()
})

/** What is offered for the last word, and the directive. */
async function complete(words: readonly string[], host = control.socket): Promise<string[]> {
  const { code, out, err } = await harness.tapwire(['complete', '--', ...words], {
    env: { TAPWIRE_HOST: host },
  })
  assert.deepEqual([code, err], [0, ''])
  return out
    .trimEnd()
    .split('\n')
    .map((line) => line.split('\t')[0]!)
}

describe('completion', () => {
  it('offers commands and their commands', async () => {
    assert.deepEqual(await complete(['net']), ['network', ':4'])
    assert.deepEqual(await complete(['network', 'conn']), ['connect', ':4'])
    assert.deepEqual(await complete(['--root', 'network', 'network', 'conn']), ['connect', ':4'])
    assert.deepEqual(await complete(['container', 'ren']), ['rename', ':4'])
    assert.deepEqual(await complete(['nonsense', '']), [':4'])
  })

  it('offers options, and knows the words that are their values', async () => {
    assert.deepEqual(await complete(['run', '--network']), ['--network', '--network-alias', ':4'])
    assert.deepEqual(await complete(['run', '--name', '--network', '--pub']), [
      '--publish',
      '--publish-all',
      ':4',
    ])
    assert.deepEqual(await complete(['kill', '-s', 'US']), ['USR1', 'USR2', ':4'])
  })

  it('offers the names that there are, of those that a command is for', async () => {
    assert.deepEqual(await complete(['run', '-d', '--network', '']), ['blue', 'green', ':4'])
    assert.deepEqual(await complete(['run', '--network=g']), ['--network=green', ':4'])
    assert.deepEqual(await complete(['network', 'connect', 'blue', '']), ['web', 'web-old', ':4'])
    assert.deepEqual(await complete(['exec', '-it', '']), ['web', ':4'])
    assert.deepEqual(await complete(['start', 'w']), ['web-old', ':4'])
    assert.deepEqual(await complete(['rm', 'x', 'y', 'web-']), ['web-old', ':4'])
    assert.deepEqual(await complete(['inspect', '']), ['web', 'web-old', 'blue', 'green', ':4'])
    assert.deepEqual(await complete(['down', '']), ['demo', ':4'])
    assert.deepEqual(await complete(['nat', 'ls', '--sandbox', 'web-']), ['web-old', ':4'])
    assert.deepEqual(await complete(['nat', 'flush', '--protocol', '']), ['tcp', 'udp', 'icmp', ':4'])
    assert.deepEqual(await complete(['explain', '']), ['web', 'internet', ':4'])
    assert.deepEqual(await complete(['explain', 'web', '']), ['web', 'internet', 'uplink', 'gateway', ':4'])
    assert.deepEqual(await complete(['dns', 'ls', '']), ['blue', 'green', ':4'])
    assert.deepEqual(await complete(['dns', 'query', '']), ['web', 'www', ':4'])
    assert.deepEqual(await complete(['dns', 'query', 'web', 'AA']), ['AAAA', ':4'])
    assert.deepEqual(await complete(['dns', 'query', 'web', '-t', 'P']), ['PTR', ':4'])
    assert.deepEqual(await complete(['dns', 'query', 'web', '--from', '']), ['web', ':4'])
    assert.deepEqual(await complete(['dns', 'log', '--from', '']), ['web', 'web-old', ':4'])
    assert.deepEqual(await complete(['capture', 'any', 'web']), ['web', 'web@green', 'web@blue', ':4'])
    assert.deepEqual(await complete(['capture', 'u']), ['uplink', ':4'])
    assert.deepEqual(await complete(['capture', '--time', 'e']), ['epoch', ':4'])
    assert.deepEqual(await complete(['extcap', '']), ['install', 'uninstall', 'status', ':4'])
    assert.deepEqual(await complete(['uplink', 'set', 'no']), ['none', ':4'])
  })

  it('leaves files, and the words of a program, to the shell', async () => {
    for (const words of [
      ['up', ''],
      ['capture', '-w', ''],
      ['run', '--env-file', 'x'],
      ['run', 'ls', '-'],
      ['exec', 'web', 'ls', '--n'],
      ['run', '--', '-'],
    ]) {
      assert.deepEqual(await complete(words), [':0'], words.join(' '))
    }
  })

  it('offers nothing and says nothing where no daemon runs, and starts none', async () => {
    assert.deepEqual(await complete(['exec', ''], '/nowhere/at/all'), [':4'])
    assert.deepEqual(await complete(['exec', ''], ''), [':4'])
  })

  it('has no script for other shells', async () => {
    const { code, err } = await harness.tapwire(['complete', 'tcsh'])
    assert.deepEqual(
      [code, err],
      [1, 'tapwire: There is no completion for tcsh.\nhint: It is for bash, zsh and fish.\n'],
    )
  })
})

describe('the script of', () => {
  async function shell(program: string, ...args: string[]): Promise<string> {
    const PATH = `${programs}:${process.env['PATH']}`
    const child = spawn(program, args, {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { PATH, TAPWIRE_HOST: control.socket, HOME: harness.folder, TERM: 'xterm' },
    })
    return await text(child.stdout)
  }

  it('bash completes', { skip: needs('bash') }, async () => {
    const script = `
      source <(tapwire complete bash)
      try() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _tapwire 2>/dev/null; printf '%s\\n' "\${COMPREPLY[@]}"; }
      try tapwire network conn
      try tapwire exec ''
      try tapwire run --network = gr
      try tapwire run --network = ''
      try tapwire exec '$(echo oops >&3)' ''
    `
    assert.deepEqual(words(await shell('bash', '--norc', '-c', script)), [
      'connect',
      'web',
      'green',
      'blue',
      'green',
    ])
  })

  it('fish completes', { skip: needs('fish') }, async () => {
    const script =
      "tapwire complete fish | source; complete -C 'tapwire network conn'; complete -C 'tapwire exec '"
    assert.deepEqual(words(await shell('fish', '--no-config', '-c', script)), ['connect', 'web'])
  })

  it('zsh completes', { skip: needs('zsh') }, async () => {
    // A shell in a shell's terminal, as zsh has no other way to ask what it would complete.
    const script = `
      zmodload zsh/zpty
      zpty sh zsh -fi
      zpty -w sh 'PS1=READY; autoload -U compinit; compinit -u -D; source <(tapwire complete zsh); print LOA''DED'
      zpty -r sh seen '*LOADED*READY'
      zpty -w -n sh $'tapwire network conn\\t'
      zpty -r sh seen '*connect*' && print connect
      zpty -w -n sh $'\\x15tapwire exec \\t'
      zpty -r sh seen '*exec web*' && print web
      zpty -d sh
    `
    assert.deepEqual(words(await shell('zsh', '-f', '-c', script)), ['connect', 'web'])
  })

  /** The first word of each line: what stands behind is a description. */
  function words(printed: string): string[] {
    return printed
      .trim()
      .split('\n')
      .map((line) => line.split(/[\s(]/)[0]!)
  }
})
