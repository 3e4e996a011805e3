import { getSystemErrorName } from 'node:util'

/** What TAP and packet descriptors answer that libuv has no name for (errno(3)). */
const LINUX_ONLY: Readonly<Record<number, string>> = { 77: 'EBADFD' }

/** `EBADFD` for 77. */
export const errnoName = (errno: number): string => LINUX_ONLY[errno] ?? getSystemErrorName(-errno)
