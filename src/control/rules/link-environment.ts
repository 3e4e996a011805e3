/** What --link adds to the environment of the sandbox that links (the parent), about the one that it links to (the child). */

export interface Link {
  /** Name of the sandbox that links. */
  readonly parent: string
  readonly alias: string
  /** Address of the child on the default bridge. */
  readonly address: string
  /** The child's, `80/tcp`. */
  readonly exposedPorts: readonly string[]
  /** The child's, `NAME=value`. */
  readonly environment: readonly string[]
}

/** `NAME=value` each, in Docker's order. */
export function linkEnvironment(link: Link): readonly string[] {
  throw new Error('to be written')
}

/** `name` or `name:alias`. Throws SANDBOX_INVALID. */
export function parseLink(text: string): { readonly child: string; readonly alias: string } {
  throw new Error('to be written')
}
