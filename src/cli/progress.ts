import { type Cli, isTerminal } from './cli.ts'
import { colorsFor } from './colors.ts'
import { printable } from './output.ts'

/**
 * Shows what goes on, on standard error. A terminal has a turning sign before each step that is under way, and the
 * finished ones above; a pipe gets a line when a step starts and one when it ends.
 */
export class Progress {
  readonly #cli: Cli
  readonly #colors: ReturnType<typeof colorsFor>
  readonly #active = new Map<string, string>()
  #drawnLines = 0
  #turn = 0
  #timer: NodeJS.Timeout | undefined

  constructor(cli: Cli) {
    this.#cli = cli
    this.#colors = colorsFor(cli, cli.stderr)
  }

  start(step: string, title = step): void {
    this.#active.set(step, title)
    if (!isTerminal(this.#cli.stderr)) {
      this.#line('…', title)
      return
    }
    this.#timer ??= setInterval(() => this.#draw(), TURN_MS)
    this.#draw()
  }

  done(step: string, title = this.#active.get(step) ?? step, detail?: string): void {
    this.#end(step, this.#colors.green('✔'), title, detail)
  }

  failed(step: string, title = this.#active.get(step) ?? step, detail?: string): void {
    this.#end(step, this.#colors.red('✖'), title, detail)
  }

  /** Must be called in the end, whatever happened: steps still under way are left as such. */
  close(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
    this.#active.clear()
    this.#erase()
  }

  #end(step: string, sign: string, title: string, detail: string | undefined): void {
    this.#active.delete(step)
    this.#erase()
    this.#line(sign, title, detail)
    this.#draw()
  }

  #line(sign: string, title: string, detail?: string): void {
    const end = detail === undefined ? '' : this.#colors.dim(` (${printable(detail)})`)
    this.#cli.stderr.write(`${sign} ${printable(title)}${end}\n`)
  }

  #draw(): void {
    if (!isTerminal(this.#cli.stderr)) return
    this.#erase()
    this.#turn = (this.#turn + 1) % SIGNS.length
    const width = (this.#cli.stderr.columns ?? 80) - 3
    for (const title of this.#active.values()) {
      this.#line(this.#colors.cyan(SIGNS[this.#turn]!), title.slice(0, width))
    }
    this.#drawnLines = this.#active.size
  }

  /** Back over the lines of the steps under way, and clear from there on (ECMA-48: CPL, ED). */
  #erase(): void {
    if (this.#drawnLines > 0) this.#cli.stderr.write(`\u001B[${this.#drawnLines}F\u001B[J`)
    this.#drawnLines = 0
  }
}

const TURN_MS = 80
const SIGNS = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏']
