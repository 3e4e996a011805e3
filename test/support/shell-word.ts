/** A word for a line of a shell, whatever is in it: the checkout's path may have blanks. */
export const shellWord = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`

export const shellLine = (words: readonly string[]): string => words.map(shellWord).join(' ')

/** The words of a line in which a shell has nothing to do but take single quotes off; undefined of any other. */
export function plainWords(line: string): string[] | undefined {
  const joined = line.replaceAll('\\\n', ' ')
  if (!/^(?:[\w@%+=:,./ -]|'[^']*')*$/.test(joined)) return undefined
  return (joined.match(/(?:[^ ']|'[^']*')+/g) ?? []).map((word) => word.replaceAll("'", ''))
}
