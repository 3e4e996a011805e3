import { readdirSync, readlinkSync } from 'node:fs'

/** What this process has open, as /proc names it, in alphabetical order. */
export function openDescriptors(): string[] {
  return readdirSync('/proc/self/fd').flatMap(target).toSorted()
}

/** The descriptor that lists the folder is closed by the time it is looked at. */
function target(descriptor: string): string[] {
  try {
    return [readlinkSync(`/proc/self/fd/${descriptor}`)]
  } catch {
    return []
  }
}
