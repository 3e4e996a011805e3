/** A name for a sandbox whose user gave none: `quiet_heron`. */
export function randomName(
  randomBytes: (count: number) => Uint8Array,
  taken: (name: string) => boolean,
): string {
  throw new Error('to be written')
}
