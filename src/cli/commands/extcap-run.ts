import type { Command } from 'commander'
import type { Cli } from '../cli.ts'
import { ExtcapArguments } from '../extcap/extcap-arguments.ts'
import { answerWireshark } from '../extcap/extcap-protocol.ts'
import { examples } from '../options.ts'

export function defineExtcapRun(command: Command, cli: Cli): void {
  command
    .description('Answers Wireshark, which calls it by the script that `tapwire extcap install` has made.')
    .argument('[word...]', 'what Wireshark says, behind a --: --extcap-interfaces and the like')
    .addHelpText('after', examples('tapwire extcap run -- --extcap-interfaces'))
    .action((words: string[]) => answerWireshark(cli, new ExtcapArguments(words)))
}
