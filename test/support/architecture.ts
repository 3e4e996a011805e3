/**
 * Checks source files against the rules of docs/architecture.md. It works on texts, so that it can be shown
 * sources that break the rules.
 */

export interface SourceFile {
  /** From the checkout's root, with slashes: `src/wire/arp.ts`. */
  readonly path: string
  readonly text: string
}

export interface FolderRule {
  /** Compiled without Node's types; imports neither `node:` modules nor packages. */
  readonly pure: boolean
  /** Folders of src. A folder may always import itself and src/limits.ts. */
  readonly mayImport: readonly string[]
}

export type ImportTable = Readonly<Record<string, FolderRule>>

/**
 * The longest source file that is accepted, and from which on one should be looked at. But for LIMITS: a table of constants, each with its reason,
 * in which one looks one up; in two files one would look in two.
 */
export const LINES_MAX = 600
export const LINES_TARGET = 500

export const LIMITS = 'src/limits.ts'
const INDEX = 'src/index.ts'

/** Everything that is wrong with `files`, one sentence each, in the order of the files. */
export function violations(files: readonly SourceFile[], table: ImportTable): string[] {
  return [...files.flatMap((file) => fileViolations(file, table)), ...folderCycles(files)]
}

function fileViolations(file: SourceFile, table: ImportTable): string[] {
  const folder = folderOf(file.path)
  const found: string[] = []
  if (folder !== undefined && table[folder] === undefined)
    found.push('lies in a folder that the table does not name')
  if (folder === undefined && file.path !== LIMITS && file.path !== INDEX) {
    found.push('lies directly in src, where only index.ts and limits.ts are')
  }
  for (const specifier of importsOf(file.text)) {
    const fault = importFault(file.path, specifier, table)
    if (fault !== undefined) found.push(`imports ${specifier}: ${fault}`)
  }
  if (hasDefaultExport(file.text)) found.push('has a default export')
  const lines = lineCount(file.text)
  if (lines > LINES_MAX && file.path !== LIMITS) found.push(`has ${lines} lines, more than ${LINES_MAX}`)
  return found.map((fault) => `${file.path} ${fault}`)
}

function importFault(path: string, specifier: string, table: ImportTable): string | undefined {
  const folder = folderOf(path)
  if (!specifier.startsWith('.')) {
    if (path === LIMITS || (folder !== undefined && table[folder]?.pure))
      return 'pure code imports no modules from outside'
    return undefined
  }
  const target = resolve(path, specifier)
  if (!target.endsWith('.ts')) return 'a relative import names the source file, with .ts'
  if (!target.startsWith('src/')) return 'it lies outside src'
  if (path === INDEX || target === LIMITS) return undefined
  const targetFolder = folderOf(target)
  if (targetFolder === undefined) return 'nothing in src imports the library entry'
  if (path === LIMITS) return 'limits.ts imports nothing'
  if (folder === undefined || targetFolder === folder) return undefined
  return table[folder]?.mayImport.includes(targetFolder)
    ? undefined
    : `${folder} may not import ${targetFolder}`
}

/**
 * Module names in `import` and `export … from`, in dynamic imports and in `new Worker(new URL(…))`. The last names the
 * compiled file; it is given as its source. A file that is started as a process of its own is no import.
 */
