import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { newId, shortId } from '../../../src/control/rules/ids.ts'
import {
  checkHostname,
  checkNetworkName,
  checkSandboxName,
  networkNameTaken,
  printable,
  sandboxNameTaken,
} from '../../../src/control/rules/names.ts'
import { randomName } from '../../../src/control/rules/random-name.ts'
import { assertRefused } from './refusal.ts'

const ALLOWED = 'only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed'

describe('newId', () => {
  it('is 64 hexadecimal digits', () => {
    assert.match(newId(randomBytes), /^[0-9a-f]{64}$/)
    assert.equal(shortId('0123456789abcdef'), '0123456789ab')
  })
  it('is drawn again where the short id would be a number', () => {
    const draws = [Uint8Array.from({ length: 32 }, () => 0x12), Uint8Array.from({ length: 32 }, () => 0xab)]
    assert.equal(
      newId(() => draws.shift()!),
      'ab'.repeat(32),
    )
  })
})

describe("a sandbox's name", () => {
  it('may have a slash in front', () => {
    for (const name of ['web', 'a1', 'A.b_c-d', 'x'.repeat(63)]) {
      assert.equal(checkSandboxName(name), name)
      assert.equal(checkSandboxName(`/${name}`), name)
    }
  })
  const refused: [string, string][] = [
    ['', ''],
    ['a', 'a'],
    ['/', '/'],
    ['//web', '//web'],
    ['a/b', 'a/b'],
    ['..', '..'],
    ['../x', '../x'],
    ['.web', '.web'],
    ['-web', '-web'],
    ['two words', 'two words'],
    ['web\0', 'web\\x00'],
    ['web\n', 'web\\x0a'],
    ['wéb', 'wéb'],
  ]
  for (const [name, shown] of refused) {
    it(`is not '${shown}'`, () =>
      assertRefused(
        () => checkSandboxName(name),
        'NAME_INVALID',
        `Invalid container name (${shown}), ${ALLOWED}`,
      ))
  }
  it('has a limit', () => {
    assert.throws(() => checkSandboxName('x'.repeat(64)), /it has 64 characters and at most 63 are allowed/)
  })
  it('that is taken is told with its holder', () => {
    assert.equal(
      sandboxNameTaken('web', 'abc').message,
      'Conflict. The container name "/web" is already in use by container "abc". ' +
        'You have to remove (or rename) that container to be able to reuse that name.',
    )
  })
})

describe("a network's name", () => {
  it('may be one character', () => {
    for (const name of ['n', 'net-1', 'a.b_c', 'x'.repeat(63)]) checkNetworkName(name)
  })
  const refused: [string, string, string][] = [
    ['', 'NAME_INVALID', 'invalid name: name is empty'],
    ['  ', 'NAME_INVALID', 'invalid name: name is empty'],
    ['a/b', 'NAME_INVALID', `Invalid network name (a/b), ${ALLOWED}`],
    ['..', 'NAME_INVALID', `Invalid network name (..), ${ALLOWED}`],
    ['a b', 'NAME_INVALID', `Invalid network name (a b), ${ALLOWED}`],
    ['a\0', 'NAME_INVALID', `Invalid network name (a\\x00), ${ALLOWED}`],
    ['bridge', 'NETWORK_PREDEFINED', 'operation is not permitted on predefined bridge network'],
    ['host', 'NETWORK_PREDEFINED', 'operation is not permitted on predefined host network'],
    ['none', 'NETWORK_PREDEFINED', 'operation is not permitted on predefined none network'],
    ['default', 'NETWORK_PREDEFINED', 'operation is not permitted on predefined default network'],
  ]
  for (const [name, code, message] of refused) {
    it(`is not '${printable(name)}'`, () => assertRefused(() => checkNetworkName(name), code, message))
  }
  it('that is taken is told', () => {
    assert.equal(networkNameTaken('net1').message, 'network with name net1 already exists')
  })
})

describe('a hostname', () => {
  it('has labels of letters, digits, - and _', () => {
    for (const name of ['web', 'b2b2b2b2b2b2', 'a.b.example', 'my_host', '-dash', 'a..b', 'x'.repeat(64)])
      checkHostname('hostname', name)
  })
  for (const name of ['a b', '-', '..', '.', 'a\nb', 'a/b', 'é']) {
    it(`is not '${printable(name)}'`, () =>
      assertRefused(
        () => checkHostname('hostname', name),
        'NAME_INVALID',
        `invalid hostname format: ${printable(name)}`,
      ))
  }
  it('has a limit', () => {
    assertRefused(
      () => checkHostname('domainname', 'x'.repeat(65)),
      'NAME_INVALID',
      'invalid domainname: 65 characters, at most 64 are possible',
    )
  })
})

describe('printable', () => {
  it('leaves nothing that a terminal would obey', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) =>
        assert.doesNotMatch(printable(text), /[\p{Cc}\p{Cf}]/u),
      ),
    )
  })
})

describe('randomName', () => {
  it('is a good name', () => {
    for (let i = 0; i < 500; i++) {
      const name = randomName(randomBytes, () => false)
      assert.match(name, /^[a-z]+_[a-z]+$/)
      assert.equal(checkSandboxName(name), name)
    }
  })
  it('is nobody else’s, however many there are', () => {
    const taken = new Set<string>()
    // All draws alike: the number decides.
    const zeros = (count: number) => new Uint8Array(count)
    for (let i = 0; i < 100; i++) {
      const name = randomName(zeros, (other) => taken.has(other))
      assert.ok(!taken.has(name))
      taken.add(name)
    }
  })
})
