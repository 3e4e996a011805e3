import type { Cli } from './cli.ts'

/** A text that fills the terminal and is drawn anew, on the alternate screen, so that nothing of it scrolls away. */
export class Screen {
  readonly #cli: Cli
  #last = ''

  constructor(cli: Cli) {
    this.#cli = cli
    cli.stdout.write(`${ALTERNATE_SCREEN}${HIDE_CURSOR}`)
  }

  show(text: string): void {
    this.#last = text
    const rows = this.#cli.stdout.rows ?? 24
    const columns = this.#cli.stdout.columns ?? 80
    // The last row stays empty: a newline in it would scroll.
    const lines = text.split('\n').slice(0, rows - 1)
    const drawn = lines.map((line) => `${line.slice(0, columns)}${CLEAR_LINE_END}\n`).join('')
    this.#cli.stdout.write(`${HOME}${drawn}${CLEAR_SCREEN_END}`)
  }

  /** Leaves what was shown last behind on the normal screen. */
  close(): void {
    this.#cli.stdout.write(`${SHOW_CURSOR}${NORMAL_SCREEN}${this.#last}`)
  }
}

/** ECMA-48, and xterm's private modes 1049 and 25. */
const ALTERNATE_SCREEN = '\u001B[?1049h'
const NORMAL_SCREEN = '\u001B[?1049l'
const HIDE_CURSOR = '\u001B[?25l'
const SHOW_CURSOR = '\u001B[?25h'
const HOME = '\u001B[H'
const CLEAR_LINE_END = '\u001B[K'
const CLEAR_SCREEN_END = '\u001B[J'
