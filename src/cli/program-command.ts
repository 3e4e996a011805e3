import { Command, CommanderError, type ErrorOptions, type Option } from 'commander'

/**
 * A command of commander's that also takes boolean options as Docker's command line does: `--internal=true`,
 * `--sig-proxy=false`.
 */
export class ProgramCommand extends Command {
  override createCommand(name?: string): ProgramCommand {
    return new ProgramCommand(name)
  }

  /** A mistake on the command line: how it is used is told by the command's own help. */
  override error(message: string, options?: ErrorOptions): never {
    this.showHelpAfterError(`See \`${this.#path()} --help\`.`)
    return super.error(message, options)
  }

  #path(): string {
    const names: string[] = []
    for (let at: Command | null = this; at !== null; at = at.parent) names.unshift(at.name())
    return names.join(' ')
  }

  override parseOptions(args: string[]): { operands: string[]; unknown: string[] } {
    return super.parseOptions(this.#settleBooleans(args))
  }

  /** The words from the first one on that is neither an option of this command nor an option's value. */
  wordsFrom(args: readonly string[]): string[] {
    let at = 0
    while (at < args.length && args[at]!.startsWith('-')) at += this.#takesNext(args[at]!) ? 2 : 1
    return args.slice(at)
  }

  /** The option that the next word is the value of, if `arg` is such a one. */
  optionAwaitingValue(arg: string): Option | undefined {
    if (!this.#takesNext(arg)) return undefined
    const short = `-${arg.at(-1) ?? ''}`
    return this.options.find(
      (option) => option.long === arg || (!arg.startsWith('--') && option.short === short),
    )
  }

  /** Throws where there is none. */
  commandNamed(name: string): ProgramCommand {
    const found = this.commands.find((one) => one.name() === name || one.aliases().includes(name))
    if (found instanceof ProgramCommand) return found
    throw new CommanderError(1, 'commander.unknownCommand', `unknown command '${name}'`)
  }

  /** Takes `--name=true` and `--name=false` out of the options; what stands behind the first operand is not touched. */
  #settleBooleans(args: readonly string[]): string[] {
    if (!args.some((arg) => EXPLICIT.test(arg))) return [...args]
    const kept: string[] = []
    for (let at = 0; at < args.length; at++) {
      const arg = args[at]!
      if (arg === '--' || !arg.startsWith('-')) return [...kept, ...args.slice(at)]
      const [, name = '', value = ''] = EXPLICIT.exec(arg) ?? []
      const option = this.options.find((one) => one.long === name)
      if (option !== undefined && option.isBoolean()) {
        this.setOptionValueWithSource(option.attributeName(), TRUE.has(value), 'cli')
        continue
      }
      kept.push(arg)
      if (this.#takesNext(arg) && at + 1 < args.length) kept.push(args[++at]!)
    }
    return kept
  }

  /** Whether the word behind an option is its value. */
  #takesNext(arg: string): boolean {
    if (arg.startsWith('--')) return this.options.some((option) => option.long === arg && option.required)
    for (let at = 1; at < arg.length; at++) {
      const option = this.options.find((one) => one.short === `-${arg[at]}`)
      if (option === undefined) return false
      // What follows in the same word is the value already: -p80:80.
      if (option.required) return at === arg.length - 1
    }
    return false
  }
}

/** As Go's strconv.ParseBool has them. */
const EXPLICIT = /^(--[^=]+)=(1|t|T|TRUE|true|True|0|f|F|FALSE|false|False)$/
const TRUE = new Set(['1', 't', 'T', 'TRUE', 'true', 'True'])