export function importsOf(text: string): string[] {
  const code = withoutComments(text)
  const patterns = [
    /^(?:import|export)\b[^'"`;]*?\bfrom\s*['"]([^'"]+)['"]/gm,
    /^import\s*['"]([^'"]+)['"]/gm,
    /\bimport\s*\(\s*['"`]([^'"`]+)['"`]/g,
  ]
  const workers = [...code.matchAll(/\bnew\s+Worker\(\s*new\s+URL\(\s*['"`]([^'"`]+)['"`]/g)]
  return [
    ...patterns.flatMap((pattern) => [...code.matchAll(pattern)].flatMap((match) => match[1] ?? [])),
    ...workers.flatMap((match) => match[1]?.replace(/\.js$/, '.ts') ?? []),
  ]
}

/** Files in which a native addon is loaded or a loader for one is made. */
export function addonLoaders(files: readonly SourceFile[]): string[] {
  const loader = /\bprocess\.dlopen\b|\bcreateRequire\b|\brequire\s*\(/
  return files.filter((file) => loader.test(withoutComments(file.text))).map((file) => file.path)
}

export const lineCount = (text: string): number => text.replace(/\n$/, '').split('\n').length

function hasDefaultExport(text: string): boolean {
  return /^export\s+default\b|^export\s*\{[^}]*\bas\s+default\b/m.test(withoutComments(text))
}

/** Import circles between folders that the files make, whatever the table says. */
function folderCycles(files: readonly SourceFile[]): string[] {
  const edges = new Map<string, Set<string>>()
  for (const { path, text } of files) {
    const folder = folderOf(path)
    if (folder === undefined) continue
    for (const specifier of importsOf(text)) {
      const target = specifier.startsWith('.') ? folderOf(resolve(path, specifier)) : undefined
      if (target === undefined || target === folder) continue
      edges.set(folder, (edges.get(folder) ?? new Set()).add(target))
    }
  }
  const cycle = findCycle(edges)
  return cycle === undefined ? [] : [`the folders import one another in a circle: ${cycle.join(' -> ')}`]
}

/** One cycle of a directed graph, its first node repeated at the end, or undefined. */
export function findCycle(edges: ReadonlyMap<string, Iterable<string>>): string[] | undefined {
  const finished = new Set<string>()
  const visit = (node: string, path: readonly string[]): string[] | undefined => {
    const seen = path.indexOf(node)
    if (seen !== -1) return [...path.slice(seen), node]
    if (finished.has(node)) return undefined
    for (const next of edges.get(node) ?? []) {
      const cycle = visit(next, [...path, node])
      if (cycle !== undefined) return cycle
    }
    finished.add(node)
    return undefined
  }
  for (const node of edges.keys()) {
    const cycle = visit(node, [])
    if (cycle !== undefined) return cycle
  }
  return undefined
}

/**
 * The table of docs/architecture.md: the first Markdown table with the columns "Folder" and "May import". A pure folder has
 * "(pure)" behind its name; names stand in backquotes; "all but `x`" and "all" are understood.
 */
export function readImportTable(markdown: string): ImportTable {
  const lines = markdown.split('\n')
  const head = lines.findIndex((line) => /\|\s*Folder\s*\|.*\|\s*May import\s*\|/.test(line))
  if (head === -1) throw new Error('there is no table with the columns "Folder" and "May import"')
  const columns = cells(lines[head] ?? '')
  const rows: string[][] = []
  for (let index = head + 2; lines[index]?.startsWith('|'); index += 1) rows.push(cells(lines[index] ?? ''))
  const folders = rows.map((row) => names(row[columns.indexOf('Folder')] ?? '')[0] ?? '')
  return Object.fromEntries(
    rows.map((row, index) => {
      const folder = folders[index] ?? ''
      const listed = row[columns.indexOf('May import')] ?? ''
      const mayImport = listed.startsWith('all')
        ? folders.filter((name) => name !== folder && !names(listed).includes(name))
        : names(listed)
      return [folder, { pure: (row[columns.indexOf('Folder')] ?? '').includes('(pure)'), mayImport }]
    }),
  )
}

const cells = (row: string): string[] =>
  row
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim())

const names = (cell: string): string[] =>
  [...cell.matchAll(/`([\w-]+)\/?`/g)].flatMap((match) => match[1] ?? [])

/** `src/wire/arp.ts` lies in `wire`; files directly in src lie in no folder. */
const folderOf = (path: string): string | undefined => /^src\/([^/]+)\//.exec(path)?.[1]

function resolve(from: string, specifier: string): string {
  return new URL(specifier, `file:///${from}`).pathname.slice(1)
}

/** Blanks block comments and line comments that stand alone, in which imports are only talked about. */
function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '')
}
