import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import {
  addonLoaders,
  findCycle,
  type ImportTable,
  importsOf,
  LIMITS,
  LINES_MAX,
  LINES_TARGET,
  lineCount,
  readImportTable,
  type SourceFile,
  violations,
} from './support/architecture.ts'
import { filesBelow, repositoryRoot } from './support/repository.ts'

const EVERYTHING_BUT_CLI = [
  'wire',
  'tables',
  'datapath',
  'protocols',
  'ports',
  'inspect',
  'control',
  'simulation',
]

/** The architecture. docs/architecture.md shows the same table to people, and a test below holds the two together. */
const TABLE: ImportTable = {
  wire: { pure: true, mayImport: [] },
  tables: { pure: true, mayImport: ['wire'] },
  datapath: { pure: true, mayImport: ['wire', 'tables', 'protocols'] },
  protocols: { pure: true, mayImport: ['wire', 'tables'] },
  ports: { pure: false, mayImport: ['wire', 'datapath'] },
  inspect: { pure: false, mayImport: ['wire', 'datapath'] },
  control: { pure: false, mayImport: ['wire', 'tables', 'datapath'] },
  simulation: {
    pure: false,
    mayImport: ['wire', 'tables', 'datapath', 'protocols', 'ports', 'inspect', 'control'],
  },
  daemon: { pure: false, mayImport: EVERYTHING_BUT_CLI },
  cli: { pure: false, mayImport: ['control', 'inspect', 'simulation'] },
}

const read = (path: string): string => readFileSync(join(repositoryRoot, path), 'utf8')

const sources: SourceFile[] = filesBelow('src')
  .filter((path) => path.endsWith('.ts'))
  .map((path) => ({ path, text: read(path) }))

describe('the sources', () => {
  it('import only what the table allows', (t) => {
    for (const { path, text } of sources) {
      const lines = lineCount(text)
      if (lines > LINES_TARGET && lines <= LINES_MAX && path !== LIMITS)
        t.diagnostic(`${path} has ${lines} lines; the target is ${LINES_TARGET}`)
    }
    assert.deepEqual(violations(sources, TABLE), [])
  })

  it('load the native addon in one file', () => {
    assert.deepEqual(addonLoaders(sources), ['src/ports/native.ts'])
  })

  it('compile the pure folders without the types of Node', () => {
    const projects = ['src/tsconfig.pure.json', 'src/tsconfig.json'].map((path) => configuration(read(path)))
    const folders = (pure: boolean): string[] =>
      Object.entries(TABLE).flatMap(([folder, rule]) => (rule.pure === pure ? [folder] : []))
    assert.deepEqual(projects[0]?.include.toSorted(), ['limits.ts', ...folders(true)].toSorted())
    assert.deepEqual(
      projects[0]?.compilerOptions.types ?? configuration(read('tsconfig.base.json')).compilerOptions.types,
      [],
    )
    assert.deepEqual(projects[1]?.include.toSorted(), ['index.ts', ...folders(false)].toSorted())
  })
})

describe('the table', () => {
  it('is the one in docs/architecture.md', () => {
    assert.deepEqual(readImportTable(read('docs/architecture.md')), TABLE)
  })

  it('has no circle', () => {
    assert.equal(
      findCycle(new Map(Object.entries(TABLE).map(([folder, rule]) => [folder, rule.mayImport]))),
      undefined,
    )
  })

  it('keeps pure folders from importing others', () => {
    for (const [folder, { pure, mayImport }] of Object.entries(TABLE)) {
      for (const imported of pure ? mayImport : [])
        assert.ok(TABLE[imported]?.pure, `${folder} imports ${imported}`)
    }
  })
})

