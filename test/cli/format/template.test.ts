import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { Template } from '../../../src/cli/format/template.ts'
import { TapwireError } from '../../../src/control/errors.ts'
import { repositoryRoot } from '../../support/repository.ts'

interface Recorded {
  readonly template: string
  readonly output?: string
  readonly error?: string
  readonly exitCode?: number
}

/** What docker's client answered; scripts/record-docker-templates.mjs records it again. */
const fixture = JSON.parse(
  readFileSync(join(repositoryRoot, 'test/fixtures/docker-templates.json'), 'utf8'),
) as { readonly data: unknown; readonly templates: readonly Recorded[] }

const maps = new Set(['Endpoints', 'Labels', 'Networks'])

function execute(template: string, data: unknown): Omit<Recorded, 'template'> {
  try {
    return { output: new Template(template, { maps }).execute(data) }
  } catch (error) {
    assert.ok(error instanceof TapwireError)
    return { error: error.message, exitCode: error.exitCode }
  }
}

/** Docker's program has types with names, of which JSON knows nothing. */
function withoutType(message: string | undefined): string | undefined {
  return message?.replace(/can't evaluate field (\w+) in type \w+\.\w+$/, 'map has no entry for key "$1"')
}

describe('a template', () => {
  for (const { template, ...recorded } of fixture.templates) {
    it(`gives what docker gives: ${template}`, () => {
      const expected =
        recorded.error === undefined ? recorded : { ...recorded, error: withoutType(recorded.error) }
      assert.deepEqual(execute(template, fixture.data), expected)
    })
  }

  it('says what there is, where a field is not', () => {
    assert.throws(
      () => new Template('{{.Nmae}}').execute({ Name: 'x', Id: 'y' }),
      (error: TapwireError) => error.hint === 'There are .Name .Id',
    )
  })

  it('takes a missing key of a map for nothing, and of a map of strings for the empty string', () => {
    const data = { Labels: { a: 'b' }, Networks: {}, Links: null }
    assert.equal(new Template('{{.Labels.a}}{{.Labels.b}}', { maps }).execute(data), 'b<no value>')
    assert.equal(new Template('[{{index .Labels "b"}}]', { maps }).execute(data), '[]')
    assert.equal(
      new Template('{{with .Networks.blue}}{{.IPAddress}}{{else}}-{{end}}', { maps }).execute(data),
      '-',
    )
    assert.match(execute('{{.Links.x}}', data).error ?? '', /nil data; no entry for key "x"/)
  })

  it('calls methods', () => {
    const Label = (name: unknown): string => `<${String(name)}>`
    assert.equal(new Template('{{.Label "a.b" | upper}}').execute({ Label }), '<A.B>')
  })

  it('tells the line and the column of the place', () => {
    const { error } = execute('a\n  {{ .Name.Foo.Bar }}', { Name: 'x' })
    assert.equal(
      error,
      'template parsing error: template: :2:10: executing "" at <.Name.Foo.Bar>: can\'t evaluate field Foo in type string',
    )
  })

  it('gives back text without actions as it is, and never fails but by a TapwireError', () => {
    fc.assert(
      fc.property(
        fc.string().filter((text) => !text.includes('{{')),
        (text) => {
          assert.equal(new Template(text).execute({}), text)
        },
      ),
    )
    const piece = fc.constantFrom(
      '{{',
      '}}',
      '.A',
      '$x',
      ':=',
      '|',
      '(',
      ')',
      '"a"',
      ' ',
      'if',
      'end',
      'else',
      'range',
      'len',
      '1',
      'and',
      '-',
      'x',
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const { output, error } = execute(pieces.join(''), { A: ['b', { c: 1 }] })
        assert.ok(typeof output === 'string' || typeof error === 'string')
      }),
      { numRuns: 500 },
    )
  })
})
