/** V8 compiles the path of a packet into few pieces of code: what that takes of it. */

import { setFlagsFromString } from 'node:v8'

/**
 * V8 puts the functions that one calls into its code until they have 920 bytes of bytecode together. The router's path of a packet
 * has some 2500, in small functions that are then called by turns: with room for them a routed packet takes a fifth less time, and a
 * switched one, whose path is short, what it took. Twice as much room and more makes pieces that run out of registers.
 *
 * For the whole process, and to be called before the data path runs.
 */
export function makeRoomForInlining(): void {
  setFlagsFromString('--max-inlined-bytecode-size-cumulative=4000')
}
