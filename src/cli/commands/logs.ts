import type { Command } from 'commander'
import type { LogEntry } from '../../control/api/sandbox.ts'
import { TapwireError } from '../../control/errors.ts'
import { apiClient, segment } from '../api-client.ts'
import type { Cli } from '../cli.ts'
import { parseMoment } from '../format/time.ts'
import { untilInterrupted } from '../interrupt.ts'
import { examples, usage } from '../options.ts'

interface LogsOptions {
  readonly follow?: boolean
  readonly tail?: string
  readonly since?: string
  readonly until?: string
  readonly timestamps?: boolean
}

export function defineLogs(command: Command, cli: Cli): void {
  command
    .description("Shows what a sandbox's command has printed, also after it has ended.")
    .argument('<sandbox>', 'name or id')
    .option('-f, --follow', 'go on with what it prints from now on')
    .option('-n, --tail <lines>', 'only the last lines', 'all')
    .option('--since <time>', 'only what is newer: 2026-01-02T13:23:37Z, or 42m for 42 minutes ago')
    .option('--until <time>', 'only what is older')
    .option('-t, --timestamps', 'show when')
    .addHelpText(
      'after',
      examples('tapwire logs web', 'tapwire logs -f --tail 10 web', 'tapwire logs --since 5m web'),
    )
    .action((sandbox: string, options: LogsOptions) => logs(cli, sandbox, options))
}

async function logs(cli: Cli, sandbox: string, options: LogsOptions): Promise<void> {
  const now = Date.now()
  const tail = tailOf(options.tail)
  await untilInterrupted(cli, async (signal) => {
    const entries = apiClient(cli).lines<LogEntry>(`/sandboxes/${segment(sandbox)}/logs`, {
      query: {
        stdout: true,
        stderr: true,
        follow: options.follow,
        tail,
        since: options.since === undefined ? undefined : momentOf('since', options.since, now),
        until: options.until === undefined ? undefined : momentOf('until', options.until, now),
      },
      signal,
    })
    for await (const { log, stream, time } of entries) {
      const output = stream === 'stderr' ? cli.stderr : cli.stdout
      output.write(options.timestamps === true ? `${time} ${log}` : log)
    }
  })
}

function momentOf(option: 'since' | 'until', text: string, now: number): string {
  try {
    return parseMoment(text, now)
  } catch (error) {
    if (!(error instanceof TapwireError)) throw error
    throw usage(`invalid value for "${option}": ${error.message}`, error.hint)
  }
}

/** As in Docker, what is no number means all. */
function tailOf(text = 'all'): string | undefined {
  return /^\d+$/.test(text) ? text : undefined
}
