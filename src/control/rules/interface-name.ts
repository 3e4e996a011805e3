import { INTERFACE_NAME_MAX } from '../../limits.ts'
import { ErrorCode, TapwireError } from '../errors.ts'

/**
 * The name of a new endpoint's interface: the one that was asked for, else the prefix and the lowest number that is free, so
 * that gaps are filled again. Throws INTERFACE_NAME_TAKEN, only for a name that was asked for.
 */
export function chooseInterfaceName(
  taken: Iterable<string>,
  wish: { readonly prefix: string; readonly name?: string | undefined },
): string {
  const names = new Set(taken)
  if (wish.name === undefined) return lowestFree(names, wish.prefix)
  if (!names.has(wish.name)) return wish.name
  throw new TapwireError(ErrorCode.interfaceNameTaken, `the sandbox has an interface ${wish.name} already`)
}

/** What Linux takes for the name of an interface (dev_valid_name): no slash, colon or white space, neither `.` nor `..`; and no folder of its sysctls. */
export function isInterfaceName(text: string): boolean {
  return (
    /^[!-~]+$/.test(text) &&
    !/[/:%]/.test(text) &&
    text !== '.' &&
    text !== '..' &&
    text !== 'all' &&
    text !== 'default' &&
    text.length <= INTERFACE_NAME_MAX
  )
}

function lowestFree(names: ReadonlySet<string>, prefix: string): string {
  let number = 0
  while (names.has(`${prefix}${number}`)) number++
  return `${prefix}${number}`
}