describe('the check of the sources', () => {
  const faults = (path: string, text: string): string[] => violations([{ path, text }], TABLE)

  const allowed: [path: string, text: string][] = [
    [
      'src/tables/mac-table.ts',
      "import { mac } from '../wire/ethernet.ts'\nimport { hash } from './hash.ts'\n",
    ],
    ['src/wire/arp.ts', "import { MTU_MAX } from '../limits.ts'\n"],
    ['src/daemon/api.ts', "import { Hono } from 'hono'\nimport { createServer } from 'node:http'\n"],
    ['src/index.ts', "export { Engine } from './datapath/engine.ts'\nexport { up } from './cli/up.ts'\n"],
    [
      'src/wire/udp.ts',
      "/** Read import('../daemon/main.ts') aloud.\nimport x from '../cli/up.ts'\n */\nexport {}\n",
    ],
    ['src/wire/udp.ts', "// import x from '../cli/up.ts'\nexport const text = 'from'\n"],
    [
      'src/cli/up.ts',
      "spawn(process.execPath, [fileURLToPath(new URL('../daemon/main.js', import.meta.url))])\n",
    ],
    ['src/daemon/engine.ts', "new Worker(new URL('./engine-worker.js', import.meta.url))\n"],
    ['src/wire/udp.ts', '\n'.repeat(LINES_MAX)],
    [LIMITS, '\n'.repeat(2 * LINES_MAX)],
  ]
  for (const [path, text] of allowed) {
    it(`accepts ${JSON.stringify(text.slice(0, 50))} in ${path}`, () =>
      assert.deepEqual(faults(path, text), []))
  }

  const refused: [path: string, text: string, fault: RegExp][] = [
    ['src/wire/arp.ts', "import { MacTable } from '../tables/mac-table.ts'\n", /wire may not import tables/],
    [
      'src/wire/arp.ts',
      "import type { MacTable } from '../tables/mac-table.ts'\n",
      /wire may not import tables/,
    ],
    [
      'src/wire/arp.ts',
      "import {\n  a,\n  b,\n} from '../tables/mac-table.ts'\n",
      /wire may not import tables/,
    ],
    ['src/wire/arp.ts', "export * from '../tables/mac-table.ts'\n", /wire may not import tables/],
    ['src/wire/arp.ts', "import '../tables/mac-table.ts'\n", /wire may not import tables/],
    [
      'src/wire/arp.ts',
      "export {}\nconst t = await import('../tables/mac-table.ts')\n",
      /wire may not import tables/,
    ],
    [
      'src/cli/up.ts',
      "const w = new Worker(new URL('../daemon/worker.js', import.meta.url))\n",
      /cli may not import daemon/,
    ],
    [
      'src/datapath/engine.ts',
      "import { openTap } from '../ports/tap.ts'\n",
      /datapath may not import ports/,
    ],
    [
      'src/tables/mac-table.ts',
      "import { randomBytes } from 'node:crypto'\n",
      /imports no modules from outside/,
    ],
    ['src/protocols/dns.ts', "import { decode } from 'dns-packet'\n", /imports no modules from outside/],
    ['src/limits.ts', "import { x } from './wire/arp.ts'\n", /limits.ts imports nothing/],
    ['src/ports/tap.ts', "import { x } from '../index.ts'\n", /nothing in src imports the library entry/],
    ['src/ports/tap.ts', "import { x } from './native.js'\n", /with \.ts/],
    ['src/ports/tap.ts', "import { x } from './native'\n", /with \.ts/],
    ['src/ports/tap.ts', "import { x } from '../../test/support/repository.ts'\n", /outside src/],
    ['src/ports/tap.ts', 'export default 1\n', /default export/],
    ['src/ports/tap.ts', 'const x = 1\nexport { x as default }\n', /default export/],
    ['src/ports/tap.ts', '\n'.repeat(LINES_MAX + 1), /has 601 lines/],
    ['src/helpers/text.ts', 'export {}\n', /a folder that the table does not name/],
    ['src/text.ts', 'export {}\n', /directly in src/],
  ]
  for (const [path, text, fault] of refused) {
    it(`refuses ${JSON.stringify(text.slice(0, 50))} in ${path}`, () => {
      const found = faults(path, text)
      assert.equal(found.length, 1, found.join('\n'))
      assert.match(found[0] ?? '', fault)
    })
  }

  it('finds a circle of folders, also of folders that may import one another', () => {
    const generous: ImportTable = {
      wire: { pure: true, mayImport: ['tables'] },
      tables: { pure: true, mayImport: ['wire'] },
    }
    const files = [
      { path: 'src/wire/arp.ts', text: "import { a } from '../tables/a.ts'\n" },
      { path: 'src/tables/a.ts', text: "import { b } from '../wire/arp.ts'\n" },
    ]
    assert.deepEqual(violations(files, generous), [
      'the folders import one another in a circle: wire -> tables -> wire',
    ])
  })

  it('finds each way to load an addon, and none in a comment', () => {
    const files = [
      { path: 'a.ts', text: 'process.dlopen(module, path)' },
      { path: 'b.ts', text: "import { createRequire } from 'node:module'" },
      { path: 'c.ts', text: "const addon = require('./tapwire.node')" },
      {
        path: 'd.ts',
        text: '// process.dlopen is for native.ts\nconst hint = "build/tapwire.node is missing"',
      },
    ]
    assert.deepEqual(addonLoaders(files), ['a.ts', 'b.ts', 'c.ts'])
  })

  it('reads each import of a file once', () => {
    const text =
      "import a from 'x'\nimport { b } from './y.ts'\nexport { c } from './z.ts'\nimport 'w'\nvoid import('v')\n"
    assert.deepEqual(importsOf(text).toSorted(), ['./y.ts', './z.ts', 'v', 'w', 'x'])
  })

  it('reads the table of a Markdown text', () => {
    const markdown = [
      '| Folder | What | May import |',
      '|---|---|---|',
      '| `a/` (pure) | `x` | nothing |',
      '| `b/` | | `a` |',
      '| `c/` | | all but `b` |',
      '',
    ]
    assert.deepEqual(readImportTable(markdown.join('\n')), {
      a: { pure: true, mayImport: [] },
      b: { pure: false, mayImport: ['a'] },
      c: { pure: false, mayImport: ['a'] },
    })
    assert.throws(() => readImportTable('no table'), /there is no table/)
  })
})

interface Configuration {
  readonly include: string[]
  readonly compilerOptions: { readonly types?: string[] }
}

/** A tsconfig file: JSON with comments on lines of their own. */
function configuration(text: string): Configuration {
  return JSON.parse(text.replace(/^\s*\/\/.*$/gm, ''))
}
