import pc from 'picocolors'
import { type Cli, isTerminal, type OutputStream } from './cli.ts'

/** A colour for a stream: on a terminal, unless NO_COLOR (no-color.org) or a terminal that knows none says otherwise. */
export function colorsFor(cli: Cli, stream: OutputStream): ReturnType<typeof pc.createColors> {
  const { NO_COLOR = '', TERM } = cli.env
  return pc.createColors(isTerminal(stream) && NO_COLOR === '' && TERM !== 'dumb')
}
