/**
 * The sizes that tables are made with, and their ranges.
 *
 * What is returned is the number as V8 has small integers, also where it came as a double (`{ capacity: 512 }` does, once
 * `{ capacity: 1.5 }` has been made at the same place). A field that has ever taken a double stays one in all objects of its
 * class: code that is not optimized allocates a number each time it reads the field, and optimized code calculates with doubles.
 */

/** `value`, an integer from `min` to `max`, both int32. Throws RangeError where it is not. */
export function requireInteger(table: string, name: string, value: number, min: number, max: number): number {
  if (Number.isInteger(value) && value >= min && value <= max) return value | 0
  throw new RangeError(`${table}: ${name} is ${value}; it must be an integer from ${min} to ${max}`)
}
