import { script } from '@bomb.sh/tab'
import type { Command } from 'commander'
import { BASH_COMPLETION } from '../bash-completion.ts'
import type { Cli } from '../cli.ts'
import { complete } from '../completion.ts'
import { examples, usage } from '../options.ts'
import { printable } from '../output.ts'

export function defineComplete(command: Command, cli: Cli): void {
  command
    .description(
      "Prints the script by which a shell completes the program's command lines, with the names that there are now.",
    )
    .argument('<shell>', 'bash, zsh or fish')
    .argument('[word...]', 'what the scripts ask about')
    .allowUnknownOption()
    .passThroughOptions()
    .addHelpText(
      'after',
      examples(
        'source <(tapwire complete bash)                  # in ~/.bashrc',
        'source <(tapwire complete zsh)                   # in ~/.zshrc, behind compinit',
        'tapwire complete fish | source                   # in ~/.config/fish/config.fish',
      ),
    )
    .action(async (shell: string) => {
      // The scripts ask with `complete -- WORD…`.
      const [, first, ...words] = command.parent?.args ?? []
      if (first === '--') {
        await answer(cli, words)
        return
      }
      if (!SHELLS.has(shell))
        throw usage(`There is no completion for ${shell}.`, 'It is for bash, zsh and fish.')
      if (shell === 'bash') cli.stdout.write(BASH_COMPLETION)
      else script(shell, 'tapwire', 'tapwire')
    })
}

const SHELLS = new Set(['bash', 'zsh', 'fish'])

/** What the scripts read: a candidate a line, its description behind a tab, and the directive last. */
async function answer(cli: Cli, words: readonly string[]): Promise<void> {
  const found = await complete(cli, words)
  const candidates = found === 'files' ? [] : found
  const lines = candidates.map(({ value, description }) => `${value}\t${printable(description)}`)
  const directive = found === 'files' ? FILES : NO_FILES
  cli.stdout.write(`${[...lines, `:${directive}`].join('\n')}\n`)
}

/** ShellCompDirectiveDefault and ShellCompDirectiveNoFileComp. */
const FILES = 0
const NO_FILES = 4
