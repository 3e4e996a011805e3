/** The values of options, as Go reads them: what Docker takes is taken here, and refused in its words. */

/** What Go's strconv.ParseBool takes; undefined for anything else. */
export function parseBoolean(text: string): boolean | undefined {
  if (/^(1|t|T|true|TRUE|True)$/.test(text)) return true
  return /^(0|f|F|false|FALSE|False)$/.test(text) ? false : undefined
}

/** Decimal, with or without a sign; undefined for anything else. */
export function parseInteger(text: string): number | undefined {
  return /^[+-]?\d{1,15}$/.test(text) ? Number(text) : undefined
}

/** What to say of an option whose value cannot be used. */
export function badOption(name: string, value: string, why: string): string {
  return `failed to parse ${name} value: ${value} (${why})`
}

/** What is wrong with a value that should be a boolean; undefined where nothing is, or where it is not given. */
export function checkBoolean(name: string, value: string): string | undefined {
  if (parseBoolean(value) !== undefined) return undefined
  return badOption(name, value, `strconv.ParseBool: parsing ${JSON.stringify(value)}: invalid syntax`)
}

/** What is wrong with a value that should be a whole number from `least` to `most`; undefined where nothing is. */
export function checkInteger(name: string, value: string, least: number, most: number): string | undefined {
  const number = parseInteger(value)
  if (number === undefined) {
    return badOption(name, value, `strconv.Atoi: parsing ${JSON.stringify(value)}: invalid syntax`)
  }
  return number < least || number > most
    ? badOption(name, value, `must be from ${least} to ${most}`)
    : undefined
}

export type OptionCheck = (name: string, value: string) => string | undefined

/** Runs the check of each option that has one. An option of Tapwire's own that has none is a slip of the pen. */
export function checkOptions(
  options: Readonly<Record<string, string>>,
  checks: Readonly<Record<string, OptionCheck>>,
): string[] {
  const problems: string[] = []
  for (const [name, value] of Object.entries(options)) {
    const check = Object.hasOwn(checks, name) ? checks[name] : undefined
    const problem = check?.(name, value)
    if (problem !== undefined) problems.push(problem)
    if (check === undefined && name.startsWith('tapwire.')) problems.push(`unknown option ${name}`)
  }
  return problems
}
