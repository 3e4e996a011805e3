/** A word for a line of a shell, whatever is in it: the checkout's path may have blanks. */
export const shellWord = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`

export const shellLine = (words: readonly string[]): string => words.map(shellWord).join(' ')
