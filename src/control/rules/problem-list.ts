/** Several problems under one title, in Docker's form: one stands alone, several have an asterisk each. */
export function problemList(title: string, problems: Iterable<string>): string {
  const all = [...new Set(problems)]
  const lines = all.length === 1 ? all : all.map((problem) => `* ${problem}`)
  return [title, ...lines].join('\n')
}
