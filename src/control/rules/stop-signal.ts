/** `SIGTERM` for `SIGTERM`, `term`, `15`: the name as Node and kill(1) have it. Throws SANDBOX_INVALID `Invalid signal: x`. */
export function parseSignal(text: string): NodeJS.Signals {
  throw new Error('to be written')
}
