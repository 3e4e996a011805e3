/** Murmur3's finaliser: makes one secret number into as many as are wanted, by nonce, that look unrelated. */
export function scramble(seed: number, nonce: number): number {
  let bits = (seed + Math.imul(nonce, 0x9e3779b9)) | 0
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b)
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35)
  return bits ^ (bits >>> 16)
}
